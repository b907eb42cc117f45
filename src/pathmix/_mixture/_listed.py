"""Checks of a list of components, and what makes them alike: one batch shape."""

from collections.abc import Sequence
from typing import Any

from jax import lax
from numpyro.distributions import Distribution

from pathmix._components import as_count, canonical, is_point_mass
from pathmix._mixture._arguments import as_arrays, check_categorical, number_of_categories


def checked_list(mixture: Any, components: Any) -> list[Distribution]:
    """Return the components with one batch shape; raise unless they can form a mixture."""
    if not isinstance(mixture, Distribution):
        raise TypeError(
            "expected mixture_distribution to be a numpyro.distributions.Distribution, got "
            f"{type(mixture).__name__}. Use Categorical(probs=...) or Categorical(logits=...)."
        )
    _check_kinds(components)
    check_categorical(mixture)
    count = number_of_categories(mixture)
    if count is not None and count != len(components):
        raise ValueError(
            "expected as many categories in mixture_distribution as components in the list, got "
            f"{count} categories and {len(components)} components."
        )
    each = [as_arrays(d) for d in components]
    if any(d.is_discrete for d in each) and all(d.is_discrete or _is_mass(d) for d in each):
        each = [_as_count(d) for d in each]
    _check_events(each)
    for d in each:
        _check_known(d)
    batch = _batch_shape(mixture, each)
    return [d if d.batch_shape == batch else d.expand(batch) for d in each]


def _is_mass(d: Distribution) -> bool:
    """Whether a component is a point mass, or a mixture of nothing else."""
    return is_point_mass(getattr(d, "components_distribution", d))


def _as_count(d: Any) -> Distribution:
    """A point mass among counts is one of them, within a mixture as well."""
    if not hasattr(d, "components_distribution"):
        return as_count(d)
    if not _is_mass(d):
        return d
    counts: Distribution = d._with(d._mixture, canonical(as_count(d.components_distribution)))
    return counts


def _check_kinds(components: Any) -> None:
    if isinstance(components, Distribution):
        raise TypeError(
            f"expected a list of distributions, got one {type(components).__name__}. Components of "
            "one family are batched: use MixtureSameFamily."
        )
    if not isinstance(components, Sequence) or not len(components):
        raise TypeError(
            f"expected a list of at least one distribution, got {type(components).__name__}. Use "
            "[dist.Normal(0.0, 1.0), dist.StudentT(3.0)]."
        )
    for i, d in enumerate(components):
        if not isinstance(d, Distribution):
            raise TypeError(
                "expected a list of numpyro.distributions.Distribution, got "
                f"{type(d).__name__} at place {i}."
            )


def _check_events(each: Sequence[Distribution]) -> None:
    shapes = [d.event_shape for d in each]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"expected components of one event shape, got {shapes}. `to_event` makes the last "
            "batch axes part of an event."
        )


def _check_known(d: Distribution) -> None:
    if not canonical(getattr(d, "components_distribution", d)).selectable:
        raise NotImplementedError(
            f"expected components whose parameters are known, got {type(d).__name__}. Make the "
            "family known: pathmix.families.register (docs/families.md)."
        )


def _batch_shape(mixture: Distribution, each: Sequence[Distribution]) -> tuple[int, ...]:
    """The batch shape that all have in common."""
    shapes = [d.batch_shape for d in each]
    try:
        return lax.broadcast_shapes(mixture.batch_shape, *shapes)
    except ValueError:
        raise ValueError(
            "expected batch shapes that broadcast to that of the mixture, got "
            f"{mixture.batch_shape} of the mixture_distribution and {shapes} of the components."
        ) from None
