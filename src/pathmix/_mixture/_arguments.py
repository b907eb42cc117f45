"""Checks of a mixture's arguments: of their kinds and shapes always, of their values on request."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, constraints

from pathmix._checks import is_concrete, require
from pathmix._families import bounds, family
from pathmix._typing import Flags


def check_arguments(mixture: Any, components: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless the two can form a mixture."""
    for name, d in (("mixture_distribution", mixture), ("components_distribution", components)):
        if not isinstance(d, Distribution):
            raise TypeError(
                f"expected {name} to be a numpyro.distributions.Distribution, got "
                f"{type(d).__name__}. Wrap its parameters, as in dist.Normal(loc, scale)."
            )
    _check_categorical(mixture)
    _check_shapes(mixture, components)
    _check_num_components(mixture, components.batch_shape[-1])


def _check_categorical(mixture: Distribution) -> None:
    name = type(mixture).__name__
    if mixture.event_shape:
        raise ValueError(
            f"expected a mixture_distribution with scalar events, got {name} with event shape "
            f"{mixture.event_shape}. Use Categorical(probs=...) or Categorical(logits=...)."
        )
    if mixture.support is None or not mixture.support.is_discrete:
        raise ValueError(
            f"expected an integer-valued mixture_distribution, got {name}. Use "
            "Categorical(probs=...) or Categorical(logits=...)."
        )
    if not mixture.has_enumerate_support:
        raise ValueError(
            f"expected a mixture_distribution over finitely many categories, got {name}, whose "
            "support cannot be enumerated. Use Categorical(probs=...) or Categorical(logits=...)."
        )


def _check_shapes(mixture: Distribution, components: Distribution) -> None:
    if not components.batch_shape or not components.batch_shape[-1]:
        raise ValueError(
            "expected a components_distribution whose rightmost batch axis indexes the components, "
            f"at least one, got {type(components).__name__} with batch shape "
            f"{components.batch_shape}. Give its parameters an axis of one entry per component."
        )
    if mixture.batch_shape not in ((), components.batch_shape[:-1]):
        raise ValueError(
            "expected a mixture_distribution with batch shape () or "
            f"{components.batch_shape[:-1]}, that of the components without its last axis, got "
            f"{mixture.batch_shape}. Expand one of the two with `.expand(batch_shape)`."
        )


def _check_num_components(mixture: Distribution, num_components: int) -> None:
    try:
        with jax.ensure_compile_time_eval():
            values = np.asarray(mixture.enumerate_support(expand=False))
    except jax.errors.JAXTypeError:
        return  # a support that depends on traced parameters is taken at its word
    if values.shape[0] != num_components:
        raise ValueError(
            "expected as many categories in mixture_distribution as components along the last "
            f"batch axis of components_distribution, got {values.shape[0]} categories and "
            f"{num_components} components."
        )
    if not np.array_equal(values.ravel(), np.arange(num_components)):
        raise ValueError(
            f"expected a mixture_distribution over 0, …, {num_components - 1}, got "
            f"{type(mixture).__name__} over {values.ravel().tolist()}."
        )


def check_reparameterizable(components: Distribution) -> None:
    """Raise unless draws from mixtures of these components can carry pathwise gradients."""
    if components.is_discrete:
        raise ValueError(
            "expected continuous components for pathwise gradients, got discrete "
            f"{type(components).__name__}. Use reparameterize=False with a sum over components, by "
            "`component_log_probs`."
        )
    family(components).check_pathwise(components)


def as_arrays(d: Distribution) -> Distribution:
    """Return ``d`` with JAX arrays for NumPy ones; ``d`` itself where there are none."""
    if not any(isinstance(leaf, np.ndarray | np.generic) for leaf in jax.tree.leaves(d)):
        return d
    return jax.tree.map(jnp.asarray, d)


def validated(d: Distribution) -> Distribution:
    """Return ``d`` once its parameters satisfy their constraints, checked under jit as well."""
    for valid, message in _parameter_checks(d):
        d = require(d, valid, message)
    return d


def _parameter_checks(d: Distribution) -> Iterator[tuple[Flags, str]]:
    owner = type(d).__name__
    if isinstance(getattr(d, "base_dist", None), Distribution):
        yield from _parameter_checks(d.base_dist)
    for name, value in d.get_args().items():
        constraint = d.arg_constraints[name]
        if isinstance(d, dist.CategoricalLogits):
            value = jnp.where(value == -jnp.inf, 0.0, value)  # an exact zero weight
        if not constraints.is_dependent(constraint):
            expected = f"expected {owner} parameter `{name}` to satisfy {constraint!r}"
            yield jnp.all(constraint(jnp.asarray(value))), _with_value(expected, value)
    if d.support is not None and isinstance(d.support, constraints.interval):
        low, high = bounds(d.support)
        ordered = jnp.all(jnp.asarray(low) < jnp.asarray(high))
        yield ordered, f"expected {owner} support to have its lower bound below its upper bound"


def _with_value(expected: str, value: Any) -> str:
    got = f"got {np.asarray(value)}" if is_concrete(value) else "got a value that does not"
    return f"{expected}, {got}. Mend the parameter, or pass validate_args=False."
