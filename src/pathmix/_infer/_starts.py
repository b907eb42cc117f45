"""Where the components of a guide start: strategies, as objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from pathmix._checks import require, require_counts
from pathmix._infer._latents import Target, from_prior
from pathmix._infer._local_normals import Chosen, LocalNormals, choose, fit_normals, noise
from pathmix._where import where

SCALE = 0.1
"""NumPyro's own for a guide that knows nothing."""
_DRAWS = 8
"""Draws of the prior that tell its scale, at least."""
_LEAST_SHARE = 0.01
"""The least weight at the start, in shares of 1/k: a component without weight learns nothing."""


class Start(NamedTuple):
    """The components at the start, in the unconstrained space."""

    logits: Float[Array, " k"]
    locs: Float[Array, "k d"]
    scales: Float[Array, "k d"]


@dataclass(frozen=True)
class FromPrior:
    """Components start at draws of the prior, with equal weights and scales of 0.1.

    Nothing is evaluated but the prior. For as many components as there may be modes, and a method
    that adds, deletes and moves components far. A latent whose prior has no draws starts
    uniformly in (−2, 2), unconstrained.

    Example:
        >>> from pathmix.infer import AutoMixture, FromPrior
        >>> guide = AutoMixture(lambda: None, 20, init=FromPrior())
    """

    def start(self, target: Target, strategy: Any, key: PRNGKeyArray, num_components: int) -> Start:
        """Return where the components start."""
        del strategy
        locs = target.draws(key, from_prior, num_components)
        return _equal(where(jnp.isfinite(locs), locs, target.first))


@dataclass(frozen=True)
class FromModes:
    """Components start at different modes, with the scales and the weights that these have there.

    From each of several starts a normal of independent coordinates climbs to where its ELBO is
    highest; its ELBO estimates the mass that is there. Normals count as different modes where the
    density has a valley on the line between them. Components go to different modes, the heaviest
    first; where there are more components than modes, several start at one, a little apart.
    Modes of less than e⁻¹⁰ of the heaviest one's mass are passed over.

    Half of the starts are draws of the prior, half are where ``init_loc_fn`` puts them. Their cost
    is ``num_starts · num_steps · num_draws`` evaluations of the density with its slope, all starts
    and draws at once, so that memory holds as many evaluations of the model. A mode that no start
    leads to is not found: more starts find more.

    Args:
        num_starts: By default four for each component, and sixteen at least.
        num_steps: Evaluations of each ELBO.
        num_draws: Evaluations of the density in each.

    Example:
        >>> from pathmix.infer import AutoMixture, FromModes
        >>> guide = AutoMixture(lambda: None, 3, init=FromModes(num_starts=100))
    """

    num_starts: int | None = None
    num_steps: int = 100
    num_draws: int = 8

    def __post_init__(self) -> None:
        """Refuse what is no number of times."""
        starts = 1 if self.num_starts is None else self.num_starts
        require_counts(num_starts=starts, num_steps=self.num_steps, num_draws=self.num_draws)

    def start(self, target: Target, strategy: Any, key: PRNGKeyArray, num_components: int) -> Start:
        """Return where the components start."""
        n = self.num_starts or max(16, 4 * num_components)
        keys = jax.random.split(key)
        prior = target.draws(keys[0], from_prior, max(_DRAWS, (n + 1) // 2))
        rest = target.draws(keys[1], strategy, n // 2)
        starts = jnp.concatenate([target.first[None], prior[: (n + 1) // 2], rest])[:n]
        spread = _spread(prior)
        options = {"num_steps": self.num_steps, "num_draws": self.num_draws}
        normals = fit_normals(target.log_density, starts, spread, **options)
        normals = _or_first(normals, target)
        chosen = choose(normals, target.log_density, num_components)
        return _at(normals, chosen)


@dataclass(frozen=True)
class FromPoints:
    """Components start at given points, with equal weights and scales of 0.1."""

    points: Any
    """Unconstrained vectors ``k d``, or values of each latent by name, ``k`` in front."""

    def start(self, target: Target, strategy: Any, key: PRNGKeyArray, num_components: int) -> Start:
        """Return where the components start."""
        del strategy, key
        with jax.ensure_compile_time_eval():
            locs = target.unconstrained(self.points)
            locs = require(locs, jnp.isfinite(locs), _OUTSIDE)
        if locs.ndim != 2 or len(locs) != num_components:
            raise ValueError(
                f"expected points for each of the {num_components} components in `init`, along "
                f"one axis in front, got axes {locs.shape[:-1]} in front."
            )
        return _equal(locs)


_OUTSIDE = "expected points in `init` within the supports of the latents, got others, or NaN."
_KINDS = (Mapping, np.ndarray, jax.Array, list, tuple)


def as_strategy(init: Any) -> FromModes | FromPrior | FromPoints:
    """Return the strategy that a guide's argument ``init`` stands for."""
    if isinstance(init, FromModes | FromPrior):
        return init
    if not isinstance(init, _KINDS):
        raise TypeError(
            "expected init to be FromModes(), FromPrior(), an array of points (one for each "
            f"component, unconstrained) or a dict of values of the latents, got {init!r}."
        )
    return FromPoints(init)


def _equal(locs: Float[Array, "k d"]) -> Start:
    return Start(jnp.zeros_like(locs[:, 0]), locs, jnp.full_like(locs, SCALE))


def _spread(draws: Float[Array, "n d"]) -> Float[Array, " d"]:
    """A scale of each coordinate that a few wild draws do not sway: of logarithms, the mean."""
    apart = jnp.abs(draws - jnp.roll(draws, 1, axis=0))
    apart = where(jnp.isfinite(apart), apart, 1.0)
    return jnp.exp(jnp.mean(jnp.log(jnp.clip(apart, 1e-2, 1e2)), axis=0))


def _or_first(normals: LocalNormals, target: Target) -> LocalNormals:
    """The normals; one around the first point in place of those that are not finite."""
    fine = jnp.isfinite(normals.log_masses)
    fine = fine & jnp.all(jnp.isfinite(normals.locs) & (normals.scales > 0), axis=1)
    lightest = jnp.min(where(fine, normals.log_masses, jnp.inf))
    masses = where(fine, normals.log_masses, where(jnp.isfinite(lightest), -jnp.inf, 0.0))
    locs = where(fine[:, None], normals.locs, target.first)
    return LocalNormals(locs, where(fine[:, None], normals.scales, SCALE), masses)


def _at(normals: LocalNormals, chosen: Chosen) -> Start:
    """Components at the chosen normals; where one is repeated, about one of its scales away."""
    locs, scales = normals.locs[chosen.normals], normals.scales[chosen.normals]
    away = scales * noise(*locs.shape, dtype=locs.dtype) / locs.shape[-1] ** 0.5
    locs = locs + where((chosen.before > 0)[:, None], away, 0.0)
    logits = normals.log_masses[chosen.normals] - jnp.log(chosen.sharing)
    logits = jax.nn.log_softmax(logits)
    least = jnp.log(_LEAST_SHARE / len(logits))
    return Start(jnp.maximum(logits, least), locs, scales)
