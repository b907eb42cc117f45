"""Sums over components of scalars in one pass over many points, without an array of the terms.

The terms are written out one after the other, and compilers keep them in registers until they are
added up: up to three times as fast as to store and read them, or to work at them in a loop, which
XLA's CPU compiler does not share among threads. It takes longer to compile, by as much as there is
to write out. So it is done of many values alone, and of densities that are formulas: loops, as of
incomplete functions, would be compiled for each component.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pathmix._components import Canonical
from pathmix._evaluation._scalars import are_shared_badly
from pathmix._layout import is_symbolic, with_points
from pathmix._log_sums import LogSum, log_sum_of
from pathmix._moving import jvp_of_moving
from pathmix._rules import custom_jvp
from pathmix._tuning import LONG, SHARED_BADLY, SHORT, WRITTEN_OUT
from pathmix._typing import Reals, Value
from pathmix._weights import Own, Weights

_LOOPS = {"while", "scan"}


def is_written_out(components: Canonical, x: Value) -> bool:
    """Return whether there are many values of few components, by a formula that is short enough."""
    count = components.own_shape[-1]
    size = count * math.prod(x.shape)
    if is_symbolic(size) or count > WRITTEN_OUT or size <= SHARED_BADLY[1]:
        return False
    length = _length_of_density(components, x)
    if length is None:
        return False
    total, on_points = length
    # what is worked out of parameters alone is written out too, for nothing
    return on_points <= LONG and total <= max(SHORT, 4 * on_points)


def is_in_place(components: Canonical, x: Value) -> bool:
    """Return whether terms of few components are worked out where they are read.

    Of short formulas that takes less time than to store them, component by component, and half as
    long to compile as the loop.
    """
    if not are_shared_badly(components.own_shape[-1], x.shape):
        return False
    length = _length_of_density(components, x)
    return length is not None and length[0] <= SHORT


def written_out(weights: Weights | Own, components: Canonical, x: Value) -> LogSum:
    """Return ``log Σ_k exp(log_w_k + log p_k)``."""
    first, log_w = components.component_first(x.ndim), with_points(weights.log(), x.ndim)
    ones = [first.of([p[k % len(p)] for p in first.parameters]) for k in range(len(log_w))]
    terms = [one.family.log_density(one.theta, x) for one in ones]
    return log_sum_of(list(zip(log_w, terms, strict=True)))


def with_derivatives_of(fn: Callable[..., Reals]) -> Callable[..., Any]:
    """Give a function the derivatives of another one, which has the same values.

    What is written out is for a result that is read once. Derivatives read sums several times, and
    compilers would write them out for each.
    """

    def decorate(quick: Callable[..., Reals]) -> custom_jvp[..., Reals]:
        out = custom_jvp(quick)

        @partial(out.defjvp, symbolic_zeros=True)
        def rule(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
            value, change = jvp_of_moving(fn, primals, tangents)
            return value, jnp.broadcast_to(change, value.shape)

        return out

    return decorate


def _length_of_density(components: Canonical, x: Value) -> tuple[int, int] | None:
    first = components.component_first(x.ndim)
    density = jax.make_jaxpr(lambda x: first.family.log_density(first.theta, x))(x)
    return _length(density.jaxpr, x.size)


def _length(jaxpr: Any, points: int) -> tuple[int, int] | None:
    """How many operations a program has, and how many on points; ``None`` if it has loops."""
    total = on_points = 0
    for eqn in jaxpr.eqns:
        inner = [getattr(p, "jaxpr", p) for p in eqn.params.values()]
        lengths = [_length(one, points) for one in inner if hasattr(one, "eqns")]
        if eqn.primitive.name in _LOOPS or None in lengths:
            return None
        here = 1, int(any(math.prod(out.aval.shape) >= points for out in eqn.outvars))
        for more, those in lengths or [here]:  # type: ignore[misc]
            total, on_points = total + more, on_points + those
    return total, on_points
