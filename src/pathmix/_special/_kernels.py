"""Log densities of the Gamma and Beta kind in Loader's saddle-point form."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._typing import Reals
from pathmix._where import where

from ._elementwise import in_one_dtype
from ._exact import product_error, stored
from ._quotients import artanh_rest, exponent_of, log_quotient, over_power
from ._stirling import (
    _HALF_LOG_TWO_PI,
    deviance,
    lgamma1p_shifted,
    log_less_digamma1p,
    stirling_ranges,
    stirling_series,
    stirling_series_slope,
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
    edge = where((x == 0) & (a == 0), -x, -jnp.inf)
    a = a + where(a == 0, jnp.finfo(a.dtype).tiny, 0)  # which has a finite logarithm
    return where(proper, log_poisson_peak(a) - deviance(a, where(proper, x, 1)), edge)


@custom_jvp
def log_poisson_peak(a: Reals) -> Reals:
    """Return the kernel at ``x = a > 0``, its largest value; it falls off by the deviance.

    >>> print(log_poisson_peak(jnp.array(3.0)).round(5))
    -1.49591
    """
    large, _, a_large, a_small = stirling_ranges(a)
    series = -stirling_series(a_large) - 0.5 * jnp.log(a_large) - _HALF_LOG_TWO_PI
    direct = a_small * jnp.log(a_small) - a_small - lgamma1p_shifted(a_small)
    return stored(where(large, series, direct))


@log_poisson_peak.defjvp
def _log_poisson_peak_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    large, _, a_large, a_small = stirling_ranges(*primals)
    series = -stirling_series_slope(a_large) - 1 / (2 * a_large)
    slope = where(large, series, log_less_digamma1p(a_small))
    return log_poisson_peak(*primals), stored(slope) * tangents[0]


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
    x, y = where(proper, x, 0.5), where(proper, y, 0.5)
    return where(proper, log_beta_peak(a, b) - beta_deviance(a, b, x, y), -jnp.inf)


def log_beta_peak(a: Reals, b: Reals) -> Reals:
    """Return the kernel at ``x = a/(a+b)``, its largest value; it falls off by the deviance.

    >>> print(log_beta_peak(jnp.array(2.0), jnp.array(3.0)).round(5))
    -0.88015
    """
    n = a + b
    # not by minima and maxima, whose second derivatives at a tie are wrong
    smaller, larger = where(a < b, a, b), where(a < b, b, a)
    peaks = log_poisson_peak(a) + log_poisson_peak(b) - log_poisson_peak(n)
    return peaks + jnp.log(smaller) + jnp.log(larger / n)


@custom_jvp
def beta_deviance(a: Reals, b: Reals, x: Reals, y: Reals) -> Reals:
    r"""Compute :math:`a \log\frac{a}{nx} + b \log\frac{b}{ny}`, :math:`n = a + b`, accurately.

    With :math:`u = nx - a = b - ny`, which is worked out exactly but for one rounding, either
    logarithm is a series in :math:`v = u/(2a + u)` and :math:`w = -u/(2b - u)`, whose first terms
    add up to :math:`2nu^2 / ((2a+u)(2b-u))`. Far from the mode nothing cancels, and powers of
    two are taken out of ``nx`` and ``ny`` first.

    >>> print(beta_deviance(*(jnp.asarray(t) for t in (2.0, 3.0, 0.5, 0.5))).round(5))
    0.10068
    """
    n = a + b
    p, q = exponent_of(a, n * x), exponent_of(b, n * y)
    near_a, near_b, u = over_power(n * x, p), over_power(n * y, q), _from_mode(a, b, x, y)
    v = where(p == 0, u, near_a - a) * (1 / (near_a + a))
    w = where(q == 0, -u, near_b - b) * (1 / (near_b + b))
    first = where((p == 0) & (q == 0), n * v * w, a * v + b * w)
    far = math.log(2) * (a * p.astype(a.dtype) + b * q.astype(a.dtype))
    return -far - 2 * (first + (a * artanh_rest(v) + b * artanh_rest(w)))


@partial(beta_deviance.defjvp, symbolic_zeros=True)
def _beta_deviance_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Of ``n`` there is no derivative: it makes up for the sum of both logarithms."""
    (a, b, x, y), (da, db, dx, dy) = primals, tangents
    out = beta_deviance(a, b, x, y)
    change = jnp.zeros_like(out)
    change -= 0.0 if is_zero(da) else log_quotient((a + b) * x, a) * da
    change -= 0.0 if is_zero(db) else log_quotient((a + b) * y, b) * db
    change -= 0.0 if is_zero(dx) else a / x * dx
    change -= 0.0 if is_zero(dy) else b / y * dy
    return out, change


def _from_mode(a: Reals, b: Reals, x: Reals, y: Reals) -> Reals:
    """Return ``n x − a = b − n y`` with the roundings of ``n`` and of the product made up for.

    The smaller of ``x`` and ``y`` is taken as exact, the other as one less it. An error of ``u`` is
    magnified by the root of ``n``, some deviations from the mode.
    """
    n, left = a + b, x <= y
    smaller, own = where(left, x, y), where(left, a, b)
    lost = jnp.minimum(a, b) - (n - jnp.maximum(a, b))
    u = (n * smaller - own) + (product_error(n, smaller) + lost * smaller)
    return where(left, u, -u)
