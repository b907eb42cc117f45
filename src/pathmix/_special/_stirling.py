r"""What is left of :math:`\log\Gamma` once Stirling's formula, or a pole, is taken out."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from pathmix._rules import custom_jvp
from pathmix._typing import Flags, Reals
from pathmix._where import where

from ._chebyshev import chebyshev, horner
from ._elementwise import as_floats
from ._quotients import deviance_of

# Chebyshev coefficients of log Γ(1+a)/a on [0, 1] in 2a - 1, from 50-digit arithmetic. The
# singularity at a = -1 makes them fall by 3 + √8 each.
_LGAMMA1P = (
    -0.2647362369323025245,
    0.28587285859139467975,
    -0.023514576332157501777,
    0.0026850799746567309765,
    -0.00034975527157275605663,
    0.0000488075532000323586,
    -7.0983587904858038153e-6,
    1.0607466166814588702e-6,
    -1.6155933858435658321e-7,
    2.4955218012272825663e-8,
    -3.8966973451197876334e-9,
    6.1373526583083774727e-10,
    -9.7349661106493962185e-11,
    1.5533015630980043617e-11,
    -2.4909467297324569036e-12,
    4.0120228240690907153e-13,
    -6.4865760147854983991e-14,
    1.0522714222232994256e-14,
    -1.7121447861626471406e-15,
    2.7933134227060938016e-16,
    -4.5682681291581216522e-17,
)
# B_2k / (2k (2k-1)), the coefficients of Stirling's series in 1/n, 1/n³, ... (DLMF 5.11.1).
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
    43867 / 244188,
)
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def lgamma1p(a: Reals) -> Reals:
    r"""Compute :math:`\log\Gamma(1+a)` for :math:`0 \le a \le 1`, accurate relative to ``a``.

    >>> round(float(lgamma1p(jnp.asarray(0.5))), 5)
    -0.12078
    """
    return a * chebyshev(_LGAMMA1P, 2 * a - 1)


def log_gamma_ratio(q: Reals, p: Reals) -> Reals:
    r"""Compute :math:`\log\Gamma(q+p) - \log\Gamma(q)` for :math:`q > 0`, :math:`0 < p \le 1`.

    Accurate relative to ``p``: the recurrence of the Gamma function carries ``q`` to the range of
    Stirling's series, whose difference is taken term by term.

    >>> round(float(log_gamma_ratio(jnp.asarray(3.0), jnp.asarray(1.0))), 5)
    1.09861
    """
    shift = int(stirling_threshold(q.dtype))
    steps = sum(jnp.log1p(p / (q + k)) for k in range(shift))
    q = q + shift
    main = (q - 0.5) * jnp.log1p(p / q) - p + p * jnp.log(q + p)
    return main + (stirling_series(q + p) - stirling_series(q)) - steps


def stirling_threshold(dtype: np.dtype) -> float:
    """Return the argument from which Stirling's nine-term series is exact to rounding."""
    return 3.0 if dtype.itemsize <= 4 else 10.0


@jax.jit
def stirling_error(n: ArrayLike) -> Reals:
    r"""Compute :math:`\delta(n) = \log\Gamma(n+1) - (n+\tfrac12)\log n + n - \tfrac12\log 2\pi`.

    For ``n > 0``; infinite at 0. From 10 upwards (3 in float32) the asymptotic series
    (DLMF 5.11.1), with relative accuracy; below it the definition, whose error is absolute, a few
    rounding errors of numbers up to 25 (Loader 2000, "Fast and accurate computation of binomial
    probabilities").

    >>> round(float(stirling_error(100.0)), 7)
    0.0008333
    """
    return _stirling_error(*as_floats(n))


@custom_jvp
def _stirling_error(n: Reals) -> Reals:
    large, some, n_large, n_small = stirling_ranges(n)
    direct = where(some, _direct_error(n_small), jnp.inf)
    return where(large, stirling_series(n_large), direct)


