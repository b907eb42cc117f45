"""Logarithms of the regularised incomplete gamma functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from pathmix._typing import Flags, Reals
from pathmix._where import where

from ._elementwise import MAX_TERMS, as_floats, forward_differentiable, log_accuracy
from ._exact import stored
from ._kernels import log_poisson_kernel
from ._log_exp import log1mexp
from ._stirling import lgamma1p

_Floats = Reals
_Mask = Flags
_Pair = tuple[_Floats, _Floats]


def log_gammainc(a: ArrayLike, x: ArrayLike) -> Reals:
    r"""Compute :math:`\log P(a, x)`, the log of the regularised lower incomplete gamma function.

    .. math:: P(a, x) = \frac{1}{\Gamma(a)} \int_0^x t^{a-1} e^{-t}\, dt

    for ``a`` in [1e-3, 1e5] and ``x`` in [0, inf]. Below ``max(a, 1)`` the power series
    (DLMF 8.11.4), above it the complement of the continued fraction of ``Q`` (DLMF 8.9.2), and for
    both arguments below 1 the alternating series (DLMF 8.7.1) in a form relatively accurate in
    ``log P`` where ``P`` is near 1. Every recurrence runs backwards from a number of terms known
    beforehand: at most :math:`\sqrt{2ac}` for the series and :math:`(3c/4)^{2/3} a^{1/3} + c^2/16`
    for the fraction, with ``c`` the logarithm of the accuracy (2800 and 700 at a = 1e5 in
    float64), for the most demanding element. Differentiable in both arguments to every order.
    At ``x = 0`` the value is minus infinity and at infinity 0, with zero gradient.

    >>> round(float(log_gammainc(2.0, 1.0)), 5)
    -1.33089
    """
    return log_gamma_tails(a, x)[0]


def log_gammaincc(a: ArrayLike, x: ArrayLike) -> Reals:
    r"""Compute :math:`\log Q(a, x) = \log(1 - P(a, x))`.

    Domain, method and accuracy as `log_gammainc`. At ``x = 0`` the value is 0 and at infinity
    minus infinity, with zero gradient.

    >>> round(float(log_gammaincc(2.0, 1.0)), 5)
    -0.30685
    """
    return log_gamma_tails(a, x)[1]


def log_gamma_tails(a: ArrayLike, x: ArrayLike) -> _Pair:
    """Return `log_gammainc` and `log_gammaincc`, of which one makes the other.

    >>> print(*(t.round(5) for t in log_gamma_tails(2.0, 1.0)))
    -1.33089 -0.30685
    """
    a, x = as_floats(a, x)
    direct, upper = stored(_direct(a, x)), _regions(a, x).fraction | (x == jnp.inf)
    # Rounding may carry a log probability above 0, where its complement would be NaN.
    other = log1mexp(jnp.minimum(direct, 0))
    return where(upper, other, direct), where(upper, direct, other)


def gamma_quantile_slope(a: ArrayLike, x: ArrayLike) -> Reals:
    """Return how the quantile of a standard gamma distribution at ``x`` moves with its shape.

    It is ``−∂_a T / ∂_x T`` of the tail ``T`` that is computed directly, and zero at the ends.

    >>> round(float(gamma_quantile_slope(2.0, 1.0)), 4)
    0.7508
    """
    return _quantile_slope(a, x)


class _Regions(NamedTuple):
    """Where each method computes its side: series and alternating log P, fraction log Q."""

    inside: _Mask
    series: _Mask
    alternating: _Mask
    fraction: _Mask


def _regions(a: _Floats, x: _Floats) -> _Regions:
    inside = (x > 0) & (x < jnp.inf)
    below = x < jnp.maximum(a, 1)
    small = below & (a < 1)
    return _Regions(inside, inside & below & ~small, inside & small, inside & ~below)


def _instead(needed: _Mask, safe_a: float, safe_x: float, a: _Floats, x: _Floats) -> _Pair:
    return where(needed, a, safe_a), where(needed, x, safe_x)


def _log_and_slope(a: _Floats, x: _Floats) -> _Pair:
    """The log of the side that is computed directly, at interior points, and its slope in ``x``.

    The slope is the density over that side: without the kernel, where both hold it.
    """
    _, by_series, by_alternating, by_fraction = _regions(a, x)
    series = _series(*_instead(by_series, 1.0, 0.5, a, x))
    fraction = _fraction(*_instead(by_fraction, 1.0, 2.0, a, x))
    alternating = _log_alternating(*_instead(by_alternating, 0.5, 0.5, a, x))
    kernel = log_poisson_kernel(a, x)
    log = where(
        by_alternating, alternating, kernel + jnp.log(where(by_fraction, a / fraction, series))
    )
    density = kernel + jnp.log(a) - jnp.log(x)
    slope = where(by_alternating, jnp.exp(density - alternating), a / x / series)
    return log, where(by_fraction, -fraction / x, slope)


def _series(a: _Floats, x: _Floats) -> _Floats:
    # Σ xⁿ / ((a+1)...(a+n)), summed from the last term: the n-th falls below exp(-n²/2a).
    accuracy = log_accuracy(x.dtype)
    # Far below a they fall like (x/a)ⁿ, however large a is.
    terms = (
        jnp.minimum(jnp.sqrt(2.2 * accuracy * a), accuracy / jnp.log((a + 1) / x)) + accuracy / 2
    )
    count = lax.stop_gradient(jnp.ceil(jnp.max(jnp.minimum(terms, MAX_TERMS), initial=0)))

    def step(i: Array, total: _Floats) -> _Floats:
        return 1 + total * (x / (a + (count - i.astype(x.dtype))))

    return lax.fori_loop(0, count.astype(int), step, jnp.ones_like(x))


def _fraction(a: _Floats, x: _Floats) -> _Floats:
    # Γ(a, x) = xᵃ e⁻ˣ / (b₀ - c₁/(b₁ - c₂/(b₂ - ...))), bₙ = x - a + 1 + 2n, cₙ = n(n - a).
    # The errors of successive terms stand as (1+r)/(1-r), r = √((x-a)² + 4nx) / (x-a+2n): a sum
    # of 4√(nx) for n beyond a, and of (4/3) n √(n/a) before it.
    accuracy = log_accuracy(x.dtype)
    terms = (0.75 * accuracy) ** (2 / 3) * jnp.cbrt(jnp.maximum(a, 1)) + accuracy**2 / (16 * x)
    count = lax.stop_gradient(jnp.ceil(jnp.max(jnp.minimum(terms, MAX_TERMS), initial=0) + 5))
    base = (x - a) + 1

    def step(i: Array, denominator: _Floats) -> _Floats:
        n = count - i.astype(x.dtype)
        return base + 2 * (n - 1) - n * ((n - a) / denominator)

    return lax.fori_loop(0, count.astype(int), step, base + 2 * count)


def _log_alternating(a: _Floats, x: _Floats) -> _Floats:
    # P = xᵃ/Γ(1+a) (1 + a S), S = Σ (-x)ⁿ/((a+n) n!): each part of the log is proportional to a.
    total = jnp.zeros_like(x)
    for n in range(12 if x.dtype.itemsize <= 4 else 20, 0, -1):
        total = -x / n * (1 / (a + n) + total)
    return a * jnp.log(x) - lgamma1p(a) + jnp.log1p(a * total)


def _log(a: _Floats, x: _Floats) -> _Floats:
    inside = _regions(a, x).inside
    return where(inside, _log_and_slope(*_instead(inside, 1.0, 1.0, a, x))[0], -jnp.inf)


def _slope(a: _Floats, x: _Floats) -> _Floats:
    inside, largest = _regions(a, x).inside, jnp.finfo(x.dtype).max
    slope = _log_and_slope(*_instead(inside, 1.0, 1.0, a, x))[1]
    # it may overflow where the side is zero, and is multiplied by that for its complement
    return where(inside, jnp.clip(slope, -largest, largest), 0)


def _slope_of_quantile(a: _Floats, x: _Floats) -> _Floats:
    inside = _regions(a, x).inside
    a, x = _instead(inside, 1.0, 1.0, a, x)
    _, change, slope = jax.jvp(
        lambda a: _log_and_slope(a, x), (a,), (jnp.ones_like(a),), has_aux=True
    )
    return where(inside & (slope != 0), -change / where(slope != 0, slope, 1), 0)


_direct = forward_differentiable(_log, {1: forward_differentiable(_slope)})
_quantile_slope = forward_differentiable(_slope_of_quantile)
