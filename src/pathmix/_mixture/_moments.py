"""Moments of a mixture, by the laws of total expectation and total variance."""

import jax.numpy as jnp
from numpyro.distributions import Distribution, constraints

from pathmix._families import family
from pathmix._typing import Reals
from pathmix._weights import Weights


def mean(weights: Weights, components: Distribution) -> Reals:
    """Return ``Σ_k w_k m_k``, ``*batch *event``; for circular components the mean direction."""
    means = family(components).mean(components)
    if _is_circular(components):
        return jnp.arctan2(*_resultant(weights, components))
    return _average(weights, means, components)


def variance(weights: Weights, components: Distribution) -> Reals:
    """Return ``Σ_k w_k (v_k + (m_k − m)²)``, ``*batch *event``.

    For circular components: the circular variance, one minus the length of the mean resultant.
    """
    if _is_circular(components):
        return 1 - jnp.hypot(*_resultant(weights, components))
    deviation = _deviation(weights, components)
    within = family(components).variance(components)
    return _average(weights, within + deviation**2, components)


def covariance(weights: Weights, components: Distribution) -> Reals:
    """Return ``Σ_k w_k (C_k + (m_k − m)(m_k − m)ᵀ)``, ``*batch event event``."""
    deviation = _deviation(weights, components)
    between = deviation[..., :, None] * deviation[..., None, :]
    within = family(components).covariance(components)
    return _average(weights, within + between, components)


def _deviation(weights: Weights, components: Distribution) -> Reals:
    """``m_k − m``, zero for an infinite mean, whose variance is infinite by itself."""
    _, means = _felt(weights, family(components).mean(components), components)
    centre = jnp.expand_dims(_average(weights, means, components), _k_axis(components))
    return jnp.where(jnp.isinf(means), 0.0, means - centre)


def _average(weights: Weights, values: Reals, components: Distribution) -> Reals:
    """Weighted sum over components, to which one of zero weight never adds a NaN."""
    w, values = _felt(weights, values, components)
    return jnp.sum(w * values, axis=_k_axis(components))


def _felt(weights: Weights, values: Reals, components: Distribution) -> tuple[Reals, Reals]:
    """The weights, shaped like the values, and the values, zero where they must not be felt."""
    w = weights.values()
    w = w.reshape(w.shape + (1,) * (values.ndim - _k_axis(components) - 1))
    return w, jnp.where((w == 0) & ~jnp.isfinite(values), 0.0, values)


def _k_axis(components: Distribution) -> int:
    return len(components.batch_shape) - 1


def _is_circular(components: Distribution) -> bool:
    support = components.support
    if isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.circular


def _resultant(weights: Weights, components: Distribution) -> tuple[Reals, Reals]:
    """``E[sin x]`` and ``E[cos x]``, from mean directions and circular variances."""
    direction = family(components).mean(components)
    length = 1 - family(components).variance(components)
    return (
        _average(weights, length * jnp.sin(direction), components),
        _average(weights, length * jnp.cos(direction), components),
    )
