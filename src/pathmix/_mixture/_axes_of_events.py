"""Which coordinates of an event are meant, and the values that some of them have: checked."""

import operator
from collections.abc import Iterable
from typing import Any

from jax import lax

from pathmix._typing import Shape

Axes = tuple[int, ...]


def chosen_axes(axes: Any, event_shape: Shape, name: str) -> Axes:
    """Return coordinates of a vector event as numbers from 0, in their order."""
    if len(event_shape) != 1:
        raise NotImplementedError(
            f"expected vector events for `{name}`, got event shape {event_shape}."
        )
    size, numbers = event_shape[0], _numbers(axes)
    if not numbers:
        raise ValueError(f"expected at least one axis for `{name}`, got {axes!r}.")
    outside = [i for i in numbers if not -size <= i < size]
    if outside:
        raise ValueError(
            f"expected axes between {-size} and {size - 1} for `{name}`, of an event of {size} "
            f"coordinates, got {outside[0]}."
        )
    chosen = tuple(i % size for i in numbers)
    if len(set(chosen)) < len(chosen):
        raise ValueError(
            f"expected each axis once for `{name}`, got {axes!r} of an event of {size} coordinates."
        )
    return chosen


def known_axes(axes: Any, event_shape: Shape) -> Axes:
    """Return the coordinates that are known, of which some must be left."""
    known = chosen_axes(axes, event_shape, "conditional")
    if len(known) == event_shape[0]:
        raise ValueError(
            f"expected axes for `conditional` that leave some of the {event_shape[0]} coordinates "
            f"free, got all of them, {axes!r}. The density of a whole value is `log_prob`."
        )
    return known


def check_known_value(shape: Shape, axes: Any, batch_shape: Shape) -> None:
    """Raise ``ValueError`` unless values are ``*batch axes``, or ``*batch`` of a single int."""
    single = is_single(axes)
    event: Shape = () if single else (len(tuple(axes)),)
    cut = len(shape) - len(event)
    fits = cut >= 0 and shape[cut:] == event
    try:
        lax.broadcast_shapes(shape[: max(cut, 0)], batch_shape)
    except ValueError:
        fits = False
    if not fits:
        wanted = "(*batch)" if single else f"(*batch, {event[0]})"
        what = f"the axis {axes!r}" if single else f"each of the axes {axes!r}"
        raise ValueError(
            f"expected a value of shape {wanted}, one number for {what}, whose batch broadcasts "
            f"against the batch shape {batch_shape} of the mixture, got shape {shape}."
        )


def is_single(axes: Any) -> bool:
    """Whether the axes are one number."""
    return not isinstance(axes, Iterable) or getattr(axes, "ndim", 1) == 0


def _numbers(axes: Any) -> Axes:
    entries = (axes,) if is_single(axes) else tuple(axes)
    try:
        if any(isinstance(entry, bool) for entry in entries):
            raise TypeError
        return tuple(operator.index(entry) for entry in entries)
    except TypeError:
        raise TypeError(
            f"expected axes to be an int or a sequence of ints, known before tracing, got {axes!r}."
        ) from None
