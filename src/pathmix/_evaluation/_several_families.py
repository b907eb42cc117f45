"""Logs of mixtures of several families, each of which is worked out by itself.

Their sums are added up. The derivative is a sum over all components, of which each family has its
part as it has alone, but that the components share in the sum of all. An array of the terms of all
families is not made: compilers put what makes it into the loop that reads it, branch by branch.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp

from pathmix._components import Canonical, lean, places_of, split
from pathmix._evaluation._density import (
    as_scalars,
    change_of_rows,
    log_sum_of_rows,
    prepared_for,
)
from pathmix._evaluation._kept_slopes import is_kept, kept_change
from pathmix._evaluation._rows import Rows, moved, times
from pathmix._evaluation._scalar_density import change_of_scalars, log_sum_of_scalars
from pathmix._evaluation._turns import in_turns
from pathmix._evaluation._written_out import (
    is_written_out,
    with_derivatives_of,
    work_of_density,
    written_out,
)
from pathmix._layout import is_symbolic, with_points
from pathmix._log_sums import LogSum, added, log_sum, shares
from pathmix._moving import are_zero, dense, is_zero, jvp_of_moving
from pathmix._rules import custom_jvp
from pathmix._typing import ComponentFirst, Reals, Value
from pathmix._weights import Own, Weights
from pathmix._where import where


class Functions(NamedTuple):
    """How the sum of a family's components is made, and how they change one."""

    log_sum: Callable[..., LogSum]
    change: Callable[[LogSum, Any, Any], Reals]


TermsOf: TypeAlias = Callable[[Canonical, Value], tuple[ComponentFirst, ComponentFirst | None]]
SCALARS = Functions(log_sum_of_scalars, change_of_scalars)
ROWS = Functions(log_sum_of_rows, change_of_rows)


def owns(weights: Weights, components: Canonical) -> list[Own]:
    """Return the weights of each family's components."""
    return [Own(weights, places) for places in places_of(components)]


def log_density_of_several(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)`` of components that were joined, ``*points``."""
    events, pairs = (
        components.event_dim,
        list(map(lean, owns(weights, components), split(components))),
    )
    scalars = [one for one in (as_scalars(mine) for _, mine in pairs) if one is not None]
    if len(scalars) == len(pairs) and not is_symbolic(x.size):
        of, each, x = SCALARS, scalars, x.reshape(x.shape[: x.ndim - events])
    else:
        of, each = ROWS, [prepared_for(x, mine) for _, mine in pairs]
    own = tuple(own for own, _ in pairs)
    if of is SCALARS and all(is_written_out(mine, x) for mine in each):
        return _written_out(own, tuple(each), x)
    return _log_sum(of, own, tuple(each), x).value


def log_of_several(terms: TermsOf, weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k factor_k exp(term_k)`` of scalars, ``*points``."""
    own = tuple(owns(weights, components))
    return _log_sum(_of_terms(terms), own, tuple(split(components)), x).value


@partial(custom_jvp, nondiff_argnums=(0,))
def _log_sum(
    of: Functions, weights: tuple[Own, ...], families: tuple[Canonical, ...], x: Value
) -> LogSum:
    return added([of.log_sum(w, mine, x) for w, mine in zip(weights, families, strict=True)])


@partial(_log_sum.defjvp, symbolic_zeros=True)
def _log_sum_jvp(of: Functions, primals: Any, tangents: Any) -> tuple[LogSum, LogSum]:
    (*parts, x), (*d_parts, dx) = primals, tangents
    if of == SCALARS and is_zero(dx) and not are_zero(d_parts) and _are_kept(x, *parts, *d_parts):
        out, total = kept_change(_log_sum_of_scalars, primals, d_parts)
        return out, LogSum(jnp.zeros_like(out.level), total)
    out = _log_sum(of, *primals)
    total = jnp.zeros_like(out.rest)
    for w, mine, dw, d_mine in zip(*parts, *d_parts, strict=True):
        total += of.change(out, (w, mine, x), (dw, d_mine, dx))
    return out, LogSum(jnp.zeros_like(out.level), total)


def _log_sum_of_scalars(weights: Any, families: Any, x: Value) -> LogSum:
    return _log_sum(SCALARS, weights, families, x)


def _are_kept(x: Value, *parts: Any) -> bool:
    return all(is_kept((w, mine, x), d_parts) for w, mine, *d_parts in zip(*parts, strict=True))


def _value_of_scalars(weights: tuple[Own, ...], families: tuple[Canonical, ...], x: Value) -> Reals:
    return _log_sum_of_scalars(weights, families, x).value


@with_derivatives_of(_value_of_scalars)
def _written_out(weights: tuple[Own, ...], families: tuple[Canonical, ...], x: Value) -> Reals:
    work = sum(work_of_density(mine, x) for mine in families)
    return in_turns(_at_once, (weights, families), x, work, len(families[0].own_shape) - 1)


def _at_once(weights: tuple[Own, ...], families: tuple[Canonical, ...], x: Value) -> Reals:
    return added([written_out(w, mine, x) for w, mine in zip(weights, families, strict=True)]).value


@cache
def _of_terms(terms: TermsOf) -> Functions:
    """Of terms ``k *points`` of scalars, any log that a family has."""

    def log_sum_of(w: Own, components: Canonical, x: Value) -> LogSum:
        return log_sum(with_points(w.log(), x.ndim), *terms(components, x))

    def change(out: LogSum, primals: Any, tangents: Any) -> Reals:
        (w, *parts), (d_w, *d_parts) = primals, tangents
        of = lambda components, x: Rows(*terms(components, x))  # noqa: E731
        both, change = jvp_of_moving(of, parts, d_parts)
        points = out.rest.ndim
        log_u, share, a = (with_points(t, points) for t in w.change(dense(d_w, w)))
        level, inverse = out.parts()
        r = shares(log_u, both.term, level)
        felt = where(r > 0, moved(both, change), 0.0)
        return inverse * jnp.sum(r * (times(both.factor, a) + share * felt), axis=0)

    return Functions(log_sum_of, change)
