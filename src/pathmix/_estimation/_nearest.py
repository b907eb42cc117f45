"""Which rows lie together: k-means from rows that lie far from each other.

Rows are chosen by k-means++ (Arthur & Vassilvitskii 2007): each with a probability that grows with
its squared distance to those chosen before.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from pathmix._estimation._compiling import quickly
from pathmix._estimation._data import Data
from pathmix._typing import Reals
from pathmix._where import where

There = Bool[Array, " k"]
_ROUNDS = 10
"""Rounds of k-means, in every other of several starts: they lead many of them to the same place."""


@quickly(static_argnames=("k", "num_starts"))
def nearest_of(
    key: Array, rows: Data, count: Array, k: int, num_starts: int
) -> Int[Array, "starts n"]:
    """Return which of ``count`` centres, among ``k``, each row is nearest to, for several starts.

    It says nothing of components: one program serves all families of the same data.
    """
    rounds = where(jnp.arange(num_starts) % 2 == 0, _ROUNDS, 0)
    x, there = _flat(rows), jnp.arange(k) < count
    one = lambda key, rounds: _nearest(key, rounds, x, rows.weights, there)  # noqa: E731
    return jax.vmap(one)(jax.random.split(key, num_starts), rounds)


def _flat(rows: Data) -> Float[Array, "n e"]:
    """Rows of numbers in units of their spread; what is missing is the mean."""
    x = rows.x.reshape(len(rows.x), -1)
    observed = None if rows.observed is None else rows.observed.reshape(x.shape)
    mean, spread = columns_of(x, rows.weights, observed)
    away = (x - mean) / where(spread > 0, spread, 1.0)
    return away if observed is None else observed * away


def columns_of(
    x: Float[Array, "n e"], weights: Reals, observed: Bool[Array, "n e"] | None
) -> tuple[Float[Array, " e"], Float[Array, " e"]]:
    """The mean and the spread of what was seen of each column."""
    weight = weights[:, None] * (jnp.ones_like(x) if observed is None else observed)
    total = jnp.maximum(jnp.sum(weight, axis=0), jnp.finfo(x.dtype).tiny)
    mean = jnp.sum(weight * x, axis=0) / total
    return mean, jnp.sqrt(jnp.sum(weight * (x - mean) ** 2, axis=0) / total)


def _nearest(
    key: Array, rounds: Array, x: Float[Array, "n e"], weights: Reals, there: There
) -> Int[Array, " n"]:
    """Which of some centres each row is nearest to: k-means from rows that k-means++ chooses."""

    def choose(carry: tuple[Array, Array], key: Array) -> tuple[tuple[Array, Array], Array]:
        nearest, first = carry
        chance = where(first, weights, weights * nearest)
        chance = where(jnp.sum(chance) > 0, chance, weights)  # all rows are chosen ones
        centre = x[jax.random.categorical(key, jnp.log(chance))]
        return (jnp.minimum(nearest, _squares(x, centre)), jnp.zeros_like(first)), centre

    def improve(i: Array, centres: Array) -> Array:
        own = (_closest(x, centres, there) == jnp.arange(len(there))[:, None]) * weights
        total = jnp.sum(own, axis=1, keepdims=True)
        moves = (total > 0) & (i < rounds)
        return where(moves, own @ x / where(total > 0, total, 1.0), centres)

    begin = jnp.ones(len(x), x.dtype), jnp.array(True)  # noqa: FBT003
    centres = lax.scan(choose, begin, jax.random.split(key, len(there)))[1]
    return _closest(x, lax.fori_loop(0, _ROUNDS, improve, centres), there)


def _squares(x: Float[Array, "n e"], centre: Float[Array, " e"]) -> Float[Array, " n"]:
    return jnp.sum((x - centre) ** 2, axis=-1)


def _closest(x: Float[Array, "n e"], centres: Float[Array, "k e"], there: There) -> Array:
    squares = lax.map(lambda centre: _squares(x, centre), centres)
    return jnp.argmin(where(there[:, None], squares, jnp.inf), axis=0)
