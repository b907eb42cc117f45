"""Normals fitted where a density is high, and which of them are different modes.

Each is a normal of independent coordinates whose ELBO is maximised with the same few draws of
noise throughout (Giordano, Ingram & Broderick 2024), which makes it a smooth function that L-BFGS
climbs. Unlike a maximum of the density it is where mass is: a spike without mass has a low ELBO.
The ELBO estimates the logarithm of the mass that a normal holds.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from pathmix._infer._lbfgs import minimise
from pathmix._where import where

_LONGEST = 2.0
"""The furthest a location moves in a step, in scales of the prior; a logarithm of a scale."""
_NARROW = 0.01
"""The scales at the start, in those of the prior."""
_BETWEEN = 5
"""At how many points between two locations a valley is looked for."""
_VALLEY = 0.5
"""How deep it is, in logarithms of the density."""
_LIGHT = 10.0
"""Modes whose mass is by more than e to this lower than the heaviest one's are none."""


class LocalNormals(NamedTuple):
    """Normals of independent coordinates."""

    locs: Float[Array, "n d"]
    scales: Float[Array, "n d"]
    log_masses: Float[Array, " n"]
    """The ELBO; −∞ where the density was not finite at the start."""


def fit_normals(
    log_density: Callable[[Array], Array],
    starts: Float[Array, "n d"],
    spread: Float[Array, " d"],
    *,
    num_steps: int,
    num_draws: int,
) -> LocalNormals:
    """Fit a normal from each start by ``num_steps`` evaluations of ``num_draws`` densities.

    Args:
        log_density: Of an unconstrained vector.
        starts: Where the locations start.
        spread: The scale of each coordinate, for the first steps.
        num_steps: Steps of L-BFGS.
        num_draws: Points of each normal, in pairs of opposites.
    """
    draws = _opposites(num_draws, spread)

    def loss(x: Array) -> Array:
        loc, log_scale = x
        points = spread * (loc + jnp.exp(log_scale) * draws)
        return -jnp.mean(jax.vmap(log_density)(points)) - jnp.sum(log_scale)

    narrow = jnp.full_like(starts, jnp.log(_NARROW))
    x = jnp.stack([starts / spread, narrow], axis=1).reshape(len(starts), -1)
    flat = lambda x: loss(x.reshape(2, -1))  # noqa: E731
    x, value = minimise(flat, x, num_steps=num_steps, longest=_LONGEST)
    locs, log_scales = jnp.moveaxis(x.reshape(len(starts), 2, -1), 1, 0)
    entropy = jnp.sum(jnp.log(spread) + (1 + math.log(2 * math.pi)) / 2)
    return LocalNormals(spread * locs, spread * jnp.exp(log_scales), entropy - value)


def noise(*shape: int, dtype: Any) -> Float[Array, "..."]:
    """Standard normal numbers that are always the same: a fixed choice of points needs no key."""
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape), dtype)


def _opposites(num_draws: int, like: Float[Array, " d"]) -> Float[Array, "draw d"]:
    """Pairs of opposites, of which each coordinate has the variance one exactly."""
    half = noise((num_draws + 1) // 2, *like.shape, dtype=like.dtype)
    half = half / jnp.sqrt(jnp.mean(half**2, axis=0))
    return jnp.concatenate([half, -half])


class Chosen(NamedTuple):
    """Which normal each component starts from."""

    normals: Int[Array, " k"]
    sharing: Int[Array, " k"]
    """How many components start from the same one."""
    before: Int[Array, " k"]
    """How many of these come before it."""


def choose(
    normals: LocalNormals, log_density: Callable[[Array], Array], num_components: int
) -> Chosen:
    """Choose normals: different modes by their mass; if there are too few, some repeatedly.

    Two normals are of different modes if the density has a valley on the line between them. A
    repetition goes where the mass for each component is largest.
    """
    depths = partial(_depth, log_density)
    best = jnp.max(normals.log_masses)
    heavy = normals.log_masses > best - _LIGHT

    def next_one(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        apart, counts = state
        fresh = heavy & apart
        shared = where(counts > 0, normals.log_masses - jnp.log1p(counts), -jnp.inf)
        wanted = where(jnp.any(fresh), where(fresh, normals.log_masses, -jnp.inf), shared)
        index = jnp.argmax(wanted)
        valleys = jax.vmap(depths, (None, 0))(normals.locs[index], normals.locs)
        return (apart & (valleys > _VALLEY), counts.at[index].add(1)), index

    n = len(normals.log_masses)
    state = jnp.ones(n, bool), jnp.zeros(n, int)
    (_, counts), index = lax.scan(next_one, state, length=num_components)
    same = index[:, None] == index
    return Chosen(index, counts[index], jnp.sum(jnp.tril(same, -1), axis=1))


def _depth(
    log_density: Callable[[Array], Array], a: Float[Array, " d"], b: Float[Array, " d"]
) -> Float[Array, ""]:
    """How far the density falls between two points below the lower one; NaN is deep."""
    along = jnp.linspace(0, 1, _BETWEEN + 2, dtype=a.dtype)[:, None]
    values = jax.vmap(log_density)(a + along * (b - a))
    lowest = jnp.min(where(jnp.isnan(values), -jnp.inf, values)[1:-1])
    return jnp.minimum(values[0], values[-1]) - lowest
