"""Functions of weights and components, compiled once for each structure of their arguments."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

from pathmix._components import Canonical

P = ParamSpec("P")
R = TypeVar("R")


def compiled(*static: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function of weights and components, whose arguments named ``static`` are static.

    Distributions of unknown structure may hold what cannot be compiled for; they are left alone.
    """

    def wrap(fn: Callable[P, R]) -> Callable[P, R]:
        jitted = jax.jit(fn, static_argnames=static)

        @wraps(fn)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            known = all(c.selectable for c in args if isinstance(c, Canonical))
            traced = any(isinstance(t, jax.core.Tracer) for t in jax.tree.leaves((args, kwargs)))
            return (jitted if known and not traced else fn)(*args, **kwargs)

        return call

    return wrap
