"""Moments of truncated and censored mixtures, by the integrals of their tails.

With ``F`` and ``S`` the cdf and the survival between two bounds, and any ``c`` between them,

    E(X − c) = ∫_c S − ∫^c F        E(X − c)² = 2 ∫_c (x − c) S + 2 ∫^c (c − x) F

Tails have no jumps, so that panels may stay where they are while parameters move; and what is
clipped to the bounds has the same integrals, of the tails of the whole.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation import log_cdf, log_prob, log_survival
from pathmix._mixture._derived import below_all
from pathmix._mixture._panels import ends_of_each, panel_ends, power_tail, rule
from pathmix._mixture._quantile import edges
from pathmix._mixture._truncated_quantile import Between, log_interval_between, near_quantile
from pathmix._special import log1mexp
from pathmix._typing import Reals
from pathmix._weights import Weights
from pathmix._where import where

Log: TypeAlias = Callable[[Reals], Reals]


class Curves(NamedTuple):
    """The logs of both tails and of the density between bounds, and where panels end."""

    log_cdf: Log
    log_survival: Log
    log_prob: Log
    ends: Array
    """``*batch ends``, in ascending order."""
    support: tuple[Array, Array]


@jax.jit
def truncated_moments(
    weights: Weights, components: Canonical, bounds: tuple[Array, Array]
) -> tuple[Reals, Reals]:
    """Return the mean and the variance of ``X`` given that it is between the bounds, ``*batch``."""
    low, high = bounds
    below = below_all(components, low)
    between = lambda a, b: log_interval_between(weights, components, a, b)  # noqa: E731
    log_mass = between(below, high)

    def quantiles(alone: Weights, one_each: Canonical, levels: Array) -> Array:
        log_q = jnp.concatenate([levels, log1mexp(levels[:-1])])
        log_1mq = jnp.concatenate([log1mexp(levels), levels[:-1]])
        a, b = (jnp.broadcast_to(t[..., None], levels.shape[1:]) for t in bounds)
        return near_quantile(alone, one_each, Between(a, b, log_q, log_1mq))

    return _moments(
        Curves(
            lambda x: between(below, x) - log_mass,
            lambda x: between(x, high) - log_mass,
            lambda x: log_prob(weights, components, x) - log_mass,
            lax.stop_gradient(ends_of_each(components, quantiles)),
            edges(weights, components),
        ),
        bounds,
    )


@jax.jit
def censored_moments(
    weights: Weights, components: Canonical, bounds: tuple[Array, Array]
) -> tuple[Reals, Reals]:
    """Return the mean and the variance of ``X`` clipped to the bounds, ``*batch``."""
    low, high = (t[..., None] for t in bounds)
    ends = lax.stop_gradient(panel_ends(weights, components))
    first, last = ends[..., :1], ends[..., -1:]
    outer = where(jnp.isfinite(low), low, first), where(jnp.isfinite(high), high, last)
    ends = jnp.concatenate([outer[0], ends, outer[1]], axis=-1)
    ends = where(ends < low, low, where(ends > high, high, ends))
    return _moments(
        Curves(
            lambda x: log_cdf(weights, components, x),
            lambda x: log_survival(weights, components, x),
            lambda x: log_prob(weights, components, x),
            ends,
            edges(weights, components),
        ),
        bounds,
    )


def _moments(curves: Curves, bounds: tuple[Array, Array]) -> tuple[Reals, Reals]:
    ends = lax.stop_gradient(curves.ends)
    centre = _inside(ends[..., ends.shape[-1] // 2], ends)
    mean = centre + _about(curves, bounds, centre, 1)
    fixed = lax.stop_gradient(mean)
    centre = _inside(where(jnp.isfinite(fixed), fixed, centre), ends)
    variance = _about(curves, bounds, centre, 2) - jnp.square(mean - centre)
    return mean, where(jnp.isinf(mean), jnp.inf, variance)


def _about(curves: Curves, bounds: tuple[Array, Array], c: Array, order: int) -> Reals:
    """``E(X − c)`` or ``E(X − c)²``."""
    ends, at = curves.ends, c[..., None]
    below = rule(ends, curves.support, where(ends > at, at, ends))
    above = rule(ends, curves.support, where(ends < at, at, ends))
    sides = (
        (below, curves.log_cdf, ends[..., 0], bounds[0]),
        (above, curves.log_survival, ends[..., -1], bounds[1]),
    )
    lower, upper = (
        nodes.integral(order * jnp.abs(nodes.x - c) ** (order - 1) * jnp.exp(log_tail(nodes.x)))
        + where(
            jnp.isfinite(bound),
            0.0,
            order * power_tail(log_tail, curves.log_prob, c, outermost, order=order),
        )
        for nodes, log_tail, outermost, bound in sides
    )
    return upper - lower if order == 1 else upper + lower


def _inside(c: Array, ends: Array) -> Array:
    """``c``, or what is nearest to it well between the first and the last of the ends."""
    first, last = ends[..., 0], ends[..., -1]
    margin = (last - first) * 2.0**-20
    return jnp.clip(c, first + margin, last - margin)
