"""Where modes are looked for: centres of components, what lies between two, ends of supports."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform, biject_to

from pathmix._components import (
    Canonical,
    component_bounds,
    each_family,
    hull,
    need,
    which_of,
)
from pathmix._families import Family, Truncated, beta_negative_binomial, choose, dagum, levy
from pathmix._layout import pad_left
from pathmix._mixture._ascent import expansion, solve
from pathmix._mixture._quantile import inverse_log_cdf
from pathmix._numpyro import preimage
from pathmix._typing import PerComponentValue
from pathmix._weights import Probabilities, Weights
from pathmix._where import where

MOST_IN_PAIRS = 32
"""The most components of which what lies between any two is looked at."""


_HEAVY = (levy, dagum, beta_negative_binomial)
"""Families of one mode that is no end, and whose mean may be infinite."""


class Chart(NamedTuple):
    """The support of a mixture by coordinates without bounds, ``points *batch d``."""

    transform: Transform
    events: tuple[int, ...]
    is_circular: bool

    @classmethod
    def of(cls, weights: Weights, components: Canonical) -> "Chart":
        """Return that of a mixture's own support."""
        support = hull(components.plain, weights.present())
        circular = elementwise(support) is constraints.circular
        on_line = constraints.independent(constraints.real, components.event_dim)
        return cls(biject_to(on_line if circular else support), components.event_shape, circular)

    def to_value(self, u: Array) -> Array:
        """The value, ``points *batch *event``."""
        rank = self.transform.domain.event_dim
        inner = self.transform.inverse_shape(self.events)
        x: Array = self.transform(u.reshape(u.shape[:-1] + inner[len(inner) - rank :]))
        if self.is_circular:
            x = around(x)
        return x

    def to_line(self, x: Array) -> Array:
        """The coordinates of a value, 0 for those that are not finite."""
        u = preimage(self.transform, x)
        rank = x.ndim - len(self.events)
        u = u.reshape((*u.shape[:rank], -1))
        return where(jnp.isfinite(u), u, 0.0)


def around(angle: Array) -> Array:
    """Return the angle from −π to π."""
    return where(jnp.abs(angle) > np.pi, (angle + np.pi) % (2 * np.pi) - np.pi, angle)


def centres(components: Canonical) -> PerComponentValue:
    """Return a point in the middle of each component, its mode where that is its location."""
    which = which_of(components)
    if which is not None:
        each = [centres(one) for one in each_family(components)]
        return choose(jnp.asarray(which, components.dtype), each, components.event_dim)
    return jnp.broadcast_to(_middle(components), components.own_shape + components.event_shape)


def _middle(components: Canonical) -> Array:
    """The location, which may be a kink; else the mean, or the median, which takes longer."""
    if components.family_is_known:
        loc = _location(components)
        if loc is not None:
            return loc
        scalars = components.factors() if components.event_shape else components
        if scalars is not None and _by_median(components, scalars.family):
            return _medians(scalars)
    mean = jnp.asarray(need(components, "mean")(components.theta))
    return where(jnp.isfinite(mean), mean, _within(components))


def _location(components: Canonical) -> Array | None:
    """The location, of families that have one and whose mode it is; within the bounds if cut."""
    theta = components.theta
    if is_on_line(components):
        loc: Array | None = getattr(theta, "loc", None)
        return loc
    if not isinstance(theta, Truncated) or not hasattr(theta.base, "loc"):
        return None
    x: Array = theta.base.loc
    x = x if theta.low is None else jnp.maximum(x, theta.low)
    return x if theta.high is None else jnp.minimum(x, theta.high)


def _by_median(components: Canonical, family: Family) -> bool:
    """Whether the mean of a scalar family is not known, or need not be there."""
    has_no_mean = family.mean is None or family in _HEAVY or is_on_line(components)
    return family.log_cdf is not None and has_no_mean


