"""Gaussian components as arrays: densities, slopes and draws, of full or diagonal covariances."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from pathmix._infer._factors import factor_and_inverse
from pathmix._special import triangular_inverse

Roots = Float[Array, "*shape"]
"""Lower factors, ``k d d``, or standard deviations, ``k d``; or what inverts these."""


class Gaussians(NamedTuple):
    """Components ``N(locs, S Sᵀ)``, by a root ``S`` of each covariance."""

    locs: Float[Array, "k d"]
    roots: Roots
    """Lower factors, ``k d d``; of diagonal covariances the standard deviations, ``k d``."""

    @property
    def is_full(self) -> bool:
        """Whether the covariances are more than variances."""
        return self.roots.ndim > self.locs.ndim

    def inverse_roots(self) -> Roots:
        """Return the inverses of the roots."""
        if not self.is_full:
            return 1 / self.roots
        return triangular_inverse(self.roots)

    def log_dets(self) -> Float[Array, " k"]:
        """Return the log determinants of the roots."""
        scales = jnp.diagonal(self.roots, axis1=-2, axis2=-1) if self.is_full else self.roots
        return jnp.sum(jnp.log(scales), axis=-1)


def whitened(q: Gaussians, inverse_roots: Roots, x: Float[Array, "n d"]) -> Float[Array, "k n d"]:
    """Return ``S⁻¹ (x − loc)`` of every component and point."""
    apart = x[None] - q.locs[:, None]
    if q.is_full:
        return jnp.einsum("kij,knj->kni", inverse_roots, apart)
    return apart * inverse_roots[:, None]


def log_densities(q: Gaussians, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
    """Return the log density of every component at every point."""
    z = whitened(q, q.inverse_roots(), x)
    square = jnp.sum(z * z, axis=-1)
    return -0.5 * (square + z.shape[-1] * math.log(2 * math.pi)) - q.log_dets()[:, None]


def mixture_slope(
    inverse_roots: Roots, shares: Float[Array, "k n"], z: Float[Array, "k n d"]
) -> Float[Array, "n d"]:
    """Return the slope of a mixture's log density, given each component's share in it."""
    pattern = "kn,kni,kij->nj" if inverse_roots.ndim > z.ndim - 1 else "kn,knj,kj->nj"
    return -jnp.einsum(pattern, shares, z, inverse_roots)


def whitened_slopes(q: Gaussians, slope: Float[Array, "n d"]) -> Float[Array, "k n d"]:
    """Return ``Sᵀ v``: slopes along the whitened coordinates of every component."""
    if q.is_full:
        return jnp.einsum("kji,nj->kni", q.roots, slope)
    return slope[None] * q.roots[:, None]


def draws(q: Gaussians, index: Int[Array, " n"], noise: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Return a draw of each component that is named."""
    if q.is_full:
        return q.locs[index] + jnp.einsum("nij,nj->ni", q.roots[index], noise)
    return q.locs[index] + q.roots[index] * noise


def average_root(q: Gaussians, shares: Float[Array, " k"]) -> Roots:
    """Return a root of the average covariance, ``d d`` or ``d``."""
    if not q.is_full:
        return jnp.sqrt(jnp.einsum("k,ki->i", shares, q.roots**2))
    covariance = jnp.einsum("k,kij,klj->il", shares, q.roots, q.roots)
    return factor_and_inverse(covariance[None])[0][0]


def divergences_between(q: Gaussians) -> Float[Array, "k k"]:
    """Return ``KL(q_i ‖ q_j)`` of every two components."""
    inverse_roots, log_dets = q.inverse_roots(), q.log_dets()
    apart = whitened(q, inverse_roots, q.locs)
    if q.is_full:
        ratio = jnp.einsum("jab,ibc->ijac", inverse_roots, q.roots)
        spread = jnp.sum(ratio**2, axis=(-2, -1))
    else:
        spread = jnp.einsum("ja,ia->ij", inverse_roots**2, q.roots**2)
    square = jnp.sum(apart**2, axis=-1).T + spread - q.locs.shape[-1]
    return 0.5 * square + log_dets - log_dets[:, None]
