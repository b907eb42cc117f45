"""What becomes of one evaluation per component: an average, or a sum of importance weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import logsumexp
from jaxtyping import Float

from pathmix._expectation import zero_safe
from pathmix._infer._mixture_sites import Draws, PerStratum, Strata
from pathmix._typing import Reals
from pathmix._where import where

PerParticle: TypeAlias = Float[Array, " t"]


@dataclass(frozen=True)
class Average:
    """``Σ_k w_k (log p(z_k) − log q(z_k))``.

    As a function of the parameters at fixed noise, its mean is the ELBO everywhere, so that
    derivatives of every order are unbiased. Without the score of ``log q`` the same holds: what is
    added, ``Σ_k w_k⁰ (q(z_k⁰)/q⁰(z_k⁰) − 1)`` with ``⁰`` for what is held, has mean zero for every
    ``q``, and its gradient is the score.
    """

    without_score: bool

    def of_draw(self, log_ratio: Reals, score: Reals, by_score: Sequence[str]) -> Reals:
        """Return the log ratio, times the likelihood ratio of draws that cannot move."""
        return log_ratio * _likelihood_ratio(score) if by_score else log_ratio

    def of_strata(self, strata: Strata, draws: Draws, values: PerStratum) -> PerParticle:
        """Return the average over the components by their weights."""
        w = jnp.broadcast_to(strata.weights.values(), values.shape)
        if draws.score is not None:
            w = w * _likelihood_ratio(draws.score)
        log_ratio = values - strata.scaled(strata.log_q(draws.values))
        bound = jnp.sum(zero_safe(w, log_ratio), axis=1)
        return bound + self._minus_score(strata, draws, w) if self.without_score else bound

    def _minus_score(self, strata: Strata, draws: Draws, w: PerStratum) -> PerParticle:
        """Zero in value, and of mean zero for every guide; its gradient is the score of draws."""
        log_q = strata.log_q(lax.stop_gradient(draws.values))
        at = where(jnp.isfinite(log_q), log_q, 0.0)
        change = strata.scaled(jnp.expm1(at - lax.stop_gradient(at)))
        return jnp.sum(lax.stop_gradient(w) * change, axis=1)

    def of_particles(self, values: Array) -> Reals:
        """Return the mean."""
        return jnp.mean(values)


@dataclass(frozen=True)
class ImportanceWeighted:
    """``log (1/T) Σ_t Σ_k w_k p(z_kt)/q(z_kt)`` (SIWAE; Morningstar et al. 2021)."""

    def of_draw(self, log_ratio: Reals, score: Reals, by_score: Sequence[str]) -> Reals:
        """Return the log ratio; the logarithm of a sum has no derivative by one draw's score."""
        _check_moving(by_score)
        return log_ratio

    def of_strata(self, strata: Strata, draws: Draws, values: PerStratum) -> PerParticle:
        """Return the logarithm of the weighted sum over the components."""
        _check_moving([] if draws.score is None else [strata.name])
        log_ratio = values - strata.scaled(strata.log_q(draws.values))
        return strata.weights.mix(log_ratio.T).value

    def of_particles(self, values: Array) -> Reals:
        """Return the logarithm of the mean of the weights."""
        return logsumexp(values) - jnp.log(values.size)


Bound: TypeAlias = Average | ImportanceWeighted


def _likelihood_ratio(log_prob: Reals) -> Reals:
    """One in value; its derivatives are those of the density of what was drawn."""
    return jnp.exp(log_prob - lax.stop_gradient(log_prob))


def _check_moving(by_score: Sequence[str]) -> None:
    if by_score:
        raise NotImplementedError(
            f"expected draws with pathwise gradients under importance_weighted=True, got sites of "
            f"the guide without: {', '.join(map(repr, by_score))}. Use importance_weighted=False, "
            "which differentiates such draws by their score."
        )
