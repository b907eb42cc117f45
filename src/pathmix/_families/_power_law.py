"""Power laws ``p ∝ x^α``, from ``low`` on, or between ``low`` and ``high``.

With the rate ``r = 1 + α`` and ``y = log(x/low)`` the density of ``y`` is ``∝ e^(r y)``: that of an
exponential variable, or truncated to ``[0, L]``, ``L = log(high/low)``, with ``r`` of any sign.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between, power_at_zero
from pathmix._families._gather import expand_to
from pathmix._families._protocol import Family, complement, guarded, register, sharpen
from pathmix._special import log1mexp, log_expm1_ratio, log_quotient
from pathmix._typing import Flags, Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
_REACH = 45.0  # where e^(−y) is below rounding


class LowerTruncatedPowerLawFamily(Family):
    """``P(X > x) = (x/low)^r`` for ``x ≥ low`` and ``r < 0``: Pareto with shape ``−r``."""

    parameters = ("alpha", "low")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        rate = 1 + d.alpha

        def density(x: Reals) -> Reals:
            return jnp.log(-rate) + rate * log_quotient(x, d.low) - jnp.log(x)

        return guarded((x >= d.low) & (x < jnp.inf), density, x, d.low)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return complement((1 + d.alpha) * log_quotient(x, d.low))

        return log_cdf_between(inside, x, 2 * d.low, d.low)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return (1 + d.alpha) * log_quotient(x, d.low)

        return log_survival_between(inside, x, 2 * d.low, d.low)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        noise = (1 + d.alpha) * log_quotient(x, d.low)
        log_x = lambda d: jnp.log(d.low) + noise / (1 + d.alpha)  # noqa: E731
        return x * jax.jvp(log_x, (d,), (tangent,))[1]

    def mean(self, d: Distribution) -> Reals:
        shape = -(1 + d.alpha)
        excess = jnp.where(shape > 1, shape, 2.0) - 1
        return jnp.where(shape > 1, d.low * (1 + 1 / excess), jnp.inf)

    def variance(self, d: Distribution) -> Reals:
        shape = -(1 + d.alpha)
        exists = shape > 2
        a = jnp.where(exists, shape, 3.0)
        return jnp.where(exists, (d.low / (a - 1)) ** 2 * (a / (a - 2)), jnp.inf)


class DoublyTruncatedPowerLawFamily(Family):
    """``p(x) = r x^α / (high^r − low^r)`` on ``low ≤ x ≤ high``; its limit at ``r = 0``."""

    parameters = ("alpha", "low", "high")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        rate = 1 + d.alpha

        def density(x: Reals) -> Reals:
            y, rest, width = _distances(d, x)
            flat, near, size = _split(rate, width)
            level = near * y - log_expm1_ratio(near * width) - jnp.log(width)
            fall = -size * jnp.where(rate < 0, y, rest)
            steep = jnp.log(size) - log1mexp(-size * width) + fall
            return jnp.where(flat, level, steep) - jnp.log(x)

        positive = jnp.where(rate > 0, rate, 1.0)
        at_zero = power_at_zero(rate, jnp.log(positive) - positive * jnp.log(d.high))
        beyond = jnp.where((x == 0) & (d.low == 0), at_zero, -jnp.inf)
        return guarded((x >= d.low) & (x <= d.high) & (x > 0), density, x, d.high, beyond)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(*_log_shares(d, x))

        return log_cdf_between(inside, x, _middle(d), d.low, d.high)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(*_log_shares(d, x)[::-1])

        return log_survival_between(inside, x, _middle(d), d.low, d.high)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        x = expand_to(x, jnp.shape(d.low))
        low, high = jax.jvp(lambda d: (d.low, d.high), (d,), (tangent,))[1]
        inner = super().velocity(d, tangent, x)
        return jnp.where(x <= d.low, low, jnp.where(x >= d.high, high, inner))

    def mean(self, d: Distribution) -> Reals:
        return _moments(d)[0]

    def variance(self, d: Distribution) -> Reals:
        return _moments(d)[1]


class Distances(NamedTuple):
    """On the log scale: from ``low`` to ``x``, from ``x`` to ``high``, and between both ends."""

    y: Reals
    rest: Reals
    width: Reals


def _distances(d: Distribution, x: Reals) -> Distances:
    """A ``low`` of zero is infinitely far, which needs a positive rate: without one, NaN."""
    bounded = d.low > 0
    low = jnp.where(bounded, d.low, d.high)
    far = jnp.where(1 + d.alpha > 0, jnp.sqrt(jnp.finfo(low.dtype).max), jnp.nan)
    y = jnp.where(bounded, log_quotient(jnp.maximum(x, low), low), far)
    width = jnp.where(bounded, log_quotient(d.high, low), far)
    return Distances(y, log_quotient(d.high, x), width)


def _split(rate: Reals, width: Reals) -> tuple[Flags, Reals, Reals]:
    """Whether ``|r| L < 1``, the rate for that case, and ``|r|`` for the other."""
    flat = jnp.abs(rate) * width < 1
    return flat, jnp.where(flat, rate, 0.0), jnp.where(flat, 1.0, jnp.abs(rate))


def _log_shares(d: Distribution, x: Reals) -> tuple[Reals, Reals]:
    """Both log tails, each accurate where it is small."""
    y, rest, width = _distances(d, x)
    rate = 1 + d.alpha
    return _log_share(rate, y, rest, width), _log_share(-rate, rest, y, width)


def _log_share(rate: Reals, y: Reals, rest: Reals, width: Reals) -> Reals:
    """``log ∫₀^y e^(r s) ds − log ∫₀^L e^(r s) ds``, where ``y + rest = L``."""
    flat, near, size = _split(rate, width)
    level = jnp.log(y / width) + log_expm1_ratio(near * y) - log_expm1_ratio(near * width)
    steep = log1mexp(-size * y) - log1mexp(-size * width) - jnp.where(rate > 0, size * rest, 0.0)
    return jnp.where(flat, level, steep)


def _middle(d: Distribution) -> Reals:
    return jnp.where(d.low > 0, jnp.sqrt(d.low) * jnp.sqrt(d.high), d.high / 2)


def _moments(d: Distribution) -> tuple[Reals, Reals]:
    """Mean and variance by quadrature along ``log x`` from the end where the density is largest.

    Every term is positive. What falls too fast to matter is cut off; what is so far below ``high``
    that it is zero in comparison counts as one more node, at zero.
    """
    rate, width = 1 + d.alpha, _distances(d, d.high).width
    falls = rate < 0  # from low, and even then x² may grow
    end, size = jnp.where(falls, d.low, d.high), jnp.abs(rate)
    decay = size - jnp.where(falls, 2.0, 0.0)
    reach = jnp.where(decay > 1, jnp.minimum(width, 60 / jnp.maximum(decay, 1)), width)
    reach = jnp.where(falls, reach, jnp.minimum(reach, _REACH))
    step = reach[..., None] * _NODES.astype(reach.dtype)
    offset = end[..., None] * jnp.expm1(jnp.where(falls[..., None], step, -step))
    weight = reach[..., None] * _WEIGHTS.astype(reach.dtype) * jnp.exp(-size[..., None] * step)
    beyond = jnp.where(falls, 0.0, _mass_beyond(size, reach, width))
    total = jnp.sum(weight, axis=-1) + beyond
    centre = (jnp.sum(weight * offset, axis=-1) - beyond * end) / total
    spread = jnp.sum(weight * (offset - centre[..., None]) ** 2, axis=-1)
    return end + centre, (spread + beyond * (end + centre) ** 2) / total


def _mass_beyond(size: Reals, reach: Reals, width: Reals) -> Reals:
    """``∫ e^(−|r| s) ds`` from ``reach`` to ``width``."""
    rest = width - reach
    flat = size * rest < 1
    level = rest * jnp.exp(log_expm1_ratio(jnp.where(flat, -size * rest, 0.0)))
    steep = -jnp.expm1(-size * rest) / jnp.where(flat, 1.0, size)
    return jnp.exp(-size * reach) * jnp.where(flat, level, steep)


register(LowerTruncatedPowerLawFamily(), dist.LowerTruncatedPowerLaw)
register(DoublyTruncatedPowerLawFamily(), dist.DoublyTruncatedPowerLaw)
