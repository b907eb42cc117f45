"""Families on finitely many integers: Binomial, Bernoulli, DiscreteUniform."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._family import Family, by_tails, guarded, guarded_tails, sharpen
from pathmix._families._limits import Limit, by_count, everywhere, mirrored, point_mass
from pathmix._families._odds import Odds, as_real, is_count, times_log
from pathmix._special import deviance, log_beta_tails, stirling_error
from pathmix._typing import Reals, Value
from pathmix._where import where


class Binomial(NamedTuple):
    """``P(X = n) = C(N, n) pⁿ (1−p)^(N−n)``; ``P(X > n) = I_p(n+1, N−n)``."""

    odds: Odds
    total_count: Reals


def _binomial_log_density(theta: Binomial, x: Value) -> Reals:
    x = as_real(theta, x)
    inside = is_count(x) & (x <= theta.total_count)
    return guarded(inside, lambda n: _log_mass(theta, n), x, 0.0)


def _log_mass(theta: Binomial, n: Reals) -> Reals:
    return log_binomial(n, theta.total_count - n, theta.odds)


def _binomial_log_tails(theta: Binomial, x: Value) -> tuple[Reals, Reals]:
    x, odds, total = as_real(theta, x), theta.odds, theta.total_count
    at = lambda n: log_beta_tails(total - n, n + 1, odds.q, odds.p)  # noqa: E731
    return guarded_tails((x >= 0) & (x < total), at, jnp.floor(x), 0.0, x >= total)


def _binomial_limit(theta: Binomial, x: Value) -> Limit:
    """The point masses at zero and at ``N`` that probabilities of zero and one are."""
    x, sure = as_real(theta, x), theta.odds.p == 1
    reached = sure | (theta.odds.p == 0)
    rare = where(reached, where(sure, theta.odds.q, theta.odds.p), 0.0)
    mass = partial(_rare_mass, theta.total_count.astype(x.dtype), rare)
    low = point_mass(reached, mass, x)
    missing = theta.total_count - jnp.floor(x)
    high = mirrored(point_mass(reached, mass, missing - 1))
    at_point = where(x == jnp.floor(x), mass(missing), 0.0)
    chosen = (
        where(sure, there, here)
        for here, there in (
            (low.mass.value, at_point),
            (low.below.value, high.below.value),
            (low.above.value, high.above.value),
        )
    )
    return everywhere(reached, *chosen)


def _rare_mass(total: Reals, p: Reals, n: Reals) -> Reals:
    """``C(N, n) pⁿ (1−p)^(N−n)``, up to the third power of ``p`` about zero."""
    pairs = total * (total - 1) / 2
    ways = by_count(n, 1.0, total * p, pairs * p**2, pairs * (total - 2) / 3 * p**3)
    return ways * jnp.exp((total - n) * jnp.log1p(-p))


def log_binomial(n: Reals, m: Reals, odds: Odds) -> Reals:
    """Return ``log C(n+m, n) pⁿ qᵐ`` in Loader's saddle-point form."""
    p, q, log_p, log_q = odds
    inner = (n > 0) & (m > 0)
    k, j = where(inner, n, 1.0), where(inner, m, 1.0)
    saddle = stirling_error(k + j) - stirling_error(k) - stirling_error(j)
    saddle += 0.5 * jnp.log((k + j) / (2 * math.pi * k * j))
    saddle -= _log_deviance(k, k + j, p, log_p) + _log_deviance(j, k + j, q, log_q)
    return where(inner, saddle, times_log(n, log_p) + times_log(m, log_q))


def _log_deviance(k: Reals, n: Reals, p: Reals, log_p: Reals) -> Reals:
    """``k log(k/(np)) + np − k`` (Loader 2000), by ``log p`` where ``p`` is about to underflow."""
    tiny, never = p < 1e-20, log_p == -jnp.inf
    direct = k * (jnp.log(k / n) - where(tiny & ~never, log_p, -1.0)) + n * p - k
    finite = where(tiny, direct, deviance(k, n * where(tiny, 0.5, p)))
    return where(never, jnp.inf, finite)


