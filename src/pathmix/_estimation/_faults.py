"""Components that are not what a mixture is for: flat ones, and those like others."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from pathmix._components import atomic
from pathmix._estimation._sweep import Model
from pathmix._where import where

_FLAT = 1e-4
"""A component is degenerate whose variance in some direction is less than this share of the data's:
its likelihood has no bound, or it sits on a few points."""


def is_flat(model: Model, spread: Float[Array, "e e"]) -> Bool[Array, " k"]:
    """Whether components are nearly flat in some direction, in units of the data's own spread."""
    components, k = model.components, len(model.weights)
    family, size = components.family, len(spread)
    known = family.covariance is not None or family.variance is not None
    if components.is_discrete or not known or components.event_shape not in ((), (size,)):
        return jnp.zeros(k, bool)
    if family.covariance is not None:
        own = jnp.broadcast_to(family.covariance(components.theta), (k, size, size))
    else:
        assert family.variance is not None
        variance = family.variance(components.theta).reshape(-1, *components.event_shape or (1,))
        own = jnp.broadcast_to(variance, (k, size))[..., None] * jnp.eye(size, dtype=spread.dtype)
    scale = jnp.sqrt(jnp.diagonal(spread))
    scale = where(scale > 0, scale, 1.0)
    units = scale[:, None] * scale
    finite = jnp.isfinite(own).all((-2, -1))
    own = where(finite[:, None, None], own, spread)
    measured = jnp.trace(spread) > 0  # without errors
    flat = _least_ratio(own / units, spread / units) < _FLAT
    return finite & measured & ~atomic(components) & (flat | _is_singular(own / units))


def are_alike(model: Model) -> Bool[Array, "*starts k"]:
    """Whether components with weight are like others, but for rounding.

    One is compared with all at a time: of all pairs there may be too many numbers.
    """
    shape, there = model.components.own_shape, model.weights > 0
    units = []
    for p in model.components.parameters:
        p = jnp.broadcast_to(p, shape + p.shape[len(shape) :]).reshape(*shape, -1)
        rounding = 64 * jnp.finfo(model.dtype).eps * jnp.max(jnp.abs(p), -2, keepdims=True)
        units.append(p / where(rounding > 0, rounding, 1.0))
    each = jnp.concatenate(units, axis=-1)

    def like_another(k: Array) -> Array:
        one = jnp.take(each, k[None], axis=-2)
        like = jnp.all(jnp.abs(each - one) <= 1, axis=-1) & there & (jnp.arange(shape[-1]) != k)
        return jnp.any(like, axis=-1)

    return there & jnp.moveaxis(lax.map(like_another, jnp.arange(shape[-1])), 0, -1)


def _is_singular(own: Array) -> Array:
    """Whether the least eigenvalue is rounding."""
    values = jnp.linalg.eigvalsh(own)
    rounding = 16 * own.shape[-1] * jnp.finfo(own.dtype).eps
    return values[..., 0] <= rounding * values[..., -1]


def _least_ratio(own: Array, spread: Array) -> Array:
    """The least variance of each component in any direction, over that of the data there."""
    values, vectors = jnp.linalg.eigh(spread)
    varies = values > 1e-6 * values[-1]  # in the others no component can vary
    root = where(varies, vectors / jnp.sqrt(where(varies, values, 1.0)), 0.0)
    inner = root.T @ own @ root + jnp.diag(where(varies, 0.0, 1.0))
    return jnp.linalg.eigvalsh(inner)[..., 0]
