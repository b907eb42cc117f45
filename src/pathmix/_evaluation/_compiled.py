"""Functions of weights and components, compiled once for each structure of their arguments."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax
import numpy as np
from jax import lax

from pathmix._components import Canonical

P = ParamSpec("P")
R = TypeVar("R")


def compiled(*static: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function of weights and components, whose arguments named ``static`` are static.

    Distributions of unknown structure may hold what cannot be compiled for; they are left alone.
    So are calls in a program that is being traced: it is compiled as a whole, and where derivatives
    alone are asked for, a function of its own would be traced for its values first.
    """

    def wrap(fn: Callable[P, R]) -> Callable[P, R]:
        jitted = jax.jit(fn, static_argnames=static)

        @wraps(fn)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            known = all(c.selectable for c in args if isinstance(c, Canonical))
            leaves = jax.tree.leaves((args, kwargs))
            traced = any(isinstance(t, jax.core.Tracer) for t in leaves) and _in_a_program()
            return (jitted if known and not traced else fn)(*args, **kwargs)

        return call

    return wrap


def _in_a_program() -> bool:
    """Whether operations are traced, even those on constants, rather than carried out.

    Under ``jax.grad`` or ``jax.vmap`` alone they are carried out, one by one.
    """
    return isinstance(lax.add(np.int32(0), np.int32(0)), jax.core.Tracer)
