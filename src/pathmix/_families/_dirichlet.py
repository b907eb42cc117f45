"""Dirichlet, its normaliser without cancellation."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from pathmix._families._conditionals import Conditionals, Terms, smaller_over_density
from pathmix._families._edges import power_at_zero
from pathmix._families._family import Family, spread_over
from pathmix._layout import component_first
from pathmix._special import (
    beta_quantile_slope,
    log_beta_kernel,
    log_beta_tails,
    log_poisson_kernel,
)
from pathmix._typing import ComponentFirst, EventFirst, Flags, FreeFirst, Reals, Value
from pathmix._where import where


class Dirichlet(NamedTuple):
    """Parameters."""

    concentration: Reals


def _log_density(theta: Dirichlet, x: Value) -> Reals:
    """``p = Γ(Σα) Π xᵢ^(αᵢ−1)/Γ(αᵢ)`` on the simplex.

    With ``A = Σα`` and ``κ(a, x) = a log x − x − log Γ(a+1)`` it is, on the simplex,
    ``Σ [κ(αᵢ, A xᵢ) + log αᵢ − log xᵢ] − κ(A, A) − log A``, whose terms stay small.
    """
    alpha = theta.concentration
    total = jnp.sum(alpha, axis=-1)
    inner = (x > 0) & (x <= 1)
    safe = where(inner, x, 0.5)
    terms = log_poisson_kernel(alpha, total[..., None] * safe) + jnp.log(alpha) - jnp.log(safe)
    edge = power_at_zero(alpha, jnp.log(total)[..., None])
    log_p = jnp.sum(where(inner, terms, edge), axis=-1)
    log_p -= log_poisson_kernel(total, total) + jnp.log(total)
    # the kernels take Σxᵢ = 1 for granted: this restores the value and the slopes off it
    log_p += total * (jnp.sum(x, axis=-1) - 1)
    return where(_on_simplex(x), log_p, -jnp.inf)


def _velocity(theta: Dirichlet, tangent: Dirichlet, x: Value) -> Value:
    """Move each coordinate as its Beta marginal does, and the others in proportion.

    A change of αⱼ alone leaves the proportions of the other coordinates as they are distributed
    (Jankowiak and Obermeyer 2018), so that ``v_i = gᵢ − xᵢ Σ_{j≠i} gⱼ/(1 − xⱼ)``.
    """
    alpha = theta.concentration
    rest = jnp.sum(alpha, axis=-1, keepdims=True) - alpha
    x = spread_over(theta, x)
    g = beta_quantile_slope(alpha, rest, x, 1 - x) * tangent.concentration
    share = g / where(x < 1, 1 - x, 1.0)
    return g - x * (jnp.sum(share, axis=-1, keepdims=True) - share)


def _mean(theta: Dirichlet) -> Reals:
    return theta.concentration / jnp.sum(theta.concentration, axis=-1, keepdims=True)


def _variance(theta: Dirichlet) -> Reals:
    mean, total = _mean(theta), jnp.sum(theta.concentration, axis=-1, keepdims=True)
    return mean * (1 - mean) / (total + 1)


def _covariance(theta: Dirichlet) -> Reals:
    mean, total = _mean(theta), jnp.sum(theta.concentration, axis=-1)[..., None, None]
    outer = mean[..., :, None] * mean[..., None, :]
    return (jnp.eye(mean.shape[-1]) * mean[..., None] - outer) / (total + 1)


class DirichletConditionals(Conditionals):
    """Stick breaking: ``x_i/r_i ~ Beta(αᵢ, Σ_{j>i} αⱼ)`` of the rest ``r_i = Σ_{j≥i} xⱼ``."""

    drifts = True

    def __init__(self, alpha: Reals, x: Value) -> None:
        points, rest = x.ndim - 2, _sum_from(x)
        free = (
            alpha[..., :-1],
            _sum_from(alpha)[..., 1:],
            x[..., :-1],
            rest[..., 1:],
            rest[..., :-1],
        )
        self.rows = tuple(component_first(t, 1, points) for t in free)

    def terms(self, row: Any) -> Terms:
        a, b, x, left, r = row
        share, other = x / r, left / r
        log_p = log_beta_kernel(a, b, share, other) - jnp.log(share) - jnp.log(other) - jnp.log(r)
        score = ((a - 1) / share - (b - 1) / other) / r
        tails = log_beta_tails(a, b, share, other)
        return Terms(*smaller_over_density(*tails, log_p), log_p, score)

    def start(self, a: ComponentFirst) -> Reals:
        return jnp.zeros_like(a)

    def drift(self, state: Reals, row: Any) -> tuple[Reals, Reals]:
        *_, x, _, r = row
        return x / r * state, state / r

    def advance(self, state: Reals, row: Any, relative: ComponentFirst, dx: Reals) -> Reals:
        return state - dx

    def complete(self, dx: FreeFirst) -> EventFirst:
        return jnp.concatenate([dx, -jnp.sum(dx, axis=0, keepdims=True)])


def _sum_from(x: Reals) -> Reals:
    """``Σ_{j≥i} x_j``, without the cancellation of ``1 − Σ_{j<i} x_j``."""
    return jnp.flip(jnp.cumsum(jnp.flip(x, -1), axis=-1), -1)


def _on_simplex(x: Value) -> Flags:
    return jnp.all(x >= 0, axis=-1) & (jnp.abs(jnp.sum(x, axis=-1) - 1) < 1e-6)


dirichlet = Family(
    "Dirichlet",
    _log_density,
    Dirichlet,
    event_dim=1,
    velocity=_velocity,
    mean=_mean,
    variance=_variance,
    covariance=_covariance,
    conditionals=lambda theta, x: DirichletConditionals(theta.concentration, spread_over(theta, x)),
)
