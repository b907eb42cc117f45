"""A warning where somebody differentiates through a draw that carries no gradient.

That a draw depends on parameters which are being differentiated is no mistake by itself: estimators
by the score stop its gradient and differentiate the density alone. The mistake is a loss whose
derivative comes back to the draw. So the draw's tangent is a mark that is linear in the parameters'
tangents, zero in value, and warns when reverse mode brings it a cotangent. That happens once, while
the gradient is traced. Forward mode has no such moment, and stays silent.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from pathmix._rules import custom_jvp
from pathmix._typing import Value

MESSAGE = (
    "expected no gradient through a draw of a mixture with reparameterize=False, which carries "
    "none, but one was asked for: the parameters of its weights and components learn nothing from "
    "it. Pass reparameterize=True, or use pathmix.expectation, which suits separated modes. Where "
    "the gradient is meant to end here, say so by jax.lax.stop_gradient(draw)."
)


def warn_of_no_gradient(draw: Value, parameters: Any) -> Value:
    """Return ``draw`` without gradient; warn when one in ``parameters`` is asked of it.

    Args:
        draw: A draw. Integers have no gradient in JAX, and none can be asked of them.
        parameters: The pytree of arrays that it was drawn from.
    """
    draw = lax.stop_gradient(draw)
    if not jnp.issubdtype(draw.dtype, jnp.floating):
        return draw
    leaves = [leaf for leaf in jax.tree.leaves(parameters) if isinstance(leaf, jax.Array)]
    return _watched(draw, leaves)


@custom_jvp
def _watched(draw: Value, parameters: list[Array]) -> Value:
    del parameters
    return draw


def _watched_jvp(primals: Any, tangents: Any) -> tuple[Value, Value]:
    draw, parameters = primals
    moving = [t for t in tangents[1] if not isinstance(t, SymbolicZero)]
    moving = [t for t in moving if jnp.issubdtype(t.dtype, jnp.floating)]
    # Sums over no entries depend on the tangents and are zero, even where those are infinite.
    nothing = sum((jnp.sum(jnp.ravel(t)[:0]).astype(draw.dtype) for t in moving), start=0.0)
    zero = jnp.zeros_like(draw)
    return _watched(draw, parameters), mark_p.bind(zero + nothing) if moving else zero


_watched.defjvp(_watched_jvp, symbolic_zeros=True)


def _mark_transpose(cotangent: Any, operand: Any) -> list[Any]:
    """Warn of a cotangent; none goes further."""
    if not isinstance(cotangent, ad.Zero):
        warnings.warn(MESSAGE, UserWarning, stacklevel=2)
    return [ad.Zero(operand.aval)]


mark_p = Primitive("draw_without_gradient")
mark_p.def_impl(lambda x: x)
mark_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(mark_p, lambda context, x: [x])
batching.defvectorized(mark_p)
ad.deflinear2(mark_p, _mark_transpose)
