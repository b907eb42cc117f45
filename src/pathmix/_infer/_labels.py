"""The axes of components in posterior draws: which they are, and draws with other labels."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from pathmix._infer._draws import Build, Mixtures, Points
from pathmix._typing import Shape

FEW = 100
"""Points at which a mixture and its permutation are compared."""


def component_axes(shapes: Mapping[str, Shape], given: Any, num_components: int) -> dict[str, int]:
    """Return, by site, the axis of a draw that counts the components.

    ``shapes`` are those of one draw's sites, ``given`` what the caller says of them.
    """
    if given is None:
        axes = _found(shapes, num_components)
    elif isinstance(given, Mapping):
        axes = dict(given)
    elif isinstance(given, Sequence) and not isinstance(given, str):
        axes = dict.fromkeys(given, 0)
    else:
        raise TypeError(
            "expected `components` to be names of sites, or a dict from names to axes, got "
            f"{given!r}."
        )
    return {name: _checked(name, axis, shapes, num_components) for name, axis in axes.items()}


def _found(shapes: Mapping[str, Shape], num_components: int) -> dict[str, int]:
    """Every site with an axis of the size of the components; it must have one only."""
    axes: dict[str, int] = {}
    for name, shape in shapes.items():
        places = [axis for axis, size in enumerate(shape) if size == num_components]
        if len(places) > 1:
            raise ValueError(
                f"expected one axis of {num_components} components in the site `{name}`, got shape "
                f"{shape}. Say which it is: components={{..., {name!r}: {places[0]}}}."
            )
        axes |= dict.fromkeys([name] if places else [], *places)
    if not axes:
        raise ValueError(
            f"expected sites with an axis of {num_components} components, got shapes "
            f"{dict(shapes)}."
        )
    return axes


def _checked(name: str, axis: Any, shapes: Mapping[str, Shape], num_components: int) -> int:
    if name not in shapes:
        raise ValueError(
            f"expected `components` to name sites of the draws, {sorted(shapes)}, got {name!r}."
        )
    shape = shapes[name]
    if axis not in range(-len(shape), len(shape)) or shape[axis] != num_components:
        raise ValueError(
            f"expected axis {axis!r} of the site `{name}` to count the {num_components} "
            f"components, got shape {shape} of one draw."
        )
    return int(axis) % len(shape)


def permuted(site: Any, order: Int[Any, "*draws k"], axis: int) -> Any:
    """Return draws ``*draws *own`` of a site, of which the component ``order[..., l]`` becomes l.

    ``axis`` is one of the own axes. NumPy's arrays stay such.
    """
    lead = order.ndim - 1
    behind = np.ndim(site) - lead - axis - 1
    index = order.reshape(*order.shape[:-1], *(1,) * axis, order.shape[-1], *(1,) * behind)
    xp = jnp if isinstance(site, Array) else np
    return xp.take_along_axis(xp.asarray(site), xp.asarray(index), axis=lead + axis)


def check_axes(
    mixtures: Mixtures, draws: dict[str, Array], axes: dict[str, int], x: Points
) -> None:
    """Raise unless a draw with its components turned round makes the same mixture, turned round.

    Weights from sticks, or locations from gaps, have an order that no permutation of the site has.
    """
    turn = np.roll(np.arange(mixtures.num_components), 1)
    one = {name: site[0] for name, site in draws.items()}
    turned = one | {name: permuted(one[name], turn, axis) for name, axis in axes.items()}
    terms, of_turned = (_terms(mixtures.build, draw, x[:FEW]) for draw in (one, turned))
    rounding = 1e3 * float(jnp.finfo(terms.dtype).eps)
    expected, found = (np.asarray(t, np.float64) for t in (terms[..., turn], of_turned))
    if not np.allclose(found, expected, rtol=rounding, atol=rounding, equal_nan=True):
        raise ValueError(
            f"expected the components of a mixture to change places with the sites {axes} (site: "
            "axis), got another mixture. Name all sites that have one entry per component, and no "
            "others: components={...}. Where components follow from a site in an order of their "
            "own (sticks, gaps), record weights and parameters by numpyro.deterministic, and make "
            "the mixture from these."
        )


@partial(jax.jit, static_argnames="build")
def _terms(build: Build, draw: dict[str, Array], x: Array) -> Array:
    terms: Array = build(draw).component_log_probs(x)
    return terms
