"""Assignment problems: the permutation of which the sum of entries is the largest."""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from pathmix._where import where


class _Partial(NamedTuple):
    """Rows assigned so far, with prices that make their columns the cheapest for them."""

    column: Int[Array, " k"]
    """The column of each row, −1 of those that have none yet."""
    row: Int[Array, " k"]
    """The row of each column, likewise."""
    of_rows: Float[Array, " k"]
    of_columns: Float[Array, " k"]


class _Search(NamedTuple):
    """Shortest paths from a free row, as far as they are known."""

    distance: Float[Array, " k"]
    """To each column."""
    before: Int[Array, " k"]
    """The row from which a path reaches the column."""
    settled: Bool[Array, " k"]
    last: Int[Array, ""]
    """The column that was settled last: the end, if it is free."""


def assignment(gain: Float[Array, "k k"]) -> Int[Array, " k"]:
    """Return for each row its column, the permutation with the largest sum of entries.

    Exact up to rounding, by shortest augmenting paths with prices (Kuhn 1955; Jonker and Volgenant
    1987), in at most ``k³`` steps of arithmetic. One program for all ``k``, made to be mapped over
    by ``jax.vmap``.
    """
    k = len(gain)
    cost = jnp.nan_to_num(jnp.max(gain) - gain)  # a search must end, whatever it is given
    none, free = jnp.full(k, -1), jnp.zeros(k, cost.dtype)
    start = _Partial(none, none, free, free)
    return lax.fori_loop(0, k, partial(_with_row, cost), start).column


def _with_row(cost: Float[Array, "k k"], i: Int[Array, ""], now: _Partial) -> _Partial:
    """Assign one row more, moving others along the shortest path to a free column."""
    paths = _search(cost, i, now)
    # settled columns become as much cheaper as they were nearer than the end, and so do their rows
    nearer = where(paths.settled, paths.distance[paths.last] - paths.distance, 0.0)
    taken = where(paths.settled & (now.row >= 0), now.row, len(cost))
    of_rows = now.of_rows.at[taken].add(nearer, mode="drop").at[i].add(paths.distance[paths.last])
    column, row = _moved(now, paths, i)
    return _Partial(column, row, of_rows, now.of_columns - nearer)


def _search(cost: Float[Array, "k k"], i: Int[Array, ""], now: _Partial) -> _Search:
    """Paths from row ``i`` until a free column is settled (Dijkstra 1959)."""

    def look(paths: _Search, row: Int[Array, ""], so_far: Float[Array, ""]) -> _Search:
        through = so_far + cost[row] - now.of_rows[row] - now.of_columns
        shorter = ~paths.settled & (through < paths.distance)
        distance = where(shorter, through, paths.distance)
        last = jnp.argmin(where(paths.settled, jnp.inf, distance))
        before = where(shorter, row, paths.before)
        return _Search(distance, before, paths.settled.at[last].set(True), last)

    def further(paths: _Search) -> _Search:
        return look(paths, now.row[paths.last], paths.distance[paths.last])

    unseen = jnp.full(len(cost), jnp.inf, cost.dtype), jnp.full(len(cost), i)
    nothing = _Search(*unseen, jnp.zeros(len(cost), bool), i)
    first = look(nothing, i, jnp.zeros((), cost.dtype))
    return lax.while_loop(lambda paths: now.row[paths.last] >= 0, further, first)


def _moved(
    now: _Partial, paths: _Search, i: Int[Array, ""]
) -> tuple[Int[Array, " k"], Int[Array, " k"]]:
    """The columns of rows and the rows of columns once all on the path have moved up by one."""

    def move(at: tuple[Array, ...]) -> tuple[Array, ...]:
        end, column, row, _ = at
        mover = paths.before[end]
        left = column[mover]
        return left, column.at[mover].set(end), row.at[end].set(mover), mover

    start = move((paths.last, now.column, now.row, i))
    _, column, row, _ = lax.while_loop(lambda at: at[-1] != i, move, start)
    return column, row
