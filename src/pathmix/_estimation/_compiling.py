"""Programs that compile in less time where there is little for them to do.

XLA's compiler for CPUs takes seconds for what then runs for milliseconds. It has options by which
it takes half of that or less, and JAX takes them for functions that no other program contains.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import jax
import jax.numpy as jnp

from pathmix._checks import is_concrete
from pathmix._tuning import LITTLE

_SHORT = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
"""Code as fast, for small arrays, in two thirds of the time."""
_PLAIN = {**_SHORT, "xla_backend_optimization_level": 0}
"""Code some times slower, in a third of the time: for what runs a few times."""


def quickly(*, once: bool = False, **static: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function, which takes ``little`` as well: whether there is little to do.

    What runs ``once`` has plain code then.
    """

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        whole = jax.jit(fn, **static)
        # once JAX runs, for only then its backend is known
        quick = cache(lambda: jax.jit(fn, compiler_options=_options(once=once), **static))

        @wraps(fn)
        def call(*args: Any, little: bool = False, **named: Any) -> Any:
            return (quick() if little else whole)(*args, **named)

        return call

    return decorate


def is_little(work: int, *arrays: Any) -> bool:
    """Whether arrays are known, no program is being traced, and there is little to do.

    Of ``work`` there is as much as numbers over rows, coordinates and components.
    """
    known = is_concrete(*arrays) and is_concrete(jnp.zeros(()))
    return known and work <= LITTLE  # sizes of what is traced may be symbols, which do not compare


def _options(*, once: bool) -> dict[str, Any] | None:
    # later versions of XLA make wrong code of some programs, or have no such option (`conftest.py`)
    if jax.default_backend() != "cpu" or jax.__version_info__ >= (0, 12):
        return None
    return _PLAIN if once else _SHORT
