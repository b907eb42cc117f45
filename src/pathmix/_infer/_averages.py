"""What becomes of one evaluation per component: an average, or a sum of importance weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import logsumexp

from pathmix._expectation import zero_safe
from pathmix._infer._mixture_sites import PerStratum, Strata
from pathmix._typing import Reals
from pathmix._where import where


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

    def of_strata(self, strata: Strata, values: PerStratum) -> Reals:
        """Return the average over the components by their weights."""
        w = strata.weights.values()
        if strata.score is not None:
            w = w * _likelihood_ratio(strata.score)
        bound = jnp.sum(zero_safe(w, values - strata.scaled(strata.log_q(strata.draws))))
        if not self.without_score:
            return bound
        log_q = strata.log_q(lax.stop_gradient(strata.draws))
        finite = jnp.isfinite(log_q)
        log_ratio = where(finite, log_q - lax.stop_gradient(where(finite, log_q, 0.0)), 0.0)
        return bound + jnp.sum(lax.stop_gradient(w) * strata.scaled(jnp.expm1(log_ratio)))

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

    def of_strata(self, strata: Strata, values: PerStratum) -> Reals:
        """Return the logarithm of the weighted sum over the components."""
        _check_moving([] if strata.score is None else [strata.name])
        log_q = strata.scaled(strata.log_q(strata.draws))
        return strata.weights.mix(values - log_q).value

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
