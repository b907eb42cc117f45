"""Sums over components of scalars in one pass over many points, without an array of the terms.

The terms are written out one after the other, and compilers keep them in registers until they are
added up: up to three times as fast as to store and read them, or to work at them in a loop, which
XLA's CPU compiler does not share among threads. It takes longer to compile, by as much as there is
to write out. So it is done of many values alone, and of densities that are formulas: loops, as of
incomplete functions, would be compiled for each component.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import ClosedJaxpr

from pathmix._components import Canonical
from pathmix._evaluation._scalars import along, are_shared_badly
from pathmix._evaluation._stages import OF_PAIRS, OF_POINTS, Stages, of_each, staged
from pathmix._evaluation._turns import is_of_turns
from pathmix._families import given
from pathmix._layout import is_symbolic, with_points
from pathmix._log_sums import LogSum, as_log_sum, highest_of, log_sum_of, relative
from pathmix._moving import jvp_of_moving
from pathmix._rules import custom_jvp
from pathmix._tuning import LONG, LONG_SLOPE, SHARED_BADLY, SHORT, WRITTEN_OUT
from pathmix._typing import Reals, Value
from pathmix._weights import Own, Weights, log_by_one_kernel
from pathmix._where import where


def is_written_out(components: Canonical, x: Value) -> bool:
    """Return whether there are many values of few components, by a formula that is short enough.

    Or so few values that one thread works them all out, in turns.
    """
    count = components.own_shape[-1]
    size = count * math.prod(x.shape)
    if is_symbolic(size) or count > WRITTEN_OUT or size <= SHARED_BADLY[0]:
        return False
    stages = stages_of(_density, components, x)
    if stages is None:
        return False
    short = len(stages.of(OF_POINTS, OF_PAIRS)) <= LONG
    return short and (size > SHARED_BADLY[1] or is_of_turns(work_of_density(components, x)))


def is_slope_written_out(components: Canonical, x: Value) -> bool:
    """Return the same of the slope in ``x``, for which the formula is there twice."""
    if components.family.limit is not None or not is_written_out(components, x):
        return False
    stages = given(stages_of(_density, components, x))
    short = len(stages.of(OF_PAIRS)) <= LONG_SLOPE
    return short and stages_of(_density_and_slope, components, x) is not None


def work_of_density(components: Canonical, x: Value) -> int:
    """About how many operations XLA's CPU compiler counts of ``written_out``."""
    return _work(_density, 9, components, x)


def work_of_slope(components: Canonical, x: Value) -> int:
    """The same of ``slope_written_out``."""
    return _work(_density_and_slope, 11, components, x)


def _work(fn: Any, to_add: int, components: Canonical, x: Value) -> int:
    """A byte counts for ten, and each term for some ``to_add`` more until it is in the sum."""
    stages = given(stages_of(fn, components, x))
    read_and_written = 10 * 2 * x.dtype.itemsize
    of_each = components.own_shape[-1] * (len(stages.of(OF_PAIRS)) + to_add)
    return x.size * (read_and_written + len(stages.of(OF_POINTS)) + of_each)


def is_in_place(components: Canonical, x: Value) -> bool:
    """Return whether terms of few components are worked out where they are read.

    Of short formulas that takes less time than to store them, component by component, and half as
    long to compile as the loop.
    """
    if not are_shared_badly(components.own_shape[-1], x.shape):
        return False
    stages = stages_of(_density, components, x)
    return stages is not None and len(stages.steps) <= SHORT


@jax.jit
def _density(one: Canonical, x: Value) -> Reals:
    """Of one component. Compiled functions are traced once for all who ask."""
    return one.family.log_density(one.theta, x)


@jax.jit
def _density_and_slope(one: Canonical, x: Value) -> tuple[Reals, Reals]:
    terms, slope = along(None, one, x)
    return terms.term, slope.term


def stages_of(fn: Any, components: Canonical, x: Value) -> Stages | None:
    """Return the program of one component and one point, if it is one on numbers."""
    first = components.component_first(x.ndim)
    if any(first.event_dims):
        return None
    number = lambda t: jax.ShapeDtypeStruct((), t.dtype)  # noqa: E731
    one = jax.eval_shape(lambda c: c.of([jnp.ravel(p)[0] for p in c.parameters]), first)
    program: ClosedJaxpr = fn.trace(one, number(x)).jaxpr
    return staged(program, tuple(len(p) > 1 for p in first.parameters))


def each_of(fn: Any, components: Canonical, x: Value) -> list[list[Reals]]:
    """Return the results of each component."""
    stages = given(stages_of(fn, components, x))
    parameters, count = components.component_first(x.ndim).parameters, components.own_shape[-1]
    return written_out_of(stages, parameters, x, count)


def written_out_of(
    stages: Stages, parameters: Sequence[Array], x: Value, count: int
) -> list[list[Reals]]:
    """Return the same by parameters whose first axis is that of the components."""
    each = of_each(stages, parameters, x, count)
    return [[jnp.broadcast_to(t, x.shape) for t in one] for one in each]


def written_out(weights: Weights | Own, components: Canonical, x: Value) -> LogSum:
    """Return ``log Σ_k exp(log_w_k + log p_k)``."""
    log_w = with_points(log_by_one_kernel(weights), x.ndim)
    each = each_of(_density, components, x)
    return log_sum_of([(w, term) for w, (term,) in zip(log_w, each, strict=True)])


def slope_written_out(
    weights: Weights | Own, components: Canonical, x: Value
) -> tuple[LogSum, Reals]:
    """Return the same and its slope in ``x``, ``Σ_k r_k ∂_x log p_k``."""
    log_w = with_points(log_by_one_kernel(weights), x.ndim)
    each = each_of(_density_and_slope, components, x)
    top = highest_of([(w, term) for w, (term, _) in zip(log_w, each, strict=True)])
    parts = [jnp.exp(w + relative(term, top)) for w, (term, _) in zip(log_w, each, strict=True)]
    felt = [where(p > 0, p * slope, 0.0) for p, (_, slope) in zip(parts, each, strict=True)]
    total, slope = reduce(jnp.add, parts), reduce(jnp.add, felt)
    slope = where(total > 0, slope * (1 / where(total > 0, total, 1.0)), 0.0)
    return as_log_sum(top, total), slope


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
