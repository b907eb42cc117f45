"""Families on the non-negative integers: Poisson, the negative binomials, Geometric."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._exponential import log_cdf_of_hazard
from pathmix._families._limits import Limit, by_count, point_mass
from pathmix._families._protocol import Family, guarded, register
from pathmix._special import (
    log_beta_kernel,
    log_betainc,
    log_gammainc,
    log_gammaincc,
    log_poisson_kernel,
)
from pathmix._typing import Flags, Reals, Value


def as_real(d: Distribution, x: Value) -> Reals:
    """Return ``x`` as floats, of the precision of the parameters where it holds integers."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    dtypes = [jnp.result_type(leaf) for leaf in jax.tree.leaves(d)]
    floats = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    return x.astype(jnp.result_type(*floats) if floats else jnp.result_type(float))


def is_count(x: Value) -> Flags:
    """Whether ``x`` is a non-negative integer."""
    return (x >= 0) & (x == jnp.floor(x)) & (x < jnp.inf)


class CountFamily(Family):
    """A family on 0, 1, 2, …, given at counts; elsewhere by −inf and by the count below."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        return guarded(is_count(x), lambda n: self.log_mass(d, n), x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        inner = guarded(_in_range(x), lambda n: self.log_below(d, n), jnp.floor(x), 0.0)
        return jnp.where(x == jnp.inf, 0.0, inner)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        inner = guarded(_in_range(x), lambda n: self.log_above(d, n), jnp.floor(x), 0.0)
        return jnp.where(x < 0, 0.0, inner)

    def log_mass(self, d: Distribution, n: Reals) -> Reals:
        """Return ``log P(X = n)``."""
        raise NotImplementedError

    def log_below(self, d: Distribution, n: Reals) -> Reals:
        """Return ``log P(X ≤ n)``."""
        raise NotImplementedError

    def log_above(self, d: Distribution, n: Reals) -> Reals:
        """Return ``log P(X > n)``."""
        raise NotImplementedError


class PoissonFamily(CountFamily):
    """``P(X = n) = rate^n e^(−rate) / n!``."""

    parameters = ("rate",)

    def log_mass(self, d: Distribution, n: Reals) -> Reals:
        some = n > 0
        kernel = log_poisson_kernel(jnp.where(some, n, 1.0), d.rate)
        return jnp.where(some, kernel, -d.rate)

    def log_below(self, d: Distribution, n: Reals) -> Reals:
        return log_gammaincc(n + 1, d.rate)

    def log_above(self, d: Distribution, n: Reals) -> Reals:
        return log_gammainc(n + 1, d.rate)

    def limit(self, d: Distribution, x: Value) -> Limit:
        """Return the point mass at zero that a rate of zero is."""
        reached = d.rate == 0
        r = jnp.where(reached, d.rate, 0.0)

        def mass(n: Reals) -> Reals:
            return by_count(n, 1.0, r, r**2 / 2, r**3 / 6) * jnp.exp(-r)

        return point_mass(reached, mass, as_real(d, x))


class NegativeBinomialFamily(CountFamily):
    """A Poisson whose rate is Gamma(a, rate): ``P(X ≤ n) = I_p(a, n+1)``, ``p = rate/(1+rate)``."""

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters  # type: ignore[misc]

    def log_mass(self, d: Distribution, n: Reals) -> Reals:
        a, (p, q) = d.concentration, self._odds(d)
        proper = q > 0
        p, q = jnp.where(proper, p, 0.5), jnp.where(proper, q, 0.5)
        inner = log_beta_kernel(a, n + 1, p, q) - self._log_q(d, proper) - jnp.log(a + n)
        return jnp.where(proper, inner, jnp.where(n == 0, 0.0, -jnp.inf))

    def log_below(self, d: Distribution, n: Reals) -> Reals:
        return log_betainc(d.concentration, n + 1, *self._odds(d))

    def log_above(self, d: Distribution, n: Reals) -> Reals:
        p, q = self._odds(d)
        return log_betainc(n + 1, d.concentration, q, p)

    def _odds(self, d: Distribution) -> tuple[Reals, Reals]:
        finite = d.rate < jnp.inf
        rate = jnp.where(finite, d.rate, 1.0)
        return jnp.where(finite, rate / (1 + rate), 1.0), 1 / (1 + d.rate)

    def _log_q(self, d: Distribution, proper: Flags) -> Reals:
        return -jnp.log1p(jnp.where(proper, d.rate, 1.0))


class NegativeBinomialProbsFamily(NegativeBinomialFamily):
    """NegativeBinomialProbs, whose ``1/p − 1`` must not be squared once rounded."""

    def mean(self, d: Distribution) -> Reals:
        p, q = odds(d)
        return jnp.broadcast_to(d.total_count * p / q, d.shape())

    def variance(self, d: Distribution) -> Reals:
        return self.mean(d) / odds(d)[1]

    def limit(self, d: Distribution, x: Value) -> Limit:
        """Return the point mass at zero that a probability of zero is."""
        reached, size = d.probs == 0, d.total_count
        p = jnp.where(reached, d.probs, 0.0)
        pairs = size * (size + 1) / 2

        def mass(n: Reals) -> Reals:
            ways = by_count(n, 1.0, size * p, pairs * p**2, pairs * (size + 2) / 3 * p**3)
            return ways * jnp.exp(size * jnp.log1p(-p))

        return point_mass(reached, mass, as_real(d, x))

    def _odds(self, d: Distribution) -> tuple[Reals, Reals]:
        return odds(d)[::-1]

    def _log_q(self, d: Distribution, proper: Flags) -> Reals:
        return jnp.log(jnp.where(proper, d.probs, 0.5))


class GeometricFamily(CountFamily):
    """The failures before the first success: ``P(X > n) = (1 − p)^(n+1)``."""

    def __init__(self, parameter: str) -> None:
        self.parameters = (parameter,)  # type: ignore[misc]

    def log_mass(self, d: Distribution, n: Reals) -> Reals:
        log_p, log_q = log_odds(d)
        return log_p + times_log(n, log_q)

    def log_below(self, d: Distribution, n: Reals) -> Reals:
        _, log_q = log_odds(d)
        certain = log_q == -jnp.inf
        hazard = -jnp.where(certain, -1.0, log_q)
        return jnp.where(certain, 0.0, log_cdf_of_hazard(jnp.log(n + 1) + jnp.log(hazard)))

    def log_above(self, d: Distribution, n: Reals) -> Reals:
        return times_log(n + 1, log_odds(d)[1])

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return the point mass at zero that a probability of one is."""
        if "probs" not in d.arg_constraints:
            return None
        reached = d.probs == 1
        q = jnp.where(reached, 1 - d.probs, 0.0)

        def mass(n: Reals) -> Reals:
            return by_count(n, 1.0, q, q**2, q**3) * (1 - q)

        return point_mass(reached, mass, as_real(d, x))


