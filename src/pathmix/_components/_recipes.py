"""What a distribution is made of: a recipe, which is static, and the arrays of its parameters.

A recipe tells the family that these parameters are of, and builds the distribution again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import jax
from numpyro.distributions import (
    Distribution,
    Independent,
    MaskedDistribution,
    TransformedDistribution,
)
from numpyro.distributions.transforms import Transform

from pathmix._components._known import known
from pathmix._components._numpyro_family import numpyro_family
from pathmix._components._one_of import OneOf
from pathmix._components._outsider import Outsider, Structure, family_of_outsiders
from pathmix._components._product import product
from pathmix._components._pushforward import Pushed, pushforward
from pathmix._components._wrappers import WRAPPERS
from pathmix._families import Alternatives, Family, Theta, alternatives, given

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
    of_discrete: bool

    @property
    def family(self) -> Family:
        return self._combined or _asked(self)

    @property
    def is_known(self) -> bool:
        return self._combined is not None

    @property
    def _combined(self) -> Family | None:
        combine, applies = WRAPPERS[self.kind].combine, not WRAPPERS[self.kind].discrete_only
        if combine is None or not (applies or self.of_discrete):
            return None
        return combine(self.base.family)

    def theta(self, parameters: Parameters) -> Theta:
        theta, count = WRAPPERS[self.kind].theta, len(self.base.event_dims)
        if theta is None or not self.is_known:
            return parameters
        return theta(self.base.theta(parameters[:count]), *parameters[count:])

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


@dataclass(frozen=True)
class Prepared:
    """A recipe with one more parameter: what the family's points share."""

    base: "Recipe"
    is_known = True

    @property
    def family(self) -> Family:
        return self.base.family

    @property
    def event_dims(self) -> tuple[int, ...]:
        return (*self.base.event_dims, given(self.family.shared).event_dim)

    def theta(self, parameters: Parameters) -> Theta:
        theta = self.base.theta(parameters[:-1])
        return theta._replace(**{given(self.family.shared).name: parameters[-1]})

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        return self.base.build(parameters[:-1], to_draw=to_draw)

    def factors(self) -> "Recipe | None":
        return self.base.factors()


@dataclass(frozen=True)
class Several:
    """Components of several families, each of one of them, with parameters of all."""

    each: "tuple[Recipe, ...]"
    event_dim: int
    which: tuple[int, ...] | None = None
    """The family of each component, of all along their axis, where that is known."""
    discrete: tuple[bool, ...] = ()
    """Which families are of counts."""
    kind = OneOf

    @property
    def family(self) -> Family:
        return alternatives(tuple(recipe.family for recipe in self.each))

    @property
    def is_known(self) -> bool:
        return all(recipe.is_known for recipe in self.each)

    @property
    def event_dims(self) -> tuple[int, ...]:
        return (0, *(n for recipe in self.each for n in recipe.event_dims))

    @property
    def has_counts(self) -> bool:
        """Whether some families are of counts, and others are not."""
        return any(self.discrete) and not all(self.discrete)

    def parts(self, parameters: Parameters) -> list[Parameters]:
        """Return the parameters of each."""
        rest, parts = parameters[1:], []
        for recipe in self.each:
            count = len(recipe.event_dims)
            parts.append(rest[:count])
            rest = rest[count:]
        return parts

    def theta(self, parameters: Parameters) -> Theta:
        pairs = zip(self.each, self.parts(parameters), strict=True)
        return Alternatives(parameters[0], tuple(recipe.theta(mine) for recipe, mine in pairs))

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        pairs = zip(self.each, self.parts(parameters), strict=True)
        return OneOf(parameters[0], [r.build(mine, to_draw=to_draw) for r, mine in pairs])

    def factors(self) -> "Recipe | None":
        return None if self.event_dim else self


@dataclass(frozen=True)
class Borrowed:
    """A distribution of another library, by its own methods."""

    structure: Structure
    kind = Outsider
    is_known = False

    @property
    def family(self) -> Family:
        return _borrowed(self.structure)

    @property
    def event_dims(self) -> tuple[int, ...]:
        return self.structure.ranks

    def theta(self, parameters: Parameters) -> Theta:
        return parameters

    def build(self, parameters: Parameters, *, to_draw: bool = False) -> Distribution:
        return Outsider(self.structure, parameters)

    def factors(self) -> "Recipe | None":
        return None if self.structure.event_shape else self


Recipe: TypeAlias = Constructed | Wrapped | Factorised | Transformed | Prepared | Several | Borrowed


@cache
def _asked(recipe: Constructed | Wrapped) -> Family:
    """The family of what only NumPyro knows."""
    return numpyro_family(recipe.kind, recipe.event_dim, recipe.build)


@cache
def _borrowed(structure: Structure) -> Family:
    """The family of what only another library knows."""
    return family_of_outsiders(structure)
