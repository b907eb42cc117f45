"""Point masses among counts: NumPyro's Delta is a real number, whatever its place."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from numpyro.distributions import (
    Delta,
    Distribution,
    ExpandedDistribution,
    Independent,
    constraints,
)
from numpyro.distributions.constraints import Constraint


class PointCount(Delta):
    """A point mass at a whole number, as a distribution of counts."""

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        """The one count that has mass."""
        return constraints.integer_interval(self.v, self.v)


def as_count(d: Distribution) -> Distribution:
    """Return a point mass, or a batch of them, as a count; anything else as it is.

    Raises:
        ValueError: The place is no whole number, or is not known to be one.
    """
    if isinstance(d, ExpandedDistribution | Independent):
        inner = as_count(d.base_dist)
        if inner is d.base_dist:
            return d
        one = isinstance(d, Independent)
        return inner.to_event(d.reinterpreted_batch_ndims) if one else inner.expand(d.batch_shape)
    if type(d) is not Delta or d.event_dim:
        return d
    return PointCount(_whole(d.v), d.log_density)


def is_point_mass(d: Distribution) -> bool:
    """Return whether a distribution is a point mass, or a batch of them."""
    inner = isinstance(d, ExpandedDistribution | Independent)
    return is_point_mass(d.base_dist) if inner else type(d) is Delta


def _whole(place: Any) -> Array:
    if jnp.issubdtype(jnp.result_type(place), jnp.integer):
        return jnp.asarray(place)
    got = "a traced float" if isinstance(place, Tracer) else np.array2string(np.asarray(place))
    if isinstance(place, Tracer) or np.any(np.mod(place, 1) != 0):
        raise ValueError(
            f"expected point masses among counts at whole numbers, got Delta at {got}. Give the "
            "place as an integer: Delta(0)."
        )
    return jnp.asarray(place).astype(int)
