"""A program of one component and one point, in stages: of components, of points, of pairs.

Written out for each of sixteen components, what the parameters alone decide would be sixteen small
programs, and what the points alone decide would be traced as often. Here one component at one point
is traced, which is quick; what depends on its parameters is worked out of all components together,
what depends on points once, and only the rest is written out. So each operation must be one on
numbers, which does to arrays what it does to each of them.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Primitive

from pathmix._rules import program_of
from pathmix._tuning import BY_ONE_KERNEL, JOINED

OF_COMPONENTS, OF_POINTS, OF_PAIRS = 1, 2, 3
_CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"}
# what these do to a number is nothing; what they do to arrays is never asked for
_OF_SHAPES = {"reshape", "broadcast_in_dim", "squeeze", "transpose", "reduce_and", "reduce_sum"}
_SIZES = {"shape", "new_sizes", "axes", "axis", "dimension", "dimensions", "permutation"}
_OF_EQUAL_SHAPES = {lax.select_n_p, lax.clamp_p}
_NONE: Mapping[Any, Any] = {}


@dataclass(frozen=True, eq=False)
class Known:
    """A number that the program holds."""

    value: Any


class Step(NamedTuple):
    """An operation: what it reads, numbers or the names of results, and the names of its own."""

    primitive: Primitive
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...]
    kind: int
    """On what its results depend."""
    whole: bool
    """Whether they are whole numbers."""

    @property
    def divisor(self) -> Any:
        """What a real number is divided by."""
        return self.inputs[1] if self.primitive is lax.div_p and not self.whole else None


class Stages(NamedTuple):
    """Operations without calls, the names of what they are given, and of the results."""

    steps: list[Step]
    given: list[int]
    results: list[Any]

    def of(self, *kinds: int) -> list[Step]:
        """Return the operations whose results depend on so much."""
        return [step for step in self.steps if step.kind in kinds]


@lru_cache(256)
def staged(program: ClosedJaxpr, of_components: tuple[bool, ...]) -> Stages | None:
    """Return a program of parameters, of which some are those of components, and of a point.

    ``None`` if an operation is not one on numbers, as loops are and what reads tables.
    """
    names, steps = itertools.count(), list[Step]()
    kinds = [OF_COMPONENTS if own else 0 for own in of_components] + [OF_POINTS]
    given = [next(names) for _ in kinds]
    depends = dict(zip(given, kinds, strict=True))
    results = _flatten(program, given, names, steps, depends)
    return None if results is None else Stages(steps, given, results)


def _flatten(
    program: ClosedJaxpr,
    inputs: Sequence[Any],
    names: Iterator[int],
    steps: list[Step],
    depends: dict[Any, int],
) -> list[Any] | None:
    """Append the operations of a program, and of those it calls; return what its results are."""
    jaxpr = program.jaxpr
    env = dict(zip(jaxpr.constvars, map(Known, program.consts), strict=True))
    env |= zip(jaxpr.invars, inputs, strict=True)
    read = lambda v: Known(v.val) if isinstance(v, Literal) else env[v]  # noqa: E731
    for eqn in jaxpr.eqns:
        arguments, inner = [read(v) for v in eqn.invars], _called_by(eqn)
        if inner is not None:
            results = _flatten(inner, arguments, names, steps, depends)
            if results is None:
                return None
        elif not _is_on_numbers(eqn):
            return None
        elif eqn.primitive.name in _OF_SHAPES:
            results = arguments
        else:
            results = [next(names) for _ in eqn.outvars]
            kinds = [depends[t] for t in arguments if not isinstance(t, Known)]
            kind = reduce(or_, kinds, 0)
            depends |= dict.fromkeys(results, kind)
            whole = not jnp.issubdtype(eqn.outvars[0].aval.dtype, jnp.floating)
            reads, makes = tuple(arguments), tuple(results)
            steps.append(Step(eqn.primitive, eqn.params, reads, makes, kind, whole))
        env |= zip(eqn.outvars, results, strict=True)
    return [read(v) for v in jaxpr.outvars]


def _called_by(eqn: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an operation only calls."""
    if eqn.primitive.name in _CALLS:
        return eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
    return program_of(eqn)


def _is_on_numbers(eqn: JaxprEqn) -> bool:
    parts = jax.tree.leaves(eqn.params)
    inner = any(hasattr(p, "eqns") or hasattr(p, "jaxpr") for p in parts)
    sized = _SIZES & eqn.params.keys() and eqn.primitive.name not in _OF_SHAPES
    kinds: list[Any] = [v.aval for v in (*eqn.invars, *eqn.outvars)]
    return not inner and not sized and all(kind.shape == () for kind in kinds)


