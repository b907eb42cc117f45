"""Logarithms of the regularised incomplete gamma functions."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from pathmix._typing import Flags, Reals

from ._elementwise import MAX_TERMS, forward_differentiable, log_accuracy
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
    return _log_lower(a, x)


def log_gammaincc(a: ArrayLike, x: ArrayLike) -> Reals:
    r"""Compute :math:`\log Q(a, x) = \log(1 - P(a, x))`.

    Domain, method and accuracy as `log_gammainc`. At ``x = 0`` the value is 0 and at infinity
    minus infinity, with zero gradient.

    >>> round(float(log_gammaincc(2.0, 1.0)), 5)
    -0.30685
    """
    return _log_upper(a, x)


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


def _both(a: _Floats, x: _Floats) -> tuple[_Floats, _Floats]:
    """Return log P and log Q at interior points."""
    _, by_series, by_alternating, by_fraction = _regions(a, x)
    lower = jnp.where(
        by_alternating,
        _log_alternating(*_instead(by_alternating, 0.5, 0.5, a, x)),
        _log_series(*_instead(by_series, 1.0, 0.5, a, x)),
    )
    upper = _log_fraction(*_instead(by_fraction, 1.0, 2.0, a, x))
    direct = jnp.where(by_fraction, upper, lower)
    # Rounding may carry a log probability above 0, where its complement would be NaN.
    other = log1mexp(jnp.minimum(direct, 0))
    return jnp.where(by_fraction, other, direct), jnp.where(by_fraction, direct, other)


def _instead(needed: _Mask, safe_a: float, safe_x: float, a: _Floats, x: _Floats) -> _Pair:
    return jnp.where(needed, a, safe_a), jnp.where(needed, x, safe_x)


def _lower(a: _Floats, x: _Floats) -> _Floats:
    return jnp.where(_regions(a, x).inside, _both(a, x)[0], jnp.where(x > 0, 0, -jnp.inf))


def _upper(a: _Floats, x: _Floats) -> _Floats:
    return jnp.where(_regions(a, x).inside, _both(a, x)[1], jnp.where(x > 0, -jnp.inf, 0))


def _log_series(a: _Floats, x: _Floats) -> _Floats:
    return log_poisson_kernel(a, x) + jnp.log(_series(a, x))


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


def _log_fraction(a: _Floats, x: _Floats) -> _Floats:
    return log_poisson_kernel(a, x) + jnp.log(a) - jnp.log(_fraction(a, x))


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


def _log_density(a: _Floats, x: _Floats) -> _Floats:
    return log_poisson_kernel(a, x) + jnp.log(a) - jnp.log(x)


def _slopes(a: _Floats, x: _Floats) -> tuple[_Floats, _Floats]:
    """Return density/P and density/Q; in each one's tail without the kernel, which both hold."""
    inside, by_series, _, by_fraction = _regions(a, x)
    a, x = _instead(inside, 1.0, 1.0, a, x)
    log_p, log_q = _both(a, x)
    density = _log_density(a, x)
    near, far = _instead(by_series, 1.0, 0.5, a, x), _instead(by_fraction, 1.0, 2.0, a, x)
    lower = jnp.where(by_series, near[0] / near[1] / _series(*near), jnp.exp(density - log_p))
    upper = jnp.where(by_fraction, _fraction(*far) / far[1], jnp.exp(density - log_q))
    return jnp.where(inside, lower, 0), jnp.where(inside, upper, 0)


_lower_slope = forward_differentiable(lambda a, x: _slopes(a, x)[0])
_upper_slope = forward_differentiable(lambda a, x: -_slopes(a, x)[1])
_log_lower = forward_differentiable(_lower, {1: _lower_slope})
_log_upper = forward_differentiable(_upper, {1: _upper_slope})
