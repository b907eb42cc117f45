"""Quantiles of a scalar mixture: bisection over the floats, implicit derivatives.

The quantile of ``q`` is the left inverse of the cdf, the smallest float ``x`` with ``F(x) ≥ q``.
Floats sort like the integers of their bit patterns, so bisecting those integers ends after one
step per bit, needs no starting bracket, and is indifferent to flat and discrete cdfs. The nearer
tail decides, in log space.

The derivative is that of the implicit function: ``dq/f``, and the pathwise velocity of a draw at
``x``, which in one dimension is the same thing.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions import Distribution

from pathmix._families import component_bounds, family
from pathmix._families._gather import pad_left
from pathmix._mixture._moments import mean, variance
from pathmix._pathwise import mixture_velocity
from pathmix._special import bounded_exp
from pathmix._typing import Flags, Reals
from pathmix._weights import Weights

_SLACK = 2
"""Rounding errors of the cdf, in units of its precision, that must not move a step."""


@jax.custom_jvp
def quantile(weights: Weights, components: Distribution, q: Reals) -> Reals:
    """Return the smallest ``x`` with ``P(X ≤ x) ≥ q``, ``*points``; NaN unless 0 ≤ q ≤ 1."""
    low, high = edges(weights, components)
    low, high, q = (a.astype(q.dtype) for a in jnp.broadcast_arrays(low, high, q))
    start, stop = (_to_key(x) for x in _bracket(weights, components, q, low, high))
    start = start - 1  # the answer is in (start, stop]

    def halve(_: Any, bracket: tuple[Any, Any]) -> tuple[Any, Any]:
        below, reached = bracket
        middle = (below & reached) + ((below ^ reached) >> 1)  # the mean, without overflow
        enough = _reaches(weights, components, _to_float(middle, q.dtype), q)
        # once the bracket is closed its lower end, which may be a denormal, is not asked again
        enough &= middle > below
        return jnp.where(enough, below, middle), jnp.where(enough, middle, reached)

    _, key = lax.fori_loop(0, jnp.finfo(q.dtype).bits, halve, (start, stop))
    x = jnp.where(q == 0, low, jnp.where(q == 1, high, _to_float(key, q.dtype)))
    return jnp.where((q >= 0) & (q <= 1), x, jnp.nan)


@quantile.defjvp
def _quantile_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, q = primals
    d_weights, d_components, dq = tangents
    x = quantile(weights, components, q)
    if components.is_discrete:
        return x, jnp.zeros_like(x)
    log_f = weights.mix(_terms(components, x, "log_prob"))
    from_q = dq * bounded_exp(-log_f)
    inner = mixture_velocity((weights, d_weights), (components, d_components), x)
    _, d_ends = jax.jvp(edges, (weights, components), (d_weights, d_components))
    at_low, at_high = q == 0, q == 1
    outer = jnp.where(at_low, d_ends[0], d_ends[1])
    return x, (from_q + jnp.where(at_low | at_high, outer, inner)).astype(x.dtype)


def edges(weights: Weights, components: Distribution) -> tuple[Reals, Reals]:
    """Return the lower and upper end of the mixture's support, ``*batch``."""
    shape = components.batch_shape
    low, high = (jnp.broadcast_to(pad_left(b, len(shape)), shape) for b in _bounds(components))
    has_weight = lax.stop_gradient(weights.values()) > 0
    return (
        jnp.min(jnp.where(has_weight, low, jnp.inf), axis=-1),
        jnp.max(jnp.where(has_weight, high, -jnp.inf), axis=-1),
    )


def _bounds(components: Distribution) -> tuple[Any, Any]:
    try:
        return component_bounds(components)
    except NotImplementedError:
        return -jnp.inf, jnp.inf


def _bracket(
    weights: Weights, components: Distribution, q: Reals, low: Reals, high: Reals
) -> tuple[Reals, Reals]:
    """Narrow the support of a discrete mixture by Cantelli's inequality.

    Cdfs of counts are sums whose length grows with the count: none is evaluated farther out than
    the mean and the variance allow.
    """
    if not components.is_discrete:
        return low, high
    q = jnp.where((q > 0) & (q < 1), q, 0.5)  # 0 and 1 are settled by the support
    centre, spread = mean(weights, components), jnp.sqrt(variance(weights, components))
    below = jnp.floor(centre - spread * jnp.sqrt((1 - q) / q)) - 1
    above = jnp.ceil(centre + spread * jnp.sqrt(q / (1 - q))) + 1
    return (
        jnp.where(below > low, below, low),
        jnp.where(above < high, above, high),
    )


def _terms(components: Distribution, x: Reals, name: str) -> Reals:
    return getattr(family(components), name)(components, x[..., None])


def _reaches(weights: Weights, components: Distribution, x: Reals, q: Reals) -> Flags:
    """Whether ``F(x) ≥ q``, up to rounding: by ``F`` below the median and by ``1 − F`` above."""
    log_f = weights.mix(_terms(components, x, "log_cdf"))
    log_s = weights.mix(_terms(components, x, "log_survival"))
    log_q, log_1mq = jnp.log(q), jnp.log1p(-q)
    eps = jnp.finfo(q.dtype).eps
    slack, rounding = _SLACK * eps, jnp.zeros_like(q)
    if components.is_discrete:
        # between steps there is room to forgive that q itself is rounded, which 1 − q magnifies
        slack, rounding = 16 * eps, q / jnp.maximum(1 - q, eps)
    lower = log_f >= log_q - slack * jnp.maximum(1, -log_q)
    upper = log_s <= log_1mq + slack * jnp.maximum(jnp.maximum(1, -log_1mq), rounding)
    return jnp.where(q <= 0.5, lower, upper)


def _to_key(x: Reals) -> jax.Array:
    """Integers that sort like the floats ``x``."""
    bits = jnp.finfo(x.dtype).bits
    i = lax.bitcast_convert_type(x, f"int{bits}")
    return jnp.where(i < 0, jnp.iinfo(i.dtype).min - i, i)


def _to_float(key: jax.Array, dtype: Any) -> Reals:
    key = jnp.where(key < 0, jnp.iinfo(key.dtype).min - key, key)
    return lax.bitcast_convert_type(key, dtype)
