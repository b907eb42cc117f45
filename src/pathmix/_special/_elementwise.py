"""Elementwise functions: common dtype and shape, and derivatives of functions that hold loops."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from pathmix._rules import custom_jvp
from pathmix._typing import Reals

Elementwise = Callable[..., Reals]


def in_one_dtype(*arguments: ArrayLike) -> tuple[Reals, ...]:
    """Give the arguments one float dtype, and leave their shapes as they are.

    Python scalars are weak and follow the arrays; integers become the default float.

    >>> [x.shape for x in in_one_dtype(1, jnp.zeros(3))]
    [(), (3,)]
    """
    dtype = jnp.result_type(*arguments)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    return tuple(jnp.asarray(x, dtype) for x in arguments)


def as_floats(*arguments: ArrayLike) -> tuple[Reals, ...]:
    """Broadcast the arguments to one shape and one float dtype.

    >>> [x.shape for x in as_floats(1, jnp.zeros(3))]
    [(3,), (3,)]
    """
    return tuple(jnp.broadcast_arrays(*in_one_dtype(*arguments)))


MAX_TERMS = 20_000
"""The longest series or fraction: what a parameter of 5e6 needs. Beyond, accuracy is lost first
where the function varies fastest; without a bound, an absurd argument would never return."""


def log_accuracy(dtype: np.dtype) -> float:
    """Return the log of the accuracy to which a series or fraction is carried in a precision.

    A factor of e⁸ beyond rounding lets the derivatives converge too, whose terms carry powers of
    the logarithm of the term's number.

    >>> round(log_accuracy(np.dtype("float32")))
    24
    """
    return 8 - math.log(float(jnp.finfo(dtype).eps))


def forward_differentiable(
    fn: Elementwise, partials: Mapping[int, Elementwise] | None = None
) -> Elementwise:
    r"""Make an elementwise function differentiable in every mode and to every order.

    Reverse mode cannot pass through a ``lax.while_loop``; forward mode can. The derivative of an
    elementwise function is diagonal, so the tangent is :math:`\sum_i \partial_i f\, \dot x_i`, with
    :math:`\partial_i f` computed by one forward pass with a unit tangent. That partial derivative
    is wrapped the same way, when it is first asked for, so that no order of reverse mode meets the
    loop. Arguments without a tangent cost nothing.

    Args:
        fn: an elementwise function of arrays of one shape and dtype. Its forward derivatives must
            be finite wherever its value is masked: a masked point should be a constant.
        partials: closed forms of partial derivatives, by argument number. They must themselves be
            differentiable in every mode.

    Returns:
        The function, which also broadcasts its arguments to a common shape and float dtype.

    >>> power = forward_differentiable(
    ...     lambda x, n: jax.lax.while_loop(
    ...         lambda c: jnp.any(c[0] < n), lambda c: (c[0] + 1, c[1] * x), (0 * x, 0 * x + 1)
    ...     )[1]
    ... )
    >>> float(jax.grad(jax.grad(power))(2.0, 3.0))
    12.0
    """
    differentiable = _with_rule(fn, dict(partials or {}))

    def elementwise(*arguments: ArrayLike) -> Reals:
        return differentiable(*as_floats(*arguments))

    return elementwise


def _with_rule(fn: Elementwise, partials: dict[int, Elementwise]) -> Elementwise:
    # Compiled here, once per function: an eager while_loop would otherwise compile at every call.
    wrapped = custom_jvp(fn)

    @cache
    def partial(index: int) -> Elementwise:
        if index in partials:
            return partials[index]
        # mixed derivatives may be taken in either order: that by a closed form goes first
        mixed = {i: _forward_partial(closed, index) for i, closed in partials.items()}
        return _with_rule(_forward_partial(fn, index), mixed)

    def rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
        value = wrapped(*primals)
        terms = [
            partial(i)(*primals) * tangent
            for i, tangent in enumerate(tangents)
            if not isinstance(tangent, SymbolicZero)
        ]
        return value, sum(terms[1:], terms[0]) if terms else jnp.zeros_like(value)

    wrapped.defjvp(rule, symbolic_zeros=True)
    return wrapped


def _forward_partial(fn: Elementwise, index: int) -> Elementwise:
    def partial(*arguments: Reals) -> Reals:
        def along(x: Reals) -> Reals:
            return fn(*arguments[:index], x, *arguments[index + 1 :])

        x = arguments[index]
        return jax.jvp(along, (x,), (jnp.ones_like(x),))[1]

    return partial
