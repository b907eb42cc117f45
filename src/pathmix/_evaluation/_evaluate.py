"""What is evaluated at points, of all components at once: terms, tails, posteriors, draws.

Values are ``*sample *batch *event``, in full. Each function is compiled once for each structure of
its arguments, so that a call outside of jit compiles nothing anew.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pathmix._components import Canonical, atomic, lean, need, order_of, split, which_of
from pathmix._evaluation._blocks import component_terms
from pathmix._evaluation._cdf_of_scalars import at_once, cdf_of_scalars
from pathmix._evaluation._compiled import compiled
from pathmix._evaluation._density import log_density
from pathmix._evaluation._draws import draw
from pathmix._evaluation._index import draw_index
from pathmix._evaluation._rows import limit_at
from pathmix._evaluation._scalars import terms_of_scalars
from pathmix._evaluation._several_families import (
    TermsOf,
    log_density_of_several,
    log_of_several,
    owns,
)
from pathmix._evaluation._written_out import with_derivatives_of
from pathmix._families import Family, OfValue, Vanishing, factored, given
from pathmix._layout import in_stretches, is_symbolic, with_points
from pathmix._log_sums import weighted
from pathmix._special import stored
from pathmix._tuning import DENSE
from pathmix._typing import (
    ComponentFirst,
    ComponentFirstValue,
    Index,
    PerComponent,
    Reals,
    Value,
)
from pathmix._weights import Own, Weights, average
from pathmix._where import where

Factored: TypeAlias = tuple[ComponentFirst, ComponentFirst | None]
"""What components have at points, as ``factor · exp(term)``."""


@compiled()
def log_prob(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``."""
    if not components.selectable:
        return weights.mix(*first_terms(components, x)).value
    if which_of(components) is None:
        out = log_density(weights, components, x)
    elif atomic(components).any():
        mixed = lambda x: weights.mix(*first_terms(components, x, weights)).value  # noqa: E731
        return by_parts(mixed, components, x)
    else:
        out = log_density_of_several(weights, components, x)
    return where(is_nan(x, components.event_dim), jnp.nan, out)


def terms(
    components: Canonical, x: Value, weights: Weights | None = None
) -> tuple[PerComponent, PerComponent | None]:
    """Return the densities of all components, ``*points k``; see ``first_terms``."""
    last = lambda t: jnp.moveaxis(t, 0, -1)  # noqa: E731
    return jax.tree.map(last, first_terms(components, x, weights))


def first_terms(
    components: Canonical, x: Value, weights: Weights | None = None
) -> tuple[ComponentFirst, ComponentFirst | None]:
    """Return the densities, ``factor · exp(term)``, each ``k *points``; NaN where the value is.

    At a point mass with weight, densities of other kinds are zero: all are with respect to length
    plus counting there, of which the point has no length.
    """
    groups = split(components)
    if len(groups) > 1:
        out, factor = _in_order(components, [first_terms(group, x) for group in groups])
        return _at_atoms(atomic(components), out, weights), factor
    if components.selectable:
        of = component_terms if components.event_dim else terms_of_scalars
        out, factor = of(lean((), components)[1], x)
    else:
        out, factor = _factored(components, x, lambda family: family.log_density, "mass")
    out = where(is_nan(x, components.event_dim), jnp.nan, out)
    return (out if components.event_dim else stored(out)), factor


def _at_atoms(masses: np.ndarray, terms: ComponentFirst, weights: Weights | None) -> ComponentFirst:
    if not masses.any() or masses.all():
        return terms
    is_mass = masses.reshape(-1, *(1,) * (terms.ndim - 1))
    there = is_mass & (terms > -jnp.inf)
    if weights is not None:
        there &= with_points(weights.present(), terms.ndim - 1)
    return where(jnp.any(there, axis=0) & ~is_mass, -jnp.inf, terms)


