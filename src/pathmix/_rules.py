"""Custom rules for derivatives that loops do not forget.

JAX keeps the rule of a ``jax.custom_jvp`` function as long as the call stands in the program. The
reverse mode of ``lax.scan``, ``lax.map`` and counted loops takes the call apart, when it looks for
what does not change from step to step, and what is left differentiates as it is written: where that
is a choice of bits, or a draw that moves by its rule alone, second derivatives are wrong without an
error. Here a call is an operation of its own, which no transformation of JAX looks into.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import jax
from jax import Array
from jax.extend.core import ClosedJaxpr, JaxprEqn, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir
from jax.typing import ArrayLike

P = ParamSpec("P")
R = TypeVar("R")
Rule = TypeVar("Rule", bound=Callable[..., Any])


class custom_jvp(Generic[P, R]):  # noqa: N801, the name that JAX gives it
    """``jax.custom_jvp``, with a rule that also holds in loops, to every order.

    Args:
        fn: a function of arrays, or of pytrees of them.
        nondiff_argnums: positions of static arguments, which come first in the rule's.

    Examples:
        >>> import jax.numpy as jnp
        >>> @custom_jvp
        ... def wave(x):
        ...     return jnp.sin(jax.lax.stop_gradient(x))
        >>> @wave.defjvp
        ... def _(primals, tangents):
        ...     return wave(*primals), wave(primals[0] + jnp.pi / 2) * tangents[0]
        >>> looped = lambda x: jax.lax.map(wave, x).sum()
        >>> print(jax.hessian(looped)(jnp.full(1, jnp.pi / 2)))
        [[-1.]]
    """

    def __init__(self, fn: Callable[P, R], nondiff_argnums: Sequence[int] = ()) -> None:
        update_wrapper(self, fn)
        self._static = tuple(nondiff_argnums)
        self._rule = jax.custom_jvp(fn, nondiff_argnums=self._static)
        self._compiled = jax.jit(self._rule, static_argnums=self._static)

    def defjvp(self, rule: Rule, *, symbolic_zeros: bool = False) -> Rule:
        """Set the rule, as ``jax.custom_jvp.defjvp`` does."""
        self._rule.defjvp(rule, symbolic_zeros=symbolic_zeros)
        return rule

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``fn`` of the arguments, which are positional."""
        static = tuple((i, args[i]) for i in self._static)
        leaves, tree = jax.tree.flatten([t for i, t in enumerate(args) if i not in self._static])
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return self._compiled(*args, **kwargs)

        def arguments(leaves: Sequence[Any]) -> list[Any]:
            rest, given = iter(jax.tree.unflatten(tree, leaves)), dict(static)
            return [given[i] if i in given else next(rest) for i in range(len(args))]

        call = _Call(
            lambda *leaves: self._rule(*arguments(leaves)),
            lambda *kinds: self._compiled.trace(*arguments(kinds)),
            (self, static, tree),
            leaves,
        )
        out = _call.bind(*leaves, call=call)
        result: R = jax.tree.unflatten(call.out_tree, out)
        return result


@dataclass
class _Made:
    """How the result of calls that are alike is made up; JAX asks one of them alone."""

    out_tree: Any = None


@lru_cache(1024)
def _made(key: Any) -> _Made:
    return _Made()


class _Call:
    """A function of leaves, which is traced for its values only where somebody needs them."""

    def __init__(
        self, fn: Callable[..., Any], trace: Callable[..., Any], key: Any, leaves: Sequence[Any]
    ) -> None:
        self.fn, self._trace = fn, trace
        self._kinds = tuple(map(jax.typeof, leaves))
        self._key = key, self._kinds
        self.made = _made(self._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Call) and self._key == other._key

    def __call__(self, *leaves: ArrayLike) -> list[Array]:
        """Return the leaves of the result, by the rule where derivatives are asked for."""
        out, self.made.out_tree = jax.tree.flatten(self.fn(*leaves))
        return out

    @cached_property
    def program(self) -> ClosedJaxpr:
        """The program for leaves of these kinds."""
        traced = self._trace(*self._kinds)
        self.made.out_tree = jax.tree.structure(traced.out_info)
        program: ClosedJaxpr = traced.jaxpr
        return program

    @property
    def jaxpr(self) -> Any:
        """The same, where whoever reads programs looks for those inside."""
        return self.program.jaxpr

    @property
    def out_tree(self) -> Any:
        """How the result of a call is made up, after the call."""
        if self.made.out_tree is None:
            self.made.out_tree = jax.tree.structure(self._trace(*self._kinds).out_info)
        return self.made.out_tree


def program_of(eqn: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an operation calls, if it is a call with a rule."""
    return eqn.params["call"].program if eqn.primitive is _call else None


_call = Primitive("call_with_rule")
_call.multiple_results = True


@lru_cache(1024)
def _compiled(program: ClosedJaxpr) -> Callable[..., list[Array]]:
    return jax.jit(jaxpr_as_fun(program))


def _run(*leaves: ArrayLike, call: _Call) -> list[Array]:
    return _compiled(call.program)(*leaves)


def _differentiate(primals: Any, tangents: Any, *, call: _Call) -> Any:
    """Along the leaves that move; the rule is told that the others do not."""
    moving = [i for i, t in enumerate(tangents) if not isinstance(t, ad.Zero)]

    def of_moving(*values: ArrayLike) -> list[Array]:
        new = dict(zip(moving, values, strict=True))
        return call(*[new.get(i, x) for i, x in enumerate(primals)])

    return jax.jvp(of_moving, [primals[i] for i in moving], [tangents[i] for i in moving])


def _batch(leaves: Sequence[ArrayLike], axes: Sequence[Any], *, call: _Call) -> Any:
    each = jax.vmap(call.fn, in_axes=tuple(axes))
    batched = _Call(each, jax.jit(each).trace, (call, tuple(axes)), leaves)
    out = _call.bind(*leaves, call=batched)
    call.made.out_tree = batched.out_tree
    return out, [0] * len(out)


_call.def_impl(_run)
_call.def_abstract_eval(lambda *leaves, call: call.program.out_avals)
ad.primitive_jvps[_call] = _differentiate
batching.primitive_batchers[_call] = _batch
mlir.register_lowering(_call, mlir.lower_fun(_run, multiple_results=True))
