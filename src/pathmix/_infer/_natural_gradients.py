"""Natural gradients of a mixture's ELBO in its Gaussian components, from slopes at points.

The ELBO is ``E_q[f]`` with ``f = log p − log q``. Its natural gradient in the natural parameters of
a component ``N(μ, Σ)`` is, but for the component's weight, ``−E[∇²f]`` for ``Σ⁻¹`` and
``E[∇f] − E[∇²f] μ`` for ``Σ⁻¹μ``, with expectations under the component. So each component has a
step of its own, however small its weight. By Stein's lemma ``E[∇²f] = E[Σ⁻¹(x − μ) (∇f)ᵀ]``, for
which slopes are enough. In the coordinates ``z = S⁻¹(x − μ)``, ``Σ = SSᵀ``, these are ``E[y]`` and
``E[z yᵀ]``, with ``y = Sᵀ∇f``.

Source: Arenz, Dahlinger, Ye, Volpp & Neumann (2023), "A unified perspective on natural gradient
variational inference with Gaussian mixture models", whose variant of first order this is; Lin,
Khan & Schmidt (2019), "Fast and simple natural-gradient variational inference with mixture of
exponential-family approximations".
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Expansions(NamedTuple):
    """What is known of ``f`` around each component, along its whitened coordinates."""

    value: Float[Array, " k"]
    """``E[f]``."""
    slope: Float[Array, "k d"]
    """``E[Sᵀ∇f]``."""
    curvature: Float[Array, "*shape"]
    """``E[Sᵀ∇²f S]``, ``k d d``, or its diagonal, ``k d``."""


def expansions(
    weights: Float[Array, "k n"],
    z: Float[Array, "k n d"],
    f: Float[Array, " n"],
    y: Float[Array, "k n d"],
    *,
    full: bool,
) -> Expansions:
    """Estimate expectations under components by weighted points, the weights of which sum to one.

    The mean slope, against which curvature is measured, takes most of the variance out. It comes
    from the same points, as in a sample covariance, and so does the correction.
    """
    slope = jnp.einsum("kn,knd->kd", weights, y)
    spread = 1 - jnp.sum(weights**2, axis=-1)
    # all weight at one point: there is no curvature to be seen
    spread = jnp.maximum(spread, jnp.finfo(z.dtype).eps)
    rest = weights[..., None] * (y - slope[:, None])
    value = weights @ f
    if not full:
        return Expansions(value, slope, jnp.sum(z * rest, axis=1) / spread[:, None])
    curvature = jnp.einsum("kni,knj->kij", z, rest) / spread[:, None, None]
    return Expansions(value, slope, (curvature + jnp.swapaxes(curvature, 1, 2)) / 2)
