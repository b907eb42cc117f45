"""What a distribution is made of: a recipe, which is static, and the arrays of its parameters.

Every NumPyro distribution is read here, and nowhere else. Expansions vanish: what they did is
told by the shapes of the parameters. What is not known by its parameters is opaque: its arrays
are kept in an order of their own, but no component can be told from another.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import (
    Distribution,
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
    TransformedDistribution,
)
from numpyro.distributions.transforms import (
    AffineTransform,
    ExpTransform,
    PowerTransform,
    Transform,
)
from numpyro.distributions.util import lazy_property

from pathmix._families._protocol import family

Parameters: TypeAlias = Sequence[Any]


@dataclass(frozen=True)
class Constructed:
    """A class by the arguments of its constructor."""

    kind: type
    names: tuple[str, ...]
    event_dims: tuple[int, ...]
    """How many axes of each parameter, the last ones, belong to the event or to a table."""
    scalar: bool

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        """Return the distribution with these parameters, perhaps only ``to_draw`` from it."""
        arguments, known = dict(zip(self.names, parameters, strict=True)), family(self.kind)
        return (known.make_to_draw if to_draw else known.make)(self.kind, arguments)

    def factors(self) -> "Recipe | None":
        """Return the recipe of the scalars that make up a factorised event, if it is one."""
        return self if self.scalar else None


@dataclass(frozen=True)
class Wrapped:
    """A class by the distribution that it wraps, and further arguments."""

    kind: type
    base: "Recipe"
    names: tuple[str, ...]
    scalar: bool

    @property
    def event_dims(self) -> tuple[int, ...]:
        return self.base.event_dims + (0,) * len(self.names)

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        count = len(self.base.event_dims)
        arguments = dict(zip(self.names, parameters[count:], strict=True))
        base = self.base.build(parameters[:count], to_draw=to_draw)
        if self.kind is not MaskedDistribution:
            arguments["validate_args"] = False
        return self.kind(base, **arguments)

    def factors(self) -> "Recipe | None":
        return self if self.scalar else None


@dataclass(frozen=True)
class Factorised:
    """Independent coordinates, along the first ``ndims`` axes of the event."""

    base: "Recipe"
    ndims: int
    kind = Independent

    @property
    def event_dims(self) -> tuple[int, ...]:
        return tuple(n + self.ndims for n in self.base.event_dims)

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        base = self.base.build(parameters, to_draw=to_draw)
        return Independent(base, self.ndims, validate_args=False)

    def factors(self) -> "Recipe | None":
        return self.base.factors()


@dataclass(frozen=True)
class Transformed:
    """Transforms of a base of the same shape, each as the tree that its arrays fill."""

    base: "Recipe"
    trees: tuple[Any, ...]
    elementwise: bool
    event_dim: int
    kind = TransformedDistribution

    @property
    def event_dims(self) -> tuple[int, ...]:
        count = sum(tree.num_leaves for tree in self.trees)
        return self.base.event_dims + (self.event_dim,) * count

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        cut = len(self.base.event_dims)
        rest, transforms = list(parameters[cut:]), []
        for tree in self.trees:
            transforms.append(jax.tree.unflatten(tree, rest[: tree.num_leaves]))
            rest = rest[tree.num_leaves :]
        base = self.base.build(parameters[:cut], to_draw=to_draw)
        return TransformedDistribution(base, transforms, validate_args=False)

    def factors(self) -> "Recipe | None":
        base = self.base.factors()
        if base is None or not self.elementwise:
            return None
        return Transformed(base, self.trees, self.elementwise, 0)


Recipe: TypeAlias = Constructed | Wrapped | Factorised | Transformed


class Reading(NamedTuple):
    """A recipe with its parameters, as they stand in the distribution."""

    recipe: Recipe
    parameters: list[Any]


_WRAPPERS: dict[type, dict[str, str]] = {
    dist.LeftTruncatedDistribution: {"low": "low"},
    dist.RightTruncatedDistribution: {"high": "high"},
    dist.TwoSidedTruncatedDistribution: {"low": "low", "high": "high"},
    dist.LeftTruncatedGamma: {"low": "low"},
    dist.RightTruncatedGamma: {"high": "high"},
    dist.TwoSidedTruncatedGamma: {"low": "low", "high": "high"},
    dist.FoldedDistribution: {},
    dist.discrete.ZeroInflatedProbs: {"gate": "gate"},
    dist.discrete.ZeroInflatedLogits: {"gate_logits": "gate_logits"},
    dist.discrete.HurdleProbs: {"gate": "gate"},
    dist.discrete.HurdleLogits: {"gate_logits": "gate_logits"},
    dist.LeftCensoredDistribution: {"censored": "censored"},
    dist.RightCensoredDistribution: {"censored": "censored"},
    dist.IntervalCensoredDistribution: {
        "left_censored": "left_censored",
        "right_censored": "right_censored",
    },
    MaskedDistribution: {"mask": "_mask"},
}
"""Distributions around another one: their further arguments, and the attributes that hold them."""


def known(d: Distribution) -> Reading | None:
    """Return how ``d`` is made from its parameters; ``None`` if that is not known."""
    if type(d) is ExpandedDistribution:
        return known(d.base_dist)
    if type(d) is Independent:
        return _factorised(d)
    if type(d) is TransformedDistribution:
        return _transformed(d)
    if type(d) in _WRAPPERS:
        return _wrapped(d)
    return _constructed(d)


def _factorised(d: Distribution) -> Reading | None:
    base = known(d.base_dist)
    if base is None:
        return None
    return Reading(Factorised(base.recipe, d.reinterpreted_batch_ndims), base.parameters)


def _wrapped(d: Distribution) -> Reading | None:
    base, attributes = known(d.base_dist), _WRAPPERS[type(d)]
    arrays = [getattr(d, attribute) for attribute in attributes.values()]
    if base is None or any(isinstance(array, bool) for array in arrays):
        return None
    recipe = Wrapped(type(d), base.recipe, tuple(attributes), not d.event_dim)
    return Reading(recipe, base.parameters + arrays)


def _transformed(d: Distribution) -> Reading | None:
    base = known(d.base_dist)
    same_shape = d.base_dist.shape() == d.shape() and d.base_dist.event_dim == d.event_dim
    if base is None or not same_shape or not all(map(_has_known_arrays, d.transforms)):
        return None
    elementwise = not any(t.domain.event_dim or t.codomain.event_dim for t in d.transforms)
    flat = [jax.tree.flatten(t) for t in d.transforms]
    arrays = [leaf for leaves, _ in flat for leaf in leaves]
    trees = tuple(tree for _, tree in flat)
    recipe = Transformed(base.recipe, trees, elementwise, d.event_dim)
    return Reading(recipe, base.parameters + arrays)


def _has_known_arrays(t: Transform) -> bool:
    """Whether the arrays of ``t``, if any, are elementwise parameters."""
    known_kinds = AffineTransform | PowerTransform | ExpTransform
    return not jax.tree.leaves(t) or isinstance(t, known_kinds)


def _constructed(d: Distribution) -> Reading | None:
    names = family(d).parameters or _arguments(type(d))
    values = [getattr(d, name, None) for name in names]
    if not names or any(value is None for value in values):
        return None
    event_dims = tuple(d.arg_constraints[name].event_dim for name in names)
    recipe = Constructed(type(d), names, event_dims, not d.event_dim)
    if not family(d).parameters and not _restores(recipe, values, d):
        return None
    return Reading(recipe, values)


def _restores(recipe: Constructed, values: Parameters, d: Distribution) -> bool:
    """Whether parameters, as their constraints describe them, make up a distribution like ``d``."""
    batch = [
        jnp.shape(v)[: jnp.ndim(v) - n] for v, n in zip(values, recipe.event_dims, strict=True)
    ]
    fits = all(len(shape) <= len(d.batch_shape) for shape in batch)
    return fits and recipe.build(values).shape() == d.shape()


def _arguments(kind: type[Distribution]) -> tuple[str, ...]:
    """The arguments of a constructor of NumPyro's, if all of them are arrays that it keeps."""
    if not kind.__module__.startswith("numpyro."):
        return ()
    names = [name for name in list(inspect.signature(kind).parameters) if name != "validate_args"]
    return tuple(names) if all(_is_array(kind, name) for name in names) else ()


def _is_array(kind: type[Distribution], name: str) -> bool:
    """Whether an argument is an array that is always given, and not worked out from others."""
    if isinstance(getattr(kind, name, None), lazy_property) or name not in kind.arg_constraints:
        return False
    return not _depends(kind.arg_constraints[name])


def _depends(constraint: Any) -> bool:
    """Whether the number of event axes of a parameter depends on other parameters."""
    try:
        return not isinstance(constraint.event_dim, int)
    except NotImplementedError:
        return True
