"""Successive conditionals of a factorised event, which are its marginals; and of any other."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from pathmix._families._canonical import Canonical
from pathmix._families._conditionals import Conditionals, Terms
from pathmix._families._gather import component_first, expand_to
from pathmix._families._protocol import family
from pathmix._typing import Value


def conditionals_of(components: Canonical, x: Value) -> Conditionals:
    """Return the successive conditional distributions along the event at ``*points 1 *event``."""
    scalars = components.factors()
    if scalars is not None:
        return Marginals(scalars, x, components.event_dim)
    d = components.plain
    return family(d).conditionals(d, x)


class Marginals(Conditionals):
    """Independent coordinates: each conditional is the marginal.

    The ``scalars`` are ``*batch k *event``; ``x`` is ``*points 1 *event``.
    """

    def __init__(self, scalars: Canonical, x: Value, event_dim: int) -> None:
        points, shape = x.ndim - event_dim - 1, scalars.own_shape

        def event_first(t: Value) -> Value:
            cut = t.ndim - event_dim
            flat = t.reshape((*t.shape[:cut], math.prod(t.shape[cut:])))
            return component_first(flat, 1, points)

        self._scalars = scalars.map(lambda p, _: event_first(jnp.broadcast_to(p, shape)))
        x = event_first(x)
        self.rows = jnp.arange(x.shape[0]), x

    def terms(self, row: Any) -> Terms:
        """Return the marginal of one coordinate at its value."""
        i, x = row
        d = self._scalars.map(lambda p, _: p[i]).plain
        known, x = family(d), expand_to(x, d.batch_shape)
        log_p, score = jax.jvp(lambda x: known.log_prob(d, x), (x,), (jnp.ones_like(x),))
        return Terms(*known.smaller_tail(d, x, log_p), log_p, score)