def _in_order(
    components: Canonical, parts: list[tuple[Reals, Reals | None]]
) -> tuple[ComponentFirst, ComponentFirst | None]:
    """The densities of groups, as the components stand."""
    order = np.asarray(order_of(components))
    terms = jnp.concatenate([term for term, _ in parts])[order]
    if all(factor is None for _, factor in parts):
        return terms, None
    factors = [jnp.ones_like(term) if factor is None else factor for term, factor in parts]
    return terms, jnp.concatenate(factors)[order]


@compiled()
def joint(weights: Weights, components: Canonical, x: Value) -> PerComponent:
    """Return ``log w_k + log p_k(x)``, ``*points k``."""
    term, factor = terms(components, x, weights)
    if factor is not None:
        term = where(factor > 0, term + jnp.log(where(factor > 0, factor, 1.0)), -jnp.inf)
    return weighted(weights.log(), term)


@compiled()
def cdf(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``P(X ≤ x)``."""
    if components.event_dim:
        return jnp.exp(log_cdf(weights, components, x))
    need(components, "log_cdf")
    pairs = list(zip(owns(weights, components), split(components), strict=True))

    def stretch(x: Value) -> Reals:
        return reduce(jnp.add, [_total_below(own, mine, x) for own, mine in pairs])

    total = by_parts(stretch, components, x)
    total -= lax.stop_gradient(jnp.maximum(total - 1, 0.0))  # what rounding has added
    return where(jnp.isnan(x), jnp.nan, total)


@compiled()
def log_cdf(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log P(X ≤ x)``, jointly over a factorised event."""
    need(components, "log_cdf")
    events = tuple(range(-components.event_dim, 0))

    def stretch(x: Value) -> Reals:
        parts, factors = _below(components, x)
        joint_factors = None if factors is None else jnp.prod(factors, axis=events)
        return weights.mix(jnp.sum(parts, axis=events), joint_factors).value

    if not events:
        stretch = partial(_mixed, _below, weights, components)
    total = by_parts(stretch, components, x)
    return where(is_nan(x, components.event_dim), jnp.nan, total)


@compiled()
def log_survival(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log P(X > x)`` of scalars."""
    need(components, "log_survival")
    total = by_parts(partial(_mixed, _above, weights, components), components, x)
    return where(jnp.isnan(x), jnp.nan, total)


@compiled()
def log_tails(weights: Weights, components: Canonical, x: Value) -> tuple[Reals, Reals]:
    """Return the logs of ``P(X ≤ x)`` and ``P(X > x)`` of scalars, as one program."""
    need(components, "log_cdf")

    def stretch(x: Value) -> tuple[Reals, Reals]:
        below, above = _both_tails(components, x)
        return weights.mix(*below).value, weights.mix(*above).value

    lower, upper = by_parts(stretch, components, x)
    return where(jnp.isnan(x), jnp.nan, lower), where(jnp.isnan(x), jnp.nan, upper)


def _both_tails(components: Canonical, x: Value) -> tuple[Factored, Factored]:
    groups = split(components)
    if len(groups) > 1:
        below, above = zip(*(_both_tails(group, x) for group in groups), strict=True)
        return _in_order(components, list(below)), _in_order(components, list(above))
    lower, upper = elementwise_tails(components, x)
    return (
        factored(lower, _limit(components, x, "below")),
        factored(upper, _limit(components, x, "above")),
    )


@compiled("shape")
def sample(
    weights: Weights, components: Canonical, key: Array, *, shape: tuple[int, ...]
) -> tuple[Value, Index]:
    """Return draws ``*sample *batch *event`` and the component of each."""
    key_index, key_draw = jax.random.split(key)
    index = draw_index(key_index, weights, shape)
    return lax.stop_gradient(draw(components, index, key_draw)), index


def by_parts(fn: Callable[[Value], Any], components: Canonical, x: Value, most: int = DENSE) -> Any:
    """Return a function of points, which makes an array of points and components, by parts."""
    if is_symbolic(x.size):
        return fn(x)
    *batch, k = components.own_shape
    return in_stretches(fn, k, most, len(batch), x, event_dim=components.event_dim)


def is_nan(x: Value, event_dim: int) -> Any:
    """Whether any coordinate of a value is NaN, ``*points``."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(x.shape[: x.ndim - event_dim], bool)
    # of data that are a constant of the program, compilers would work this sum out, for seconds
    x = lax.optimization_barrier(lax.stop_gradient(x)) if event_dim else x
    return jnp.any(jnp.isnan(x), axis=tuple(range(x.ndim - event_dim, x.ndim)))


def _factored(
    components: Canonical, x: Value, of: Callable[[Family], OfValue], part: str
) -> tuple[Reals, Reals | None]:
    """A log of the family's as ``factor · exp(term)``, exact at limits of the parameters."""
    groups = split(components)
    if len(groups) > 1:
        return _in_order(components, [_factored(group, x, of, part) for group in groups])
    return factored(_elementwise(components, x, of(components.family)), _limit(components, x, part))


def _below(components: Canonical, x: Value) -> tuple[ComponentFirst, ComponentFirst | None]:
    return _factored(components, x, lambda family: given(family.log_cdf), "below")


def _above(components: Canonical, x: Value) -> tuple[ComponentFirst, ComponentFirst | None]:
    return _factored(components, x, lambda family: given(family.log_survival), "above")


def _mixed(tails: TermsOf, weights: Weights, components: Canonical, x: Value) -> Reals:
    """The log of the tails ``*points`` of scalars."""
    if which_of(components) is None:
        return weights.mix(*tails(components, x)).value
    return log_of_several(tails, weights, components, x)


def _cdfs(components: Canonical, x: Value) -> ComponentFirst:
    """``P(X_k ≤ x)`` of components of one family, ``k *points``."""
    parts = _elementwise(components, x, components.family.cdf_at)
    limit = _limit(components, x, "below")
    return parts if limit is None else where(limit.reached, limit.value, parts)


def _total_below(weights: Weights | Own, components: Canonical, x: Value) -> Reals:
    """``Σ_k w_k P(X_k ≤ x)``, ``*points``, of components of one family."""
    if components.selectable and at_once(components, x):
        return _written_out_below(weights, components, x)
    return _averaged_below(weights, components, x)


def _averaged_below(weights: Weights | Own, components: Canonical, x: Value) -> Reals:
    return average(weights.values(), _cdfs(components, x))


@with_derivatives_of(_averaged_below)
def _written_out_below(weights: Weights | Own, components: Canonical, x: Value) -> Reals:
    return cdf_of_scalars(weights.values(), components, x)


def _limit(components: Canonical, x: Value, part: str) -> Vanishing | None:
    if components.factors() is None:
        return None
    scalars = components.component_first(x.ndim - components.event_dim).factors()
    assert scalars is not None
    at = limit_at(scalars, x)
    return None if at is None else getattr(at, part)


def _elementwise(components: Canonical, x: Value, fn: OfValue) -> ComponentFirstValue:
    """A function of the family, ``k *points`` or, of factorised events, ``k *points *event``."""
    points = x.ndim - components.event_dim
    if not components.selectable:
        return jnp.moveaxis(fn(components.theta, jnp.expand_dims(x, points)), points, 0)
    out = fn(components.component_first(points).theta, x)
    return _of_each(components, out)


def elementwise_tails(components: Canonical, x: Value) -> tuple[ComponentFirst, ComponentFirst]:
    """Return the log cdf and the log survival of components of one family, as one program."""
    points, tails = x.ndim - components.event_dim, components.family.log_tails_at
    if not components.selectable:
        pair = tails(components.theta, jnp.expand_dims(x, points))
        lower, upper = (jnp.moveaxis(t, points, 0) for t in pair)
        return lower, upper
    lower, upper = map(stored, tails(components.component_first(points).theta, x))
    return _of_each(components, lower), _of_each(components, upper)


def _of_each(components: Canonical, out: Reals) -> ComponentFirstValue:
    """What has been worked out once for all components alike, for each of them."""
    return jnp.broadcast_to(out, components.own_shape[-1:] + out.shape[1:])
