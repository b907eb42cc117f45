"""Dirichlet, its normaliser without cancellation."""

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._exponential import power_at_zero
from pathmix._families._protocol import Family, register
from pathmix._special import log_poisson_kernel
from pathmix._typing import Flags, Reals, Value


class DirichletFamily(Family):
    """``p = Γ(Σα) Π xᵢ^(αᵢ−1)/Γ(αᵢ)`` on the simplex.

    With ``A = Σα`` and ``κ(a, x) = a log x − x − log Γ(a+1)`` it is, on the simplex,
    ``Σ [κ(αᵢ, A xᵢ) + log αᵢ − log xᵢ] − κ(A, A) − log A``, whose terms stay small.
    """

    parameters = ("concentration",)

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        alpha = jnp.asarray(d.concentration)
        total = jnp.sum(alpha, axis=-1)
        inner = (x > 0) & (x <= 1)
        safe = jnp.where(inner, x, 0.5)
        scaled = total[..., None] * safe
        terms = log_poisson_kernel(alpha, total[..., None] * safe) + jnp.log(alpha) - jnp.log(safe)
        edge = power_at_zero(alpha, jnp.log(total)[..., None])
        log_p = jnp.sum(jnp.where(inner, terms, edge), axis=-1)
        log_p -= log_poisson_kernel(total, total) + jnp.log(total)
        # the kernels take Σxᵢ = 1 for granted: this restores the value and the slopes off it
        log_p += total * (jnp.sum(x, axis=-1) - 1)
        return jnp.where(_on_simplex(x), log_p, -jnp.inf)

    def covariance(self, d: Distribution) -> Reals:
        alpha = jnp.asarray(d.concentration)
        total = jnp.sum(alpha, axis=-1, keepdims=True)
        mean = alpha / total
        outer = mean[..., :, None] * mean[..., None, :]
        return (jnp.eye(mean.shape[-1]) * mean[..., None] - outer) / (total[..., None] + 1)


def _on_simplex(x: Value) -> Flags:
    return jnp.all(x >= 0, axis=-1) & (jnp.abs(jnp.sum(x, axis=-1) - 1) < 1e-6)


register(DirichletFamily(), dist.Dirichlet)
