"""Families on the non-negative integers: Poisson, the negative binomials, Geometric."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp

from pathmix._families._exponential import log_cdf_of_hazard
from pathmix._families._family import (
    Family,
    OfValue,
    TailsOfValue,
    Theta,
    by_tails,
    guarded,
    guarded_tails,
)
from pathmix._families._limits import Limit, by_count, point_mass
from pathmix._families._odds import Odds, as_real, is_count, times_log
from pathmix._special import (
    gamma_deviance,
    log_beta_kernel,
    log_beta_tails,
    log_gamma_tails,
    log_poisson_peak,
)
from pathmix._typing import Reals, Value
from pathmix._where import where


def counts(
    name: str,
    parameters: Callable[..., Theta],
    log_mass: OfValue,
    log_tails: TailsOfValue,
    **more: Any,
) -> Family:
    """Return a family on 0, 1, 2, … by ``log P(X = n)``, and ``log P(X ≤ n)``, ``log P(X > n)``.

    They are asked at counts alone. Elsewhere the mass is zero and the tails are those of the count
    below.
    """

    def log_density(theta: Theta, x: Value) -> Reals:
        x = as_real(theta, x)
        return guarded(is_count(x), lambda n: log_mass(theta, n), x, 0.0)

    def tails(theta: Theta, x: Value) -> tuple[Reals, Reals]:
        x = as_real(theta, x)
        inside, at = (x >= 0) & (x < jnp.inf), lambda n: log_tails(theta, n)
        return guarded_tails(inside, at, jnp.floor(x), 0.0, x == jnp.inf)

    return Family(name, log_density, parameters, **by_tails(tails), **more)


# ---- Poisson ----


class Poisson(NamedTuple):
    """Parameters."""

    rate: Reals


def _poisson_mass(theta: Poisson, n: Reals) -> Reals:
    """``P(X = n) = rate^n e^(−rate) / n!``."""
    some, proper = n > 0, (theta.rate > 0) & (theta.rate < jnp.inf)
    n, rate = where(some, n, 1.0), where(proper, theta.rate, 1.0)
    # as a function of its rate it is a Gamma density of rate one
    kernel = log_poisson_peak(n) - gamma_deviance(n, jnp.ones_like(rate), rate)
    return where(some, where(proper, kernel, -jnp.inf), -theta.rate)


def _poisson_limit(theta: Poisson, x: Value) -> Limit:
    """The point mass at zero that a rate of zero is."""
    reached = theta.rate == 0
    r = where(reached, theta.rate, 0.0)

    def mass(n: Reals) -> Reals:
        return by_count(n, 1.0, r, r**2 / 2, r**3 / 6) * jnp.exp(-r)

    return point_mass(reached, mass, as_real(theta, x))


poisson = counts(
    "Poisson",
    Poisson,
    _poisson_mass,
    lambda theta, n: log_gamma_tails(n + 1, theta.rate)[::-1],
    limit=_poisson_limit,
    mean=lambda theta: theta.rate,
    variance=lambda theta: theta.rate,
)

# ---- negative binomial ----


class NegativeBinomial(NamedTuple):
    """A Poisson whose rate is Gamma(size, p/q): ``P(X ≤ n) = I_p(size, n+1)``, ``q = 1 − p``."""

    size: Reals
    p: Reals
    q: Reals
    log_q: Reals
    """The logarithm where ``q`` is positive."""


def _negative_binomial_mass(theta: NegativeBinomial, n: Reals) -> Reals:
    proper = theta.q > 0
    p, q = where(proper, theta.p, 0.5), where(proper, theta.q, 0.5)
    inner = log_beta_kernel(theta.size, n + 1, p, q) - theta.log_q - jnp.log(theta.size + n)
    return where(proper, inner, where(n == 0, 0.0, -jnp.inf))


def _negative_binomial_mean(theta: NegativeBinomial) -> Reals:
    return theta.size * theta.q / theta.p


negative_binomial = counts(
    "NegativeBinomial",
    NegativeBinomial,
    _negative_binomial_mass,
    lambda theta, n: log_beta_tails(theta.size, n + 1, theta.p, theta.q),
    mean=_negative_binomial_mean,
    variance=lambda theta: _negative_binomial_mean(theta) / theta.p,
)


def size_and_rate(size: Reals, rate: Reals) -> NegativeBinomial:
    """Return the parameters of the one whose Poisson rate is Gamma(size, rate)."""
    finite = rate < jnp.inf
    some = where(finite, rate, 1.0)
    p, q = where(finite, some / (1 + some), 1.0), 1 / (1 + rate)
    return NegativeBinomial(size, p, q, -jnp.log1p(where(q > 0, rate, 1.0)))


def size_and_probs(total_count: Reals, probs: Reals) -> NegativeBinomial:
    """Return the parameters of the count of successes before ``total_count`` failures."""
    log_q = jnp.log(where(probs > 0, probs, 0.5))
    return NegativeBinomial(total_count, 1 - probs, probs, log_q)


def _negative_binomial_limit(theta: NegativeBinomial, x: Value) -> Limit:
    """The point mass at zero that a probability of zero is."""
    reached, size = theta.q == 0, theta.size
    p = where(reached, theta.q, 0.0)
    pairs = size * (size + 1) / 2

    def mass(n: Reals) -> Reals:
        ways = by_count(n, 1.0, size * p, pairs * p**2, pairs * (size + 2) / 3 * p**3)
        return ways * jnp.exp(size * jnp.log1p(-p))

    return point_mass(reached, mass, as_real(theta, x))


negative_binomial_by_probs = replace(negative_binomial, limit=_negative_binomial_limit)

# ---- geometric ----


class Geometric(NamedTuple):
    """The failures before the first success: ``P(X > n) = (1 − p)^(n+1)``."""

    odds: Odds


def _geometric_mass(theta: Geometric, n: Reals) -> Reals:
    return theta.odds.log_p + times_log(n, theta.odds.log_q)


def _geometric_below(theta: Geometric, n: Reals) -> Reals:
    log_q = theta.odds.log_q
    certain = log_q == -jnp.inf
    hazard = -where(certain, -1.0, log_q)
    return where(certain, 0.0, log_cdf_of_hazard(jnp.log(n + 1) + jnp.log(hazard)))


def _geometric_limit(theta: Geometric, x: Value) -> Limit:
    """The point mass at zero that a probability of one is."""
    reached = theta.odds.p == 1
    q = where(reached, theta.odds.q, 0.0)

    def mass(n: Reals) -> Reals:
        return by_count(n, 1.0, q, q**2, q**3) * (1 - q)

    return point_mass(reached, mass, as_real(theta, x))


geometric = counts(
    "Geometric",
    Geometric,
    _geometric_mass,
    lambda theta, n: (_geometric_below(theta, n), times_log(n + 1, theta.odds.log_q)),
    limit=_geometric_limit,
    mean=lambda theta: theta.odds.q / theta.odds.p,
    variance=lambda theta: theta.odds.q / theta.odds.p**2,
)
geometric_by_logits = replace(geometric, limit=None)
