"""Components of several families: as groups of one family each, and joined along one axis.

Groups hold what there is, and are what a mixture keeps. Joined, every component has parameters of
all families, so that whatever works on components, block by block or chosen by an index, works on
these; what it has of the other families is that of the first component there, and never felt.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._components._canonical import Canonical, canonical, floating_dtype
from pathmix._components._opaque import Opaque
from pathmix._components._recipes import Factorised, Recipe, Several
from pathmix._families import Family, Theta
from pathmix._typing import ComponentFirst, Shape

Which = tuple[int, ...]
"""The group of each component."""


def with_axis(d: Distribution) -> Canonical:
    """Return a distribution as a component, along an axis of size one behind its batch."""
    c = canonical(d)
    parameters = [jnp.expand_dims(p, p.ndim - n) for p, n in _with_dims(c)]
    expanded = (*c.expanded, 1) if c.expanded else ()
    return Canonical(c.recipe, parameters, c.event_shape, expanded, is_discrete=c.is_discrete)


def members(groups: Sequence[Canonical], which: Which) -> list[Distribution]:
    """Return the components one by one, without their axis."""
    return [_member(groups[g], which[:i].count(g)) for i, g in enumerate(which)]


def _member(group: Canonical, place: int) -> Distribution:
    def taken(p: Array, n: int) -> Array:
        axis = p.ndim - n - 1
        return jnp.take(p, 0 if p.shape[axis] == 1 else place, axis=axis)

    one, expanded = group.map(taken), group.expanded[:-1]
    return Canonical(
        one.recipe, one.parameters, one.event_shape, expanded, is_discrete=one.is_discrete
    ).distribution


def grouped(components: Sequence[Canonical]) -> tuple[tuple[Canonical, ...], Which]:
    """Return components, each with its own axis ``k``, as groups of one kind, and whose is whose.

    Their batch shapes are the same but for the last axis.
    """
    kinds = list(dict.fromkeys(_kind(c) for c in components))
    which = tuple(i for c in components for i in [kinds.index(_kind(c))] * c.batch_shape[-1])
    groups = [_stacked([c for c in components if _kind(c) == kind]) for kind in kinds]
    return tuple(groups), which


def regrouped(groups: Sequence[Canonical], which: Which) -> tuple[tuple[Canonical, ...], Which]:
    """Return groups, some of which have come to be of one kind, as groups of different kinds."""
    kinds = list(dict.fromkeys(map(_kind, groups)))
    at = [kinds.index(_kind(c)) for c in groups]
    stacked = []
    for kind in range(len(kinds)):
        members = [g for g in range(len(groups)) if at[g] == kind]
        own = [g for g in which if g in members]  # of each component, in the order of all
        by_group = sorted(range(len(own)), key=own.__getitem__)
        slots = [by_group.index(i) for i in range(len(own))]
        together = [groups[g] for g in members]
        stacked.append(together[0] if len(members) == 1 else _taken(_stacked(together), slots))
    return tuple(stacked), tuple(at[g] for g in which)


def joined(groups: Sequence[Canonical], which: Which) -> Canonical:
    """Return all components along one axis, in the order of ``which``."""
    first = groups[0]
    if len(groups) == 1:
        return first
    ndims = {_factorised(c) for c in groups}
    shared = ndims.pop() if len(ndims) == 1 else 0
    inside, discrete = zip(*((_inside(c, shared), c.is_discrete) for c in groups), strict=True)
    several = Several(inside, first.event_dim - shared, which, discrete)
    rank = max(p.ndim - n for c in groups for p, n in _with_dims(c))
    dtype = floating_dtype(p for c in groups for p in c.parameters)
    number = jnp.asarray(which, dtype).reshape((1,) * (rank - 1) + (-1,) + (1,) * shared)
    spread = [_taken(c, _slots(which, g)) for g, c in enumerate(groups)]
    return Canonical(
        Factorised(several, shared) if shared else several,
        [number, *(p for c in spread for p in c.parameters)],
        first.event_shape,
        first.expanded,
        is_discrete=all(discrete),
    )


def split(components: Canonical) -> tuple[Canonical, ...]:
    """Return the groups of components that were joined; of one family alone, these."""
    if which_of(components) is None:
        return (components,)
    batch, groups = components.batch_shape[:-1], []
    for c, places in zip(each_family(components), places_of(components), strict=True):
        groups.append(_taken(c, places).expanded_to((*batch, len(places))))
    return tuple(groups)


def places_of(components: Canonical) -> list[Which]:
    """Return, family by family, where its components stand among all."""
    which = which_of(components) or (0,) * components.own_shape[-1]
    return [tuple(i for i, at in enumerate(which) if at == g) for g in range(max(which) + 1)]


def by_family(
    fn: Callable[[Family, Theta], Array], components: Canonical, points: int
) -> list[ComponentFirst]:
    """Return ``fn`` of the parameters of each family's own components, ``k *points``.

    The parameters are ``k`` and then axes for as many ``points``, of which ``fn`` returns a value
    for each.
    """
    return [fn(c.family, c.component_first(points).theta) for c in split(components)]


def which_of(components: Canonical) -> Which | None:
    """Return the family of each component, of components that were joined."""
    several, _ = _several(components)
    return None if several is None else several.which


def each_family(components: Canonical) -> list[Canonical]:
    """Return, family by family, what all components that were joined have of it."""
    several, ndims = _several(components)
    assert several is not None
    return [
        Canonical(
            Factorised(recipe, ndims) if ndims else recipe,
            parameters,
            components.event_shape,
            components.expanded,
            is_discrete=is_discrete,
        )
        for recipe, parameters, is_discrete in zip(
            several.each, several.parts(components.parameters), several.discrete, strict=True
        )
    ]


def has_atoms(components: Canonical) -> bool:
    """Return whether some components are point masses, or counts among continuous ones."""
    several, _ = _several(components)
    if several is None:
        return components.family.atomic
    return has_counts(components) or any(recipe.family.atomic for recipe in several.each)


def has_counts(components: Canonical) -> bool:
    """Return whether some components are counts among continuous ones."""
    several, _ = _several(components)
    return several is not None and several.has_counts


def atomic(components: Canonical) -> np.ndarray:
    """Return which components are masses at points, among others that are none, ``k``."""
    which = which_of(components)
    if which is None:
        return np.full(components.own_shape[-1], components.family.atomic)
    some = has_counts(components)
    masses = [c.family.atomic or (some and c.is_discrete) for c in each_family(components)]
    return np.array([masses[g] for g in which])


def as_joined(components: Canonical, which: Which) -> Canonical:
    """Return components that were read from their distribution, with whose is whose."""
    several, ndims = _several(components)
    if several is None:
        return components
    recipe: Recipe = replace(several, which=which)
    recipe = Factorised(recipe, ndims) if ndims else recipe
    return Canonical(
        recipe,
        components.parameters,
        components.event_shape,
        components.expanded,
        is_discrete=components.is_discrete,
    )


def order_of(components: Canonical) -> list[int]:
    """Return where each component stands among those of all groups, one group after the other."""
    which = which_of(components)
    assert which is not None
    by_group = sorted(range(len(which)), key=which.__getitem__)
    return [by_group.index(i) for i in range(len(by_group))]


def _several(c: Canonical) -> tuple[Several | None, int]:
    """What joins several families, if anything does, and how many axes it is factorised along."""
    recipe, ndims = c.recipe, _factorised(c)
    inner = recipe.base if isinstance(recipe, Factorised) else recipe
    return (inner, ndims) if isinstance(inner, Several) else (None, 0)


def _factorised(c: Canonical) -> int:
    return c.recipe.ndims if isinstance(c.recipe, Factorised) else 0


def _inside(c: Canonical, ndims: int) -> Recipe:
    """The recipe, without the axes along which all are factorised."""
    recipe = c.recipe
    assert not isinstance(recipe, Opaque)
    return recipe.base if ndims and isinstance(recipe, Factorised) else recipe


def _kind(c: Canonical) -> tuple[object, tuple[Shape, ...]]:
    """What components of one group have in common: the recipe, and the sizes of tables."""
    tables = tuple(jnp.shape(p)[jnp.ndim(p) - n + c.event_dim :] for p, n in _with_dims(c))
    return c.recipe, tables


def _with_dims(c: Canonical) -> list[tuple[Array, int]]:
    return list(zip(c.parameters, c.event_dims, strict=True))


def _slots(which: Which, group: int) -> list[int]:
    """Where each component's parameters of a group stand in it; the first for all others."""
    seen = iter(range(len(which)))
    return [next(seen) if at == group else 0 for at in which]


