"""Families given by a table of masses, whose last axis runs over the categories."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Shaped

from pathmix._families._family import Family, Theta, guarded, sharpen
from pathmix._families._limits import Limit, Vanishing
from pathmix._families._odds import as_real, is_count, safe_log
from pathmix._special import expm1, log1mexp, log_sigmoids
from pathmix._typing import Flags, Reals, Table, Value
from pathmix._where import where

_FLOOR = -1e30
"""A logarithm below all others, but finite, so that sums of it have derivatives."""

TableFlags = Bool[Array, "*#batch category"]
Tables = Callable[[Theta], tuple[Table, Table, Table, TableFlags]]


def by_table(
    name: str,
    parameters: Callable[..., Theta],
    log_masses: Callable[[Theta], Table],
    log_tails: Callable[[Theta], tuple[Table, Table]],
    tables: Tables | None = None,
) -> Family:
    """Return the family whose ``P(X = n)`` is the n-th entry of a table.

    Args:
        name: That of the family.
        parameters: The class of its parameters.
        log_masses: ``log P(X = n)``, ``*batch k category``.
        log_tails: ``log P(X ≤ n)`` and ``log P(X > n)``, ``*batch k category``.
        tables: Masses and tails that may vanish, and which masses of zero have derivatives.
    """

    def log_density(theta: Theta, x: Value) -> Reals:
        x, table = as_real(theta, x), log_masses(theta)
        inside = is_count(x) & (x < table.shape[-1])
        return guarded(inside, lambda n: entry(table, n), x, 0.0)

    def log_cdf(theta: Theta, x: Value) -> Reals:
        x, (below, _) = as_real(theta, x), log_tails(theta)
        last = below.shape[-1] - 1
        inner = guarded((x >= 0) & (x < last), lambda n: entry(below, n), jnp.floor(x), 0.0)
        return where(x >= last, 0.0, inner)

    def log_survival(theta: Theta, x: Value) -> Reals:
        x, (_, above) = as_real(theta, x), log_tails(theta)
        inside = (x >= 0) & (x < above.shape[-1] - 1)
        inner = guarded(inside, lambda n: entry(above, n), jnp.floor(x), 0.0)
        return where(x < 0, 0.0, inner)

    def masses(theta: Theta) -> tuple[Table, Float[Array, " category"]]:
        p = jnp.exp(log_masses(theta))
        return p, jnp.arange(p.shape[-1], dtype=p.dtype)

    def mean(theta: Theta) -> Reals:
        p, n = masses(theta)
        return jnp.sum(p * n, axis=-1)

    def variance(theta: Theta) -> Reals:
        p, n = masses(theta)
        return jnp.sum(p * (n - jnp.sum(p * n, axis=-1, keepdims=True)) ** 2, axis=-1)

    return Family(
        name,
        log_density,
        parameters,
        log_cdf=log_cdf,
        log_survival=log_survival,
        mean=mean,
        variance=variance,
        limit=None if tables is None else lambda theta, x: _limit(tables(theta), as_real(theta, x)),
    )


def _limit(tables: tuple[Table, Table, Table, TableFlags], x: Reals) -> Limit:
    """The entries that are exactly zero, and the tails that hold no others."""
    mass, below, above, zero = tables
    n, last = jnp.floor(x), mass.shape[-1] - 1
    listed, inside = is_count(x) & (x <= last), (x >= 0) & (x < last)

    def at(table: Array, there: Flags) -> Array:
        return entry(table, where(there, n, 0.0))

    return Limit(
        Vanishing(listed & at(zero, listed), at(mass, listed)),
        Vanishing(inside & (at(below, inside) == 0), at(below, inside)),
        Vanishing(inside & (at(above, inside) == 0), at(above, inside)),
    )


def entry(table: Shaped[Array, "*#batch category"], n: Reals) -> Array:
    """Return ``table[..., n]`` with ``n`` broadcast against the batch."""
    batch = table.shape[:-1]
    n = jnp.broadcast_to(n, jnp.broadcast_shapes(n.shape, batch)).astype(int)
    grid = jnp.meshgrid(*map(jnp.arange, batch), indexing="ij", sparse=True)
    return table.at[(*grid, n)].get(mode="clip")


# ---- categorical by probabilities ----


class Probs(NamedTuple):
    """A table of probabilities, not necessarily normalised, ``*batch k category``."""

    probs: Reals


def _normalised(theta: Probs) -> Table:
    return theta.probs / jnp.sum(theta.probs, axis=-1, keepdims=True)


def _tails(p: Table) -> tuple[Table, Table]:
    """Sums up to each entry and of those after it."""
    axis = p.ndim - 1
    from_here = lax.cumsum(p, axis=axis, reverse=True)
    return lax.cumsum(p, axis=axis), _append(from_here[..., 1:], 0.0)


def _log_tails(theta: Probs) -> tuple[Table, Table]:
    low, high = _tails(_normalised(theta))
    below, above = safe_log(low), safe_log(high)
    # of a tail that is exactly zero the complement has no derivative
    lower = where(high == 0, below, sharpen(below, above))
    return lower, where(low == 0, above, sharpen(above, below))


def _tables(theta: Probs) -> tuple[Table, Table, Table, TableFlags]:
    p = _normalised(theta)
    return p, *_tails(p), p == 0


categorical = by_table(
    "Categorical",
    Probs,
    lambda theta: safe_log(_normalised(theta)),
    _log_tails,
    _tables,
)

# ---- categorical by logits ----


class Logits(NamedTuple):
    """A table of logarithms, up to a constant; −inf stands for an exact zero."""

    logits: Reals


def _log_softmax(theta: Logits) -> Table:
    return jax.nn.log_softmax(theta.logits, axis=-1)


def _log_tails_of_logits(theta: Logits) -> tuple[Table, Table]:
    table = jnp.maximum(_log_softmax(theta), _FLOOR)
    axis = table.ndim - 1
    below = lax.cumlogsumexp(table, axis=axis)
    from_here = lax.cumlogsumexp(table, axis=axis, reverse=True)
    above = _append(from_here[..., 1:], _FLOOR)
    below, above = (where(t > 0.1 * _FLOOR, t, -jnp.inf) for t in (below, above))
    return sharpen(below, above), sharpen(above, below)


categorical_by_logits = by_table("CategoricalLogits", Logits, _log_softmax, _log_tails_of_logits)

# ---- ordered logistic ----


class OrderedLogistic(NamedTuple):
    """``P(X ≤ n) = σ(cₙ − η)`` for ordered cutpoints ``c`` (McCullagh 1980).

    The mass between two cutpoints, ``σ(u) − σ(l)``, is ``σ(u) σ(−l) (1 − e^(l−u))``, which holds
    no difference but that of the cutpoints.
    """

    predictor: Reals
    cutpoints: Reals


def _ordered_log_masses(theta: OrderedLogistic) -> Table:
    below, above = log_sigmoids(_relative_cutpoints(theta))
    sides = _append(below, 0.0) + _prepend(above, 0.0)
    return sides + _prepend(_append(log1mexp(_gaps(theta)), 0.0), 0.0)


def _ordered_log_tails(theta: OrderedLogistic) -> tuple[Table, Table]:
    below, above = log_sigmoids(_relative_cutpoints(theta))
    return _append(below, 0.0), _append(above, -jnp.inf)


def _ordered_tables(theta: OrderedLogistic) -> tuple[Table, Table, Table, TableFlags]:
    u, gaps = _relative_cutpoints(theta), _gaps(theta)
    below, above = jax.nn.sigmoid(u), jax.nn.sigmoid(-u)
    inner = _prepend(_append(-expm1(gaps), 1.0), 1.0)
    mass = _append(below, 1.0) * _prepend(above, 1.0) * inner
    # the tails vanish nowhere, they only underflow, and are better known by their logarithms
    return mass, jnp.ones_like(mass), jnp.ones_like(mass), inner == 0


def _relative_cutpoints(theta: OrderedLogistic) -> Table:
    return theta.cutpoints - theta.predictor[..., None]


def _gaps(theta: OrderedLogistic) -> Table:
    """Each cutpoint but the last less the next one, for each predictor."""
    gaps = theta.cutpoints[..., :-1] - theta.cutpoints[..., 1:]
    batch = jnp.broadcast_shapes(gaps.shape[:-1], theta.predictor.shape)
    return jnp.broadcast_to(gaps, batch + gaps.shape[-1:])


def _append(table: Table, value: float) -> Float[Array, "*#batch longer"]:
    return jnp.concatenate([table, _column(table, value)], axis=-1)


def _prepend(table: Table, value: float) -> Float[Array, "*#batch longer"]:
    return jnp.concatenate([_column(table, value), table], axis=-1)


def _column(table: Table, value: float) -> Float[Array, "*#batch 1"]:
    return jnp.full((*table.shape[:-1], 1), value, table.dtype)


ordered_logistic = by_table(
    "OrderedLogistic",
    OrderedLogistic,
    _ordered_log_masses,
    _ordered_log_tails,
    _ordered_tables,
)
