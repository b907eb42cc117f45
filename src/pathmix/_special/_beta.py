"""The logarithm of the regularised incomplete beta function."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from pathmix._typing import Flags, Reals
from pathmix._where import where

from ._elementwise import MAX_TERMS, as_floats, forward_differentiable, log_accuracy
from ._exact import stored
from ._kernels import log_beta_kernel
from ._log_exp import log1mexp
from ._stirling import lgamma1p, log_gamma_ratio

_Floats = Reals


def log_betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> Reals:
    r"""Compute :math:`\log I_x(a, b)`, the log of the regularised incomplete beta function.

    .. math:: I_x(a, b) = \frac{1}{B(a, b)} \int_0^x t^{a-1} (1-t)^{b-1}\, dt

    for ``a, b`` in [1e-2, 1e4] and ``y = 1 - x``, both given, for neither tail to lose digits; the
    log of the complement is ``log_betainc(b, a, y, x)``. On the short side of the mean a continued
    fraction with positive terms (the even part of DLMF 8.17.22, in the form of DiDonato and Morris
    1992, ACM TOMS 708, equation 9), on the other its complement; with a parameter ``r`` below 1
    and ``x`` near its end, the power series (DLMF 8.17.7) in a form proportional to ``r``, so that
    ``log I`` keeps relative accuracy where ``I`` is near 1. The fraction runs backwards from a
    number of terms known beforehand, ``c (2 + 0.15 min(a, b)^{1/3})`` with ``c`` the logarithm of
    the accuracy (230 at a = b = 1e4 in float64).

    Differentiable to every order. ``y`` is a function of ``x``, so that the whole derivative
    along ``x`` is attributed to ``x`` and that in ``y`` is zero: ``y`` may but need not carry a
    tangent. At ``x = 0`` the value is minus infinity and at ``y = 0`` it is 0, with zero gradient.

    >>> round(float(log_betainc(2.0, 3.0, 0.4, 0.6)), 5)
    -0.64474
    """
    return log_beta_tails(a, b, x, y)[0]


def log_beta_tails(a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> tuple[Reals, Reals]:
    """Return `log_betainc` and its complement, of which one makes the other.

    >>> print(*(t.round(5) for t in log_beta_tails(2.0, 3.0, 0.4, 0.6)))
    -0.64474 -0.74402
    """
    a, b, x, y = as_floats(a, b, x, y)
    inside = (x > 0) & (y > 0)
    left = where(inside, _method(a, b, x, y)[1], x <= 0)
    direct = stored(_direct(a, b, x, y))
    other = log1mexp(jnp.minimum(direct, 0))
    return where(left, direct, other), where(left, other, direct)


def beta_quantile_slope(a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> Reals:
    """Return how the quantile of a beta distribution at ``x``, ``y = 1 − x``, moves with ``a``.

    It is ``−∂_a T / ∂_x T`` of the tail ``T`` that is computed directly, and zero at the ends. With
    ``b`` it moves by ``-beta_quantile_slope(b, a, y, x)``. Here ``y`` must carry a tangent if ``x``
    does.

    >>> round(float(beta_quantile_slope(2.0, 3.0, 0.4, 0.6)), 4)
    0.1394
    """
    return _quantile_slope(a, b, x, y)


def _log_and_slope(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> tuple[_Floats, _Floats]:
    """The log of the side that is computed directly, at interior points, and its slope in ``x``.

    The slope is the density over that side: without the kernel, where both hold it.
    """
    series, left = _method(a, b, x, y)
    # From here on the problem is mirrored, where need be, to the side that is computed directly.
    a, b, x, y = _mirror(left, a, b, x, y)
    power = _log_series(*_instead(series, (0.5, 0.5, 0.25, 0.75), a, b, x, y))
    fraction = _fraction(*_instead(~series, (2.0, 2.0, 0.25, 0.75), a, b, x, y))
    kernel = log_beta_kernel(a, b, x, y)
    log = where(series, power, kernel - jnp.log(fraction))
    density = kernel - jnp.log(x) - jnp.log(y)
    hazard = where(series, jnp.exp(density - power), fraction / (x * y))
    return log, where(left, hazard, -hazard)


def _interior(
    a: _Floats, b: _Floats, x: _Floats, y: _Floats
) -> tuple[Flags, _Floats, _Floats, _Floats, _Floats]:
    inside = (x > 0) & (y > 0)
    a, b, x, y = _instead(inside, (1.0, 1.0, 0.5, 0.5), a, b, x, y)
    return inside, a, b, x, y


def _method(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> tuple[Flags, Flags]:
    """Choose the series or the fraction, and the side that is computed directly."""
    series_left = (a < 1) & (x <= 0.5) & (b * x <= 1)
    series_right = (b < 1) & (y < 0.5) & (a * y <= 1)
    left = b * x <= a * y
    # A parameter below 1 and out of reach of its series: the fraction of the other side.
    left = (left | ((b < 1) & (a >= 1))) & ~((a < 1) & (b >= 1))
    left = series_left | (~series_right & left)
    return series_left | series_right, left


def _mirror(left: Flags, *arguments: _Floats) -> tuple[_Floats, ...]:
    a, b, x, y = arguments
    swapped = (b, a, y, x)
    return tuple(where(left, p, q) for p, q in zip(arguments, swapped, strict=True))


def _instead(needed: Flags, safe: tuple[float, ...], *arguments: _Floats) -> tuple[_Floats, ...]:
    return tuple(where(needed, p, q) for p, q in zip(arguments, safe, strict=True))


def _fraction(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    r"""Evaluate β₀ + α₁/(β₁ + α₂/(β₂ + ...)), by which the kernel is divided."""
    terms = log_accuracy(x.dtype) * (2 + 0.15 * jnp.cbrt(jnp.minimum(a, b)))
    count = lax.stop_gradient(jnp.ceil(jnp.max(jnp.minimum(terms, MAX_TERMS), initial=0)))
    offset = a * y - b * x + 1

    def constant(n: _Floats) -> _Floats:
        return (
            n
            + n * (b - n) * x / (a + jnp.maximum(2 * n - 1, 0))
            + (a + n) / (a + 2 * n + 1) * (offset + n * (1 + y))
        )

    def step(i: Array, tail: _Floats) -> _Floats:
        n = count - i.astype(x.dtype)
        middle = a + 2 * n - 1
        factor = ((a + n - 1) / middle) * ((a + b + n - 1) * x / middle) * (n * (b - n) * x)
        return constant(n - 1) + factor / tail

    return lax.fori_loop(0, count.astype(int), step, constant(count))


def _log_series(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    # I = xᵃ/(a B(a, b)) (1 + a S), S = Σ (1-b)ₙ xⁿ/(n! (a+n)): each logarithm is of the order a.
    count = 32 if x.dtype.itemsize <= 4 else 64

    def step(i: Array, total: _Floats) -> _Floats:
        n = (count - i).astype(x.dtype)
        return (n - b) * x / n * (1 / (a + n) + total)

    total = lax.fori_loop(0, count, step, jnp.zeros_like(x))
    return a * jnp.log(x) - lgamma1p(a) + log_gamma_ratio(b, a) + jnp.log1p(a * total)


def _log(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    inside, *safe = _interior(a, b, x, y)
    return where(inside, _log_and_slope(*safe)[0], -jnp.inf)


def _slope(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    inside, *safe = _interior(a, b, x, y)
    largest = jnp.finfo(x.dtype).max
    # it may overflow where the side is zero, and is multiplied by that for its complement
    return where(inside, jnp.clip(_log_and_slope(*safe)[1], -largest, largest), 0)


def _no_slope(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    return jnp.zeros_like(y)


def _slope_of_quantile(a: _Floats, b: _Floats, x: _Floats, y: _Floats) -> _Floats:
    inside, a, b, x, y = _interior(a, b, x, y)
    of = lambda a: _log_and_slope(a, b, x, y)  # noqa: E731
    _, change, slope = jax.jvp(of, (a,), (jnp.ones_like(a),), has_aux=True)
    return where(inside & (slope != 0), -change / where(slope != 0, slope, 1), 0)


_direct = forward_differentiable(_log, {2: forward_differentiable(_slope), 3: _no_slope})
_quantile_slope = forward_differentiable(_slope_of_quantile)
