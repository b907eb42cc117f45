"""Families given by a table of masses, whose last axis runs over the categories."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families._counts import as_real, is_count, safe_log
from pathmix._families._limits import Limit, Vanishing
from pathmix._families._protocol import Family, guarded, register, sharpen
from pathmix._special import log1mexp
from pathmix._typing import Flags, Reals, Value

_FLOOR = -1e30
"""A logarithm below all others, but finite, so that sums of it have derivatives."""


class TableFamily(Family):
    """``P(X = n)`` is the n-th entry of a table, whose last axis runs over the categories."""

    def log_masses(self, d: Distribution) -> Reals:
        """Return ``log P(X = n)``, ``*batch k category``."""
        raise NotImplementedError

    def log_tails(self, d: Distribution) -> tuple[Reals, Reals]:
        """Return ``log P(X ≤ n)`` and ``log P(X > n)``, ``*batch k category``."""
        raise NotImplementedError

    def tables(self, d: Distribution) -> tuple[Reals, Reals, Reals, Flags] | None:
        """Return masses and tails that may vanish, and which masses of zero have derivatives."""
        raise NotImplementedError

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        x, table = as_real(d, x), self.log_masses(d)
        inside = is_count(x) & (x < table.shape[-1])
        return guarded(inside, lambda n: entry(table, d, n), x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        x, (below, _) = as_real(d, x), self.log_tails(d)
        last = below.shape[-1] - 1
        inner = guarded((x >= 0) & (x < last), lambda n: entry(below, d, n), jnp.floor(x), 0.0)
        return jnp.where(x >= last, 0.0, inner)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        x, (_, above) = as_real(d, x), self.log_tails(d)
        inside = (x >= 0) & (x < above.shape[-1] - 1)
        inner = guarded(inside, lambda n: entry(above, d, n), jnp.floor(x), 0.0)
        return jnp.where(x < 0, 0.0, inner)

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return the entries that are exactly zero, and the tails that hold no others."""
        tables = self.tables(d)
        if tables is None:
            return None
        mass, below, above, zero = tables
        x, n, last = as_real(d, x), jnp.floor(as_real(d, x)), mass.shape[-1] - 1
        listed, inside = is_count(x) & (x <= last), (x >= 0) & (x < last)

        def at(table: Array, where: Flags) -> Array:
            return entry(table, d, jnp.where(where, n, 0.0))

        return Limit(
            Vanishing(listed & at(zero, listed), at(mass, listed)),
            Vanishing(inside & (at(below, inside) == 0), at(below, inside)),
            Vanishing(inside & (at(above, inside) == 0), at(above, inside)),
        )

    def mean(self, d: Distribution) -> Reals:
        p, n = self._table(d)
        return jnp.sum(p * n, axis=-1)

    def variance(self, d: Distribution) -> Reals:
        p, n = self._table(d)
        return jnp.sum(p * (n - jnp.sum(p * n, axis=-1, keepdims=True)) ** 2, axis=-1)

    def _table(self, d: Distribution) -> tuple[Reals, Reals]:
        p = jnp.exp(self.log_masses(d))
        return p, jnp.arange(p.shape[-1], dtype=p.dtype)


class CategoricalProbsFamily(TableFamily):
    """A table of probabilities, not necessarily normalised."""

    parameters = ("probs",)

    def log_masses(self, d: Distribution) -> Reals:
        return safe_log(_normalised(d))

    def log_tails(self, d: Distribution) -> tuple[Reals, Reals]:
        low, high = _tails(_normalised(d))
        below, above = safe_log(low), safe_log(high)
        # of a tail that is exactly zero the complement has no derivative
        lower = jnp.where(high == 0, below, sharpen(below, above))
        return lower, jnp.where(low == 0, above, sharpen(above, below))

    def tables(self, d: Distribution) -> tuple[Reals, Reals, Reals, Flags] | None:
        p = _normalised(d)
        return p, *_tails(p), p == 0


