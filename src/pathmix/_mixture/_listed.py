"""Checks of a list of components, and what makes them alike: one batch shape."""

from collections.abc import Sequence
from typing import Any

from jax import lax
from numpyro.distributions import Distribution

from pathmix._components import canonical
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
    _check_events(each)
    for d in each:
        _check_known(d)
    batch = _batch_shape(mixture, each)
    return [d if d.batch_shape == batch else d.expand(batch) for d in each]


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
    if len({bool(d.is_discrete) for d in each if not _is_mass(d)}) > 1:
        names = [type(d).__name__ for d in each]
        raise NotImplementedError(
            "expected components that are all discrete or all continuous, got both: "
            f"{', '.join(names)}. Mixtures of counts with densities have no density of one kind."
        )


def _is_mass(d: Distribution) -> bool:
    """Whether it is a point mass, or a mixture of them, which go with densities and counts."""
    return canonical(getattr(d, "components_distribution", d)).family.atomic


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
