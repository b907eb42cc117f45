"""Moments of a mixture, by the laws of total expectation and total variance."""

import jax.numpy as jnp
from numpyro.distributions import constraints

from pathmix._components import Canonical, need
from pathmix._evaluation._compiled import compiled
from pathmix._typing import PerComponentValue, Reals
from pathmix._weights import Weights
from pathmix._where import where


@compiled()
def mean(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k m_k``, ``*batch *event``; for circular components the mean direction."""
    if _is_circular(components):
        return jnp.arctan2(*_resultant(weights, components))
    return _average(weights, moment(components, "mean"), components)


@compiled()
def variance(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k (v_k + (m_k − m)²)``, ``*batch *event``.

    For circular components: the circular variance, one minus the length of the mean resultant.
    """
    if _is_circular(components):
        return 1 - jnp.hypot(*_resultant(weights, components))
    spread = moment(components, "variance") + _deviation(weights, components) ** 2
    return _average(weights, spread, components)


@compiled()
def covariance(weights: Weights, components: Canonical) -> Reals:
    """Return ``Σ_k w_k (C_k + (m_k − m)(m_k − m)ᵀ)``, ``*batch event event``."""
    deviation = _deviation(weights, components)
    between = deviation[..., :, None] * deviation[..., None, :]
    return _average(weights, moment(components, "covariance") + between, components)


def moment(components: Canonical, name: str) -> PerComponentValue:
    """Return a moment of every component, ``*batch k *event``; of a covariance, with two axes."""
    value = need(components, name)(components.theta)
    events = components.event_shape * (2 if name == "covariance" else 1)
    return jnp.broadcast_to(value, components.own_shape + events)


def _deviation(weights: Weights, components: Canonical) -> PerComponentValue:
    """``m_k − m``; zero for an infinite mean, of which the variance is infinite already."""
    _, means = _felt(weights, moment(components, "mean"), components)
    centre = jnp.expand_dims(_average(weights, means, components), _k_axis(components))
    return where(jnp.isinf(means), 0.0, means - centre)


def _average(weights: Weights, values: PerComponentValue, components: Canonical) -> Reals:
    """Weighted sum over components, to which one of zero weight never adds a NaN."""
    w, values = _felt(weights, values, components)
    return jnp.sum(w * values, axis=_k_axis(components))


def _felt(
    weights: Weights, values: PerComponentValue, components: Canonical
) -> tuple[PerComponentValue, PerComponentValue]:
    """The weights, shaped like the values, and the values, zero where they must not be felt."""
    w = weights.values()
    w = w.reshape(w.shape + (1,) * (values.ndim - _k_axis(components) - 1))
    return w, where((w == 0) & ~jnp.isfinite(values), 0.0, values)


def _k_axis(components: Canonical) -> int:
    return len(components.own_shape) - 1


def _is_circular(components: Canonical) -> bool:
    support = components.plain.support
    if isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.circular


def _resultant(weights: Weights, components: Canonical) -> tuple[Reals, Reals]:
    """``E[sin x]`` and ``E[cos x]``, from mean directions and circular variances."""
    direction = moment(components, "mean")
    length = 1 - moment(components, "variance")
    return (
        _average(weights, length * jnp.sin(direction), components),
        _average(weights, length * jnp.cos(direction), components),
    )
