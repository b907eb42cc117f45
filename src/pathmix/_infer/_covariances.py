"""The covariances that the components of a guide may have.

Each kind makes the components from NumPyro parameters, named and constrained as in NumPyro's own
guides of one normal, and gives the standard deviations of their margins.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints

from pathmix._infer._local_normals import noise
from pathmix._infer._starts import Start

_FACTORS = 0.1
"""The size of the rows of factors at the start: at zero the factors' slope would be zero too."""


@dataclass(frozen=True)
class Diagonal:
    """Independent coordinates."""

    prefix: str

    def first(self, start: Start) -> dict[str, Array]:
        """Return the parameters at the start, by name."""
        return {f"{self.prefix}_scales": start.scales}

    def components(self, locs: Float[Array, "k d"], first: dict[str, Array]) -> Distribution:
        """Return the components, by NumPyro parameters that start at ``first``."""
        return dist.Normal(locs, _param(first, f"{self.prefix}_scales", _POSITIVE)).to_event(1)


@dataclass(frozen=True)
class Full:
    """Any covariance, by its Cholesky factor."""

    prefix: str

    def first(self, start: Start) -> dict[str, Array]:
        """Return the parameters at the start, by name."""
        d = start.scales.shape[-1]
        return {
            f"{self.prefix}_scale_trils": start.scales[..., None]
            * jnp.eye(d, dtype=start.locs.dtype)
        }

    def components(self, locs: Float[Array, "k d"], first: dict[str, Array]) -> Distribution:
        """Return the components, by NumPyro parameters that start at ``first``."""
        tril = _param(first, f"{self.prefix}_scale_trils", constraints.scaled_unit_lower_cholesky)
        return dist.MultivariateNormal(locs, scale_tril=tril)


@dataclass(frozen=True)
class LowRank:
    """``S (I + F Fᵀ) S`` with ``S`` diagonal and ``F`` of a few columns."""

    prefix: str
    rank: int | None
    """By default the square root of the dimension, rounded."""

    def first(self, start: Start) -> dict[str, Array]:
        """Return the parameters at the start, by name."""
        k, d = start.locs.shape
        rank = round(d**0.5) if self.rank is None else self.rank
        factors = noise(k, d, rank, dtype=start.locs.dtype)
        return {
            f"{self.prefix}_cov_factors": _FACTORS / rank**0.5 * factors,
            f"{self.prefix}_scales": start.scales,
        }

    def components(self, locs: Float[Array, "k d"], first: dict[str, Array]) -> Distribution:
        """Return the components, by NumPyro parameters that start at ``first``."""
        factors = _param(first, f"{self.prefix}_cov_factors", constraints.real_matrix)
        scales = _param(first, f"{self.prefix}_scales", _POSITIVE)
        return dist.LowRankMultivariateNormal(locs, factors * scales[..., None], scales**2)


_POSITIVE = constraints.softplus_positive

Covariance = Diagonal | Full | LowRank


def covariance_of(name: Any, rank: Any, prefix: str) -> Covariance:
    """Return the covariance of this name."""
    if rank is not None and name != "low_rank":
        raise ValueError(
            f"expected no `rank` with covariance={name!r}, got rank={rank!r}. Pass "
            'covariance="low_rank".'
        )
    if name == "low_rank":
        if rank is not None and (not isinstance(rank, int) or rank < 1):
            raise ValueError(f"expected rank to be an integer ≥ 1, or None, got {rank!r}.")
        return LowRank(prefix, rank)
    if name == "diagonal":
        return Diagonal(prefix)
    if name == "full":
        return Full(prefix)
    raise ValueError(f'expected covariance to be "diagonal", "full" or "low_rank", got {name!r}.')


def _param(first: dict[str, Array], name: str, constraint: Any) -> Array:
    return numpyro.param(name, first.get(name), constraint=constraint)