class CategoricalLogitsFamily(TableFamily):
    """A table of logarithms, up to a constant; −inf stands for an exact zero."""

    parameters = ("logits",)

    def log_masses(self, d: Distribution) -> Reals:
        table = jax.nn.log_softmax(d.logits, axis=-1)
        return jnp.broadcast_to(table, d.batch_shape + table.shape[-1:])

    def log_tails(self, d: Distribution) -> tuple[Reals, Reals]:
        table = jnp.maximum(self.log_masses(d), _FLOOR)
        axis = table.ndim - 1
        below = lax.cumlogsumexp(table, axis=axis)
        from_here = lax.cumlogsumexp(table, axis=axis, reverse=True)
        above = _append(from_here[..., 1:], _FLOOR)
        below, above = (jnp.where(t > 0.1 * _FLOOR, t, -jnp.inf) for t in (below, above))
        return sharpen(below, above), sharpen(above, below)

    def tables(self, d: Distribution) -> None:
        return None


class OrderedLogisticFamily(TableFamily):
    """``P(X ≤ n) = σ(cₙ − η)`` for ordered cutpoints ``c`` (McCullagh 1980).

    The mass between two cutpoints, ``σ(u) − σ(l)``, is ``σ(u) σ(−l) (1 − e^(l−u))``, which holds
    no difference but that of the cutpoints.
    """

    parameters = ("predictor", "cutpoints")

    def log_masses(self, d: Distribution) -> Reals:
        u = _relative_cutpoints(d)
        sides = _append(jax.nn.log_sigmoid(u), 0.0) + _prepend(jax.nn.log_sigmoid(-u), 0.0)
        return sides + _prepend(_append(log1mexp(_gaps(d)), 0.0), 0.0)

    def log_tails(self, d: Distribution) -> tuple[Reals, Reals]:
        u = _relative_cutpoints(d)
        below, above = jax.nn.log_sigmoid(u), jax.nn.log_sigmoid(-u)
        return _append(below, 0.0), _append(above, -jnp.inf)

    def tables(self, d: Distribution) -> tuple[Reals, Reals, Reals, Flags] | None:
        u, gaps = _relative_cutpoints(d), _gaps(d)
        below, above = jax.nn.sigmoid(u), jax.nn.sigmoid(-u)
        inner = _prepend(_append(-jnp.expm1(gaps), 1.0), 1.0)
        mass = _append(below, 1.0) * _prepend(above, 1.0) * inner
        # the tails vanish nowhere, they only underflow, and are better known by their logarithms
        return mass, jnp.ones_like(mass), jnp.ones_like(mass), inner == 0


def entry(table: Array, d: Distribution, n: Reals) -> Array:
    """Return ``table[..., n]`` with ``n`` broadcast against the batch."""
    n = jnp.broadcast_to(n, jnp.broadcast_shapes(n.shape, d.batch_shape)).astype(int)
    grid = jnp.meshgrid(*map(jnp.arange, d.batch_shape), indexing="ij", sparse=True)
    return table.at[(*grid, n)].get(mode="clip")


def _normalised(d: Distribution) -> Reals:
    p = d.probs / jnp.sum(d.probs, axis=-1, keepdims=True)
    return jnp.broadcast_to(p, d.batch_shape + p.shape[-1:])


def _tails(p: Reals) -> tuple[Reals, Reals]:
    """Sums up to each entry and of those after it."""
    axis = p.ndim - 1
    from_here = lax.cumsum(p, axis=axis, reverse=True)
    return lax.cumsum(p, axis=axis), _append(from_here[..., 1:], 0.0)


def _relative_cutpoints(d: Distribution) -> Reals:
    u = d.cutpoints - d.predictor[..., None]
    return jnp.broadcast_to(u, d.batch_shape + u.shape[-1:])


def _gaps(d: Distribution) -> Reals:
    """Each cutpoint but the last less the next one."""
    gaps = d.cutpoints[..., :-1] - d.cutpoints[..., 1:]
    return jnp.broadcast_to(gaps, d.batch_shape + gaps.shape[-1:])


def _append(table: Reals, value: float) -> Reals:
    return jnp.concatenate([table, _column(table, value)], axis=-1)


def _prepend(table: Reals, value: float) -> Reals:
    return jnp.concatenate([_column(table, value), table], axis=-1)


def _column(table: Reals, value: float) -> Reals:
    return jnp.full((*table.shape[:-1], 1), value, table.dtype)


register(CategoricalProbsFamily(), dist.CategoricalProbs)
register(CategoricalLogitsFamily(), dist.CategoricalLogits)
register(OrderedLogisticFamily(), dist.OrderedLogistic)