def odds(d: Distribution) -> tuple[Reals, Reals]:
    """Return ``p`` and ``1 − p`` of a family with ``logits`` or ``probs``."""
    if "probs" in d.arg_constraints:
        return jnp.asarray(d.probs), jnp.asarray(1 - d.probs)
    return jax.nn.sigmoid(d.logits), jax.nn.sigmoid(-d.logits)


def log_odds(d: Distribution) -> tuple[Reals, Reals]:
    """Return ``log p`` and ``log(1 − p)`` of a family with ``logits`` or ``probs``."""
    if "probs" in d.arg_constraints:
        return safe_log(d.probs), safe_log1m(d.probs)
    return jax.nn.log_sigmoid(d.logits), jax.nn.log_sigmoid(-d.logits)


def safe_log(p: Reals) -> Reals:
    """Return ``log p``, with a zero rather than a NaN gradient where ``p = 0``."""
    return guarded(p > 0, jnp.log, jnp.asarray(p), 1.0)


def safe_log1m(p: Reals) -> Reals:
    """Return ``log(1 − p)``, with a zero rather than a NaN gradient where ``p = 1``."""
    return guarded(p < 1, lambda p: jnp.log1p(-p), jnp.asarray(p), 0.0)


def times_log(n: Reals, log_p: Reals) -> Reals:
    """Return ``n log p`` with ``0 log 0 = 0``; where ``p = 0``, without the infinite slope."""
    possible = log_p > -jnp.inf
    product = n * jnp.where((n > 0) & possible, log_p, 0.0)
    return jnp.where((n > 0) & ~possible, -jnp.inf, product)


def _in_range(x: Value) -> Flags:
    return (x >= 0) & (x < jnp.inf)


register(PoissonFamily(), dist.Poisson)
register(NegativeBinomialFamily("concentration", "rate"), dist.GammaPoisson)
register(NegativeBinomialProbsFamily("total_count", "probs"), dist.NegativeBinomialProbs)
register(NegativeBinomialFamily("total_count", "logits"), dist.NegativeBinomialLogits)
register(NegativeBinomialFamily("mean", "concentration"), dist.NegativeBinomial2)
register(GeometricFamily("probs"), dist.GeometricProbs)
register(GeometricFamily("logits"), dist.GeometricLogits)
