"""A step of the weights along their natural gradient, as long as a divergence allows."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._where import where

_BISECTIONS = 30
_LEAST = -60.0
"""A log weight that is as good as none; a component must be deleted to have less."""

PerComponent = Float[Array, " k"]


def weights_step(log_weights: PerComponent, value: PerComponent, bound: float) -> PerComponent:
    """Return weights ``∝ w exp(β value)`` with the largest ``β ≤ 1`` for which they stay close.

    ``value`` is ``E[log p − log q]`` under each component. With ``β = 1`` the weights are those
    that would be best if the other components stood elsewhere: ``w_k q_k = p`` around each one.
    ``KL(after ‖ before) ≤ bound``. Components without weight stay without.
    """

    def tilted(step: Array) -> PerComponent:
        active = log_weights > -jnp.inf
        return jax.nn.log_softmax(log_weights + step * where(active, value, 0.0))

    def fits(step: Array) -> Array:
        after = tilted(step)
        gained = where(after > -jnp.inf, after - log_weights, 0.0)
        return jnp.sum(jnp.exp(after) * gained) <= bound

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        fine = fits(middle)
        return where(fine, middle, low), where(fine, high, middle)

    zero, one = jnp.zeros((), value.dtype), jnp.ones((), value.dtype)
    low, _ = lax.fori_loop(0, _BISECTIONS, halve, (zero, one))
    after = tilted(where(fits(one), one, low))
    return where(log_weights > -jnp.inf, jnp.maximum(after, _LEAST), -jnp.inf)
