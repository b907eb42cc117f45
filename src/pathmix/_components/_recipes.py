"""What a distribution is made of: a recipe, which is static, and the arrays of its parameters.

Every NumPyro distribution is read here, and nowhere else. Expansions vanish: what they did is
told by the shapes of the parameters. What is not known by its parameters is opaque: its arrays
are kept in an order of their own, but no component can be told from another.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
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

from pathmix._components._known import known
from pathmix._components._numpyro_family import numpyro_family
from pathmix._components._product import product
from pathmix._components._pushforward import Pushed, pushforward
from pathmix._families import (
    Family,
    Folded,
    Gated,
    Theta,
    Truncated,
    by_logits,
    by_probs,
    folded,
    hurdle,
    truncated,
    truncated_gamma,
    zero_inflated,
)
from pathmix._numpyro import MASK, lazy_property

Parameters: TypeAlias = Sequence[Any]


@dataclass(frozen=True)
class Constructed:
    """A class by the arguments of its constructor."""

    kind: type
    names: tuple[str, ...]
    event_dims: tuple[int, ...]
    """How many axes of each parameter, the last ones, belong to the event or to a table."""
    event_dim: int

    @property
    def family(self) -> Family:
        """The family that the distribution is of."""
        entry = known(self.kind)
        return _asked(self) if entry is None else entry.family

    @property
    def is_known(self) -> bool:
        """Whether the family is more than NumPyro's own methods."""
        return known(self.kind) is not None

    def theta(self, parameters: Parameters) -> Theta:
        """Return the family's parameters, given those of the distribution."""
        entry = known(self.kind)
        return parameters if entry is None else entry.theta(*parameters)

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        """Return the distribution with these parameters, perhaps only ``to_draw`` from it."""
        entry = known(self.kind)
        make = None if entry is None else (to_draw and entry.make_to_draw) or entry.make
        if make is not None:
            return make(*parameters)
        return self.kind(**dict(zip(self.names, parameters, strict=True)), validate_args=False)

    def factors(self) -> "Recipe | None":
        """Return the recipe of the scalars that make up a factorised event, if it is one."""
        return None if self.event_dim else self


@dataclass(frozen=True)
class Wrapped:
    """A class by the distribution that it wraps, and further arguments."""

    kind: type
    base: "Recipe"
    names: tuple[str, ...]
    event_dim: int
    is_discrete: bool

    @property
    def family(self) -> Family:
        return self._combined or _asked(self)

    @property
    def is_known(self) -> bool:
        return self._combined is not None

    @property
    def _combined(self) -> Family | None:
        return _COMBINE[self.kind](self) if self.kind in _COMBINE else None

    def theta(self, parameters: Parameters) -> Theta:
        if not self.is_known:
            return parameters
        count = len(self.base.event_dims)
        base, own = self.base.theta(parameters[:count]), parameters[count:]
        return _THETA[self.kind](base, *own)

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
        return None if self.event_dim else self


@dataclass(frozen=True)
class Factorised:
    """Independent coordinates, along the first ``ndims`` axes of the event."""

    base: "Recipe"
    ndims: int
    kind = Independent

    @property
    def family(self) -> Family:
        return product(self.base.family, self.ndims)

    @property
    def is_known(self) -> bool:
        return self.base.is_known

    def theta(self, parameters: Parameters) -> Theta:
        return self.base.theta(parameters)

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
    event_dim: int
    elementwise: bool
    affine: bool
    kind = TransformedDistribution

    @property
    def family(self) -> Family:
        flags = {"elementwise": self.elementwise, "affine": self.affine}
        return pushforward(self.base.family, self.event_dim, **flags)

    @property
    def is_known(self) -> bool:
        return self.base.is_known

    def theta(self, parameters: Parameters) -> Theta:
        cut = len(self.base.event_dims)
        return Pushed(self.base.theta(parameters[:cut]), self._transforms(parameters[cut:]))

    def _transforms(self, leaves: Parameters) -> tuple[Transform, ...]:
        rest, transforms = list(leaves), []
        for tree in self.trees:
            transforms.append(jax.tree.unflatten(tree, rest[: tree.num_leaves]))
            rest = rest[tree.num_leaves :]
        return tuple(transforms)

    @property
    def event_dims(self) -> tuple[int, ...]:
        count = sum(tree.num_leaves for tree in self.trees)
        return self.base.event_dims + (self.event_dim,) * count

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        cut = len(self.base.event_dims)
        base = self.base.build(parameters[:cut], to_draw=to_draw)
        transforms = list(self._transforms(parameters[cut:]))
        return TransformedDistribution(base, transforms, validate_args=False)

    def factors(self) -> "Recipe | None":
        base = self.base.factors()
        if base is None or not self.elementwise:
            return None
        return Transformed(base, self.trees, 0, self.elementwise, self.affine)


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
    MaskedDistribution: {"mask": MASK},
}
"""Distributions around another one: their further arguments, and the attributes that hold them."""

Combine: TypeAlias = Callable[[Wrapped], Family | None]


@cache
def _asked(recipe: Constructed | Wrapped) -> Family:
    """The family of what only NumPyro knows."""
    return numpyro_family(recipe.kind, recipe.event_dim, recipe.build)


