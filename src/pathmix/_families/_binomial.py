"""Families on finitely many integers: Binomial, Bernoulli, Categorical."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import Distribution

from pathmix._families._counts import is_count, log_odds, odds, safe_log, times_log
from pathmix._families._protocol import Family, guarded, register, sharpen
from pathmix._special import deviance, log_betainc, stirling_error
from pathmix._typing import Reals, Value


class BinomialFamily(Family):
    """``P(X = n) = C(N, n) pⁿ (1−p)^(N−n)``; ``P(X > n) = I_p(n+1, N−n)``."""

    def __init__(self, parameter: str) -> None:
        self.parameters = (parameter, "total_count")  # type: ignore[misc]

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = is_count(x) & (x <= d.total_count)
        return guarded(inside, lambda n: self._log_mass(d, n), x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        p, q = odds(d)
        below = self._between(d, x, lambda n: log_betainc(d.total_count - n, n + 1, q, p))
        return jnp.where(x >= d.total_count, 0.0, below)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        p, q = odds(d)
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
        m = d.total_count - n
        (p, q), (log_p, log_q) = odds(d), log_odds(d)
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


class DiscreteUniformFamily(Family):
    """``P(X = n) = 1/(high − low + 1)`` for ``n = low, …, high``."""

    parameters = ("low", "high")

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = (x >= d.low) & (x <= d.high) & (x == jnp.floor(x))
        return jnp.where(inside, -jnp.log(self._count(d, x)), -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x >= d.high, 0.0, self._log_share(d, x, sharpen))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
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


class CategoricalFamily(Family):
    """``P(X = n)`` is the n-th entry of a table, whose last axis runs over the categories."""

    def __init__(self, parameter: str) -> None:
        self.parameters = (parameter,)  # type: ignore[misc]

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = is_count(x) & (x < _num_categories(d))
        return guarded(inside, lambda n: _entry(_log_table(d), d, n), x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x >= _num_categories(d) - 1, 0.0, self._log_share(d, x, sharpen))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x < 0, 0.0, self._log_share(d, x, lambda f, s: sharpen(s, f)))

    def _log_share(
        self, d: Distribution, x: Value, choose: Callable[[Reals, Reals], Reals]
    ) -> Reals:
        table = _log_table(d)
        below = lax.cumlogsumexp(table, axis=table.ndim - 1)
        from_here = lax.cumlogsumexp(table, axis=table.ndim - 1, reverse=True)
        inside = (x >= 0) & (x < _num_categories(d) - 1)
        return guarded(
            inside,
            lambda n: choose(_entry(below, d, n), _entry(from_here, d, n + 1)),
            jnp.floor(x),
            0.0,
        )

    def mean(self, d: Distribution) -> Reals:
        p, n = _table(d)
        return jnp.sum(p * n, axis=-1)

    def variance(self, d: Distribution) -> Reals:
        p, n = _table(d)
        return jnp.sum(p * (n - jnp.sum(p * n, axis=-1, keepdims=True)) ** 2, axis=-1)


def _num_categories(d: Distribution) -> int:
    name = "probs" if "probs" in d.arg_constraints else "logits"
    return jnp.shape(getattr(d, name))[-1]


def _log_table(d: Distribution) -> Reals:
    if "probs" in d.arg_constraints:
        table = safe_log(d.probs / jnp.sum(d.probs, axis=-1, keepdims=True))
    else:
        table = jax.nn.log_softmax(d.logits, axis=-1)
    return jnp.broadcast_to(table, d.batch_shape + table.shape[-1:])


def _table(d: Distribution) -> tuple[Reals, Reals]:
    p = jnp.exp(_log_table(d))
    return p, jnp.arange(p.shape[-1], dtype=p.dtype)


def _entry(table: Reals, d: Distribution, n: Reals) -> Reals:
    """``table[..., n]`` with ``n`` broadcast against the batch."""
    n = jnp.broadcast_to(n, jnp.broadcast_shapes(n.shape, d.batch_shape)).astype(int)
    grid = jnp.meshgrid(*map(jnp.arange, d.batch_shape), indexing="ij", sparse=True)
    return table.at[(*grid, n)].get(mode="clip")


register(BinomialFamily("probs"), dist.BinomialProbs)
register(BinomialFamily("logits"), dist.BinomialLogits)
register(BernoulliFamily("probs"), dist.BernoulliProbs)
register(BernoulliFamily("logits"), dist.BernoulliLogits)
register(CategoricalFamily("probs"), dist.CategoricalProbs)
register(CategoricalFamily("logits"), dist.CategoricalLogits)
register(DiscreteUniformFamily(), dist.DiscreteUniform)
