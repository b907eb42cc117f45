"""Moments of a mixture, by the laws of total expectation and total variance."""

import jax.numpy as jnp
from numpyro.distributions import Distribution, constraints

from pathmix._families import Canonical, family
from pathmix._mixture._evaluate import compiled
from pathmix._typing import Reals
from pathmix._weights import Weights


@compiled()
def mean(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k m_k``, ``*batch *event``; for circular components the mean direction."""
    d = components.plain
    if _is_circular(d):
        return jnp.arctan2(*_resultant(weights, d))
    return _average(weights, family(d).mean(d), d)


@compiled()
def variance(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k (v_k + (m_k − m)²)``, ``*batch *event``.

    For circular components: the circular variance, one minus the length of the mean resultant.
    """
    d = components.plain
    if _is_circular(d):
        return 1 - jnp.hypot(*_resultant(weights, d))
    return _average(weights, family(d).variance(d) + _deviation(weights, d) ** 2, d)


@compiled()
def covariance(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k (C_k + (m_k − m)(m_k − m)ᵀ)``, ``*batch event event``."""
    d = components.plain
    deviation = _deviation(weights, d)
    between = deviation[..., :, None] * deviation[..., None, :]
    return _average(weights, family(d).covariance(d) + between, d)


def _deviation(weights: Weights, d: Distribution) -> Reals:
    """``m_k − m``, zero for an infinite mean, whose variance is infinite by itself."""
    _, means = _felt(weights, family(d).mean(d), d)
    centre = jnp.expand_dims(_average(weights, means, d), _k_axis(d))
    return jnp.where(jnp.isinf(means), 0.0, means - centre)


def _average(weights: Weights, values: Reals, d: Distribution) -> Reals:
    """Weighted sum over components, to which one of zero weight never adds a NaN."""
    w, values = _felt(weights, values, d)
    return jnp.sum(w * values, axis=_k_axis(d))


def _felt(weights: Weights, values: Reals, d: Distribution) -> tuple[Reals, Reals]:
    """The weights, shaped like the values, and the values, zero where they must not be felt."""
    w = weights.values()
    w = w.reshape(w.shape + (1,) * (values.ndim - _k_axis(d) - 1))
    return w, jnp.where((w == 0) & ~jnp.isfinite(values), 0.0, values)


def _k_axis(d: Distribution) -> int:
    return len(d.batch_shape) - 1


def _is_circular(d: Distribution) -> bool:
    support = d.support
    if isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.circular


def _resultant(weights: Weights, d: Distribution) -> tuple[Reals, Reals]:
    """``E[sin x]`` and ``E[cos x]``, from mean directions and circular variances."""
    direction = family(d).mean(d)
    length = 1 - family(d).variance(d)
    return (
        _average(weights, length * jnp.sin(direction), d),
        _average(weights, length * jnp.cos(direction), d),
    )
