"""Checks of a mixture's arguments: of their kinds and shapes always, of their values on request."""

import enum
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from pathmix._checks import is_concrete, require
from pathmix._components import OneOf, bounds, canonical, check_pathwise, title_of
from pathmix._numpyro import find_stack_level, validates_by_default
from pathmix._typing import Flags, Value
from pathmix._where import where


def check_arguments(mixture: Any, components: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless the two can form a mixture."""
    for name, d in (("mixture_distribution", mixture), ("components_distribution", components)):
        if not isinstance(d, Distribution):
            raise TypeError(_no_distribution(name, d))
        _check_lists(d)
    check_categorical(mixture)
    categories = _categories(mixture)
    hint = _hint_of_to_event(components, categories)
    _check_shapes(mixture, components, hint)
    if categories is not None:
        _check_categories(mixture, categories, components.batch_shape[-1], hint)


def _no_distribution(name: str, d: Any) -> str:
    if not isinstance(d, list | tuple) or not any(isinstance(each, Distribution) for each in d):
        return (
            f"expected {name} to be a numpyro.distributions.Distribution, got "
            f"{type(d).__name__}. Wrap its parameters, as in dist.Normal(loc, scale)."
        )
    kinds = ", ".join(dict.fromkeys(type(each).__name__ for each in d))
    return (
        f"expected {name} to be one batched numpyro.distributions.Distribution, whose rightmost "
        f"batch axis indexes the components, got a {type(d).__name__} of {len(d)} ({kinds}). "
        "Batch the parameters, as in dist.Normal(jnp.array([loc_0, loc_1]), scale), or make a "
        "pathmix.Mixture of the list."
    )


def _check_lists(d: Distribution) -> None:
    """A list of numbers is a tree of scalars to JAX, with no axis for batches or components."""
    for name, value in d.get_args().items():
        if isinstance(value, list | tuple):
            raise TypeError(
                f"expected an array for the parameter `{name}` of {type(d).__name__}, got a "
                f"{type(value).__name__}. Write jnp.array({value!r})."
            )
    if isinstance(getattr(d, "base_dist", None), Distribution):
        _check_lists(d.base_dist)


def check_categorical(mixture: Distribution) -> None:
    """Raise unless a distribution chooses among finitely many integers."""
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


def _categories(mixture: Distribution) -> np.ndarray | None:
    """The values of the categorical; None if they depend on traced parameters."""
    if type(mixture) is dist.ExpandedDistribution:
        return _categories(mixture.base_dist)
    if type(mixture) in (dist.CategoricalProbs, dist.CategoricalLogits):
        # its own method would have them compiled
        return np.arange(jnp.shape(next(iter(mixture.get_args().values())))[-1])
    try:
        with jax.ensure_compile_time_eval():
            return np.asarray(mixture.enumerate_support(expand=False)).ravel()
    except jax.errors.JAXTypeError:
        return None


def number_of_categories(mixture: Distribution) -> int | None:
    """Return how many values there are; ``None`` if that depends on traced parameters."""
    found = _categories(mixture)
    return None if found is None else len(found)


def _hint_of_to_event(components: Distribution, categories: np.ndarray | None) -> str:
    """What to say if the axis of the components has been taken for part of the event."""
    if categories is None or not isinstance(components, dist.Independent):
        return ""
    base, taken = components.base_dist, components.reinterpreted_batch_ndims
    if base.batch_shape[-1:] != categories.shape:
        return ""
    return (
        f" Its to_event({taken}) takes the axis of {len(categories)} components of "
        f"{type(base).__name__}, with batch shape {base.batch_shape}, for part of the event: "
        "leave it out, or move that axis to the front."
    )


def _check_shapes(mixture: Distribution, components: Distribution, hint: str) -> None:
    if not components.batch_shape or not components.batch_shape[-1]:
        raise ValueError(
            "expected a components_distribution whose rightmost batch axis indexes the components, "
            f"at least one, got {type(components).__name__} with batch shape "
            f"{components.batch_shape}. "
            + (hint.strip() or "Give its parameters an axis of one entry per component.")
        )
    wanted = components.batch_shape[:-1]
    if mixture.batch_shape not in ((), wanted):
        shapes = f"batch shape () or {wanted}" if wanted else "batch shape ()"
        raise ValueError(
            f"expected a mixture_distribution with {shapes}, that of the components "
            f"{components.batch_shape} without its last axis, got {mixture.batch_shape}. "
            + (hint.strip() or _mend(mixture, components))
        )


def _mend(mixture: Distribution, components: Distribution) -> str:
    """The line that gives the two one batch shape."""
    try:
        batch = np.broadcast_shapes(mixture.batch_shape, components.batch_shape[:-1])
    except ValueError:
        return "Give both the same batch axes."
    lines = []
    if batch != components.batch_shape[:-1]:
        shape = (*batch, components.batch_shape[-1])
        lines.append(f"components_distribution.expand({shape})")
    if batch != mixture.batch_shape:
        lines.append(f"mixture_distribution.expand({batch})")
    return f"For a batch {batch} of mixtures pass {' and '.join(lines)}."


def _check_categories(
    mixture: Distribution, categories: np.ndarray, num_components: int, hint: str
) -> None:
    if len(categories) != num_components:
        raise ValueError(
            "expected as many categories in mixture_distribution as components along the last "
            f"batch axis of components_distribution, got {len(categories)} categories and "
            f"{num_components} components.{hint}"
        )
    if not np.array_equal(categories, np.arange(num_components)):
        raise ValueError(
            f"expected a mixture_distribution over 0, …, {num_components - 1}, got "
            f"{type(mixture).__name__} over {categories.tolist()}. Use Categorical(probs=...) or "
            "Categorical(logits=...)."
        )


def check_reparameterizable(components: Distribution) -> None:
    """Raise unless draws from mixtures of these components can carry pathwise gradients."""
    if components.is_discrete:
        raise ValueError(
            "expected continuous components for pathwise gradients, got discrete "
            f"{title_of(components)}. Use reparameterize=False with a sum over components, by "
            "`component_log_probs`."
        )
    check_pathwise(canonical(components))


def as_arrays(d: Distribution) -> Distribution:
    """Return ``d`` with JAX arrays for NumPy ones; ``d`` itself where there are none."""
    if not any(isinstance(leaf, np.ndarray | np.generic) for leaf in jax.tree.leaves(d)):
        return d
    return jax.tree.map(jnp.asarray, d)


class Checks(enum.Enum):
    """What is done about a value outside the support."""

    NONE = "nothing"
    WARN = "a warning, as NumPyro's distributions give"
    RAISE = "an error, eagerly and under jit"


def resolved_validation(validate_args: bool | None) -> Checks:  # noqa: FBT001
    """What ``validate_args`` asks for; None follows ``numpyro.enable_validation``.

    NumPyro's switch, which is on unless turned off, is read when the mixture is made. It stands for
    NumPyro's kind of check: of concrete values only, with a warning.
    """
    if validate_args is None:
        return Checks.WARN if validates_by_default() else Checks.NONE
    return Checks.RAISE if validate_args else Checks.NONE


def checked_value(x: Value, support: Constraint, checks: Checks) -> Value:
    """Return ``x`` once it has been checked to lie in the support of a mixture."""
    if checks is Checks.NONE:
        return x
    inside = jnp.all(support(x))
    if checks is Checks.RAISE:
        message = f"expected values in the support {support!r} of the mixture"
        return require(x, inside, message + ", got values outside it.")
    if is_concrete(inside) and not inside:
        warnings.warn(
            f"Out-of-support values provided to log prob method, for the support {support!r} of "
            "the mixture; their density is zero.",
            stacklevel=find_stack_level(),
        )
    return x


def validated(d: Distribution) -> Distribution:
    """Return ``d`` once its parameters satisfy their constraints, checked under jit as well."""
    for valid, message in _parameter_checks(d):
        d = require(d, valid, message)
    return d


def _parameter_checks(d: Distribution) -> Iterator[tuple[Flags, str]]:
    owner = type(d).__name__
    if isinstance(getattr(d, "base_dist", None), Distribution):
        yield from _parameter_checks(d.base_dist)
    if isinstance(d, OneOf):
        for each in d.each:
            yield from _parameter_checks(each)
    for name, value in d.get_args().items():
        constraint = d.arg_constraints[name]
        if isinstance(d, dist.CategoricalLogits):
            value = where(value == -jnp.inf, 0.0, value)  # an exact zero weight
        if not constraints.is_dependent(constraint):
            expected = f"expected {owner} parameter `{name}` to satisfy {constraint!r}"
            yield jnp.all(constraint(jnp.asarray(value))), _with_value(expected, value)
    ends = bounds(d.support) if isinstance(d.support, constraints.interval) else None
    if ends is not None:
        low, high = ends
        ordered = jnp.all(jnp.asarray(low) < jnp.asarray(high))
        yield ordered, f"expected {owner} support to have its lower bound below its upper bound"


def _with_value(expected: str, value: Any) -> str:
    got = f"got {np.asarray(value)}" if is_concrete(value) else "got a value that does not"
    return f"{expected}, {got}. Mend the parameter, or pass validate_args=False."
