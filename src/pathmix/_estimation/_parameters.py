"""The parameters of components as a fit sees them: names, constraints, and what is held.

Integers, ends of truncations and what transforms are made with belong to the model: they are held.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool
from numpyro.distributions import Delta, DiscreteUniform, Uniform, constraints
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform, biject_to

from pathmix._components import (
    Borrowed,
    Canonical,
    Constructed,
    Factorised,
    Recipe,
    Several,
    Wrapped,
    which_of,
)
from pathmix._components import Transformed as TransformedRecipe

Mask: TypeAlias = Any
"""Truth values of the components, `` k``."""


class Leaf(NamedTuple):
    """One parameter."""

    name: str
    constraint: Constraint | None
    """``None`` if it has no unconstrained numbers."""
    estimated: bool

    @property
    def transform(self) -> Transform:
        """The map from unconstrained numbers to the parameter."""
        return biject_to(self.constraint)


_DEPENDENT = type(constraints.dependent)
_GATES = {"gate": constraints.unit_interval, "gate_logits": constraints.real}


def leaves(components: Canonical) -> tuple[Leaf, ...]:
    """Return the parameters of components, in their order."""
    if not components.selectable:
        raise NotImplementedError(
            "expected components whose parameters are the arguments of their class, got "
            f"{components.family.name}. Register the family with pathmix.families.register."
        )
    return tuple(_leaves(components.recipe))  # type: ignore[arg-type]


def _leaves(recipe: Recipe) -> list[Leaf]:
    if isinstance(recipe, Borrowed):
        raise NotImplementedError(
            f"expected components of NumPyro's classes, whose parameters are known, got "
            f"{recipe.family.name} of another library. Maximise `log_prob` over its arguments by "
            "an optimiser of your own: their derivatives are there."
        )
    if isinstance(recipe, Constructed):
        return [_of_class(recipe.kind, name) for name in recipe.names]
    if isinstance(recipe, Factorised):
        return _leaves(recipe.base)
    if isinstance(recipe, Several):
        return [Leaf("which", None, estimated=False), *_of_several(recipe)]
    if isinstance(recipe, Wrapped):
        more = [Leaf(n, _GATES.get(n), n in _GATES) for n in recipe.names]
        return [*_leaves(recipe.base), *more]
    assert isinstance(recipe, TransformedRecipe)
    inner = _leaves(recipe.base)
    count = len(recipe.event_dims) - len(inner)
    return [*inner, *(Leaf(f"transform {i}", None, estimated=False) for i in range(count))]


def _of_several(recipe: Several) -> list[Leaf]:
    """The parameters of all families, those of one name by the family's too."""
    families = [one.family.name for one in recipe.each]
    families = [
        f if families.count(f) == 1 else f"{f} {families[:i].count(f)}"
        for i, f in enumerate(families)
    ]
    named = [
        (f, leaf) for f, one in zip(families, recipe.each, strict=True) for leaf in _leaves(one)
    ]
    names = [leaf.name for _, leaf in named]
    return [
        leaf if names.count(leaf.name) == 1 else leaf._replace(name=f"{family}.{leaf.name}")
        for family, leaf in named
    ]


def _of_class(kind: Any, name: str) -> Leaf:
    constraint = kind.arg_constraints[name]
    if kind in (Uniform, DiscreteUniform):  # whose ends depend on each other
        return Leaf(name, None, estimated=True)
    if issubclass(kind, Delta) or isinstance(constraint, _DEPENDENT) or constraint.is_discrete:
        return Leaf(name, None, estimated=False)
    return Leaf(name, constraint, estimated=True)


class Held(NamedTuple):
    """What stays as it is: of each parameter, and of the weights, by component."""

    parameters: tuple[Mask, ...]
    weights: Mask

    def free(self, components: Canonical) -> int:
        """Return how many numbers are estimated; a table of logits has one less than entries.

        Columns of factors may be turned together, which changes nothing.
        """
        total = max(int(np.sum(~np.asarray(self.weights))) - 1, 0)
        for leaf, held, p in zip(
            leaves(components), self.parameters, components.parameters, strict=True
        ):
            shape = p.shape
            if leaf.constraint is not None:
                shape = leaf.transform.inverse_shape(shape)
            each = math.prod(shape[1:])
            if components.family.name == "CategoricalLogits":
                each -= each // shape[-1]
            if leaf.name.endswith("cov_factor"):
                each = _of_factors(*shape[1:])
            total += each * int(np.sum(~np.asarray(held)[: shape[0]]))
        return total