def of_each(stages: Stages, parameters: Sequence[Array], x: Array, count: int) -> list[list[Array]]:
    """Return the results of a program of one component's parameters and ``x``, for ``count``.

    The first axis of a parameter is that of the components, or has one entry for all of them.
    """
    *names, point = stages.given
    own = {v: p for v, p in zip(names, parameters, strict=True) if len(p) > 1}
    shared = {v: p[0] for v, p in zip(names, parameters, strict=True) if len(p) == 1}
    known = _run(stages.of(OF_POINTS), _of_all(stages, shared) | {point: x})
    theirs, inverses = _of_components(stages, known, own)
    out = []
    for k in range(count):
        mine = known | {v: t[k] for v, t in theirs.items()}
        env = _run(stages.of(OF_PAIRS), mine, {v: t[k] for v, t in inverses.items()})
        out.append([_value(env, v) for v in stages.results])
    return out


def _of_all(stages: Stages, shared: Mapping[Any, Array]) -> dict[Any, Array]:
    """What later steps read of the parameters that all components share."""
    later = stages.of(OF_COMPONENTS, OF_POINTS, OF_PAIRS)
    read = {v for step in later for v in step.inputs} | set(stages.results)
    found = _run(stages.of(0), shared)
    return _by_one_kernel({v: t for v, t in found.items() if v in read})


def _of_components(
    stages: Stages, known: Mapping[Any, Any], own: Mapping[Any, Array]
) -> tuple[dict[Any, Array], dict[Any, Array]]:
    """What pairs or results read of the components, worked out of all of them together.

    And the inverses of what pairs divide by: compilers would make one of each entry.
    """
    steps, pairs = stages.of(OF_COMPONENTS), stages.of(OF_PAIRS)
    shared = {v: known[v] for step in steps for v in step.inputs if v in known}
    shared = {v: jnp.expand_dims(t, 0) if jnp.ndim(t) else t for v, t in shared.items()}
    read = {v for step in pairs for v in step.inputs} | set(stages.results)
    divisors = {step.divisor for step in pairs}
    found = _run(steps, {**shared, **own})
    theirs = {v: t for v, t in found.items() if v in read and v not in known}
    inverses = {v: 1 / t for v, t in theirs.items() if v in divisors}
    return _by_one_kernel((theirs, inverses))


def _by_one_kernel(values: Any) -> Any:
    """The same arrays, worked out together.

    XLA's CPU compiler has a kernel for each array that others read, be it of three numbers, and a
    second thread for more than some eight of them. Those of one shape are parts of one array here,
    for which it has one.
    """
    if jax.default_backend() != "cpu":
        return values
    leaves, tree = jax.tree.flatten(values)
    alike = dict[Any, list[int]]()
    for i, t in enumerate(leaves):
        alike.setdefault((t.shape, t.dtype.itemsize), []).append(i)
    for (shape, _), places in alike.items():
        if math.prod(shape) <= BY_ONE_KERNEL:
            for start in range(0, len(places), JOINED):
                some = places[start : start + JOINED]
                for i, t in zip(some, _joined([leaves[i] for i in some]), strict=True):
                    leaves[i] = t
    return jax.tree.unflatten(tree, leaves)


def _joined(arrays: list[Array]) -> list[Array]:
    """The same, as parts of one array of their bits, which is not taken apart again."""
    bits = f"uint{8 * arrays[0].dtype.itemsize}"
    together = lax.optimization_barrier(jnp.stack([_as(bits, t) for t in arrays]))
    return [_as(t.dtype, part) for t, part in zip(arrays, together, strict=True)]


def _as(dtype: Any, t: Array) -> Array:
    """The same bits."""
    if jnp.bool_ in (t.dtype, dtype):
        return t.astype(dtype)
    return lax.bitcast_convert_type(t, dtype)


def _run(
    steps: Iterable[Step], env: Mapping[Any, Any], inverses: Mapping[Any, Any] = _NONE
) -> dict[Any, Any]:
    out = dict(env)
    for step in steps:
        inputs = [_value(out, v) for v in step.inputs]
        if step.divisor in inverses:
            results = [inputs[0] * inverses[step.divisor]]
        else:
            results = _bind(step, inputs)
        out |= zip(step.outputs, results, strict=True)
    return out


def _bind(step: Step, inputs: list[Any]) -> list[Any]:
    if step.primitive in _OF_EQUAL_SHAPES:
        inputs = jnp.broadcast_arrays(*inputs)
    out = step.primitive.bind(*inputs, **step.params)
    return out if step.primitive.multiple_results else [out]


def _value(env: Mapping[Any, Any], v: Any) -> Any:
    return v.value if isinstance(v, Known) else env[v]
