"""Supports: the bounds of an interval constraint, and the hull of component supports."""

from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution, TransformedDistribution, constraints
from numpyro.distributions.constraints import Constraint, ParameterFreeConstraint
from numpyro.distributions.transforms import AffineTransform

from pathmix._families._gather import pad_left
from pathmix._typing import Flags, Value

_BOUNDED_BELOW = (constraints.greater_than, constraints.integer_greater_than)
_BOUNDED = (constraints.interval, constraints.integer_interval)


def bounds(constraint: Constraint) -> tuple[Any, Any]:
    """Return the lower and upper bound of an elementwise constraint."""
    if isinstance(constraint, constraints.independent):
        return bounds(constraint.base_constraint)
    if isinstance(constraint, _BOUNDED):
        return constraint.lower_bound, constraint.upper_bound
    if isinstance(constraint, _BOUNDED_BELOW):
        return constraint.lower_bound, jnp.inf
    if isinstance(constraint, constraints.less_than):
        return -jnp.inf, constraint.upper_bound
    if constraint is constraints.boolean:
        return 0, 1
    if constraint is constraints.real:
        return -jnp.inf, jnp.inf
    raise NotImplementedError(
        f"pathmix knows no bounds of the support {constraint!r}: expected an interval, a half-line "
        "or the real line, or the same support for every component"
    )


def component_bounds(d: Distribution) -> tuple[Any, Any]:
    """Return the lower and upper ends of the components' own supports.

    NumPyro takes the traced scale of an AffineTransform for positive; here its sign decides.
    """
    # NumPyro's own subclasses, such as Pareto, state tighter supports
    if type(d) is not TransformedDistribution or not isinstance(d.transforms[-1], AffineTransform):
        return bounds(d.support)
    *before, last = d.transforms
    ends = bounds(before[-1].codomain if before else d.base_dist.support)
    a, b = (_affine(last, jnp.asarray(end, float)) for end in ends)
    return jnp.minimum(a, b), jnp.maximum(a, b)


def _affine(t: AffineTransform, end: Value) -> Value:
    """``t(end)``, without the NaN slopes of an infinite end."""
    finite = jnp.isfinite(end)
    return jnp.where(finite, t(jnp.where(finite, end, 0.0)), jnp.sign(t.scale) * end)


def hull(components: Distribution, has_weight: Flags) -> Constraint:
    """Return the smallest support of its kind that holds those of all components with weight.

    ``has_weight`` is ``*batch k``; the bounds of the result are ``*batch *event``, so far as the
    event is factorised.
    """
    support = components.support
    base, ndims = support, 0
    if isinstance(support, constraints.independent):
        base, ndims = support.base_constraint, support.reinterpreted_batch_ndims
    if isinstance(base, ParameterFreeConstraint):
        return support
    low, high = (_over_components(b, components, ndims) for b in bounds(base))
    axis = -1 - ndims
    mask = has_weight.reshape(has_weight.shape + (1,) * ndims)
    merged = _like(
        base,
        jnp.min(jnp.where(mask, low, jnp.inf), axis=axis),
        jnp.max(jnp.where(mask, high, -jnp.inf), axis=axis),
    )
    return constraints.independent(merged, ndims) if ndims else merged


def _over_components(bound: Any, components: Distribution, ndims: int) -> Value:
    """A bound as ``*batch k *event``, broadcast."""
    shape = components.batch_shape + components.event_shape[:ndims]
    return jnp.broadcast_to(pad_left(bound, len(shape)), shape)


def _like(constraint: Constraint, low: Value, high: Value) -> Constraint:
    if isinstance(constraint, _BOUNDED):
        return type(constraint)(low, high)
    if isinstance(constraint, _BOUNDED_BELOW):
        return type(constraint)(low)
    return type(constraint)(high)
