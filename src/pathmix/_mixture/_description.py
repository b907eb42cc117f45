"""What a mixture shows of itself."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from pathmix._checks import is_concrete
from pathmix._components import OneOf

_SHORT = 8
"""Up to this many entries of a parameter are shown."""


def describe(mixture: Any) -> str:
    """Return the class, the family and its parameters, the number of components, and the shapes."""
    weights = ", ".join(_parameters(mixture.mixture_distribution))
    lines = [
        f"{_name(mixture.mixture_distribution)}({weights})",
        *_listed(mixture),
        f"num_components={mixture.num_components}",
        f"batch_shape={mixture.batch_shape}",
        f"event_shape={mixture.event_shape}",
    ]
    lines += [f"{flag}=True" for flag in ("reparameterize",) if getattr(mixture, flag)]
    lines += ["validate_args=True"] if mixture._validate_args else []
    lines += [] if mixture.allow_nan_stats else ["allow_nan_stats=False"]
    return f"{type(mixture).__name__}({', '.join(lines)})"


def _listed(mixture: Any) -> list[str]:
    """The components, one by one if they are of several families."""
    d = mixture.components_distribution
    if not isinstance(getattr(d, "base_dist", d), OneOf):
        return [_components(d)]
    each = ", ".join(_components(one) for one in mixture.components_distributions)
    return [f"[{each}]"]


def _name(d: Distribution) -> str:
    return type(d).__name__


def _components(d: Distribution) -> str:
    names = inspect.signature(type(d)).parameters
    wraps = not {"base_dist", "base_distribution"}.isdisjoint(names)
    inner = [_components(d.base_dist)] if wraps else []
    return f"{_name(d)}({', '.join(inner + _parameters(d))})"


def _parameters(d: Distribution) -> list[str]:
    """The parameters that are known now and short; of the others their shapes."""
    return [f"{name}={_short(value)}" for name, value in d.get_args().items() if value is not None]


def _short(value: Any) -> str:
    if not isinstance(value, jax.Array | np.ndarray | float | int):
        return type(value).__name__
    if not is_concrete(value) or np.size(value) > _SHORT:
        return f"{jnp.result_type(value)}{list(np.shape(value))}"
    text = np.array2string(np.asarray(value), precision=4, separator=", ")
    return " ".join(text.split())
