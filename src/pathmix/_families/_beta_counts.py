"""Counts whose probability of success is Beta: BetaBinomial, BetaNegativeBinomial.

Masses are ``p(n | x) p(x) / p(x | n)`` by Bayes' rule, which holds for any probability ``x``: at
the posterior mean no term is large unless the mass is small. Tails are the mass beside them times
a hypergeometric series of positive terms, the ratios to it of the masses that follow.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from pathmix._families._binomial import log_binomial
from pathmix._families._counts import counts
from pathmix._families._family import Family, by_tails, complement, guarded, guarded_tails
from pathmix._families._odds import Odds, as_real, is_count
from pathmix._special import forward_differentiable, log_beta_kernel
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

_DIRECT = 32
"""Masses that are added up one by one before a slower series is transformed."""
_MOST = 20_000
"""The most terms of an infinite series: enough for parameters of a few thousand."""

Carry = tuple[Array, Array, Array]
Summed: TypeAlias = tuple[Reals, Flags]
"""A log probability, and whether its series was summed to the end: if not it is the larger one."""


class BetaBinomial(NamedTuple):
    """Parameters."""

    concentration1: Reals
    concentration0: Reals
    total_count: Reals


def _binomial_log_density(theta: BetaBinomial, x: Value) -> Reals:
    """``P(X = n) = C(N, n) B(a+n, b+N−n) / B(a, b)``; tails by sums of up to ``N`` terms."""
    x = as_real(theta, x)
    inside = is_count(x) & (x <= theta.total_count)
    return guarded(inside, lambda n: _binomial_log_mass(theta, n), x, 0.0)


def _binomial_log_tails(theta: BetaBinomial, x: Value) -> tuple[Reals, Reals]:
    a, b = theta.concentration1, theta.concentration0
    x = as_real(theta, x)
    total = theta.total_count.astype(x.dtype)

    def at(n: Reals) -> tuple[Reals, Reals]:
        n = lax.stop_gradient(n)
        lower = _beta_binomial_series(total - n, total, b, a)
        upper = _beta_binomial_series(n + 1, total, a, b)
        return smaller_of(
            (_binomial_log_mass(theta, n) + jnp.log(lower), _is_whole(lower)),
            (_binomial_log_mass(theta, n + 1) + jnp.log(upper), _is_whole(upper)),
        )

    return guarded_tails((x >= 0) & (x < total), at, jnp.floor(x), 0.0, x >= total)


def _binomial_mean(theta: BetaBinomial) -> Reals:
    a, b = theta.concentration1, theta.concentration0
    return theta.total_count * (a / (a + b))


def _binomial_variance(theta: BetaBinomial) -> Reals:
    a, b, total = theta.concentration1, theta.concentration0, theta.total_count
    spread = (a / (a + b)) * (b / (a + b)) * ((a + b + total) / (a + b + 1))
    return total * spread


def _binomial_log_mass(theta: BetaBinomial, n: Reals) -> Reals:
    a, b = theta.concentration1, theta.concentration0
    m = theta.total_count - n
    x, y = _posterior_mean(a + n, b + m)
    given = log_binomial(n, m, Odds(x, y, jnp.log(x), jnp.log(y)))
    return given + log_beta_kernel(a, b, x, y) - log_beta_kernel(a + n, b + m, x, y)


class BetaNegativeBinomial(NamedTuple):
    """Parameters."""

    concentration1: Reals
    concentration0: Reals
    n: Reals


def _negative_log_mass(theta: BetaNegativeBinomial, n: Reals) -> Reals:
    """``P(X = n) = Γ(r+n) / (Γ(r) n!) · B(a+n, b+r) / B(a, b)``, with a tail as ``n^(−b)``.

    The lower tail is a sum of ``n + 1`` terms. Of the upper one, Thomae's transformation makes a
    series whose terms fall off with the power ``n + 2`` instead of ``b + 1`` (Bailey 1935, section
    3.2). Its length grows with the parameters: beyond a few thousand it is cut off.
    """
    a, b, r = theta.concentration1, theta.concentration0, theta.n
    x, y = _posterior_mean(a + n, b + r)
    given = log_beta_kernel(r, n + 1, y, x) - jnp.log(x) - jnp.log(r + n)
    return given + log_beta_kernel(a, b, x, y) - log_beta_kernel(a + n, b + r, x, y)


def _negative_log_tails(theta: BetaNegativeBinomial, n: Reals) -> tuple[Reals, Reals]:
    return smaller_of(*_negative_tails(theta, n))


def _negative_mean(theta: BetaNegativeBinomial) -> Reals:
    a, b, r = theta.concentration1, theta.concentration0, theta.n
    return guarded(b > 1, lambda b: r * a / (b - 1), b, 2.0, jnp.inf)


def _negative_variance(theta: BetaNegativeBinomial) -> Reals:
    a, b, r = theta.concentration1, theta.concentration0, theta.n

    def finite(b: Reals) -> Reals:
        return r * a * ((r + b - 1) / (b - 1)) * ((a + b - 1) / (b - 1)) / (b - 2)

    return guarded(b > 2, finite, b, 3.0, jnp.inf)


def _negative_tails(theta: BetaNegativeBinomial, n: Reals) -> tuple[tuple[Reals, Flags], ...]:
    n = lax.stop_gradient(n)
    lower, upper = _downward_series(n, *theta), _upward_series(n + 1, *theta)
    return (
        (_negative_log_mass(theta, n) + jnp.log(lower), _is_whole(lower)),
        (_negative_log_mass(theta, n + 1) + jnp.log(upper), jnp.isfinite(upper)),
    )


def smaller_of(lower: Summed, upper: Summed) -> tuple[Reals, Reals]:
    """Return the logs of two probabilities that add up to one, the larger by the smaller."""
    return _smaller(lower, upper), _smaller(upper, lower)


def _smaller(own: Summed, other: Summed) -> Reals:
    (log_p, whole_p), (log_q, whole_q) = own, other
    direct = whole_p & ((log_p <= log_q) | ~whole_q)
    return where(direct, log_p, complement(where(direct, -1.0, log_q)))


def _posterior_mean(a: Reals, b: Reals) -> tuple[Reals, Reals]:
    """The mean of a Beta and its complement: a choice, and so a constant to differentiation."""
    a, b = lax.stop_gradient(a), lax.stop_gradient(b)
    return a / (a + b), b / (a + b)


def _most(dtype: jnp.dtype) -> Array:
    """A sum of ratios beyond which the other tail is below a millionth of an ulp, or so."""
    return jnp.sqrt(jnp.finfo(dtype).max) * jnp.ones((), dtype)


def _is_whole(series: Reals) -> Flags:
    return series < _most(series.dtype)


def _sum_of_ratios(
    ratio: Callable[[Array], Array], steps: Array, more: Callable[[Carry], Array] | None = None
) -> Carry:
    """``1 + ratio(0) + ratio(0) ratio(1) + …``, as the number of terms, the last one, the sum."""

    def going(carry: Carry) -> Array:
        i, _, total = carry
        go = (i < steps) & (total < _most(total.dtype))
        return go if more is None else go & more(carry)

    def step(carry: Carry) -> Carry:
        go, (i, term, total) = going(carry), carry
        term = where(go, term * ratio(where(go, i, 0.0)), term)
        return where(go, i + 1, i), term, where(go, total + term, total)

    one = jnp.ones_like(steps)
    return lax.while_loop(lambda carry: jnp.any(going(carry)), step, (0 * one, one, one))


@forward_differentiable
def _beta_binomial_series(n: Array, total: Array, a: Array, b: Array) -> Array:
    """The masses of a beta-binomial from ``n`` to ``total``, over that of ``n``."""
    steps = jnp.maximum(total - n, 0)

    def ratio(i: Array) -> Array:
        k = where(steps > 0, n + i, 0.0)
        left = where(steps > 0, total - k, 1.0)
        return left / (k + 1) * ((a + k) / (b + left - 1))

    return _sum_of_ratios(ratio, steps)[2]


@forward_differentiable
def _downward_series(n: Array, a: Array, b: Array, r: Array) -> Array:
    """The masses of a beta negative binomial from ``n`` down to zero, over that of ``n``.

    Of more than can be summed it is infinite: quantiles ask at counts as large as floats.
    """

    def ratio(i: Array) -> Array:
        k = jnp.maximum(n - i, 1.0)
        return k / (r + k - 1) * ((a + b + r + k - 1) / (a + k - 1))

    total = _sum_of_ratios(ratio, jnp.minimum(n, _MOST))[2]
    return where(n > _MOST, jnp.inf, total)


@forward_differentiable
def _upward_series(n: Array, a: Array, b: Array, r: Array) -> Array:
    """The masses of a beta negative binomial from ``n`` on, over that of ``n``."""

    def ratio(i: Array) -> Array:
        k = n + i
        return (r + k) / (k + 1) * ((a + k) / (a + b + r + k))

    _, last, direct = _sum_of_ratios(ratio, jnp.full_like(n, _DIRECT))
    return direct + last * (_thomae(n + _DIRECT, a, b, r) - 1)


def _thomae(n: Array, a: Array, b: Array, r: Array) -> Array:
    """The masses from ``n`` on, over the first, by a transformed series; for large ``n``."""
    accuracy = jnp.finfo(n.dtype).eps * 3e-4  # derivatives converge more slowly

    def ratio(i: Array) -> Array:
        return (a + b + i) / (a + b + r + n + i) * ((b + r + i) / (b + 1 + i))

    def more(carry: Carry) -> Array:
        i, term, total = carry
        return term * (1 + i / n) > accuracy * total

    return n / b * _sum_of_ratios(ratio, jnp.full_like(n, _MOST), more)[2]


beta_binomial = Family(
    "BetaBinomial",
    _binomial_log_density,
    BetaBinomial,
    mean=_binomial_mean,
    variance=_binomial_variance,
    **by_tails(_binomial_log_tails),
)


beta_negative_binomial = counts(
    "BetaNegativeBinomial",
    BetaNegativeBinomial,
    _negative_log_mass,
    _negative_log_tails,
    mean=_negative_mean,
    variance=_negative_variance,
)