def _taken(c: Canonical, slots: Sequence[int]) -> Canonical:
    """The components at these places of their axis."""
    index, count = np.asarray(slots), c.own_shape[-1]
    new = c.map(lambda p, n: _entries(p, p.ndim - n - 1, index, count))
    return Canonical(
        new.recipe, new.parameters, c.event_shape, c.expanded, is_discrete=c.is_discrete
    )


def _entries(p: Array, axis: int, index: np.ndarray, count: int) -> Array:
    """The entries along an axis of so many components; all of what these share."""
    shared = p.shape[axis] == 1 < count
    return p if shared else jnp.take(p, index, axis=axis)


def _stacked(members: Sequence[Canonical]) -> Canonical:
    """Components of one kind along one axis."""
    counts = [c.batch_shape[-1] for c in members]
    columns = zip(*(c.parameters for c in members), strict=True)
    parameters = []
    for column, n in zip(columns, members[0].event_dims, strict=True):
        axis = column[0].ndim - n - 1
        rest = lax.broadcast_shapes(*((*p.shape[:axis], 1, *p.shape[axis + 1 :]) for p in column))
        full = [
            jnp.broadcast_to(p, (*rest[:axis], k, *rest[axis + 1 :]))
            for p, k in zip(column, counts, strict=True)
        ]
        parameters.append(jnp.concatenate(full, axis=axis))
    one = members[0]
    expanded = lax.broadcast_shapes(*((*c.expanded[:-1], 1) if c.expanded else () for c in members))
    return Canonical(one.recipe, parameters, one.event_shape, expanded, is_discrete=one.is_discrete)
