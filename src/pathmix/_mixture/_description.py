"""What a mixture shows of itself: a line of facts, and a table of its components."""

import inspect
from html import escape
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from pathmix._checks import is_concrete
from pathmix._components import OneOf
from pathmix._mixture._table import SHORT, as_html, as_text, holds_arrays, short, table_of


def describe(mixture: Any) -> str:
    """Return the class, the family, shapes and options, and a row for each component.

    Of batches, of what is traced and of families by NumPyro's methods alone there is one line, with
    the parameters that are known and short, and the shapes of the others.
    """
    if not holds_arrays(mixture):
        return f"{_name(mixture)}({', '.join(map(repr, jax.tree.leaves(mixture)))})"
    table = table_of(mixture)
    if table is None:
        return _line(mixture, _parts(mixture))
    return f"{_line(mixture, [_family(mixture)])}\n{as_text(table)}"


def describe_html(mixture: Any) -> str:
    """Return the same for notebooks."""
    table = table_of(mixture) if holds_arrays(mixture) else None
    if table is None:
        return f"<pre>{escape(describe(mixture))}</pre>"
    return as_html(_line(mixture, [_family(mixture)]), table)


def describe_derived(d: Any, names: tuple[str, ...]) -> str:
    """Return the class and the arguments of what is made from a mixture, and the mixture."""
    given = {name: getattr(d, name) for name in names if getattr(d, name, None) is not None}
    arguments = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
    return f"{type(d).__name__}({arguments}) of\n{d.base_dist!r}"


def _line(mixture: Any, parts: list[str]) -> str:
    facts = [
        *parts,
        f"num_components={mixture.num_components}",
        f"batch_shape={mixture.batch_shape}",
        f"event_shape={mixture.event_shape}",
    ]
    facts += [f"{flag}=True" for flag in ("reparameterize",) if getattr(mixture, flag)]
    facts += ["validate_args=True"] if mixture._validate_args else []
    facts += [] if mixture.allow_nan_stats else ["allow_nan_stats=False"]
    return f"{type(mixture).__name__}({', '.join(facts)})"


def _family(mixture: Any) -> str:
    """The classes, without parameters: these are in the table."""
    d = mixture.components_distribution
    if not isinstance(getattr(d, "base_dist", d), OneOf):
        return _nested(d)
    kinds = [_nested(one) for one in mixture.components_distributions]
    return ", ".join(dict.fromkeys(kinds))


def _nested(d: Distribution) -> str:
    return f"{_name(d)}({_nested(d.base_dist)})" if _wraps(d) else _name(d)


def _parts(mixture: Any) -> list[str]:
    """Weights and components with their parameters, one by one if they are of several families."""
    weights = ", ".join(_parameters(mixture.mixture_distribution))
    weights = f"{_name(mixture.mixture_distribution)}({weights})"
    d = mixture.components_distribution
    if not isinstance(getattr(d, "base_dist", d), OneOf):
        return [weights, _components(d)]
    each = ", ".join(_components(one) for one in mixture.components_distributions)
    return [weights, f"[{each}]"]


def _name(d: Distribution) -> str:
    return type(d).__name__


def _wraps(d: Distribution) -> bool:
    names = inspect.signature(type(d)).parameters
    return not {"base_dist", "base_distribution"}.isdisjoint(names)


def _components(d: Distribution) -> str:
    inner = [_components(d.base_dist)] if _wraps(d) else []
    return f"{_name(d)}({', '.join(inner + _parameters(d))})"


def _parameters(d: Distribution) -> list[str]:
    """The parameters that are known now and short; of the others their shapes."""
    return [f"{name}={_short(value)}" for name, value in d.get_args().items() if value is not None]


def _short(value: Any) -> str:
    if not isinstance(value, jax.Array | np.ndarray | float | int):
        return type(value).__name__
    if not is_concrete(value) or np.size(value) > SHORT:
        return f"{jnp.result_type(value)}{list(np.shape(value))}"
    return short(value)
