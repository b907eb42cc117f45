"""Log densities of the Gamma and Beta kind in Loader's saddle-point form."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import gammaln
from jax.typing import ArrayLike

from pathmix._typing import Reals

from ._elementwise import in_one_dtype
from ._stirling import (
    _HALF_LOG_TWO_PI,
    deviance,
    stirling_series,
    stirling_threshold,
)


@jax.jit
def log_poisson_kernel(a: ArrayLike, x: ArrayLike) -> Reals:
    r"""Compute :math:`a \log x - x - \log\Gamma(a+1)` for :math:`a, x \ge 0`.

    The log probability of ``a`` events at a mean of ``x``. For large ``a`` three terms of size
    ``a`` would cancel, so that Loader's form is taken,
    :math:`-\delta(a) - D(a, x) - \tfrac12\log 2\pi a` (C. Loader 2000, "Fast and accurate
    computation of binomial probabilities"): a few rounding errors relative to
    ``max(1, |value|)`` for every ``a``. With :math:`0\log 0 = 0`. Where the value is minus
    infinity the gradient is zero. What depends on ``a`` alone is worked out in its own shape.

    >>> round(float(log_poisson_kernel(3.0, 2.0)), 5)
    -1.71232
    """
    a, x = in_one_dtype(a, x)
    proper = (x > 0) & (x < jnp.inf)
    edge = jnp.where((x == 0) & (a == 0), -x, -jnp.inf)
    a = a + jnp.where(a == 0, jnp.finfo(a.dtype).tiny, 0)  # which has a finite logarithm
    return jnp.where(proper, log_poisson_peak(a) - deviance(a, jnp.where(proper, x, 1)), edge)


def log_poisson_peak(a: Reals) -> Reals:
    """Return the kernel at ``x = a > 0``, its largest value; it falls off by the deviance.

    >>> print(log_poisson_peak(jnp.array(3.0)).round(5))
    -1.49591
    """
    threshold = stirling_threshold(a.dtype)
    large = a >= threshold
    a_large, a_small = jnp.where(large, a, threshold), jnp.where(large, 1, a)
    series = -stirling_series(a_large) - 0.5 * jnp.log(a_large) - _HALF_LOG_TWO_PI
    direct = a_small * jnp.log(a_small) - a_small - gammaln(a_small + 1)
    return jnp.where(large, series, direct)


@jax.jit
def log_beta_kernel(a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> Reals:
    r"""Compute :math:`a \log x + b \log y - \log B(a, b)` for :math:`a, b > 0`, :math:`x + y = 1`.

    With :math:`n = a + b` it is a sum of log Poisson probabilities,
    :math:`p(a; nx) + p(b; ny) - p(n; n) + \log(ab/n)` (Loader 2000), which holds no difference of
    large numbers. Both ``x`` and ``y = 1 - x`` are given, for neither tail to lose digits; the
    rounding error of the larger of them has no first-order effect on the value near the mode. The
    derivatives in ``x`` and in ``y`` are those of the formula, ``a/x`` and ``b/y``. At ``x = 0``
    or ``y = 0`` the value is minus infinity with zero gradient.

    >>> round(float(log_beta_kernel(2.0, 3.0, 0.4, 0.6)), 5)
    -0.88015
    """
    a, b, x, y = in_one_dtype(a, b, x, y)
    proper = (x > 0) & (y > 0)
    x, y = jnp.where(proper, x, 0.5), jnp.where(proper, y, 0.5)
    n = a + b
    factors = log_poisson_kernel(a, n * x) + log_poisson_kernel(b, n * y)
    # not by minima and maxima, whose second derivatives at a tie are wrong
    smaller, larger = jnp.where(a < b, a, b), jnp.where(a < b, b, a)
    scale = jnp.log(smaller) + jnp.log(larger / n)
    # n (x + y - 1): zero in value, since x + y = 1 by contract, but not in its derivatives.
    off_line = n * ((x - lax.stop_gradient(x)) + (y - lax.stop_gradient(y)))
    value = factors - log_poisson_kernel(n, n) + scale + off_line
    return jnp.where(proper, value + _rounding(a, b, x, y), -jnp.inf)


def _rounding(
    a: Reals,
    b: Reals,
    x: Reals,
    y: Reals,
) -> Reals:
    """Return the first-order effect of the rounding of n = a + b, n x, n y, and of x or y itself.

    Some deviations from the mode it is magnified by the root of ``n``. The smaller of ``x`` and
    ``y`` is taken as exact, the other as one less it. A constant to differentiation.
    """
    a, b, x, y = (lax.stop_gradient(v) for v in (a, b, x, y))
    n = a + b
    lost = jnp.minimum(a, b) - (n - jnp.maximum(a, b))
    off = n * ((1 - jnp.maximum(x, y)) - jnp.minimum(x, y))
    off_x = _product_error(n, x) + lost * x + jnp.where(x > y, off, 0)
    off_y = _product_error(n, y) + lost * y + jnp.where(x > y, 0, off)
    return off_x * _log_slope(a, n * x) + off_y * _log_slope(b, n * y)


def _product_error(p: Reals, q: Reals) -> Reals:
    """Return ``p q`` less its rounded value (Dekker 1971)."""
    p_high, q_high = _half(p), _half(q)
    p_low, q_low = p - p_high, q - q_high
    return (p_high * q_high - p * q) + p_high * q_low + p_low * q_high + p_low * q_low


def _half(p: Reals) -> Reals:
    exponent, mantissa = (8, 11) if p.dtype.itemsize <= 4 else (11, 25)
    return lax.reduce_precision(p, exponent, mantissa)


def _log_slope(a: Reals, m: Reals) -> Reals:
    return jnp.where(m > 0, a / jnp.where(m > 0, m, 1) - 1, 0)
