"""Factorised families: independent coordinates along the first axes of the event."""

from functools import cache

import jax.numpy as jnp

from pathmix._families import Family, Theta, given, spread_over
from pathmix._typing import Reals, Value
from pathmix._where import where


@cache
def product(base: Family, ndims: int) -> Family:
    """Return the family of ``ndims`` axes of independent draws: densities add up.

    Its parameters are those of the base, of which these axes are batch axes. Tails, velocities
    and moments stay elementwise.
    """
    axes = tuple(range(-ndims, 0))

    def log_density(theta: Theta, x: Value) -> Reals:
        total = jnp.sum(base.log_density(theta, x), axis=axes)
        # one coordinate outside its support stops the gradients of all
        return where(total == -jnp.inf, -jnp.inf, total)

    def covariance(theta: Theta) -> Reals:
        variance = spread_over(theta, given(base.variance)(theta))
        return variance[..., None] * jnp.eye(variance.shape[-1], dtype=variance.dtype)

    is_vector = not base.event_dim and ndims == 1 and base.variance is not None
    return Family(
        base.name,
        log_density,
        base.parameters,
        event_dim=base.event_dim + ndims,
        log_cdf=base.log_cdf,
        log_survival=base.log_survival,
        cdf=base.cdf,
        velocity=base.velocity,
        mean=base.mean,
        variance=base.variance,
        covariance=covariance if is_vector else None,
        atomic=base.atomic,
    )
