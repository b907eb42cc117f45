"""Power laws ``p ∝ x^α``, from ``low`` on, or between ``low`` and ``high``.

With the rate ``r = 1 + α`` and ``y = log(x/low)`` the density of ``y`` is ``∝ e^(r y)``: that of an
exponential variable, or truncated to ``[0, L]``, ``L = log(high/low)``, with ``r`` of any sign.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._families._edges import log_cdf_between, log_survival_between, power_at_zero
from pathmix._families._family import Family, complement, guarded, implicit, sharpen
from pathmix._layout import expand_to
from pathmix._special import log1mexp, log_expm1_ratio, log_quotient
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
_REACH = 45.0  # where e^(−y) is below rounding


class Lower(NamedTuple):
    """Parameters."""

    alpha: Reals
    low: Reals


def _lower_log_density(theta: Lower, x: Value) -> Reals:
    """``P(X > x) = (x/low)^r`` for ``x ≥ low`` and ``r < 0``: Pareto with shape ``−r``."""
    rate = 1 + theta.alpha

    def density(x: Reals) -> Reals:
        return jnp.log(-rate) + rate * log_quotient(x, theta.low) - jnp.log(x)

    return guarded((x >= theta.low) & (x < jnp.inf), density, x, theta.low)


def _lower_log_cdf(theta: Lower, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return complement((1 + theta.alpha) * log_quotient(x, theta.low))

    return log_cdf_between(inside, x, 2 * theta.low, theta.low)


def _lower_log_survival(theta: Lower, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return (1 + theta.alpha) * log_quotient(x, theta.low)

    return log_survival_between(inside, x, 2 * theta.low, theta.low)


def _lower_velocity(theta: Lower, tangent: Lower, x: Value) -> Value:
    noise = (1 + theta.alpha) * log_quotient(x, theta.low)
    log_x = lambda theta: jnp.log(theta.low) + noise / (1 + theta.alpha)  # noqa: E731
    return x * jax.jvp(log_x, (theta,), (tangent,))[1]


def _lower_mean(theta: Lower) -> Reals:
    shape = -(1 + theta.alpha)
    excess = where(shape > 1, shape, 2.0) - 1
    return where(shape > 1, theta.low * (1 + 1 / excess), jnp.inf)


def _lower_variance(theta: Lower) -> Reals:
    shape = -(1 + theta.alpha)
    exists = shape > 2
    a = where(exists, shape, 3.0)
    return where(exists, (theta.low / (a - 1)) ** 2 * (a / (a - 2)), jnp.inf)


class Doubly(NamedTuple):
    """Parameters."""

    alpha: Reals
    low: Reals
    high: Reals


def _doubly_log_density(theta: Doubly, x: Value) -> Reals:
    """``p(x) = r x^α / (high^r − low^r)`` on ``low ≤ x ≤ high``; its limit at ``r = 0``."""
    rate = 1 + theta.alpha

    def density(x: Reals) -> Reals:
        y, rest, width = _distances(theta, x)
        flat, near, size = _split(rate, width)
        level = near * y - log_expm1_ratio(near * width) - jnp.log(width)
        fall = -size * where(rate < 0, y, rest)
        steep = jnp.log(size) - log1mexp(-size * width) + fall
        return where(flat, level, steep) - jnp.log(x)

    positive = where(rate > 0, rate, 1.0)
    at_zero = power_at_zero(rate, jnp.log(positive) - positive * jnp.log(theta.high))
    beyond = where((x == 0) & (theta.low == 0), at_zero, -jnp.inf)
    return guarded((x >= theta.low) & (x <= theta.high) & (x > 0), density, x, theta.high, beyond)


def _doubly_log_cdf(theta: Doubly, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return sharpen(*_log_shares(theta, x))

    return log_cdf_between(inside, x, _middle(theta), theta.low, theta.high)


def _doubly_log_survival(theta: Doubly, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return sharpen(*_log_shares(theta, x)[::-1])

    return log_survival_between(inside, x, _middle(theta), theta.low, theta.high)


def _doubly_velocity(theta: Doubly, tangent: Doubly, x: Value) -> Value:
    x = expand_to(x, jnp.shape(theta.low))
    low, high = jax.jvp(lambda theta: (theta.low, theta.high), (theta,), (tangent,))[1]
    inner = implicit(_doubly_log_cdf, _doubly_log_survival)(theta, tangent, x)
    return where(x <= theta.low, low, where(x >= theta.high, high, inner))


def _doubly_mean(theta: Doubly) -> Reals:
    return _moments(theta)[0]


def _doubly_variance(theta: Doubly) -> Reals:
    return _moments(theta)[1]


class Distances(NamedTuple):
    """On the log scale: from ``low`` to ``x``, from ``x`` to ``high``, and between both ends."""

    y: Reals
    rest: Reals
    width: Reals


def _distances(theta: Doubly, x: Reals) -> Distances:
    """A ``low`` of zero is infinitely far, which needs a positive rate: without one, NaN."""
    bounded = theta.low > 0
    low = where(bounded, theta.low, theta.high)
    far = where(1 + theta.alpha > 0, jnp.sqrt(jnp.finfo(low.dtype).max), jnp.nan)
    y = where(bounded, log_quotient(jnp.maximum(x, low), low), far)
    width = where(bounded, log_quotient(theta.high, low), far)
    return Distances(y, log_quotient(theta.high, x), width)


def _split(rate: Reals, width: Reals) -> tuple[Flags, Reals, Reals]:
    """Whether ``|r| L < 1``, the rate for that case, and ``|r|`` for the other."""
    flat = jnp.abs(rate) * width < 1
    return flat, where(flat, rate, 0.0), where(flat, 1.0, jnp.abs(rate))


def _log_shares(theta: Doubly, x: Reals) -> tuple[Reals, Reals]:
    """Both log tails, each accurate where it is small."""
    y, rest, width = _distances(theta, x)
    rate = 1 + theta.alpha
    return _log_share(rate, y, rest, width), _log_share(-rate, rest, y, width)


def _log_share(rate: Reals, y: Reals, rest: Reals, width: Reals) -> Reals:
    """``log ∫₀^y e^(r s) ds − log ∫₀^L e^(r s) ds``, where ``y + rest = L``."""
    flat, near, size = _split(rate, width)
    level = jnp.log(y / width) + log_expm1_ratio(near * y) - log_expm1_ratio(near * width)
    steep = log1mexp(-size * y) - log1mexp(-size * width) - where(rate > 0, size * rest, 0.0)
    return where(flat, level, steep)


def _middle(theta: Doubly) -> Reals:
    return where(theta.low > 0, jnp.sqrt(theta.low) * jnp.sqrt(theta.high), theta.high / 2)


def _moments(theta: Doubly) -> tuple[Reals, Reals]:
    """Mean and variance by quadrature along ``log x`` from the end where the density is largest.

    Every term is positive. What falls too fast to matter is cut off; what is so far below ``high``
    that it is zero in comparison counts as one more node, at zero.
    """
    rate, width = 1 + theta.alpha, _distances(theta, theta.high).width
    falls = rate < 0  # from low, and even then x² may grow
    end, size = where(falls, theta.low, theta.high), jnp.abs(rate)
    decay = size - where(falls, 2.0, 0.0)
    reach = where(decay > 1, jnp.minimum(width, 60 / jnp.maximum(decay, 1)), width)
    reach = where(falls, reach, jnp.minimum(reach, _REACH))
    step = reach[..., None] * _NODES.astype(reach.dtype)
    offset = end[..., None] * jnp.expm1(where(falls[..., None], step, -step))
    weight = reach[..., None] * _WEIGHTS.astype(reach.dtype) * jnp.exp(-size[..., None] * step)
    beyond = where(falls, 0.0, _mass_beyond(size, reach, width))
    total = jnp.sum(weight, axis=-1) + beyond
    centre = (jnp.sum(weight * offset, axis=-1) - beyond * end) / total
    spread = jnp.sum(weight * (offset - centre[..., None]) ** 2, axis=-1)
    return end + centre, (spread + beyond * (end + centre) ** 2) / total


def _mass_beyond(size: Reals, reach: Reals, width: Reals) -> Reals:
    """``∫ e^(−|r| s) ds`` from ``reach`` to ``width``."""
    rest = width - reach
    flat = size * rest < 1
    level = rest * jnp.exp(log_expm1_ratio(where(flat, -size * rest, 0.0)))
    steep = -jnp.expm1(-size * rest) / where(flat, 1.0, size)
    return jnp.exp(-size * reach) * where(flat, level, steep)


lower_truncated = Family(
    "LowerTruncatedPowerLaw",
    _lower_log_density,
    Lower,
    log_cdf=_lower_log_cdf,
    log_survival=_lower_log_survival,
    velocity=_lower_velocity,
    mean=_lower_mean,
    variance=_lower_variance,
)


doubly_truncated = Family(
    "DoublyTruncatedPowerLaw",
    _doubly_log_density,
    Doubly,
    log_cdf=_doubly_log_cdf,
    log_survival=_doubly_log_survival,
    velocity=_doubly_velocity,
    mean=_doubly_mean,
    variance=_doubly_variance,
)
