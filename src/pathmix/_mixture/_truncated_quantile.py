"""Quantiles between bounds, by the quantiles of the whole mixture in the nearer tail.

``P(X ≤ x)`` of the mixture is ``P(X < low) + q P(low ≤ X ≤ high)``, and ``P(X > x)`` likewise
from above. The one that is the smaller is inverted, and the result polished by the probability
between bound and quantile, which keeps its digits in a narrow interval.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical, has_atoms
from pathmix._evaluation import log_interval, log_prob, log_tails
from pathmix._mixture._derived import below_all
from pathmix._mixture._quantile import edges, quantile_of_logs, with_places
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp, log_add_exp
from pathmix._typing import Flags, Reals
from pathmix._weights import Weights
from pathmix._where import where


class Between(NamedTuple):
    """Bounds, ``*batch``, and the logs of a probability and of its complement, ``*points``."""

    low: Array
    high: Array
    log_q: Array
    log_1mq: Array


@jax.jit  # an eager loop compiles at every call
def quantile_between(weights: Weights, components: Canonical, at: Between) -> Reals:
    """Return the smallest ``x`` with ``P(X ≤ x | low ≤ X ≤ high) ≥ q``; NaN of no probability."""
    return _between(weights, components, at)


@custom_jvp
def _between(weights: Weights, components: Canonical, at: Between) -> Reals:
    x, log_mass = _near(weights, components, at)
    start, end = _ends(weights, components, at)
    if not (components.is_discrete or has_atoms(components)):
        x = _polished(weights, components, at, x)
    x = where(at.log_q == -jnp.inf, start, where(at.log_1mq == -jnp.inf, end, x))
    return where(jnp.isnan(at.log_q + at.log_1mq + log_mass), jnp.nan, x)


def near_quantile(weights: Weights, components: Canonical, at: Between) -> Reals:
    """Return the quantile as well as the tails of the whole mixture tell it."""
    return _near(weights, components, at)[0]


def _near(weights: Weights, components: Canonical, at: Between) -> tuple[Reals, Reals]:
    """The same, and the log of the probability between the bounds."""
    a, high = _spread(below_all(components, at.low), at), _spread(at.high, at)
    log_mass = log_interval_between(weights, components, a, high)
    (below, _), (_, above) = zip(*log_tails(weights, components, jnp.stack([a, high])), strict=True)
    from_below = jnp.minimum(log_add_exp(below, at.log_q + log_mass), 0.0)
    from_above = jnp.minimum(log_add_exp(above, at.log_1mq + log_mass), 0.0)
    x = quantile_of_logs(weights, components, from_below, from_above)
    return jnp.clip(x, *_ends(weights, components, at)), log_mass


@_between.defjvp
def _between_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, _ = primals
    x = _between(*primals)
    if components.is_discrete:
        return x, jnp.zeros_like(x)
    (start, end), d_ends = jax.jvp(_ends, primals, tangents)
    inside = (x > start) & (x < end)
    middle = where(jnp.isfinite(start + end), start + (end - start) / 2, 0.0)
    y = where(inside, x, jnp.clip(middle, start, end))

    def excess(weights: Weights, components: Canonical, at: Between) -> tuple[Reals, Reals]:
        return _excess(weights, components, at, y)

    _, change, per_unit = jax.jvp(excess, primals, tangents, has_aux=True)
    move = change * per_unit
    moved = where(x <= start, d_ends[0], where(x >= end, d_ends[1], move))
    if has_atoms(components):
        moved = with_places(moved, weights, components, tangents[1], x)
    return x, moved.astype(x.dtype)


def _excess(weights: Weights, components: Canonical, at: Between, x: Reals) -> tuple[Reals, Reals]:
    """How far the log probability at ``x`` is off, and by what to multiply that to move ``x``.

    By the smaller of the probabilities below and above ``x``.
    """
    low, high = _spread(below_all(components, at.low), at), _spread(at.high, at)
    # all in one call: the tails of some families are long programs
    a, b = jnp.stack([low, low, x]), jnp.stack([high, x, high])
    log_mass, lower, upper = log_interval_between(weights, components, a, b)
    log_f = log_prob(weights, components, x)
    is_lower = _is_lower(at)
    wanted = where(is_lower, _known(at.log_q), _known(at.log_1mq)) + log_mass
    log_p = where(is_lower, lower, upper)
    step = bounded_exp(log_p - log_f)
    return log_p - wanted, where(is_lower, -step, step)


def _polished(weights: Weights, components: Canonical, at: Between, x: Reals) -> Reals:
    """One step of Newton's method, where that is a small one."""
    off, per_unit = _excess(weights, components, at, x)
    better, (start, end) = x + off * per_unit, _ends(weights, components, at)
    small = (jnp.abs(off) < 0.1) & (better > start) & (better < end)
    return where(small, better, x)


def _is_lower(at: Between) -> Flags:
    return at.log_q < at.log_1mq


def _known(log_q: Reals) -> Reals:
    return where(jnp.isfinite(log_q), log_q, 0.0)


def _spread(t: Array, at: Between) -> Array:
    return jnp.broadcast_to(t, at.log_q.shape).astype(at.log_q.dtype)


def _ends(weights: Weights, components: Canonical, at: Between) -> tuple[Reals, Reals]:
    """The ends of the support between the bounds."""
    low, high = (_spread(end, at) for end in edges(weights, components))
    a, b = _spread(at.low, at), _spread(at.high, at)
    if components.is_discrete:
        a, b = jnp.ceil(a), jnp.floor(b)
    return where(a > low, a, low), where(b < high, b, high)


def log_interval_between(weights: Weights, components: Canonical, a: Any, b: Any) -> Reals:
    """Return ``log P(a < X ≤ b)`` of bounds that may be infinite."""
    a, b = jnp.broadcast_arrays(a, b)
    bounded = jnp.isfinite(a) & jnp.isfinite(b)
    width = where(bounded, b, 0.0) - where(bounded, a, 0.0)
    return log_interval(weights, components, a, b, width)
