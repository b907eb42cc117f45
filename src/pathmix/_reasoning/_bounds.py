"""Brackets of entropies and divergences of Gaussian mixtures, from pairs of components.

Neither is closed, but both lie between functions of distances between components, which are.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pathmix._log_sums import safe_log
from pathmix._reasoning._arguments import check_mixtures, gaussian
from pathmix._reasoning._pairs import (
    bhattacharyya,
    gaussian_entropy,
    kullback_leibler,
    log_mixed,
    log_overlap,
)
from pathmix._typing import Reals
from pathmix._where import where

_ROUNDS = 30
"""Iterations of the variational bound; it is one after any number of them."""


class EntropyBounds(NamedTuple):
    """Bounds of an entropy, each ``*batch``: the best ones, and which each is.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, entropy_bounds
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> found = entropy_bounds(MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0]))))
        >>> print(found.jensen <= found.lower <= found.upper <= found.huber)
        True
    """

    lower: Reals
    """The larger of the lower ones."""
    upper: Reals
    """The smaller of the upper ones."""
    jensen: Reals
    """Lower: ``−Σ_i w_i log Σ_j w_j ∫ p_i p_j`` (Huber et al. 2008)."""
    bhattacharyya: Reals
    """Lower: ``Σ_i w_i (H_i − log Σ_j w_j ∫ √(p_i p_j))`` (Kolchinsky & Tracey 2017)."""
    kullback_leibler: Reals
    """Upper: ``Σ_i w_i (H_i − log Σ_j w_j exp(−KL(p_i, p_j)))`` (Kolchinsky & Tracey 2017)."""
    huber: Reals
    """Upper: ``Σ_i w_i (H_i − log w_i)`` (Huber et al. 2008)."""


class KLBounds(NamedTuple):
    """Bounds of a divergence, each ``*batch``, and an approximation.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, kl_bounds
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0])))
        >>> q = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 2.0])))
        >>> found = kl_bounds(p, q)
        >>> print(0 <= found.lower <= found.upper)
        True
    """

    lower: Reals
    """Jensen's bound of the cross entropy less the entropy's upper bound, or zero."""
    upper: Reals
    """The smaller of two: the variational one (Hershey & Olsen 2007), iterated; and the cross
    entropy's upper bound less the entropy's lower one."""
    variational: Reals
    """Hershey & Olsen's approximation, which is no bound."""


def entropy_bounds(mixture: Any) -> EntropyBounds:
    """Return guaranteed bounds of the entropy of a Gaussian mixture, of vectors or scalars.

    Args:
        mixture: A mixture of Normal, factorised Normal or MultivariateNormal components.

    Returns:
        The best bounds, and each of those that they were chosen from (:class:`EntropyBounds`).
        All are differentiable. They are tight where components either coincide or are far apart.

    Raises:
        TypeError: The argument is no mixture.
        NotImplementedError: Components are not Gaussian.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, entropy_bounds
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
        ...     dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])),
        ... )
        >>> bounds = entropy_bounds(mixture)
        >>> print(bounds.lower.round(3), bounds.upper.round(3))
        0.841 0.854
    """
    check_mixtures("entropy_bounds", mixture)
    return _entropy_bounds(mixture._weights, gaussian("entropy_bounds", mixture))


def _entropy_bounds(weights: Any, p: Any) -> EntropyBounds:
    w, each = weights.values(), gaussian_entropy(p)
    lower = -jnp.sum(w * log_mixed(weights, log_overlap(p, p)), axis=-1)
    chernoff = jnp.sum(w * (each - log_mixed(weights, -bhattacharyya(p, p))), axis=-1)
    nearest = jnp.sum(w * (each - log_mixed(weights, -kullback_leibler(p, p))), axis=-1)
    huber = jnp.sum(w * (each - where(w > 0, safe_log(w), 0.0)), axis=-1)
    best = jnp.maximum(lower, chernoff), jnp.minimum(nearest, huber)
    return EntropyBounds(*best, lower, chernoff, nearest, huber)


def kl_bounds(p: Any, q: Any) -> KLBounds:
    """Return guaranteed bounds of the divergence ``∫ p log(p/q)`` of Gaussian mixtures.

    Args:
        p: A mixture of Normal, factorised Normal or MultivariateNormal components.
        q: Another one of the same event shape; batches broadcast.

    Returns:
        Bounds and an approximation (:class:`KLBounds`), differentiable.

    Raises:
        TypeError: An argument is no mixture.
        ValueError: Event shapes differ.
        NotImplementedError: Components are not Gaussian.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, kl_bounds
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-3.0, 3.0])))
        >>> q = MixtureSameFamily(halves, dist.Normal(jnp.array([-3.0, 4.0])))
        >>> bounds = kl_bounds(p, q)
        >>> print((bounds.lower <= 0.25) & (0.25 <= bounds.upper + 1e-3))
        True
    """
    check_mixtures("kl_bounds", p, q)
    of_p, of_q = gaussian("kl_bounds", p), gaussian("kl_bounds", q)
    w, own = p._weights.values(), _entropy_bounds(p._weights, of_p)
    apart = kullback_leibler(of_p, of_q)
    to_q, to_p = (
        log_mixed(weights, -d)
        for weights, d in ((q._weights, apart), (p._weights, kullback_leibler(of_p, of_p)))
    )
    cross = -jnp.sum(w * log_mixed(q._weights, log_overlap(of_p, of_q)), axis=-1)
    cross_above = jnp.sum(w * (gaussian_entropy(of_p) - to_q), axis=-1)
    lower = jnp.maximum(cross - own.upper, 0.0)
    upper = jnp.minimum(_variational(p._weights, q._weights, apart), cross_above - own.lower)
    return KLBounds(lower, upper, jnp.sum(w * (to_p - to_q), axis=-1))


def _variational(p: Any, q: Any, apart: Array) -> Array:
    """The upper bound ``Σ_ij φ_ij (log φ_ij − log ψ_ij + KL_ij)``, by fixed-point steps in logs.

    ``φ`` splits the weights of ``p``, ``ψ`` those of ``q``; each is the best given the other.
    """
    log_w, log_v = p.log()[..., :, None], q.log()[..., None, :]
    log_phi = log_w + log_v + jnp.zeros_like(apart)

    def split_q(log_phi: Reals) -> Reals:
        return _or_nothing(log_v + log_phi) - _or_nothing(_total(log_phi, -2), 0.0)

    for _ in range(_ROUNDS):
        towards = split_q(log_phi) - apart
        log_phi = log_w + towards - _or_nothing(_total(towards, -1), 0.0)
    log_psi, phi = split_q(log_phi), jnp.exp(log_phi)
    known = phi > 0
    each = where(known, log_phi, 0.0) - where(known, log_psi, 0.0) + apart
    return jnp.sum(where(known, phi * each, 0.0), axis=(-2, -1))


def _total(log_p: Reals, axis: int) -> Reals:
    some = jnp.any(log_p > -jnp.inf, axis=axis, keepdims=True)
    safe = where(some, log_p, 0.0)
    total = jax.nn.logsumexp(safe, axis=axis, keepdims=True)
    return where(some, total, -jnp.inf)


def _or_nothing(log_p: Reals, otherwise: float = -jnp.inf) -> Reals:
    return where(log_p > -jnp.inf, log_p, otherwise)
