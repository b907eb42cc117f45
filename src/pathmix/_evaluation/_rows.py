"""Log density and velocity of one component at points as rows (``_layout``)."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical, need
from pathmix._families import Limit, factored
from pathmix._layout import is_symbolic, spread, sum_rows
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._tuning import MANY_POINTS
from pathmix._typing import PerComponentValue, PointRows, Reals, Value
from pathmix._where import where

Function = Callable[..., Reals]


class Rows(NamedTuple):
    """The density of a component, ``factor · exp(term)``, each ``split rest *batch``.

    Without a ``factor`` it is one. At a limit of the parameters, where the density may be zero and
    have a derivative, the factor is that density (``_families/_limits.py``).
    """

    term: Reals
    factor: Reals | None


def moved(terms: Rows, change: Any) -> Any:
    """Return the relative change of a density ``factor · exp(term)``: over ``exp(term)`` alone.

    ``change`` is the tangent of both, or 0.0 where nothing moves. A factor may be zero and still
    have a derivative, which is why it is not divided by.
    """
    if isinstance(change, float) or terms.factor is None:
        return change if isinstance(change, float) else change.term
    return change.factor + terms.factor * change.term


def times(factor: Reals | None, t: Reals) -> Reals:
    """Return ``factor · t``; no factor stands for one."""
    return t if factor is None else factor * t


def density_rows(component: Canonical, x: PointRows) -> Rows:
    """Return the density ``split rest *batch`` of one component, ``*batch``."""
    scalars = component.factors()
    if scalars is None:
        return Rows(component.family.rows_at(component.theta, x), None)
    events, stacked = component.event_dim, _event_first(scalars, component.event_dim)
    family, limit = stacked.family, limit_at(stacked, x)

    def terms(x: PointRows, *parameters: Array) -> Reals:
        here = stacked.of(parameters)
        # asked again: a rule for derivatives must not close over what is traced
        at_limit = limit_at(here, x)
        log_p = family.log_density(here.theta, x)
        return factored(log_p, None if at_limit is None else at_limit.mass)[0]

    def total(x: PointRows, *parameters: Array) -> Reals:
        if limit is None and family.total_log_density is not None:
            return family.total_log_density(stacked.of(parameters).theta, x, events)
        return sum_rows(terms(x, *parameters), events)

    if not any(stacked.event_dims) and family.total_log_density is None:
        total = _with_slopes(total, terms, events)
    out = total(x, *stacked.parameters)
    # one coordinate outside its support stops the gradients of all
    out = where(out == -jnp.inf, -jnp.inf, out)
    if limit is None:
        return Rows(out, None)
    factors = where(limit.mass.reached, limit.mass.value, 1.0)
    return Rows(out, jnp.prod(factors, axis=tuple(range(events))))


def limit_at(scalars: Canonical, x: Value) -> Limit | None:
    """Return the probabilities at limits of parameters; ``None`` if the family has no limits."""
    find = scalars.family.limit
    return None if find is None else find(scalars.theta, x)


def prepared(components: Canonical, samples: Any) -> Canonical:
    """Return the same with what many samples share worked out once, in a family that has it."""
    many = is_symbolic(samples) or samples > MANY_POINTS
    return components.prepared() if many else components


def velocity_rows(component: Canonical, tangent: Canonical, x: PointRows) -> PointRows:
    """Return how a draw of one component, ``*batch``, moves, ``*event split rest *batch``."""
    events = component.event_dim
    if component.factors() is None:
        points_first = jnp.moveaxis(x, range(events), range(-events, 0))
        velocity = velocity_at(component, tangent, points_first)
        return jnp.moveaxis(velocity, range(-events, 0), range(events))

    def stack(component: Canonical) -> Canonical:
        scalars = component.factors()
        assert scalars is not None
        return _event_first(scalars, events).map(lambda p, _: spread(p, events + 1, x))

    stacked, change = jax.jvp(stack, (component,), (tangent,))
    return velocity_at(stacked, change, x)


def velocity_at(components: Canonical, tangent: Canonical, x: Value) -> PerComponentValue:
    """Return how draws of components move with their parameters, ``*points k *event``."""
    velocity = need(components, "velocity")
    theta, change = jax.jvp(lambda c: c.theta, (components,), (tangent,))
    return velocity(theta, change, x)


def _event_first(scalars: Canonical, events: int) -> Canonical:
    """Turn scalars, ``*batch *event``, into ``*event 1 1 *batch``."""

    def rows(p: Array, n: int) -> Array:
        batch = p.ndim - n - events
        p = jnp.moveaxis(p, range(batch, batch + events), range(events))
        return jnp.expand_dims(p, (events, events + 1))

    return scalars.map(rows)


def _with_slopes(total: Function, terms: Function, event_dim: int) -> Function:
    """Let ``total`` differentiate as ``Σ_i (∂_x t_i dx_i + Σ_θ ∂_θ t_i dθ_i)`` of its ``terms``.

    Each term depends on its own coordinate and parameters alone.
    """
    wrapped = custom_jvp(total)

    @partial(wrapped.defjvp, symbolic_zeros=True)
    def rule(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
        change: Any = 0.0
        for i, dot in enumerate(tangents):
            if is_zero(dot):
                continue
            along = lambda v, i=i: terms(*primals[:i], v, *primals[i + 1 :])  # noqa: E731
            # ones: every entry of the result then holds its own derivative
            slope = jax.jvp(along, (primals[i],), (jnp.ones_like(primals[i]),))[1]
            # it may overflow where the density vanishes, and a zero weight times it must be zero
            largest = jnp.finfo(slope.dtype).max
            change += jnp.clip(slope, -largest, largest) * spread(dot, event_dim + 1, primals[0])
        return wrapped(*primals), jnp.sum(change, axis=tuple(range(event_dim)))

    return wrapped
