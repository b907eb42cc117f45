"""One pass over the data: what the mixture makes of each row, summed over rows.

Rows are taken stretch by stretch, so that no array over rows and components is in memory, and what
is summed may be as large as a matrix for each component. Data that lies on several devices stays
there: each stretch has rows of all of them, and the compiler adds the sums up.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._gaussian import seen_log_density
from pathmix._estimation._parameters import Held
from pathmix._estimation._prior import Prior
from pathmix._evaluation import first_terms, prepared
from pathmix._layout import cut_up, is_symbolic, put_together, with_points
from pathmix._log_sums import LogSum, log_sum, shares, sum_and_shares
from pathmix._tuning import SWEPT, SWEPT_BY_MATRICES
from pathmix._typing import ComponentFirst, Reals
from pathmix._weights import Probabilities, Weights
from pathmix._where import where

Shares = Float[Array, "k n"]
Sums = Any
"""A tree of sums over rows."""


class Model(NamedTuple):
    """A mixture without a batch: weights ``k``, and components."""

    weights: Float[Array, " k"]
    components: Canonical

    @property
    def dtype(self) -> Any:
        """The type of its log densities."""
        return jnp.result_type(self.weights, self.components.dtype)

    @property
    def log_weights(self) -> Float[Array, " k"]:
        """Their logarithms."""
        return Probabilities(self.weights).log()


class Middle(NamedTuple):
    """Where the rows lie."""

    centre: Float[Array, " d"]
    """Their mean."""
    size: Float[Array, " d"]
    """Root mean squares about it."""


class Task(NamedTuple):
    """What is fitted to what: all that a step needs beside the mixture."""

    data: Data
    held: Held
    prior: Prior
    level: Reals
    """What is subtracted from each ``log f``, so that their sum does not lose small gains."""
    middle: Middle | None = None
    """What all steps share, where it is known."""


class Part(NamedTuple):
    """A stretch of rows, and how much each component has of each row."""

    data: Data
    shares: Shares
    """Times the weights of the rows."""


def sweep(fn: Callable[[Part], Sums], model: Model, task: Task) -> tuple[Sums, Reals]:
    """Return the sums of ``fn`` over parts of the data, and ``Σ_n v_n (log f − level)``."""
    whole = for_all(model, task.data)

    def part(rows: Data) -> tuple[Sums, Reals]:
        share, total = memberships(whole, rows)
        return fn(Part(rows, share * rows.weights)), log_likelihood(rows, total, task.level)

    return over_parts(part, task.data, model.components)


def for_all(model: Model, rows: Data) -> Model:
    """Return the same with what all rows share worked out, once and not for each stretch."""
    if not rows.is_complete:
        return model
    return model._replace(components=prepared(model.components, len(rows.weights)))


def log_likelihood(rows: Data, total: LogSum, level: Reals | float = 0.0) -> Reals:
    """Return ``Σ_n v_n (log f − level)``; rows without weight may be impossible."""
    away = (total.level - level) + total.rest
    return jnp.sum(rows.weights * where(rows.weights > 0, away, 0.0))


def memberships(
    model: Model, rows: Data, known: ComponentFirst | None = None
) -> tuple[Shares, LogSum]:
    """Return the posterior probability of each component for each row, and ``log f``.

    The log densities of the components may be ``known``.
    """
    if known is None:
        term, factor = terms(model.components, rows, Probabilities(model.weights))
    else:
        term, factor = known, None
    log_w = with_points(model.log_weights, 1)
    if rows.labels is not None:
        k = jnp.arange(len(term))[:, None]
        known = (rows.labels < 0) | (rows.labels == k)
        log_w = where(known, log_w, -jnp.inf)
    if factor is None:
        total, share = sum_and_shares(log_w, term)
    else:
        total = log_sum(log_w, term, factor)
        level, inverse = total.parts()
        share = shares(log_w, term, level) * inverse * factor
    return share if rows.shares is None else rows.shares.T, total


def terms(
    components: Canonical, rows: Data, weights: Weights | None = None
) -> tuple[ComponentFirst, ComponentFirst | None]:
    """Return the log densities of the components, ``k n``, of what is seen of each row."""
    if rows.is_complete:
        return first_terms(components, rows.x, weights)
    scalars = components.factors()
    if scalars is None or rows.observed is None:
        return seen_log_density(components, rows), None
    aligned = scalars.map(lambda p, _: jnp.expand_dims(p, 1))
    log_p = where(rows.observed, scalars.family.log_density(aligned.theta, rows.x), 0.0)
    return jnp.sum(log_p, axis=tuple(range(2, log_p.ndim))), None


def over_parts(
    fn: Callable[[Data], Sums], data: Data, components: Canonical, each: float | None = None
) -> Sums:
    """Return the sum of ``fn`` over stretches of the rows, of which a row takes up ``each``."""
    parts = _parts(data, components, each)
    if parts is None:
        return fn(data)
    first = jax.tree.map(lambda t: t[0], parts)
    start = jax.tree.map(lambda t: jnp.zeros(t.shape, t.dtype), jax.eval_shape(fn, first))
    add = lambda total, rows: (jax.tree.map(jnp.add, total, fn(rows)), None)  # noqa: E731
    return lax.scan(add, start, parts)[0]


def of_rows(fn: Callable[[Data], Array], data: Data, components: Canonical) -> Array:
    """Return what ``fn`` says of each row, ``n`` first, worked out stretch by stretch."""
    parts = _parts(data, components)
    if parts is None:
        return fn(data)
    out = put_together(lax.map(fn, parts))
    return out.reshape(-1, *out.shape[2:])[: len(data.weights)]


def _parts(data: Data, components: Canonical, share: float | None = None) -> Data | None:
    """The rows as stretches along a first axis, the last one filled up; ``None`` for one stretch.

    What fills it up has no weight.
    """
    n = data.weights.shape[0]
    each = components.own_shape[-1] * max(data.x.size // n, 1)
    most = SWEPT if components.factors() is not None else SWEPT_BY_MATRICES
    if not data.is_complete and components.event_dim:
        each *= components.event_shape[-1]  # matrices for each row
    count = 1 if is_symbolic(n) else max(1, min(n, -(-n * each // most)))
    if share is not None:
        count = max(1, min(n, math.ceil(n * share)))
    count = count if count == 1 else _without_rest(n, count)
    if count == 1:
        return None
    more = -n % count
    padded = data._replace(weights=jnp.pad(data.weights, (0, more)))
    parts: Data = jax.tree.map(lambda t: cut_up(_padded(t, n + more), count), padded)
    return parts


def _without_rest(n: int, count: int) -> int:
    """The next number of stretches that each device's rows can be cut into: no row moves then.

    Without one that is at most twice as many, on several devices four times, rows are added, and
    all are copied.
    """
    devices = jax.device_count()
    if n % devices:
        return count
    mine, most = n // devices, (2 if devices == 1 else 4) * count
    return next((c for c in range(count, most) if mine % c == 0), count)


def _padded(t: Array, size: int) -> Array:
    """Repeat the last row; what is added has no weight."""
    more = size - t.shape[0]
    return jnp.pad(t, ((0, more), *((0, 0),) * (t.ndim - 1)), mode="edge") if more else t


def weighted_terms(share: Reals, log_p: Reals) -> Reals:
    """Return ``share · log p``, zero without a share."""
    return where(share > 0, share * where(share > 0, log_p, 0.0), 0.0)
