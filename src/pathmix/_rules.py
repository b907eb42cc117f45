"""Custom rules for derivatives that loops do not forget.

JAX keeps the rule of a ``jax.custom_jvp`` function as long as the call stands in the program. The
reverse mode of ``lax.scan``, ``lax.map`` and counted loops takes the call apart, when it looks for
what does not change from step to step, and what is left differentiates as it is written: where that
is a choice of bits, or a draw that moves by its rule alone, second derivatives are wrong without an
error. Here a call is an operation of its own, which no transformation of JAX looks into.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import jax
from jax import Array
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
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
        leaves = jax.tree.leaves([t for i, t in enumerate(args) if i not in self._static])
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return self._compiled(*args, **kwargs)
        traced = self._compiled.trace(*args, **kwargs)
        out = _call.bind(*leaves, jaxpr=traced.jaxpr)
        result: R = jax.tree.unflatten(jax.tree.structure(traced.out_info), out)
        return result


_call = Primitive("call_with_rule")
_call.multiple_results = True


@lru_cache(1024)
def _compiled(jaxpr: ClosedJaxpr) -> Callable[..., list[Array]]:
    return jax.jit(jaxpr_as_fun(jaxpr))


def _run(*leaves: ArrayLike, jaxpr: ClosedJaxpr) -> list[Array]:
    return _compiled(jaxpr)(*leaves)


def _differentiate(primals: Any, tangents: Any, *, jaxpr: ClosedJaxpr) -> Any:
    """Along the leaves that move; the rule is told that the others do not."""
    moving = [i for i, t in enumerate(tangents) if not isinstance(t, ad.Zero)]

    def of_moving(*values: ArrayLike) -> list[Array]:
        new = dict(zip(moving, values, strict=True))
        return jaxpr_as_fun(jaxpr)(*[new.get(i, x) for i, x in enumerate(primals)])

    return jax.jvp(of_moving, [primals[i] for i in moving], [tangents[i] for i in moving])


def _batch(leaves: Sequence[ArrayLike], axes: Sequence[Any], *, jaxpr: ClosedJaxpr) -> Any:
    each = jax.vmap(jaxpr_as_fun(jaxpr), in_axes=tuple(axes))
    out = _call.bind(*leaves, jaxpr=jax.make_jaxpr(each)(*leaves))
    return out, [0] * len(out)


_call.def_impl(_run)
_call.def_abstract_eval(lambda *_, jaxpr: jaxpr.out_avals)
ad.primitive_jvps[_call] = _differentiate
batching.primitive_batchers[_call] = _batch
mlir.register_lowering(_call, mlir.lower_fun(_run, multiple_results=True))
