"""A mixture as one vector of numbers without constraints, such as a network gives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from numpyro.distributions.transforms import Transform

from pathmix._checks import require
from pathmix._components import Canonical, canonical
from pathmix._estimation._parameters import Held, leaves, read_fixed
from pathmix._mixture import MixtureSameFamily, working

Build = Callable[[Float[Array, "*points n"]], MixtureSameFamily]
"""From ``n`` numbers each to mixtures, a batch of them where there are more axes."""


class Slot(NamedTuple):
    """Which components have numbers for one parameter, and the map from these to it."""

    rows: np.ndarray
    transform: Transform


def unconstrained(mixture: Any, *, fixed: Any = None) -> tuple[Float[Array, " n"], Build]:
    """Return a mixture as a vector of free numbers, and the map from such vectors to mixtures.

    For networks that give the parameters of a mixture (mixture density networks): ``n`` is how many
    outputs the network needs, and the vector, added to these, is where its training starts. A fit
    that does not look at the inputs is a good start. The vector has the logits of the weights, then
    each parameter through NumPyro's ``biject_to``: logarithms of scales, and of a full covariance
    the entries of its factor. ``docs/density_networks.md`` has examples.

    Args:
        mixture: A mixture without a batch, its parameters inside of their constraints. What has no
            free numbers, as a number of trials, stays as it is there.
        fixed: What else stays as it is, as in :func:`pathmix.fit`: ``{"scale": True}``, say.

    Returns:
        The vector, and a function of such vectors, for use under ``jit``, ``grad`` and ``vmap``. Of
        an array ``*batch n`` it makes a batch of mixtures.

    Raises:
        TypeError: ``mixture`` is no mixture.
        ValueError: It is a batch; a weight is zero, or a parameter at an end of what it may be.
        NotImplementedError: A parameter is an end of the support, as of Uniform.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, families
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([1.0, 2.0])),
        ... )
        >>> begin, build = families.unconstrained(mixture)
        >>> print(begin.round(2))  # log weights, locations, log scales
        [-0.69 -0.69 -1.    1.    0.    0.69]
        >>> outputs = jnp.zeros((100, 6))  # of a network
        >>> build(begin + outputs).batch_shape
        (100,)
    """
    _check(mixture)
    mixture = working(mixture)
    components, log_w = mixture._components, mixture._weights.log()
    held = read_fixed(fixed, components)
    free = ~held.weights & (len(log_w) > 1)
    slots = _slots(components, held)
    pairs = list(zip(slots, components.parameters, strict=True))
    numbers = [log_w[free], *(s.transform.inv(p)[s.rows] for s, p in pairs if s is not None)]
    vector, restore = ravel_pytree(numbers)
    vector = require(vector, jnp.isfinite(vector), _AT_AN_END)

    def build(numbers: Any) -> MixtureSameFamily:
        """Return the mixture of a vector of numbers, or a batch of them."""
        numbers = jnp.asarray(numbers)
        _check_numbers(numbers, vector)
        if numbers.ndim > 1:
            return jax.vmap(build)(numbers)
        z, *rest = restore(numbers.astype(vector.dtype))
        new = iter(rest)
        parameters = [p if s is None else _filled(s, p, next(new)) for s, p in pairs]
        weights = dist.Categorical(logits=_logits(z, log_w, free), validate_args=False)
        return mixture._with(canonical(weights), components.of(parameters))

    return vector, build


_AT_AN_END = (
    "expected weights above zero and parameters inside of their constraints, got some at an end, "
    "which no finite number stands for. Start from a mixture near it."
)


def _slots(components: Canonical, held: Held) -> list[Slot | None]:
    """Of each parameter, the components whose own is free, if any."""
    pairs = zip(leaves(components), held.parameters, components.parameters, strict=True)
    found: list[Slot | None] = []
    for leaf, mask, p in pairs:
        rows = np.flatnonzero(~np.asarray(mask)[: len(p)])
        if len(rows) and leaf.constraint is None:
            raise NotImplementedError(
                f"expected parameters that have unconstrained numbers, got {leaf.name!r} of "
                f"{components.family.name}, an end of its support. Hold it: "
                f"fixed={{{leaf.name!r}: True}}."
            )
        found.append(Slot(rows, leaf.transform) if len(rows) else None)
    return found


def _filled(slot: Slot, p: Array, numbers: Array) -> Array:
    """The parameter of all components: from numbers where there are some, else as it was."""
    return p.at[slot.rows].set(slot.transform(numbers).astype(p.dtype))


def _logits(z: Array, log_w: Array, free: np.ndarray) -> Array:
    """Log weights of all components; those that are free share what the others leave."""
    if not free.any():
        return log_w
    left = jax.nn.logsumexp(log_w[free])
    return log_w.at[free].set(jax.nn.log_softmax(z) + left)


def _check(mixture: Any) -> None:
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(
            "expected a pathmix.MixtureSameFamily or Mixture, got "
            f"{type(mixture).__name__}. Make one that has the family and the number of components."
        )
    if mixture.batch_shape:
        raise ValueError(
            f"expected a mixture without a batch, got batch shape {mixture.batch_shape}. Take one "
            "of its members, as mixture[0]; the map makes batches of it."
        )


def _check_numbers(numbers: Array, vector: Array) -> None:
    if numbers.ndim < 1 or numbers.shape[-1] != vector.size:
        raise ValueError(
            f"expected numbers *batch {vector.size}, as in the vector that came with this map, "
            f"got shape {numbers.shape}. Give the network {vector.size} outputs."
        )
