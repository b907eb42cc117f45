"""Quantiles of a scalar mixture: bisection over the floats, implicit derivatives.

The quantile of ``q`` is the left inverse of the cdf, the smallest float ``x`` with ``F(x) ≥ q``.
Floats sort like the integers of their bit patterns, so bisecting those integers ends after one
step per bit, needs no starting bracket, and is indifferent to flat and discrete cdfs. The nearer
tail decides, in log space; so ``q`` may be given by its log, or by that of ``1 − q``, as far out as
logs reach.

The derivative is that of the implicit function: ``dq/f``, and the pathwise velocity of a draw at
``x``, which in one dimension is the same thing.
"""

from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from pathmix._components import Canonical, component_bounds, need
from pathmix._evaluation import mean, variance
from pathmix._layout import pad_left
from pathmix._pathwise import mixture_velocity
from pathmix._special import bounded_exp, log1mexp
from pathmix._typing import ComponentFirst, Flags, Reals
from pathmix._weights import Weights

Scale: TypeAlias = Literal["q", "log q", "log 1 − q"]


class Target(NamedTuple):
    """A probability ``q`` to reach, by both logs; NaN where it is none.

    The slacks are errors of the two log tails that must not move a step.
    """

    log_q: Reals
    log_1mq: Reals
    slack_q: Reals
    slack_1mq: Reals


def quantile(weights: Weights, components: Canonical, q: Reals) -> Reals:
    """Return the smallest ``x`` with ``P(X ≤ x) ≥ q``, ``*points``; NaN unless 0 ≤ q ≤ 1."""
    return _bisect("q", weights, components, q)


def inverse_log_cdf(weights: Weights, components: Canonical, log_q: Reals) -> Reals:
    """Return the smallest ``x`` with ``log P(X ≤ x) ≥ log_q``; NaN unless ``log_q ≤ 0``."""
    return _bisect("log q", weights, components, log_q)


def inverse_log_survival(weights: Weights, components: Canonical, log_q: Reals) -> Reals:
    """Return the smallest ``x`` with ``log P(X > x) ≤ log_q``; NaN unless ``log_q ≤ 0``."""
    return _bisect("log 1 − q", weights, components, log_q)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _inverse(scale: Scale, weights: Weights, components: Canonical, value: Reals) -> Reals:
    """The quantile of a probability on one of three scales."""
    low, high = edges(weights, components)
    low, high, value = (a.astype(value.dtype) for a in jnp.broadcast_arrays(low, high, value))
    target = _target(scale, value, is_discrete=components.is_discrete)
    start, stop = (_to_key(x) for x in _bracket(weights, components, target, low, high))
    start = start - 1  # the answer is in (start, stop]

    def halve(_: Any, bracket: tuple[Any, Any]) -> tuple[Any, Any]:
        below, reached = bracket
        middle = (below & reached) + ((below ^ reached) >> 1)  # the mean, without overflow
        enough = _reaches(weights, components, _to_float(middle, value.dtype), target)
        # once the bracket is closed its lower end, which may be a denormal, is not asked again
        enough &= middle > below
        return jnp.where(enough, below, middle), jnp.where(enough, middle, reached)

    _, key = lax.fori_loop(0, jnp.finfo(value.dtype).bits, halve, (start, stop))
    at_low, at_high = target.log_q == -jnp.inf, target.log_1mq == -jnp.inf
    x = jnp.where(at_low, low, jnp.where(at_high, high, _to_float(key, value.dtype)))
    return jnp.where(jnp.isnan(target.log_q) | jnp.isnan(target.log_1mq), jnp.nan, x)


# Compiled here, once for each kind and shape of mixture: an eager loop compiles at every call.
_bisect = jax.jit(_inverse, static_argnums=0)