@_stirling_error.defjvp
def _stirling_error_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """By ``δ'(n) = ψ(n+1) − log n − 1/(2n)``, and by the series."""
    large, some, n_large, n_small = stirling_ranges(*primals)
    direct = where(some, -log_less_digamma1p(n_small) - 1 / (2 * n_small), 0)
    slope = where(large, stirling_series_slope(n_large), direct)
    return _stirling_error(*primals), slope * tangents[0]


def stirling_ranges(n: Reals) -> tuple[Flags, Flags, Reals, Reals]:
    """Return whether ``n`` is large, whether it is positive, and a number of either range.

    >>> print(*stirling_ranges(jnp.asarray(100.0)))
    True True 100.0 1.0
    """
    threshold = stirling_threshold(n.dtype)
    large, some = n >= threshold, n > 0
    return large, some, where(large, n, threshold), where(large | ~some, 1, n)


def log_less_digamma1p(n: Reals) -> Reals:
    r"""Compute :math:`\log n - \psi(n+1)` for ``n > 0`` below the threshold of the series.

    The slope of a log Poisson probability ``n`` at its mean, in ``n``.

    >>> print(log_less_digamma1p(jnp.asarray(1.0)).round(4))
    -0.4228
    """
    steps = int(stirling_threshold(n.dtype))
    m = n + steps
    digamma = jnp.log(m) + 1 / (2 * m) + stirling_series_slope(m)
    return jnp.log(n) - digamma + sum(1 / (n + j) for j in range(1, steps + 1))


def stirling_series(n: Reals) -> Reals:
    r"""Sum Stirling's series for :math:`\delta(n)`; for ``n`` above the threshold.

    >>> round(float(stirling_series(jnp.asarray(100.0))), 7)
    0.0008333
    """
    inverse = 1 / n
    return horner(_STIRLING, inverse * inverse) * inverse


def stirling_series_slope(n: Reals) -> Reals:
    """Sum the derivative of Stirling's series; for ``n`` above the threshold.

    >>> print(f"{float(stirling_series_slope(jnp.asarray(10.0))):.3e}")
    -8.325e-04
    """
    square = 1 / (n * n)
    return -square * horner([(2 * k + 1) * c for k, c in enumerate(_STIRLING)], square)


def _direct_error(n: Reals) -> Reals:
    return lgamma1p_shifted(n) - (n + 0.5) * jnp.log(n) + n - _HALF_LOG_TWO_PI


def lgamma1p_shifted(n: Reals) -> Reals:
    r"""Compute :math:`\log\Gamma(1+n)` for ``n >= 0`` below the threshold of Stirling's series.

    By the series at an argument shifted by the threshold, and the recurrence. The error is
    absolute, a few rounding errors of numbers up to 50 (10 in float32).

    >>> round(float(lgamma1p_shifted(jnp.asarray(2.0))), 5)
    0.69315
    """
    steps = int(stirling_threshold(n.dtype))
    m = n + steps
    product = math.prod(n + j for j in range(2, steps + 1)) * (n + 1)
    main = (m + 0.5) * jnp.log(m) - m + _HALF_LOG_TWO_PI
    return (main + stirling_series(m)) - jnp.log(product)


@jax.jit
def deviance(x: ArrayLike, m: ArrayLike) -> Reals:
    r"""Compute :math:`D(x, m) = x\log(x/m) + m - x` for :math:`x, m \ge 0`.

    The Poisson deviance (half of it): non-negative, zero at ``x = m``, relatively accurate
    (Loader 2000). ``D(0, m) = m``; ``D(x, 0)`` is infinite for positive ``x``, with zero gradient.

    >>> round(float(deviance(100.0, 101.0)), 6)
    0.004967
    """
    x, m = as_floats(x, m)
    proper = (x > 0) & (m > 0) & (m < jnp.inf)
    x_safe, m_safe = where(proper, x, 1), where(proper, m, 1)
    edge = where(x > 0, jnp.inf, m)
    return where(proper, deviance_of(x_safe, m_safe), edge)