def _within(components: Canonical) -> Array:
    """A point inside each support, by its ends."""
    ends = component_bounds(components.plain) or (-jnp.inf, jnp.inf)
    low, high = (jnp.asarray(end, components.dtype) for end in ends)
    return where(jnp.isfinite(low), low + 1, where(jnp.isfinite(high), high - 1, 0.0))


def is_on_line(components: Canonical) -> bool:
    """Return whether all components are all over the line, or round the circle."""
    return is_circular(components) or elementwise(components.plain.support) is constraints.real


def is_circular(components: Canonical) -> bool:
    """Return whether values are angles, which go on at the other end."""
    return elementwise(components.plain.support) is constraints.circular


def elementwise(support: Constraint) -> Constraint:
    """Return the support of each coordinate."""
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def _medians(scalars: Canonical) -> Array:
    one_each = scalars.map(lambda p, n: jnp.expand_dims(p, p.ndim - n))
    alone = Probabilities(jnp.ones(one_each.own_shape, scalars.dtype))
    half = jnp.full((1, *one_each.own_shape[:-1]), -np.log(2.0), scalars.dtype)
    return inverse_log_cdf(alone, one_each, half)[0]


def between(chart: Chart, components: Canonical, u: Array) -> Array:
    """Return where the product of any two components is highest, of centres ``k *batch d``.

    It is the mean of the two, weighted by curvatures there: that of two Gaussian components to the
    digit (Ray & Lindsay 2005 have a mode there that no ascent from a mean finds).
    """
    density = components.family.log_density

    def own(u: Array) -> Array:
        x = jnp.moveaxis(chart.to_value(u), 0, -1 - components.event_dim)
        return jnp.moveaxis(density(components.theta, x), -1, 0)

    weight = _weights_of_centres(*expansion(own, u)[1:])
    pull = jnp.sum(weight * u[..., None, :], axis=-1)
    first, second = np.triu_indices(len(u), 1)
    return solve(weight[first] + weight[second], pull[first] + pull[second])


def _weights_of_centres(slope: Array, curvature: Array) -> Array:
    """Curvatures, where they are positive definite; else their sizes, or the same for all."""
    eye = jnp.eye(slope.shape[-1], dtype=slope.dtype)
    own = jnp.all(jnp.isfinite(solve(-curvature, slope)), axis=-1)[..., None, None]
    sizes = jnp.abs(jnp.diagonal(curvature, axis1=-2, axis2=-1)) + slope * slope
    sizes = where((sizes > 0) & jnp.isfinite(sizes), sizes, 1.0)
    return where(own, -curvature, sizes[..., None] * eye)


def fixed_points(components: Canonical, middles: Array) -> tuple[Array, Array | None]:
    """Return points, ``points *batch *event``, that are no maxima by their slope.

    First those inside, where a density may have a kink or be flat: centres, and the middles of the
    intervals that two components share. Then the ends of the supports, if any are finite.
    """
    ends = component_bounds(components.plain)
    if ends is None or is_circular(components) or all(_is_never(end) for end in ends):
        return middles, None
    low, high = (_first(end, middles, components.event_dim) for end in ends)
    if not is_flat(components):
        return middles, jnp.concatenate([low, high])
    # of equal heights the first is taken, and these are in the middle of where that is
    one, other = np.triu_indices(len(middles), 1)
    shared = jnp.maximum(low[one], low[other]) + jnp.minimum(high[one], high[other])
    return jnp.concatenate([shared / 2, middles]), None


def is_flat(components: Canonical) -> bool:
    """Return whether each density is the same all over its support."""
    scalars = components.factors() if components.event_shape else components
    return scalars is not None and scalars.selectable and scalars.family.flat


def _is_never(end: Any) -> bool:
    return isinstance(end, float) and not np.isfinite(end)


def _first(end: Any, like: Array, event_dim: int) -> Array:
    """Ends ``*batch k *event`` with the components first, in the shape of their centres."""
    rank = like.ndim - event_dim - 1
    full = jnp.moveaxis(pad_left(jnp.asarray(end, like.dtype), like.ndim), rank, 0)
    return jnp.broadcast_to(full, like.shape)
