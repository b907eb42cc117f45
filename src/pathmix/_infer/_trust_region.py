"""Steps of Gaussians along their natural gradients, as long as a divergence allows.

Along whitened coordinates a step of length β, from ``N(0, I)``, leads to the precision ``I − βA``
and the location ``β (I − βA)⁻¹ a``, with the mean slope ``a`` and curvature ``A``. The step
of length one goes where the expansion of the ELBO says that the optimum is. The Kullback-Leibler
divergence to where the step began grows with β, and is infinite where a precision ends. So
bisection finds the longest step within a bound, and each covariance stays positive definite.

The factor ``R`` of a precision ``RRᵀ`` is an upper one here, so that ``S R⁻ᵀ``, with the lower root
``S`` of the covariance before, is the lower root of the one after.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from pathmix._infer._factors import factor_and_inverse
from pathmix._infer._gaussians import Gaussians
from pathmix._where import where

_BISECTIONS = 12
_SHORTEST = 1e-8
PerComponent = Float[Array, " k"]


class Direction(NamedTuple):
    """Where components go, along their whitened coordinates."""

    slope: Float[Array, "k d"]
    curvature: Float[Array, "*shape"]
    """``k d d``, or the diagonals, ``k d``."""


class Change(NamedTuple):
    """What a step does, along whitened coordinates."""

    divergence: PerComponent
    """``KL(after ‖ before)``; infinite or NaN where there is nothing after."""
    move: Float[Array, "k d"]
    root: Float[Array, "*shape"]
    """``R⁻ᵀ``, lower factors ``k d d``, or standard deviations, ``k d``."""


def change(direction: Direction, step: PerComponent) -> Change:
    """Return what steps of these lengths do."""
    slope, curvature = direction
    if curvature.ndim == slope.ndim:
        precision = 1 - step[:, None] * curvature
        root = 1 / jnp.sqrt(precision)
        spread, log_det = jnp.sum(root**2, axis=1), jnp.sum(jnp.log(precision), axis=1)
        move = step[:, None] * slope * root**2
    else:
        eye = jnp.eye(slope.shape[1], dtype=slope.dtype)
        precision = eye - step[:, None, None] * curvature
        factor, inverse = factor_and_inverse(precision[:, ::-1, ::-1])
        root = jnp.swapaxes(inverse[:, ::-1, ::-1], 1, 2)
        scales = jnp.diagonal(factor, axis1=1, axis2=2)
        spread, log_det = jnp.sum(root**2, axis=(1, 2)), 2 * jnp.sum(jnp.log(scales), axis=1)
        half = jnp.einsum("kji,kj->ki", root, step[:, None] * slope)
        move = jnp.einsum("kij,kj->ki", root, half)
    square = jnp.sum(move**2, axis=1)
    return Change(0.5 * (spread - slope.shape[1] + log_det + square), move, root)


def longest_steps(direction: Direction, bounds: PerComponent) -> PerComponent:
    """Return the longest steps, of length one at most, within the bounds; by their logarithms."""

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = jnp.sqrt(low * high)
        fits = change(direction, middle).divergence <= bounds  # of NaN not
        return where(fits, middle, low), where(fits, high, middle)

    whole = jnp.ones_like(bounds)
    low, _ = lax.fori_loop(0, _BISECTIONS, halve, (jnp.full_like(bounds, _SHORTEST), whole))
    return where(change(direction, whole).divergence <= bounds, whole, low)


def stepped(q: Gaussians, direction: Direction, step: PerComponent) -> Gaussians:
    """Return the components after steps of these lengths; those that would not be finite stay."""
    _, move, root = change(direction, step)
    if q.is_full:
        locs = q.locs + jnp.einsum("kij,kj->ki", q.roots, move)
        new = Gaussians(locs, jnp.tril(q.roots @ root))
    else:
        new = Gaussians(q.locs + q.roots * move, q.roots * root)
    fine = [jnp.all(jnp.isfinite(t), axis=tuple(range(1, t.ndim))) for t in new]
    return choose(fine[0] & fine[1], new, q)


def choose(which: Bool[Array, " k"], one: Gaussians, other: Gaussians) -> Gaussians:
    """Return some components from one, the rest from the other."""
    pick = lambda a, b: where(which.reshape((-1,) + (1,) * (a.ndim - 1)), a, b)  # noqa: E731
    return Gaussians(pick(one.locs, other.locs), pick(one.roots, other.roots))
