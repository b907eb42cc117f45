"""Logarithms of differences of exponentials."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from pathmix._rules import custom_jvp
from pathmix._typing import Reals
from pathmix._where import where

from ._elementwise import as_floats
from ._quotients import short_log1p


@jax.jit
def log1mexp(x: ArrayLike) -> Reals:
    r"""Compute :math:`\log(1 - e^x)` for :math:`x \le 0`.

    Relative accuracy of a few rounding errors everywhere: ``log(-expm1(x))`` above
    :math:`-\log 2` and ``log1p(-exp(x))`` below (Mächler 2012, "Accurately computing
    log(1 - exp(-|a|))"). At ``x = 0`` the value is minus infinity and the gradient zero; above
    zero the value is NaN.

    >>> round(float(log1mexp(-1.0)), 4)
    -0.4587
    """
    (x,) = as_floats(x)
    near = x > -math.log(2)
    inside = x != 0
    close = jnp.log(-expm1(where(near & inside, x, -1)))
    far = short_log1p(-jnp.exp(where(near, -1, x)))
    return where(inside, where(near, close, far), -jnp.inf)


@custom_jvp
def expm1(t: Reals) -> Reals:
    """Compute ``e^t − 1``, relatively accurate, with a slope ``e^t`` of as many digits.

    By the power series of the exponential near zero. (XLA's calls a function for each number, where
    this is vectorised; and its slope is one more than its value, nothing but rounding where the
    exponential is small.)

    >>> print(expm1(jnp.array([1e-9, 1.0])).round(4))
    [0.     1.7183]
    """
    near = jnp.abs(t) < math.log(2)
    return where(near, t * _mean_exp(where(near, t, 0.0)), jnp.exp(t) - 1)


@expm1.defjvp
def _expm1_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (t,), (dt,) = primals, tangents
    return expm1(t), jnp.exp(t) * dt


def _mean_exp(u: Reals) -> Reals:
    """``(e^u − 1)/u`` for ``|u| ≤ log 2``, where it is smooth."""
    total = jnp.ones_like(u)
    for n in range(9 if u.dtype.itemsize <= 4 else 17, 1, -1):
        total = 1 + u * (1 / n) * total
    return total


def one_minus_exp(x: Reals) -> Reals:
    """Compute ``1 − e^(−x)``, relatively accurate.

    >>> round(float(one_minus_exp(jnp.asarray(1.0))), 4)
    0.6321
    """
    return -expm1(-x)


@jax.jit
def log_diff_exp(a: ArrayLike, b: ArrayLike) -> Reals:
    r"""Compute :math:`\log(e^a - e^b)` for :math:`a \ge b`.

    Computed as ``a + log1mexp(b - a)``, so its error is that of the subtraction ``b - a``. Where
    they are equal (both minus infinity included), or rounding has left ``a`` below ``b``, the value
    is minus infinity and the gradient zero.

    >>> round(float(log_diff_exp(1.0, 0.0)), 4)
    0.5413
    """
    a, b = as_floats(a, b)
    apart = ~(a <= b)  # true of NaN, which stays
    upper = where(apart, a, 0)
    return where(apart, upper + log1mexp(where(apart, b, -1) - upper), -jnp.inf)


@jax.jit
def log_expm1_ratio(u: ArrayLike) -> Reals:
    r"""Compute :math:`\log((e^u - 1)/u)` for :math:`|u| \le 1`, where it is smooth: 0 at ``u = 0``.

    By the power series of the exponential, so that derivatives hold at zero as well.

    >>> round(float(log_expm1_ratio(1.0)), 4)
    0.5413
    """
    (u,) = as_floats(u)
    total = jnp.ones_like(u)
    for n in range(12 if u.dtype.itemsize <= 4 else 20, 2, -1):
        total = 1 + u / n * total
    return jnp.log1p(u / 2 * total)


def log_sigmoids(t: Reals) -> tuple[Reals, Reals]:
    r"""Compute :math:`\log\frac{1}{1+e^{-t}}` and :math:`\log\frac{1}{1+e^t}`, by one exponential.

    >>> print(*(log.round(4) for log in log_sigmoids(jnp.array(1.0))))
    -0.3133 -1.3133
    """
    negative = t < 0  # not by minima, whose slope at a tie is one half
    rest = short_log1p(jnp.exp(where(negative, t, -t)))
    return where(negative, t, 0.0) - rest, where(negative, 0.0, -t) - rest


def log_add_exp(a: Reals, b: Reals) -> Reals:
    r"""Compute :math:`\log(e^a + e^b)`, with zero slopes where both are the same infinity.

    The larger of them plus a smooth function of the difference, whichever is called the larger:
    that has all derivatives where they are equal. (``jnp.logaddexp`` has a rule for that, which
    loops forget.)

    >>> print(log_add_exp(jnp.array(0.0), jnp.array(0.0)).round(4))
    0.6931
    """
    infinite, less = jnp.isinf(a) & (a == b), a < b
    smaller, larger = (where(infinite, 0.0, t) for t in (where(less, a, b), where(less, b, a)))
    total = larger + short_log1p(jnp.exp(smaller - larger))
    return where(infinite, lax.stop_gradient(a), total)


@custom_jvp
def sigmoid(t: Reals) -> Reals:
    """Compute ``1/(1 + e^(−t))``, with a slope that keeps its digits where it is near zero.

    >>> print(sigmoid(jnp.array(1.0)).round(4))
    0.7311
    """
    return jax.nn.sigmoid(t)


@sigmoid.defjvp
def _sigmoid_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (t,), (dt,) = primals, tangents
    return sigmoid(t), sigmoid(t) * sigmoid(-t) * dt


def bounded_exp(exponent: Reals, dtype: DTypeLike | None = None) -> Reals:
    """Compute ``exp``, cut off below the largest float: sums of it are finite, 0 times it is 0.

    Of ``dtype``, where that is narrower: what is a gradient of an array of that type stays finite.

    >>> print(bounded_exp(jnp.array(1e6)) < jnp.inf)
    True
    """
    largest = min(float(jnp.finfo(t).max) for t in (exponent.dtype, dtype or exponent.dtype))
    return jnp.exp(jnp.minimum(exponent, math.log(largest) - 16))
