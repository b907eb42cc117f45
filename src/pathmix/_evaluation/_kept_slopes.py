"""Changes of log densities of scalars by slopes that are kept, of one family or of several.

The slopes of few points and components are worked out together with the densities. Reverse mode
keeps them, and what belongs to parameters are products of them with vectors.
"""

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pathmix._components import Canonical
from pathmix._evaluation._rows import Rows, moved, times
from pathmix._evaluation._scalars import each, with_slopes
from pathmix._layout import fold_components, is_symbolic, over_components, with_points
from pathmix._log_sums import LogSum, added, as_log_sum, bounded, highest, log_sum, shares
from pathmix._moving import are_zero, dense, is_zero
from pathmix._rules import custom_jvp
from pathmix._special import stored
from pathmix._tuning import KEPT
from pathmix._typing import ComponentFirst, Reals, Value
from pathmix._weights import Own, Weights
from pathmix._where import where

Parts = tuple[tuple[Weights | Own, ...], tuple[Canonical, ...], Value]
"""Weights and components of each family, and values."""


class Slopes(NamedTuple):
    """How a sum moves with the weights and parameters of a family, but for its inverse."""

    shares: ComponentFirst
    slopes: list[ComponentFirst]
    """Along each parameter that moves."""


def is_kept(primals: Any, tangents: Any) -> bool:
    """Whether the slopes of these components are kept."""
    (_, components, x), (_, change) = primals, tangents
    leaves = zip(change.parameters, components.event_dims, strict=True)
    moving = [n for d, n in leaves if not is_zero(d)]
    size = components.own_shape[-1] * math.prod(x.shape) * (1 + len(moving))
    return not any(moving) and not is_symbolic(size) and size <= KEPT


def kept_change(
    log_sum_of: Callable[..., LogSum], primals: Parts, tangents: Any
) -> tuple[LogSum, Reals]:
    """Return the log of the sum over all components, as ``log_sum_of`` does, and its change."""
    (weights, _, x), (d_weights, d_families) = primals, tangents
    moving = tuple(map(_moving, d_families))
    out, inverse, families = _kept_slopes(log_sum_of, moving, *primals)
    total = jnp.zeros_like(inverse)
    for of, leaves, w, d_w, d in zip(families, moving, weights, d_weights, d_families, strict=True):
        if not are_zero(d_w):
            total += over_components(of.shares, with_points(w.change(dense(d_w, w)).a, x.ndim))
        for i, slope in zip(leaves, of.slopes, strict=True):
            total += over_components(slope, with_points(d.parameters[i], x.ndim))
    return out, inverse * total


def _moving(change: Any) -> tuple[int, ...]:
    return tuple(i for i, d in enumerate(change.parameters) if not is_zero(d))


@partial(custom_jvp, nondiff_argnums=(0, 1))
def _kept_slopes(
    log_sum_of: Callable[..., LogSum],
    moving: tuple[tuple[int, ...], ...],
    weights: tuple[Weights | Own, ...],
    families: tuple[Canonical, ...],
    x: Value,
) -> tuple[LogSum, Reals, list[Slopes]]:
    rows = _rows(moving, families, x)
    log_ws = [with_points(w.log(), x.ndim) for w in weights]
    tops = [highest(w, terms.term) for w, (terms, _) in zip(log_ws, rows, strict=True)]
    if all(terms.factor is None for terms, _ in rows):
        return _slopes_from(stored(reduce(jnp.maximum, tops)), weights, rows, x)
    sums = [
        log_sum(log_w, *terms, top=stored(top))
        for log_w, (terms, _), top in zip(log_ws, rows, tops, strict=True)
    ]
    return _slopes_in(added(sums), weights, rows, x)


@_kept_slopes.defjvp
def _kept_slopes_jvp(log_sum_of, moving, primals, tangents):  # type: ignore[no-untyped-def]
    """Of the density by itself, which is exact for weights of zero; from the level that is kept."""
    kept = _kept_slopes(log_sum_of, moving, *primals)

    def apart(weights: Any, families: Any, x: Value) -> Any:
        out = log_sum_of(weights, families, x).above(kept[0].level)
        return _slopes_in(out, weights, _rows(moving, families, x), x)

    return kept, jax.jvp(apart, primals, tangents)[1]


def _rows(moving: Any, families: tuple[Canonical, ...], x: Value) -> list[tuple[Rows, list[Rows]]]:
    """The densities of each family, and their slopes."""
    first = [mine.component_first(x.ndim) for mine in families]
    slopes_of = [partial(_with_slopes, leaves, x) for leaves in moving]
    return [each(fn, mine, x.shape) for fn, mine in zip(slopes_of, first, strict=True)]


def _with_slopes(
    leaves: tuple[int, ...], x: Value, components: Canonical
) -> tuple[Rows, list[Rows]]:
    return with_slopes(leaves, components, x)


def _slopes_in(
    out: LogSum, weights: tuple[Weights | Own, ...], rows: list[tuple[Rows, list[Rows]]], x: Value
) -> tuple[LogSum, Reals, list[Slopes]]:
    """The log of the sum, the sum's inverse, and how each family's components move it."""
    level, inverse = out.parts()
    return out, inverse, [slopes for _, slopes in _moved_by(level, weights, rows, x)]


def _slopes_from(
    top: Reals, weights: tuple[Weights | Own, ...], rows: list[tuple[Rows, list[Rows]]], x: Value
) -> tuple[LogSum, Reals, list[Slopes]]:
    """The same by the highest term of all: the sum is made of the shares in it.

    So there is one exponential for each term.
    """
    families = _moved_by(bounded(top), weights, rows, x)
    sums = [fold_components(jnp.add, share * of.shares) for share, of in families]
    total = stored(reduce(jnp.add, sums))
    inverse = 1 / where(jnp.isinf(top), 1.0, total)
    return as_log_sum(top, total), inverse, [of for _, of in families]


def _moved_by(
    level: Reals, weights: tuple[Weights | Own, ...], rows: list[tuple[Rows, list[Rows]]], x: Value
) -> list[tuple[ComponentFirst, Slopes]]:
    """How each family moves a sum of this level, and its weights where they may be zero."""
    families = []
    for w, (terms, slopes) in zip(weights, rows, strict=True):
        log_u, share, _ = (with_points(t, x.ndim) for t in w.change(w))  # type: ignore[arg-type]
        r = shares(log_u, terms.term, level)
        felt = [r * share * where(r > 0, moved(terms, slope), 0.0) for slope in slopes]
        families.append((share, Slopes(times(terms.factor, r), felt)))
    return families
