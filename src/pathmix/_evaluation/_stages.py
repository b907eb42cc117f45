"""A program of each component and the points, in stages: of components, of points, of pairs.

Written out for each of sixteen components, what the parameters alone decide would be sixteen small
programs, and what the points alone decide would be traced as often. Here one component is traced;
what depends on its parameters is worked out of all components together, what depends on points
once, and only the rest is written out.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from pathmix._rules import program_of

OF_COMPONENTS, OF_POINTS, OF_PAIRS = 1, 2, 3
EMPTY: Mapping[Any, Any] = {}
_CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"}


class Stages(NamedTuple):
    """A program without calls, and on what each of its variables depends."""

    program: Jaxpr
    consts: Sequence[Any]
    depends: dict[Any, int]

    def equations(self, *kinds: int) -> list[JaxprEqn]:
        """Return the operations whose results depend on so much."""
        return [eqn for eqn in self.program.eqns if self.depends[eqn.outvars[0]] in kinds]


def of_each(
    traced: ClosedJaxpr, parameters: Sequence[Array], x: Array, count: int
) -> list[list[Array]]:
    """Return the results of a program of one component's parameters and ``x``, for ``count``.

    The first axis of a parameter is that of the components, or has one entry for all of them.
    """
    stages = staged(traced, tuple(len(p) > 1 for p in parameters))
    shared = [None if len(p) > 1 else p[0] for p in parameters]
    known = _run(stages.equations(0, OF_POINTS), _start(stages, [*shared, x]))
    pairs, results = stages.equations(OF_PAIRS), stages.program.outvars
    read = [v for v in _read_by(pairs, results) if stages.depends[v] == OF_COMPONENTS]
    theirs = _of_components(stages, known, parameters, read)
    # compilers would make the inverse of each entry, by a kernel of its own
    divisors = {_divisor(eqn) for eqn in pairs}
    inverses = {v: 1 / t for v, t in theirs.items() if v in divisors}
    out = []
    for k in range(count):
        mine = {v: t[k] for v, t in theirs.items()}
        env = _run(pairs, known | mine, {v: t[k] for v, t in inverses.items()})
        out.append([_value(env, v) for v in results])
    return out


def _of_components(
    stages: Stages, known: dict[Any, Any], parameters: Sequence[Array], read: list[Any]
) -> dict[Any, Array]:
    """What is ``read`` of all components, worked out together."""
    given = zip(stages.program.invars, parameters, strict=False)
    own = {v: p for v, p in given if len(p) > 1}

    def of_one(*values: Array) -> list[Array]:
        env = known | dict(zip(own, values, strict=True))
        env = _run(stages.equations(OF_COMPONENTS), env)
        return [env[v] for v in read]

    return dict(zip(read, jax.vmap(of_one)(*own.values()), strict=True)) if own else {}


def _divisor(eqn: JaxprEqn) -> Any:
    """What a number is divided by, if that is a variable."""
    if eqn.primitive is not lax.div_p or isinstance(eqn.invars[1], Literal):
        return None
    divisor: Any = eqn.invars[1]
    return divisor if jnp.issubdtype(divisor.aval.dtype, jnp.floating) else None


@lru_cache(256)
def staged(traced: ClosedJaxpr, of_components: tuple[bool, ...]) -> Stages:
    """Return a program of parameters, of which some are those of components, and of points."""
    flat = jax.make_jaxpr(lambda *args: _inlined(traced, *args))(*traced.in_avals)
    program = flat.jaxpr
    depends = dict.fromkeys(program.constvars, 0)
    for v, own in zip(program.invars, of_components, strict=False):
        depends[v] = OF_COMPONENTS if own else 0
    depends[program.invars[len(of_components)]] = OF_POINTS
    for eqn in program.eqns:
        kind = 0
        for v in eqn.invars:
            kind |= 0 if isinstance(v, Literal) else depends[v]
        depends |= dict.fromkeys(eqn.outvars, kind)
    return Stages(program, flat.consts, depends)


def called_by(eqn: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an operation only calls."""
    if eqn.primitive.name in _CALLS:
        return eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]  # type: ignore[no-any-return]
    return program_of(eqn)


def _inlined(traced: ClosedJaxpr, *args: Any) -> list[Any]:
    """The results of a program, by operations without calls."""
    program = traced.jaxpr
    env = dict(zip((*program.constvars, *program.invars), (*traced.consts, *args), strict=True))
    for eqn in program.eqns:
        inputs = [_value(env, v) for v in eqn.invars]
        inner = called_by(eqn)
        if inner is not None:
            results = _inlined(inner, *inputs)
        else:
            results = _bind(eqn, inputs)
        env |= zip(eqn.outvars, results, strict=True)
    return [_value(env, v) for v in program.outvars]


def _start(stages: Stages, values: Sequence[Any]) -> dict[Any, Any]:
    program = stages.program
    given = zip(program.invars, values, strict=True)
    consts = dict(zip(program.constvars, stages.consts, strict=True))
    return consts | {v: value for v, value in given if value is not None}


def _run(
    equations: Sequence[JaxprEqn], env: dict[Any, Any], inverses: Mapping[Any, Array] = EMPTY
) -> dict[Any, Any]:
    env = dict(env)
    for eqn in equations:
        inputs = [_value(env, v) for v in eqn.invars]
        if _divisor(eqn) in inverses:
            results = [inputs[0] * inverses[_divisor(eqn)]]
        else:
            results = _bind(eqn, inputs)
        env |= zip(eqn.outvars, results, strict=True)
    return env


def _bind(eqn: JaxprEqn, inputs: list[Any]) -> list[Any]:
    out = eqn.primitive.bind(*inputs, **eqn.params)
    return out if eqn.primitive.multiple_results else [out]


def _read_by(equations: Sequence[JaxprEqn], results: Sequence[Any]) -> list[Any]:
    read = [v for eqn in equations for v in eqn.invars] + list(results)
    return list(dict.fromkeys(v for v in read if not isinstance(v, Literal)))


def _value(env: dict[Any, Any], v: Any) -> Any:
    return v.val if isinstance(v, Literal) else env[v]
