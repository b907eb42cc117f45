"""Families on finitely many integers: Binomial, Bernoulli, DiscreteUniform."""

import math
from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._counts import as_real, is_count, log_odds, odds, times_log
from pathmix._families._limits import Limit, by_count, everywhere, mirrored, point_mass
from pathmix._families._protocol import Family, guarded, register, sharpen
from pathmix._special import deviance, log_betainc, stirling_error
from pathmix._typing import Reals, Value


class BinomialFamily(Family):
    """``P(X = n) = C(N, n) pⁿ (1−p)^(N−n)``; ``P(X > n) = I_p(n+1, N−n)``."""

    def __init__(self, parameter: str) -> None:
        self.parameters = (parameter, "total_count")  # type: ignore[misc]

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        inside = is_count(x) & (x <= d.total_count)
        return guarded(inside, lambda n: self._log_mass(d, n), x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        x, (p, q) = as_real(d, x), odds(d)
        below = self._between(d, x, lambda n: log_betainc(d.total_count - n, n + 1, q, p))
        return jnp.where(x >= d.total_count, 0.0, below)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        x, (p, q) = as_real(d, x), odds(d)
        above = self._between(d, x, lambda n: log_betainc(n + 1, d.total_count - n, p, q))
        return jnp.where(x < 0, 0.0, above)

    def mean(self, d: Distribution) -> Reals:
        return jnp.broadcast_to(d.total_count * odds(d)[0], d.shape())

    def variance(self, d: Distribution) -> Reals:
        p, q = odds(d)
        return jnp.broadcast_to(d.total_count * (p * q), d.shape())

    def _between(self, d: Distribution, x: Value, fn: Callable[[Reals], Reals]) -> Reals:
        return guarded((x >= 0) & (x < d.total_count), fn, jnp.floor(x), 0.0)

    def _log_mass(self, d: Distribution, n: Reals) -> Reals:
        return log_binomial(n, d.total_count - n, odds(d), log_odds(d))

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return the point masses at zero and at ``N`` that probabilities of zero and one are."""
        if "probs" not in d.arg_constraints:
            return None
        x, sure = as_real(d, x), d.probs == 1
        reached = sure | (d.probs == 0)
        rare = jnp.where(reached, jnp.where(sure, 1 - d.probs, d.probs), 0.0)
        mass = partial(_rare_mass, jnp.asarray(d.total_count, x.dtype), rare)
        low = point_mass(reached, mass, x)
        missing = d.total_count - jnp.floor(x)
        high = mirrored(point_mass(reached, mass, missing - 1))
        at_point = jnp.where(x == jnp.floor(x), mass(missing), 0.0)
        chosen = (
            jnp.where(sure, there, here)
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


def log_binomial(
    n: Reals, m: Reals, odds: tuple[Reals, Reals], log_odds: tuple[Reals, Reals]
) -> Reals:
    """Return ``log C(n+m, n) pⁿ qᵐ`` in Loader's saddle-point form."""
    (p, q), (log_p, log_q) = odds, log_odds
    inner = (n > 0) & (m > 0)
    k, j = jnp.where(inner, n, 1.0), jnp.where(inner, m, 1.0)
    saddle = stirling_error(k + j) - stirling_error(k) - stirling_error(j)
    saddle += 0.5 * jnp.log((k + j) / (2 * math.pi * k * j))
    saddle -= _log_deviance(k, k + j, p, log_p) + _log_deviance(j, k + j, q, log_q)
    return jnp.where(inner, saddle, times_log(n, log_p) + times_log(m, log_q))


def _log_deviance(k: Reals, n: Reals, p: Reals, log_p: Reals) -> Reals:
    """``k log(k/(np)) + np − k`` (Loader 2000), by ``log p`` where ``p`` is about to underflow."""
    tiny, never = p < 1e-20, log_p == -jnp.inf
    direct = k * (jnp.log(k / n) - jnp.where(tiny & ~never, log_p, -1.0)) + n * p - k
    finite = jnp.where(tiny, direct, deviance(k, n * jnp.where(tiny, 0.5, p)))
    return jnp.where(never, jnp.inf, finite)


class BernoulliFamily(Family):
    """``P(X = 1) = p``, ``P(X = 0) = 1 − p``."""

    def __init__(self, parameter: str) -> None:
        self.parameters = (parameter,)  # type: ignore[misc]

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_p, log_q = log_odds(d)
        return jnp.where(x == 1, log_p, jnp.where(x == 0, log_q, -jnp.inf))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x >= 1, 0.0, jnp.where(x >= 0, log_odds(d)[1], -jnp.inf))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x < 0, 0.0, jnp.where(x < 1, log_odds(d)[0], -jnp.inf))

    def variance(self, d: Distribution) -> Reals:
        p, q = odds(d)
        return p * q

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return the point masses that probabilities of zero and one are."""
        if "probs" not in d.arg_constraints:
            return None
        p, q = odds(d)
        mass = jnp.where(x == 1, p, jnp.where(x == 0, q, 0.0))
        below = jnp.where(x >= 1, 1.0, jnp.where(x >= 0, q, 0.0))
        above = jnp.where(x < 0, 1.0, jnp.where(x < 1, p, 0.0))
        return everywhere((p == 0) | (q == 0), mass, below, above)


class DiscreteUniformFamily(Family):
    """``P(X = n) = 1/(high − low + 1)`` for ``n = low, …, high``."""

    parameters = ("low", "high")

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        inside = (x >= d.low) & (x <= d.high) & (x == jnp.floor(x))
        return jnp.where(inside, -jnp.log(self._count(d, x)), -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        return jnp.where(x >= d.high, 0.0, self._log_share(d, x, sharpen))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        x = as_real(d, x)
        return jnp.where(x < d.low, 0.0, self._log_share(d, x, lambda f, s: sharpen(s, f)))

    def _count(self, d: Distribution, x: Value) -> Reals:
        return jnp.asarray(d.high - d.low + 1).astype(x.dtype)

    def _log_share(
        self, d: Distribution, x: Value, choose: Callable[[Reals, Reals], Reals]
    ) -> Reals:
        count = self._count(d, x)

        def share(n: Reals) -> Reals:
            return choose(jnp.log((n - d.low + 1) / count), jnp.log((d.high - n) / count))

        safe = jnp.asarray(d.low).astype(x.dtype)
        return guarded((x >= d.low) & (x < d.high), share, jnp.floor(x), safe)


register(BinomialFamily("probs"), dist.BinomialProbs)
register(BinomialFamily("logits"), dist.BinomialLogits)
register(BernoulliFamily("probs"), dist.BernoulliProbs)
register(BernoulliFamily("logits"), dist.BernoulliLogits)
register(DiscreteUniformFamily(), dist.DiscreteUniform)
