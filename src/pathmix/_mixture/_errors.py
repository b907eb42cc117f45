"""Texts of what a mixture does not have, and of arguments of its methods that do not fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax import lax

from pathmix._components import Canonical, has_atoms
from pathmix._typing import Shape


def no_entropy() -> NotImplementedError:
    """The entropy of a mixture has no closed form, and quadrature is for scalars."""
    return NotImplementedError(
        "expected scalar events of a known family for `entropy`, got a mixture of other events, "
        "whose entropy has no closed form. Estimate it: "
        "-pathmix.expectation(mixture.log_prob, mixture, key=key, num_samples=1000). The entropies "
        "of the components are in `components_distribution.entropy()`, where the family has them."
    )


def no_entropy_of_values(support: Any, most: int) -> NotImplementedError:
    """The entropy of a discrete mixture is a sum over its values, if there are not too many."""
    return NotImplementedError(
        f"expected discrete components with known ends and at most {most} values for `entropy`, "
        f"got {support!r}. Estimate it: "
        "-pathmix.expectation(mixture.log_prob, mixture, key=key, num_samples=1000)."
    )


def check_no_atoms(
    components: Canonical, name: str, instead: str = "Estimate it from draws."
) -> None:
    """Raise if some components are point masses, whose probabilities are no densities."""
    if has_atoms(components):
        raise NotImplementedError(
            f"expected components without point masses for `{name}`, got {components.family.name}."
            f" {instead}"
        )


def no_modes_of_vectors(event_shape: Shape) -> NotImplementedError:
    """Modes of counts are looked for along a line."""
    return NotImplementedError(
        f"expected scalar or continuous events for `mode`, got discrete events of shape "
        f"{event_shape}. Compare `log_prob` of candidates, such as draws. The most probable "
        "component of a point is `posterior_mode(x)`."
    )


def no_enumeration(*, is_discrete: bool) -> NotImplementedError:
    """The values of a mixture are not enumerated."""
    kind = "discrete" if is_discrete else "continuous"
    return NotImplementedError(
        f"expected a distribution with an enumerable support, got a mixture of {kind} components. "
        "The sum over its components is in `log_prob` already, and its terms in "
        "`component_log_probs`. The values of discrete components are in "
        "`components_distribution.enumerate_support()`, where the family has them."
    )


def checked_sample_shape(sample_shape: Any) -> Shape:
    """Return the sample shape as a tuple; raise ``TypeError`` unless it is a sequence of ints."""
    if isinstance(sample_shape, int | np.integer) and not isinstance(sample_shape, bool):
        raise TypeError(
            f"expected sample_shape to be a tuple of ints, got {sample_shape}. Write "
            f"sample(key, ({sample_shape},))."
        )
    sizes = tuple(sample_shape) if isinstance(sample_shape, Sequence) else None
    if sizes is None or not all(isinstance(size, int | np.integer) for size in sizes):
        raise TypeError(
            f"expected sample_shape to be a tuple of ints, got {sample_shape!r}. Write "
            "sample(key, (5,)) for five draws."
        )
    return tuple(int(size) for size in sizes)


def check_value_shape(shape: Shape, batch_shape: Shape, event_shape: Shape) -> None:
    """Raise ``ValueError`` unless values of this shape are ``*sample *batch *event``."""
    cut = len(shape) - len(event_shape)
    if cut >= 0 and shape[cut:] == event_shape:
        hint = _misfit(shape[:cut], batch_shape, "X", "each value in each mixture of the batch")
        if hint is None:
            return
    else:
        hint = ""
    raise ValueError(
        "expected a value of shape (*sample, *batch, *event) with batch shape "
        f"{batch_shape} and event shape {event_shape}, got shape {shape}.{hint}"
    )


def check_levels(shape: Shape, batch_shape: Shape) -> None:
    """Raise ``ValueError`` unless levels ``q`` of this shape broadcast against the batch."""
    hint = _misfit(shape, batch_shape, "q", "each quantile of each mixture of the batch")
    if hint is not None:
        raise ValueError(
            f"expected q to broadcast against the batch shape {batch_shape}, got shape "
            f"{shape}.{hint}"
        )


def _misfit(sample: Shape, batch_shape: Shape, name: str, what: str) -> str | None:
    """None if the two broadcast; otherwise how to give ``name`` axes for the batch."""
    try:
        lax.broadcast_shapes(sample, batch_shape)
    except ValueError:
        axes = ", ".join([":"] * len(sample) + ["None"] * len(batch_shape))
        return f" For {what} pass {name}[{axes}]."
    return None