binomial = Family(
    "Binomial",
    _binomial_log_density,
    Binomial,
    **by_tails(_binomial_log_tails),
    mean=lambda theta: theta.total_count * theta.odds.p,
    variance=lambda theta: theta.total_count * (theta.odds.p * theta.odds.q),
    limit=_binomial_limit,
)
binomial_by_logits = replace(binomial, limit=None)

# ---- Bernoulli ----


class Bernoulli(NamedTuple):
    """``P(X = 1) = p``, ``P(X = 0) = 1 − p``."""

    odds: Odds


def _bernoulli_log_density(theta: Bernoulli, x: Value) -> Reals:
    log_p, log_q = theta.odds.log_p, theta.odds.log_q
    return where(x == 1, log_p, where(x == 0, log_q, -jnp.inf))


def _bernoulli_log_cdf(theta: Bernoulli, x: Value) -> Reals:
    return where(x >= 1, 0.0, where(x >= 0, theta.odds.log_q, -jnp.inf))


def _bernoulli_log_survival(theta: Bernoulli, x: Value) -> Reals:
    return where(x < 0, 0.0, where(x < 1, theta.odds.log_p, -jnp.inf))


def _bernoulli_limit(theta: Bernoulli, x: Value) -> Limit:
    """The point masses that probabilities of zero and one are."""
    p, q = theta.odds.p, theta.odds.q
    mass = where(x == 1, p, where(x == 0, q, 0.0))
    below = where(x >= 1, 1.0, where(x >= 0, q, 0.0))
    above = where(x < 0, 1.0, where(x < 1, p, 0.0))
    return everywhere((p == 0) | (q == 0), mass, below, above)


bernoulli = Family(
    "Bernoulli",
    _bernoulli_log_density,
    Bernoulli,
    log_cdf=_bernoulli_log_cdf,
    log_survival=_bernoulli_log_survival,
    mean=lambda theta: theta.odds.p,
    variance=lambda theta: theta.odds.p * theta.odds.q,
    limit=_bernoulli_limit,
)
bernoulli_by_logits = replace(bernoulli, limit=None)

# ---- discrete uniform ----


class DiscreteUniform(NamedTuple):
    """``P(X = n) = 1/(high − low + 1)`` for ``n = low, …, high``."""

    low: Reals
    high: Reals


def _uniform_log_density(theta: DiscreteUniform, x: Value) -> Reals:
    x = as_real(theta, x)
    inside = (x >= theta.low) & (x <= theta.high) & (x == jnp.floor(x))
    return where(inside, -jnp.log(_count(theta, x)), -jnp.inf)


def _uniform_log_cdf(theta: DiscreteUniform, x: Value) -> Reals:
    x = as_real(theta, x)
    return where(x >= theta.high, 0.0, _log_share(theta, x, sharpen))


def _uniform_log_survival(theta: DiscreteUniform, x: Value) -> Reals:
    x = as_real(theta, x)
    return where(x < theta.low, 0.0, _log_share(theta, x, lambda f, s: sharpen(s, f)))


def _count(theta: DiscreteUniform, x: Value) -> Reals:
    return (theta.high - theta.low + 1).astype(x.dtype)


def _log_share(theta: DiscreteUniform, x: Value, choose: Callable[[Reals, Reals], Reals]) -> Reals:
    count = _count(theta, x)

    def share(n: Reals) -> Reals:
        return choose(jnp.log((n - theta.low + 1) / count), jnp.log((theta.high - n) / count))

    inside = (x >= theta.low) & (x < theta.high)
    return guarded(inside, share, jnp.floor(x), theta.low.astype(x.dtype))


discrete_uniform = Family(
    "DiscreteUniform",
    _uniform_log_density,
    DiscreteUniform,
    log_cdf=_uniform_log_cdf,
    log_survival=_uniform_log_survival,
    mean=lambda theta: as_real(theta, theta.low + theta.high) / 2,
    variance=lambda theta: (as_real(theta, theta.high - theta.low + 1) ** 2 - 1) / 12,
)