def _with_tails(combine: Callable[[Family], Family]) -> Combine:
    """A combination that needs both tails of its base."""
    return lambda wrapped: (
        None if wrapped.base.family.log_cdf is None else combine(wrapped.base.family)
    )


def _hurdle(*, has_limit: bool) -> Combine:
    """Of continuous bases the density is NumPyro's own, and tails and moments are not known."""
    combine = _with_tails(partial(hurdle, has_limit=has_limit))
    return lambda wrapped: combine(wrapped) if wrapped.is_discrete else None


_COMBINE: dict[type, Combine] = {
    dist.LeftTruncatedDistribution: _with_tails(truncated),
    dist.RightTruncatedDistribution: _with_tails(truncated),
    dist.TwoSidedTruncatedDistribution: _with_tails(truncated),
    dist.LeftTruncatedGamma: lambda _: truncated_gamma,
    dist.RightTruncatedGamma: lambda _: truncated_gamma,
    dist.TwoSidedTruncatedGamma: lambda _: truncated_gamma,
    dist.FoldedDistribution: _with_tails(folded),
    dist.discrete.ZeroInflatedProbs: lambda w: zero_inflated(w.base.family, has_limit=True),
    dist.discrete.ZeroInflatedLogits: lambda w: zero_inflated(w.base.family, has_limit=False),
    dist.discrete.HurdleProbs: _hurdle(has_limit=True),
    dist.discrete.HurdleLogits: _hurdle(has_limit=False),
}
"""The families of distributions around another one, of that of the inner one."""

_THETA: dict[type, Callable[..., Theta]] = {
    dist.LeftTruncatedDistribution: lambda base, low: Truncated(base, low, None),
    dist.RightTruncatedDistribution: lambda base, high: Truncated(base, None, high),
    dist.TwoSidedTruncatedDistribution: Truncated,
    dist.LeftTruncatedGamma: lambda base, low: Truncated(base, low, None),
    dist.RightTruncatedGamma: lambda base, high: Truncated(base, None, high),
    dist.TwoSidedTruncatedGamma: Truncated,
    dist.FoldedDistribution: Folded,
    dist.discrete.ZeroInflatedProbs: lambda base, gate: Gated(base, by_probs(gate)),
    dist.discrete.ZeroInflatedLogits: lambda base, logits: Gated(base, by_logits(logits)),
    dist.discrete.HurdleProbs: lambda base, gate: Gated(base, by_probs(gate)),
    dist.discrete.HurdleLogits: lambda base, logits: Gated(base, by_logits(logits)),
}
"""Their parameters, of those of the inner one and their own."""


def read(d: Distribution) -> Reading | None:
    """Return how ``d`` is made from its parameters; ``None`` if that is not known."""
    if type(d) is ExpandedDistribution:
        return read(d.base_dist)
    if type(d) is Independent:
        return _factorised(d)
    if type(d) is TransformedDistribution:
        return _transformed(d)
    if type(d) in _WRAPPERS:
        return _wrapped(d)
    return _constructed(d)


def _factorised(d: Distribution) -> Reading | None:
    base = read(d.base_dist)
    if base is None:
        return None
    return Reading(Factorised(base.recipe, d.reinterpreted_batch_ndims), base.parameters)


def _wrapped(d: Distribution) -> Reading | None:
    base, attributes = read(d.base_dist), _WRAPPERS[type(d)]
    arrays = [getattr(d, attribute) for attribute in attributes.values()]
    if base is None or any(isinstance(array, bool) for array in arrays):
        return None
    recipe = Wrapped(type(d), base.recipe, tuple(attributes), d.event_dim, d.is_discrete)
    return Reading(recipe, base.parameters + arrays)


def _transformed(d: Distribution) -> Reading | None:
    base = read(d.base_dist)
    same_shape = d.base_dist.shape() == d.shape() and d.base_dist.event_dim == d.event_dim
    if base is None or not same_shape or not all(map(_has_known_arrays, d.transforms)):
        return None
    elementwise = not any(t.domain.event_dim or t.codomain.event_dim for t in d.transforms)
    flat = [jax.tree.flatten(t) for t in d.transforms]
    arrays = [leaf for leaves, _ in flat for leaf in leaves]
    trees = tuple(tree for _, tree in flat)
    affine = all(isinstance(t, AffineTransform) for t in d.transforms)
    recipe = Transformed(base.recipe, trees, d.event_dim, elementwise, affine)
    return Reading(recipe, base.parameters + arrays)


def _has_known_arrays(t: Transform) -> bool:
    """Whether the arrays of ``t``, if any, are elementwise parameters."""
    known_kinds = AffineTransform | PowerTransform | ExpTransform
    return not jax.tree.leaves(t) or isinstance(t, known_kinds)


def _constructed(d: Distribution) -> Reading | None:
    entry = known(type(d))
    names = _arguments(type(d)) if entry is None else entry.names
    values = [getattr(d, name, None) for name in names]
    if not names or any(value is None for value in values):
        return None
    event_dims = tuple(d.arg_constraints[name].event_dim for name in names)
    recipe = Constructed(type(d), names, event_dims, d.event_dim)
    if entry is None and not _restores(recipe, values, d):
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
