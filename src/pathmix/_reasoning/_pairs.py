"""Two sets of Gaussian components, pair by pair: ``*batch k l``."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pathmix._special import cholesky, triangular_inverse
from pathmix._typing import Reals
from pathmix._weights import Weights

Gaussians: TypeAlias = tuple[Array, Array]
"""Means ``*batch k d`` and lower Cholesky factors ``*batch k d d``."""

_LOG_2PI = float(np.log(2 * np.pi))


def log_overlap(p: Gaussians, q: Gaussians) -> Reals:
    """Return ``log ∫ p_i q_j``, the normal density of the means' distance at the summed spread."""
    square, half_log_det = _distance(p, q, 1.0)
    d = p[0].shape[-1]
    return -0.5 * square - half_log_det - 0.5 * d * _LOG_2PI


def bhattacharyya(p: Gaussians, q: Gaussians) -> Reals:
    """Return ``−log ∫ √(p_i q_j)``."""
    square, half_log_det = _distance(p, q, 0.5)
    logs = log_det(p)[..., :, None] + log_det(q)[..., None, :]
    return square / 8 + half_log_det - 0.5 * logs


def kullback_leibler(p: Gaussians, q: Gaussians) -> Reals:
    """Return ``∫ p_i log(p_i / q_j)``."""
    d = p[0].shape[-1]
    inverse = triangular_inverse(q[1])[..., None, :, :, :]
    apart = (p[0][..., :, None, :] - q[0][..., None, :, :])[..., None]
    square = jnp.sum(_times(inverse, apart) ** 2, axis=(-2, -1))
    spread = jnp.sum(_times(inverse, p[1][..., :, None, :, :]) ** 2, axis=(-2, -1))
    logs = log_det(q)[..., None, :] - log_det(p)[..., :, None]
    return 0.5 * (square + spread - d) + logs


def gaussian_entropy(p: Gaussians) -> Reals:
    """Return the entropies, ``*batch k``."""
    return 0.5 * p[0].shape[-1] * (1 + _LOG_2PI) + log_det(p)


def log_det(p: Gaussians) -> Reals:
    """Return the log determinants of the factors, ``*batch k``."""
    return jnp.sum(jnp.log(jnp.diagonal(p[1], axis1=-2, axis2=-1)), axis=-1)


def log_mixed(weights: Weights, terms: Array) -> Array:
    """Return ``log Σ_j w_j exp(terms_ij)`` of terms ``*batch k l``, with exact zero weights."""
    each = jax.tree.map(lambda t: t[..., None, :], weights)
    return each.mix(jnp.moveaxis(terms, -1, 0)).value


def _distance(p: Gaussians, q: Gaussians, share: float) -> tuple[Reals, Reals]:
    """``|L⁻¹(μ_i − μ_j)|²`` and ``log det L`` for ``L Lᵀ = share (Σ_i + Σ_j)``."""
    covariances = [_times(t[1], jnp.swapaxes(t[1], -1, -2)) for t in (p, q)]
    joint = covariances[0][..., :, None, :, :] + covariances[1][..., None, :, :, :]
    factor = cholesky(share * joint)
    apart = p[0][..., :, None, :] - q[0][..., None, :, :]
    z = _times(triangular_inverse(factor), apart[..., None])[..., 0]
    return jnp.sum(z * z, axis=-1), log_det((apart, factor))


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")
