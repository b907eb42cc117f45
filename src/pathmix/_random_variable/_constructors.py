"""From a NumPyro family to the constructor of its random variables."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpyro.distributions as dist

from pathmix._random_variable._array import plain_tree
from pathmix._random_variable._random_variable import RandomVariable

SHARED_ARGUMENTS = """\
    sample_shape: The shape of independent draws, or their number.
    value: The value of the variable; with a name and within handlers, an observation.
    key: A JAX random key by which to draw it.
    name: Its name: within NumPyro handlers it is the sample site of that name."""


@functools.cache
def constructor(family_name: str) -> Callable[..., RandomVariable]:
    """The function that makes random variables of the family of that name in NumPyro.

    It takes the family's own arguments, positional or by keyword, and by keyword those of
    ``RandomVariable``. Its signature and docstring say both.
    """
    family = getattr(dist, family_name)

    def create(
        *args: Any,
        sample_shape: int | Sequence[int] = (),
        value: Any = None,
        key: jax.Array | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> RandomVariable:
        args, kwargs = plain_tree((args, kwargs))
        return RandomVariable(family(*args, **kwargs), sample_shape, value, key, name)

    create.__signature__ = _signature(family, inspect.signature(create))  # type: ignore[attr-defined]
    create.__name__ = create.__qualname__ = family_name
    create.__module__ = "pathmix.random_variables"
    create.__doc__ = _docstring(family_name, inspect.getdoc(family))
    return create


def _signature(family: Callable, options: inspect.Signature) -> inspect.Signature:
    """The family's parameters, then our keyword-only ones."""
    own = list(inspect.signature(family).parameters.values())
    ours = [p for p in options.parameters.values() if p.kind is p.KEYWORD_ONLY]
    return inspect.Signature([*own, *ours], return_annotation=RandomVariable)


def _docstring(family_name: str, text: str | None) -> str:
    return f"""\
Create a random variable for {family_name}.

See ``numpyro.distributions.{family_name}`` for its own arguments.

Args:
{SHARED_ARGUMENTS}

Returns:
    A RandomVariable.

The distribution's own text:

{text or "(none)"}
"""
