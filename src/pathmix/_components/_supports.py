"""Supports: where components have density, and the hull of that over components.

Ends of supports are worked out at once where their parameters are known, also inside a program that
is being traced, because the kind of a hull (line, half-line, interval) must be known then.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from numpyro.distributions import (
    Delta,
    Distribution,
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
    TransformedDistribution,
    constraints,
)
from numpyro.distributions import transforms as tf
from numpyro.distributions.constraints import Constraint

from pathmix._components._constraints import extended_interval, union
from pathmix._components._one_of import OneOf
from pathmix._families import choose
from pathmix._layout import pad_left
from pathmix._numpyro import is_inverse
from pathmix._typing import Flags, Value
from pathmix._where import where

Ends: TypeAlias = tuple[Any, Any]

_BOUNDED_BELOW = (constraints.greater_than, constraints.integer_greater_than)
_BOUNDED = (constraints.interval, constraints.integer_interval)
_LINE = (-np.inf, np.inf)
_MONOTONE = (
    tf.AffineTransform,
    tf.ExpTransform,
    tf.IdentityTransform,
    tf.PowerTransform,
    tf.SigmoidTransform,
    tf.SoftplusTransform,
)


def bounds(constraint: Constraint) -> Ends | None:
    """Return the lower and upper bound of an elementwise constraint, ``None`` if it has none."""
    if isinstance(constraint, constraints.independent):
        return bounds(constraint.base_constraint)
    if isinstance(constraint, _BOUNDED):
        return constraint.lower_bound, constraint.upper_bound
    if isinstance(constraint, _BOUNDED_BELOW):
        return constraint.lower_bound, np.inf
    if isinstance(constraint, constraints.less_than):
        return -np.inf, constraint.upper_bound
    if constraint is constraints.boolean:
        return 0, 1
    return _LINE if constraint is constraints.real else None


def component_bounds(d: Distribution) -> Ends | None:
    """Return the lower and upper ends of the components' own supports, ``None`` if not known.

    They broadcast to ``*batch k *event``. Elementwise transforms carry the ends of their base along
    whatever NumPyro says, which takes a traced scale for positive, and one of mixed signs too.
    """
    with jax.ensure_compile_time_eval():
        return _ends(d)


def _ends(d: Distribution) -> Ends | None:
    if isinstance(d, ExpandedDistribution | Independent | MaskedDistribution):
        return _ends(d.base_dist)
    if isinstance(d, OneOf):
        return _ends_of_several(d)
    if isinstance(d, Delta):
        return d.v, d.v
    # NumPyro's own subclasses, such as Pareto, state tighter supports
    inherited = TransformedDistribution.support
    if not isinstance(d, TransformedDistribution) or type(d).support is not inherited:
        return _bounds_of(_declared(d))
    ends = _ends(d.base_dist)
    for t in _elementary(d.transforms):
        ends = _image(t, ends)
    return _bounds_of(_declared(d)) if ends is None else ends


def _ends_of_several(d: OneOf) -> Ends | None:
    found = [_ends(each) for each in d.each]
    if any(ends is None for ends in found):
        return None
    lows, highs = zip(*(ends for ends in found if ends is not None), strict=True)
    axes = d.event_dim
    return choose(d.which, lows, axes), choose(d.which, highs, axes)


def _bounds_of(constraint: Constraint | None) -> Ends | None:
    return None if constraint is None else bounds(constraint)


def _elementary(transforms: Iterable[tf.Transform]) -> Iterable[tf.Transform]:
    """The transforms that a chain of them is composed of."""
    for t in transforms:
        inner = t.inv if is_inverse(t) else t
        if isinstance(inner, tf.ComposeTransform):
            parts = inner.parts if inner is t else [part.inv for part in reversed(inner.parts)]
            yield from _elementary(parts)
        elif isinstance(inner, tf.IndependentTransform):
            base = inner.base_transform
            yield from _elementary([base if inner is t else base.inv])
        else:
            yield t


def _image(t: tf.Transform, ends: Ends | None) -> Ends | None:
    """The ends of the image of an interval; ``None`` where they are not known."""
    if isinstance(t, tf.AffineTransform):
        domain = codomain = constraints.real  # what it states may be wrong, and is not needed
    else:
        domain, codomain = t.domain, t.codomain
    whole, everything = bounds(domain), bounds(codomain)
    forward = t.inv if is_inverse(t) else t
    known = type(forward) in _MONOTONE or isinstance(t, tf.AbsTransform)
    ends = whole if ends is None else ends
    if ends is None or whole is None or not known or domain.event_dim or codomain.event_dim:
        return everything
    low = where(ends[0] >= whole[0], ends[0], whole[0])
    high = where(ends[1] <= whole[1], ends[1], whole[1])
    if isinstance(t, tf.AbsTransform):
        return _folded(low, high)
    if everything is not None and _same((low, high), whole):
        return everything  # by a scale or power of either sign
    a, b = _push(t, low), _push(t, high)
    return jnp.minimum(a, b), jnp.maximum(a, b)


def _push(t: tf.Transform, end: Value) -> Value:
    """``t(end)``, without the NaN slopes of an infinite argument or value."""
    # NumPyro's sigmoid stops short of 0 and 1
    forward = jax.nn.sigmoid if isinstance(t, tf.SigmoidTransform) else t
    end = end if jnp.issubdtype(end.dtype, jnp.floating) else end.astype(float)
    limit = lax.stop_gradient(forward(end))
    moves = jnp.isfinite(end) & jnp.isfinite(limit)
    return where(moves, forward(where(moves, end, 0.5)), limit)


def _folded(low: Value, high: Value) -> Ends:
    nearer = jnp.minimum(jnp.abs(low), jnp.abs(high))
    farther = jnp.maximum(jnp.abs(low), jnp.abs(high))
    return where((low <= 0) & (high >= 0), 0.0, nearer), farther


def hull(components: Distribution, present: Flags) -> Constraint:
    """Return the smallest support of its kind that holds those of all components with weight.

    ``present``, ``*batch k``, says which have. The kind follows from the actual ends: the real
    line, a half-line or an interval, closed because rounding puts draws on their ends. Where ends
    differ in kind from entry to entry, or with values that are not known yet, it is an interval
    whose ends may be infinite. Of supports without elementwise ends it is the one that all
    components share, or their union.
    """
    with jax.ensure_compile_time_eval():
        declared = _declared(components)
        ends = _ends(components)
        if ends is None:
            return _joint(declared, present)
        low = _merge(components, ends[0], present, jnp.min, np.inf)
        high = _merge(components, ends[1], present, jnp.max, -np.inf)
        if declared is not None and not jax.tree.leaves(declared):
            stated = bounds(declared)
            if stated is not None and _same((low, high), stated):
                return declared
        is_discrete = declared is not None and declared.is_discrete
        merged = interval(low, high, is_discrete=is_discrete)
    return constraints.independent(merged, components.event_dim) if components.event_dim else merged


def _declared(d: Distribution) -> Constraint | None:
    """The support that NumPyro states; it has none of some transforms of mixed signs."""
    try:
        return d.support
    except NotImplementedError:
        return None


def _merge(
    d: Distribution, bound: Any, present: Flags, reduce: Callable[..., Value], nothing: float
) -> Any:
    """The outermost bound of the components with weight, ``*batch *event`` or a number."""
    if jnp.ndim(bound) == 0:
        return bound
    axis, shape = len(d.batch_shape) - 1, d.shape()
    bound = jnp.broadcast_to(pad_left(bound, len(shape)), shape)
    if not isinstance(bound, Tracer):
        first = np.take(np.asarray(bound), 0, axis)
        if np.array_equal(np.broadcast_to(np.expand_dims(first, axis), shape), bound):
            return first  # whichever components have weight
    mask = present.reshape(present.shape + (1,) * d.event_dim)
    return reduce(where(mask, bound, nothing), axis=axis)


def interval(low: Any, high: Any, *, is_discrete: bool) -> Constraint:
    """Return the constraint of an interval, whose kind follows from the ends that are finite."""
    finite = _is_finite(low), _is_finite(high)
    if is_discrete:
        half_line = finite == (True, False)
        integers = constraints.integer_greater_than, constraints.integer_interval
        return integers[0](low) if half_line else integers[1](low, high)
    match finite:
        case (True, True):
            return constraints.interval(low, high)
        case (True, False):
            return constraints.greater_than_eq(low)
        case (False, True):
            return constraints.less_than_eq(high)
        case (False, False):
            return constraints.real
    return extended_interval(low, high)


def _is_finite(end: Any) -> bool | None:
    """Whether all entries are finite or none is; ``None`` where both occur, or may."""
    if isinstance(end, Tracer):
        return None
    finite = np.isfinite(end)
    return True if finite.all() else None if finite.any() else False


def _same(ends: Ends, others: Ends) -> bool:
    """Whether ends are known to be equal."""
    if any(isinstance(end, Tracer) for end in (*ends, *others)):
        return False
    return all(np.all(np.equal(a, b)) for a, b in zip(ends, others, strict=True))


def _joint(support: Constraint | None, present: Flags) -> Constraint | None:
    """The support of all components, or the union of theirs; it has no elementwise ends."""
    leaves, structure = jax.tree.flatten(support)
    inner = getattr(support, "reinterpreted_batch_ndims", 0)
    shared = [_along_k(leaf, jnp.ndim(leaf) - 1 - inner) for leaf in leaves]
    if any(leaf is None for leaf in shared):
        return union(support, present)
    return jax.tree.unflatten(structure, shared)


def _along_k(parameter: Any, axis: int) -> Any:
    """What all components share, ``*batch *event``; ``None`` if they differ, or may."""
    if axis < 0:
        return parameter
    if parameter.shape[axis] == 1:
        return jnp.squeeze(parameter, axis)
    if isinstance(parameter, Tracer):
        return None
    first = np.take(np.asarray(parameter), [0], axis)
    return np.squeeze(first, axis) if np.all(np.asarray(parameter) == first) else None
