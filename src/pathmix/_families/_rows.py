"""Log density and velocity of one component, with the event first and the points last.

Sums over an event then run along the first axis, and everything else along the last, where loops
are fast. Points are ``split rest *batch``. The transpose of a parameter's broadcast, a sum over all
samples, is taken in two steps, over ``split`` and then over ``rest``: compilers for CPUs keep the
first in registers, which makes it several times as fast as one long sum.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._families._conditionals import elementwise, is_factorised
from pathmix._families._gather import spread
from pathmix._families._protocol import family
from pathmix._moving import is_zero
from pathmix._typing import ParameterMap, Reals, Value

Rows = Callable[..., Reals]

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


def from_rows(rows: Reals, shape: tuple[int, ...]) -> Reals:
    """Turn ``split rest *batch`` into ``shape``, ``*sample *batch``."""
    return jnp.swapaxes(rows, 0, 1).reshape(shape)


def local_divisors(samples: int, most: int) -> Iterator[int]:
    """Divisors up to ``most`` of what lies on one device, if the samples lie on as many as can be.

    A quotient of the samples by one of them can lie on the same devices.
    """
    local = samples // math.gcd(samples, _DEVICES)
    return (c for c in range(1, most + 1) if local % c == 0)


def can_select(d: Distribution) -> bool:
    """Whether the parameters of ``d`` are known, so that one component can be told from another."""
    try:
        family(d).rebuild(d, lambda p, _: p)
    except NotImplementedError:
        return False
    return True


def log_prob_rows(d: Distribution, x: Value) -> Reals:
    """Return the log density ``split rest *batch`` of ``d``, batched ``*batch``."""
    if not is_factorised(d):
        return family(d).log_prob_rows(d, x)

    scalars = elementwise(d)
    known = family(scalars)
    parameters: list[Value] = []
    vectors: set[int] = set()

    def note(p: Value, event_dim: int) -> Value:
        parameters.append(p)
        vectors.add(event_dim)
        return p

    stacked = _event_first(scalars, d.event_dim, note)

    def of(parameters: Sequence[Value]) -> Distribution:
        values = iter(parameters)
        return known.rebuild(stacked, lambda *_: next(values))

    def total(x: Value, *parameters: Value) -> Reals:
        return known.total_log_prob(of(parameters), x, d.event_dim)

    if vectors == {0} and not known.closed_form:
        terms = lambda x, *parameters: known.log_prob(of(parameters), x)  # noqa: E731
        total = _with_slopes(total, terms, d.event_dim)
    out = total(x, *parameters)
    # one coordinate outside its support stops the gradients of all
    return jnp.where(out == -jnp.inf, -jnp.inf, out)


def velocity_rows(d: Distribution, tangent: Distribution, x: Value) -> Value:
    """Return how a draw of ``d``, batched ``*batch``, moves, ``*event split rest *batch``."""
    events = d.event_dim
    if not is_factorised(d):
        points_first = jnp.moveaxis(x, range(events), range(-events, 0))
        velocity = family(d).velocity(d, tangent, points_first)
        return jnp.moveaxis(velocity, range(-events, 0), range(events))

    def stack(d: Distribution) -> Distribution:
        return _event_first(elementwise(d), events, lambda p, _: spread(p, events + 1, x))

    stacked, tangent = jax.jvp(stack, (d,), (tangent,))
    return family(stacked).velocity(stacked, tangent, x)


def _event_first(scalars: Distribution, events: int, fn: ParameterMap) -> Distribution:
    """``scalars`` (``*batch *event``) with ``fn`` of their parameters, ``*event 1 1 *batch``."""
    batch = len(scalars.batch_shape) - events

    def rows(p: Value, event_dim: int) -> Value:
        p = jnp.broadcast_to(p, scalars.batch_shape + p.shape[p.ndim - event_dim :])
        p = jnp.moveaxis(p, range(batch, batch + events), range(events))
        return fn(jnp.expand_dims(p, (events, events + 1)), event_dim)

    return family(scalars).rebuild(scalars, rows)


def _with_slopes(total: Rows, terms: Rows, event_dim: int) -> Rows:
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