@_inverse.defjvp
def _inverse_jvp(scale, primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, value = primals
    d_weights, d_components, d_value = tangents
    x = _bisect(scale, weights, components, value)
    if components.is_discrete:
        return x, jnp.zeros_like(x)
    log_f = weights.mix(_terms(components, x, "log_density"))
    from_value = d_value * _slope(scale, value, log_f)
    inner = mixture_velocity((weights, d_weights), (components, d_components), x)
    _, d_ends = jax.jvp(edges, (weights, components), (d_weights, d_components))
    target = _target(scale, value, is_discrete=components.is_discrete)
    at_low, at_high = target.log_q == -jnp.inf, target.log_1mq == -jnp.inf
    outer = jnp.where(at_low, d_ends[0], d_ends[1])
    return x, (from_value + jnp.where(at_low | at_high, outer, inner)).astype(x.dtype)


def _slope(scale: Scale, value: Reals, log_f: Reals) -> Reals:
    """``dx`` over the change of the value: ``1/f``, ``q/f`` or ``−(1 − q)/f``, as one exponential.

    An infinite log moves nothing.
    """
    if scale == "q":
        return bounded_exp(-log_f)
    known = value > -jnp.inf
    ratio = bounded_exp(jnp.where(known, value, 0.0) - jnp.where(known, log_f, jnp.inf))
    return ratio if scale == "log q" else -ratio


def _target(scale: Scale, value: Reals, *, is_discrete: bool) -> Target:
    if scale == "q":
        log_q, log_1mq = jnp.log(value), jnp.log1p(-value)
    elif scale == "log q":
        log_q, log_1mq = value, log1mexp(value)
    else:
        log_q, log_1mq = log1mexp(value), value
    eps = jnp.finfo(value.dtype).eps
    # between the steps of a discrete cdf there is room to forgive more
    slack = (16 if is_discrete else 2) * eps
    slack_q, slack_1mq = (slack * jnp.maximum(1, -log_p) for log_p in (log_q, log_1mq))
    if is_discrete and scale == "q":  # q itself is rounded, which 1 − q magnifies
        slack_1mq = jnp.maximum(slack_1mq, slack * value / jnp.maximum(1 - value, eps))
    return Target(log_q, log_1mq, slack_q, slack_1mq)


def edges(weights: Weights, components: Canonical) -> tuple[Reals, Reals]:
    """Return the lower and upper end of the mixture's support, ``*batch``."""
    shape = components.own_shape
    low, high = (jnp.broadcast_to(pad_left(b, len(shape)), shape) for b in _bounds(components))
    present = weights.present()
    return (
        jnp.min(jnp.where(present, low, jnp.inf), axis=-1),
        jnp.max(jnp.where(present, high, -jnp.inf), axis=-1),
    )


def _bounds(components: Canonical) -> tuple[Any, Any]:
    return component_bounds(components.plain) or (-jnp.inf, jnp.inf)


def _bracket(
    weights: Weights, components: Canonical, target: Target, low: Reals, high: Reals
) -> tuple[Reals, Reals]:
    """Narrow the support of a discrete mixture by Cantelli's inequality.

    Cdfs of counts are sums whose length grows with the count: none is evaluated farther out than
    the mean and the variance allow.
    """
    if not components.is_discrete:
        return low, high
    centre, spread = mean(weights, components), jnp.sqrt(variance(weights, components))
    half_logit = (target.log_q - target.log_1mq) / 2
    half_logit = jnp.where(jnp.isfinite(half_logit), half_logit, 0.0)  # the ends are known
    below = jnp.floor(centre - spread * jnp.exp(-half_logit)) - 1
    above = jnp.ceil(centre + spread * jnp.exp(half_logit)) + 1
    return (
        jnp.where(below > low, below, low),
        jnp.where(above < high, above, high),
    )


def _terms(components: Canonical, x: Reals, name: str) -> ComponentFirst:
    return need(components, name)(components.component_first(x.ndim).theta, x)


def _reaches(weights: Weights, components: Canonical, x: Reals, target: Target) -> Flags:
    """Whether ``F(x) ≥ q``, up to rounding: by ``F`` below the median and by ``1 − F`` above."""
    log_f = weights.mix(_terms(components, x, "log_cdf"))
    log_s = weights.mix(_terms(components, x, "log_survival"))
    lower = log_f >= target.log_q - target.slack_q
    upper = log_s <= target.log_1mq + target.slack_1mq
    return jnp.where(target.log_q <= target.log_1mq, lower, upper)


def _to_key(x: Reals) -> jax.Array:
    """Integers that sort like the floats ``x``."""
    bits = jnp.finfo(x.dtype).bits
    i = lax.bitcast_convert_type(x, f"int{bits}")
    return jnp.where(i < 0, jnp.iinfo(i.dtype).min - i, i)


def _to_float(key: jax.Array, dtype: Any) -> Reals:
    key = jnp.where(key < 0, jnp.iinfo(key.dtype).min - key, key)
    return lax.bitcast_convert_type(key, dtype)
