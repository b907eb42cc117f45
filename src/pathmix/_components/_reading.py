"""Reading distributions: the one place that looks into NumPyro's.

Expansions vanish: what they did is told by the shapes of the parameters. What is not known by its
parameters is opaque: its arrays are kept in an order of their own, but no component can be told
from another.
"""

import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import (
    Delta,
    Distribution,
    ExpandedDistribution,
    Independent,
    TransformedDistribution,
)
from numpyro.distributions.transforms import (
    AffineTransform,
    ExpTransform,
    PowerTransform,
    Transform,
)

from pathmix._components._known import known
from pathmix._components._one_of import OneOf
from pathmix._components._outsider import Outsider
from pathmix._components._point_counts import PointCount
from pathmix._components._recipes import (
    Borrowed,
    Constructed,
    Factorised,
    Parameters,
    Recipe,
    Several,
    Transformed,
    Wrapped,
)
from pathmix._components._wrappers import WRAPPERS
from pathmix._numpyro import lazy_property


class Reading(NamedTuple):
    """A recipe with its parameters, as they stand in the distribution."""

    recipe: Recipe
    parameters: list[Any]


def read(d: Distribution) -> Reading | None:
    """Return how ``d`` is made from its parameters; ``None`` if that is not known."""
    if type(d) is ExpandedDistribution:
        return read(d.base_dist)
    if type(d) is Independent:
        return _factorised(d)
    if type(d) is TransformedDistribution:
        return _transformed(d)
    if type(d) in WRAPPERS:
        return _wrapped(d)
    if type(d) is OneOf:
        return _several(d)
    if type(d) in (Delta, PointCount):
        return _point_mass(d)
    if type(d) is Outsider:
        return Reading(Borrowed(d.structure), list(d.leaves))
    return _constructed(d)


def _point_mass(d: Delta) -> Reading | None:
    """Of vectors, coordinates that are masses each for itself are read.

    The place decides on the precision: NumPyro's default for the other is a zero of its own dtype.
    """
    if d.event_dim:
        return None
    v, log_density = jnp.asarray(d.v), jnp.asarray(d.log_density)
    if jnp.issubdtype(v.dtype, jnp.floating):
        log_density = log_density.astype(v.dtype)
    return Reading(Constructed(type(d), ("v", "log_density"), (0, 0), 0), [v, log_density])


def _several(d: OneOf) -> Reading | None:
    readings = [read(each) for each in d.each]
    if any(one is None for one in readings):
        return None
    known_ones = [one for one in readings if one is not None]
    discrete = tuple(bool(each.is_discrete) for each in d.each)
    recipe = Several(tuple(one.recipe for one in known_ones), d.event_dim, discrete=discrete)
    return Reading(recipe, [d.which, *(p for one in known_ones for p in one.parameters)])


def _factorised(d: Distribution) -> Reading | None:
    base = read(d.base_dist)
    if base is None:
        return None
    return Reading(Factorised(base.recipe, d.reinterpreted_batch_ndims), base.parameters)


def _wrapped(d: Distribution) -> Reading | None:
    inner, attributes = d.base_dist, WRAPPERS[type(d)].attributes
    base = read(inner)
    arrays = [getattr(d, attribute) for attribute in attributes.values()]
    if base is None or any(isinstance(array, bool) for array in arrays):
        return None
    recipe = Wrapped(type(d), base.recipe, tuple(attributes), d.event_dim, inner.is_discrete)
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