def _of_factors(size: int, rank: int) -> int:
    """How many numbers factors have beyond a diagonal: no more than a covariance has."""
    return min(size * rank - rank * (rank - 1) // 2, size * (size - 1) // 2)


def kind_of(components: Canonical) -> Any:
    """The class of the distribution, or of the coordinates of a factorised one."""
    scalars = components.factors()
    recipe = components.recipe if scalars is None else scalars.recipe
    return recipe.kind if isinstance(recipe, Constructed) else None


def has_rotations(components: Canonical) -> bool:
    """Whether parameters may change together without the distribution changing."""
    pairs = zip(leaves(components), components.parameters, strict=True)
    return any(leaf.name.endswith("cov_factor") and p.shape[-1] > 1 for leaf, p in pairs)


def read_fixed(fixed: Any, components: Canonical) -> Held:
    """Return what ``fit`` was told to hold, checked.

    A mapping from names of parameters, or "weights", to whether they are held, for all components
    or for each; "components" names whole ones by their indices.
    """
    k, named = components.own_shape[-1], leaves(components)
    names = [leaf.name for leaf in named]
    masks = {name: np.zeros(k, bool) for name in ("weights", *names)}
    for name, p, others in zip(names, components.parameters, _others(components), strict=True):
        masks[name] |= others & (len(p) > 1)
    if fixed is not None and not isinstance(fixed, Mapping):
        raise TypeError(
            "expected fixed to be a mapping such as {'scale': True, 'components': [0]}, got "
            f"{type(fixed).__name__}."
        )
    for name, which in (fixed or {}).items():
        if name == "components":
            for other in names:
                masks[other][_indices(which, k)] = True
        elif name in masks:
            masks[name] |= _mask(name, which, k)
        else:
            known = ", ".join(["components", *masks])
            raise ValueError(f"expected names among {known} in fixed, got {name!r}.")
    shared = [n for n, p in zip(names, components.parameters, strict=True) if len(p) == 1 < k]
    for name in shared:
        if masks[name].any() and not masks[name].all():
            raise ValueError(
                f"expected {name!r}, which all components share, to be fixed for all of them or "
                "for none. Give each component its own."
            )
    held = tuple(masks[leaf.name] | (not leaf.estimated) for leaf in named)
    return Held(held, masks["weights"])


def _others(components: Canonical) -> list[np.ndarray]:
    """Of each parameter, the components of other families, which it says nothing of."""
    which, recipe = which_of(components), components.recipe
    several = recipe.base if isinstance(recipe, Factorised) else recipe
    if which is None or not isinstance(several, Several):
        return [np.zeros(components.own_shape[-1], bool)] * len(components.parameters)
    rows = [np.asarray(which) != g for g, one in enumerate(several.each) for _ in one.event_dims]
    return [np.zeros(len(which), bool), *rows]


def _mask(name: str, which: Any, k: int) -> np.ndarray:
    mask = np.asarray(which)
    if mask.dtype != bool or mask.shape not in ((), (k,)):
        raise ValueError(
            f"expected fixed[{name!r}] to be True, False or {k} of these, got {which!r}."
        )
    return mask


def _indices(which: Any, k: int) -> np.ndarray:
    index = np.atleast_1d(np.asarray(which))
    if not np.issubdtype(index.dtype, np.integer) or np.any((index < 0) | (index >= k)):
        raise ValueError(
            f"expected indices from 0 to {k - 1} in fixed['components'], got {which!r}."
        )
    return index


def of_leaf(mask: Mask, like: Array) -> Bool[Array, "k *ones"]:  # noqa: F821
    """Shape a mask over components as a parameter: one for all, if they share it."""
    mask = mask[: len(like)]
    return jnp.reshape(mask, mask.shape + (1,) * (like.ndim - 1))
