"""Fewer components for a Gaussian mixture, with the same mean and covariance (Runnalls 2007)."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax

from pathmix._components import FULL_NORMAL, NORMAL, as_gaussian, components_of
from pathmix._layout import log_det
from pathmix._mixture import MixtureSameFamily, working
from pathmix._reasoning._product import check_gaussian, like
from pathmix._special import factor_given, lower_factor
from pathmix._where import where


def reduce(mixture: Any, k: int) -> MixtureSameFamily:
    """Return a Gaussian mixture of ``k`` components with the same mean and covariance.

    The pair ``i, j`` is merged, again and again, of which the bound ``½[(w_i + w_j) log det P_ij −
    w_i log det P_i − w_j log det P_j]`` on the Kullback–Leibler divergence is least; ``P_ij`` is
    the covariance of the two together (Runnalls 2007, "Kullback-Leibler approach to Gaussian
    mixture reduction"). Which are merged is not differentiated; what they make is. Costs are
    worked out again for the merged one only.

    Args:
        mixture: A mixture of Gaussian components, ``*batch``.
        k: How many components, a static integer up to those there are.

    Returns:
        A mixture of Normal components, or of MultivariateNormal ones for vectors (independent
        coordinates do not stay so), with the options of ``mixture``.

    Raises:
        TypeError: ``mixture`` is none.
        ValueError: ``k`` is out of range.
        NotImplementedError: Components are not Gaussian.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, reduce
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.25, 0.25, 0.5])),
        ...     dist.Normal(jnp.array([0.0, 1.0, 9.0]), 1.0),
        ... )
        >>> print(reduce(mixture, 2).components_distribution.loc)
        [0.5 9. ]
    """
    check_gaussian("reduce", mixture)
    count = mixture.num_components
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= count:
        raise ValueError(
            f"expected k to be an integer from 1 to {count}, the number of components, got {k!r}."
        )
    if k == count:
        return mixture
    weights, components = working((mixture._weights, mixture._components))
    loc, root = as_gaussian(components)
    shape, size = (*mixture.batch_shape, count), loc.shape[-1]
    flat = (
        jnp.broadcast_to(weights.values(), shape).reshape(-1, count),
        jnp.broadcast_to(loc, (*shape, size)).reshape(-1, count, size),
        jnp.broadcast_to(root, shape + root.shape[-2:]).reshape(-1, count, *root.shape[-2:]),
    )
    parts = jax.vmap(partial(_reduced, k=int(k)))(*flat)
    w, loc, factor = (t.reshape(*shape[:-1], *t.shape[1:]) for t in parts)
    new = (*shape[:-1], int(k))
    if mixture.event_shape:
        own = components_of(FULL_NORMAL, (loc, factor), (size,), new)
    else:
        own = components_of(NORMAL, (loc[..., 0], factor[..., 0, 0]), (), new)
    return like(mixture, dist.Categorical(probs=w, validate_args=False), own)


class _State(NamedTuple):
    """Components yet; ``cost`` is infinite but for pairs of those alive, the first one first."""

    w: Array
    loc: Array
    factor: Array
    cost: Array
    label: Array
    """Which component each of the old ones is in."""


@partial(jax.jit, static_argnames="k")
def _reduced(w: Array, loc: Array, root: Array, *, k: int) -> tuple[Array, Array, Array]:
    """Merge groups at once, which are found first: what derivatives see is a sum."""
    found = _merged(*map(lax.stop_gradient, (w, loc, lower_factor(root))), k=k)
    n = len(w)
    alive = found.label == jnp.arange(n)
    slots = jnp.nonzero(alive, size=k)[0]
    member = (found.label == slots[:, None]).astype(w.dtype)  # k n
    total = member @ w
    sizes = jnp.sum(member, axis=1, keepdims=True)
    empty = (total == 0)[:, None]  # then each counts the same
    share = where(empty, member / sizes, member * w / where(empty, 1.0, total[:, None]))
    base = lax.stop_gradient(loc[slots])
    away = loc - base[:, None]  # k n d
    mean = jnp.einsum("kn,knd->kd", share, away, precision="highest")
    away = away - mean[:, None]
    own = jnp.einsum("ndj,nej->nde", root, root, precision="highest")
    matrix = jnp.einsum("kn,nde->kde", share, own, precision="highest")
    matrix += jnp.einsum("kn,knd,kne->kde", share, away, away, precision="highest")
    return total, base + mean, factor_given(matrix, found.factor[slots])


def _merged(w: Array, loc: Array, factor: Array, *, k: int) -> _State:
    n = len(w)
    later = jnp.arange(n)[:, None] < jnp.arange(n)

    def row(i: Array) -> Array:
        return _costs(w[i], loc[i], factor[i], w, loc, factor)

    cost = where(later, lax.map(row, jnp.arange(n)), jnp.inf)
    state = _State(w, loc, factor, cost, jnp.arange(n))
    return lax.fori_loop(0, n - k, lambda _, s: _step(s), state)


def _step(s: _State) -> _State:
    n, at = len(s.w), jnp.argmin(s.cost)
    i, j = at // n, at % n
    w, loc, factor = _pair(s.w[i], s.loc[i], s.factor[i], s.w[j], s.loc[j], s.factor[j])
    label = where(s.label == j, i, s.label)
    s = s._replace(w=s.w.at[i].set(w), loc=s.loc.at[i].set(loc), label=label)
    s = s._replace(factor=s.factor.at[i].set(factor), w=s.w.at[j].set(0.0))
    costs = _costs(w, loc, factor, s.w, s.loc, s.factor)
    index = jnp.arange(n)
    alive = (label == index) & (index != i)
    costs = where(alive, costs, jnp.inf)
    cost = s.cost.at[i].set(where(index > i, costs, jnp.inf))
    cost = cost.at[:, i].set(where(index < i, costs, jnp.inf))
    return s._replace(cost=cost.at[j].set(jnp.inf).at[:, j].set(jnp.inf))


def _costs(w: Array, loc: Array, factor: Array, ws: Array, locs: Array, factors: Array) -> Array:
    """The bound for one component with each of the others, ``n``."""
    both = jax.vmap(partial(_pair, w, loc, factor))(ws, locs, factors)[2]
    joint = log_det(both)
    return w * (joint - log_det(factor)) + ws * (joint - log_det(factors))


def _pair(
    w: Array, loc: Array, factor: Array, v: Array, other: Array, root: Array
) -> tuple[Array, Array, Array]:
    """The weight, mean and factor of two together."""
    total = w + v
    a = where(total > 0, w / where(total > 0, total, 1.0), 0.5)
    b, away = 1 - a, other - loc
    parts = jnp.sqrt(a) * factor, jnp.sqrt(b) * root, jnp.sqrt(a * b) * away[:, None]
    return total, loc + b * away, lower_factor(jnp.concatenate(parts, axis=-1))
