"""Log density and velocity of one component, with the event first and the points last.

Sums over an event then run along the first axis, and everything else along the last, where loops
are fast. Points are ``split rest *batch``. The transpose of a parameter's broadcast, a sum over all
samples, is taken in two steps, over ``split`` and then over ``rest``: compilers for CPUs keep the
first in registers, which makes it several times as fast as one long sum.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from numpyro.distributions import Distribution

from pathmix._families._canonical import Canonical
from pathmix._families._gather import is_symbolic, spread, sum_rows
from pathmix._families._limits import factored, limit_of
from pathmix._families._protocol import family
from pathmix._moving import is_zero
from pathmix._typing import Reals, Shape, Value

Function = Callable[..., Reals]

_SPLIT = 8
"""More would make the loops too long for compilers to unroll, and then nothing is vectorised."""
_DEVICES = 192
"""Samples on a number of devices that divides this stay where they are."""


def to_rows(x: Value, event_dim: int, batch_dim: int) -> Value:
    """Turn ``*sample *batch *event`` into ``*event split rest *batch``."""
    tail = x.shape[x.ndim - event_dim - batch_dim :]
    samples = math.prod(x.shape[: x.ndim - len(tail)])
    # of a scalar, the transpose costs more than it saves
    split = max(local_divisors(samples, _SPLIT)) if event_dim else 1
    x = jnp.swapaxes(x.reshape((samples // split, split, *tail)), 0, 1)
    return jnp.moveaxis(x, range(x.ndim - event_dim, x.ndim), range(event_dim))


def from_rows(rows: Reals, shape: Shape) -> Reals:
    """Turn ``split rest *batch`` into ``shape``, ``*sample *batch``."""
    return jnp.swapaxes(rows, 0, 1).reshape(shape)


def local_divisors(samples: Any, most: int) -> Iterator[int]:
    """Divisors up to ``most`` of what lies on one device, if the samples lie on as many as can be.

    A quotient of the samples by one of them can lie on the same devices.
    """
    if is_symbolic(samples):
        return iter((1,))
    local = samples // math.gcd(samples, _DEVICES)
    return (c for c in range(1, most + 1) if local % c == 0)


class Rows(NamedTuple):
    """The density of a component, ``factor · exp(term)``, each ``split rest *batch``.

    Without a ``factor`` it is one. At a limit of the parameters, where the density may be zero and
    have a derivative, the factor is that density (:mod:`._limits`).
    """

    term: Reals
    factor: Reals | None


def density_rows(component: Canonical, x: Value) -> Rows:
    """Return the density ``split rest *batch`` of one component, ``*batch``."""
    scalars = component.factors()
    if scalars is None:
        d = component.plain
        return Rows(family(d).log_prob_rows(d, x), None)
    events, stacked = component.event_dim, _event_first(scalars, component.event_dim)
    known, limit = family(stacked.plain), limit_of(stacked.plain, x)

    def terms(x: Value, *parameters: Array) -> Reals:
        d = stacked.of(parameters).plain
        # asked again: a rule for derivatives must not close over what is traced
        at_limit = limit_of(d, x)
        return factored(known.log_prob(d, x), None if at_limit is None else at_limit.mass)[0]

    def total(x: Value, *parameters: Array) -> Reals:
        if limit is not None:
            return sum_rows(terms(x, *parameters), events)
        return known.total_log_prob(stacked.of(parameters).plain, x, events)

    if not any(stacked.event_dims) and not known.closed_form:
        total = _with_slopes(total, terms, events)
    out = total(x, *stacked.parameters)
    # one coordinate outside its support stops the gradients of all
    out = jnp.where(out == -jnp.inf, -jnp.inf, out)
    if limit is None:
        return Rows(out, None)
    factors = jnp.where(limit.mass.reached, limit.mass.value, 1.0)
    return Rows(out, jnp.prod(factors, axis=tuple(range(events))))


def velocity_rows(component: Canonical, tangent: Canonical, x: Value) -> Value:
    """Return how a draw of one component, ``*batch``, moves, ``*event split rest *batch``."""
    events = component.event_dim
    if component.factors() is None:
        points_first = jnp.moveaxis(x, range(events), range(-events, 0))
        d, d_dot = jax.jvp(lambda c: c.plain, (component,), (tangent,))
        velocity = family(d).velocity(d, d_dot, points_first)
        return jnp.moveaxis(velocity, range(-events, 0), range(events))

    def stack(component: Canonical) -> Distribution:
        scalars = component.factors()
        assert scalars is not None
        return _event_first(scalars, events).map(lambda p, _: spread(p, events + 1, x)).plain

    stacked, d_dot = jax.jvp(stack, (component,), (tangent,))
    return family(stacked).velocity(stacked, d_dot, x)


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
    wrapped = jax.custom_jvp(total)

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
