"""Successive conditionals of a factorised event, which are its marginals; and of any other."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Num

from pathmix._components import Canonical, need
from pathmix._families import Conditionals, Terms
from pathmix._layout import component_first, expand_to
from pathmix._typing import Value


def conditionals_of(components: Canonical, x: Value) -> Conditionals:
    """Return the successive conditional distributions along the event at ``*points 1 *event``."""
    scalars = components.factors()
    if scalars is not None:
        return Marginals(scalars, x, components.event_dim)
    return need(components, "conditionals")(components.theta, x)


class Marginals(Conditionals):
    """Independent coordinates: each conditional is the marginal.

    The ``scalars`` are ``*batch k *event``; ``x`` is ``*points 1 *event``.
    """

    def __init__(self, scalars: Canonical, x: Value, event_dim: int) -> None:
        points, shape = x.ndim - event_dim - 1, scalars.own_shape

        def event_first(t: Value) -> Num[Array, "event k *#points"]:
            cut = t.ndim - event_dim
            flat = t.reshape((*t.shape[:cut], math.prod(t.shape[cut:])))
            return component_first(flat, 1, points)

        self._scalars = scalars.map(lambda p, _: event_first(jnp.broadcast_to(p, shape)))
        x = event_first(x)
        self.rows = jnp.arange(x.shape[0]), x

    def terms(self, row: Any) -> Terms:
        """Return the marginal of one coordinate at its value."""
        i, x = row
        here = self._scalars.map(lambda p, _: p[i])
        family, theta, x = here.family, here.theta, expand_to(x, here.own_shape)
        log_density = lambda x: family.log_density(theta, x)  # noqa: E731
        log_p, score = jax.jvp(log_density, (x,), (jnp.ones_like(x),))
        return Terms(*family.smaller_tail_at(theta, x, log_p), log_p, score)
