"""Attaching pathwise gradients to given values: the identity, with a custom JVP.

The rule calls the attached function again for its primal, so that in second and higher
derivatives the value moves as well.
"""

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._families import family
from pathmix._pathwise._logits import weight_velocity
from pathmix._typing import Reals, Value
from pathmix._weights import Weights


@jax.custom_jvp
def attach(weights: Weights, components: Distribution, x: Value) -> Value:
    """Return ``x``, carrying the pathwise gradient of a draw from the mixture."""
    del weights, components
    return x


@attach.defjvp
def _attach_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, x = primals
    d_weights, d_components, dx = tangents
    x = attach(weights, components, x)
    velocity = component_velocity(weights, components, d_components, x)
    velocity += weight_velocity(weights, d_weights, components, x)
    return x, (dx + velocity).astype(x.dtype)


@jax.custom_jvp
def attach_to_components(components: Distribution, x: Value) -> Value:
    """Return ``x`` (``*sample *batch k *event``), each slot moving with its own component."""
    del components
    return x


@attach_to_components.defjvp
def _attach_to_components_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    components, x = primals
    d_components, dx = tangents
    x = attach_to_components(components, x)
    return x, (dx + family(components).velocity(components, d_components, x)).astype(x.dtype)


def component_velocity(
    weights: Weights, components: Distribution, tangent: Distribution, x: Value
) -> Value:
    """Return ``Σ_k r_k v_k``, ``*points *event``, the velocity under the components' tangent."""
    events = components.event_dim
    x = jnp.expand_dims(x, x.ndim - events)
    velocities = family(components).velocity(components, tangent, x)
    terms = family(components).log_prob(components, x)
    terms = jnp.broadcast_to(terms, jnp.broadcast_shapes(terms.shape, components.batch_shape))
    r: Reals = weights.posterior(terms).probs
    r = r.reshape(r.shape + (1,) * events)
    moving = jnp.where(r > 0, r, 0.0) * jnp.where(r > 0, velocities, 0.0)
    return jnp.sum(moving, axis=moving.ndim - events - 1)
