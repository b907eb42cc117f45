"""Mixture weights, by probabilities or by logits, and the sums that they weight.

Both kinds know how to form ``log Σ_k w_k e^{t_k}`` with closed-form derivatives. With
probabilities the derivative is taken in ``w_k`` itself, ``e^{t_k} / Σ``, which is exact where
``w_k = 0``; through ``log w_k`` it would be 0/0.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import Distribution, ExpandedDistribution

from pathmix._special import bounded_exp
from pathmix._typing import PerComponent, Reals


class Tilt(NamedTuple):
    """The derivative of weights, ``dw_k = u_k a_k``, with ``u_k = w_k`` wherever ``w_k > 0``.

    A zero weight has ``u_k = 1``, so that its exact one-sided derivative fits into ``a_k``.
    """

    log_u: Array
    positive: Array
    a: Array


class Change(NamedTuple):
    """The derivative of a weighted density, ``d(w_k p_k) = u_k p_k (a_k + share_k d log p_k)``.

    By probabilities ``u = 1``, so that it is exact for zero weights, to every order.
    """

    log_u: Array
    share: Array
    a: Array


class Probabilities(NamedTuple):
    """Weights by probabilities that need not be normalised, ``*batch k``; exact zeros allowed."""

    probs: Array

    def values(self) -> Reals:
        """Return the normalised weights, ``*batch k``."""
        return self.probs / jnp.sum(self.probs, axis=-1, keepdims=True)

    def log(self) -> Reals:
        """Return the log weights; the derivative at a zero weight is zero, not infinite."""
        return _safe_log(self.values())

    def mix(self, terms: PerComponent) -> Reals:
        """Return ``log Σ_k w_k exp(terms_k)``."""
        return _mix_probabilities(self.values(), terms)

    def change(self, tangent: "Weights") -> Change:
        """Return what the derivative of a mixture's density needs of the weights."""
        w, d_w = jax.jvp(Probabilities.values, (self,), (tangent,))
        return Change(jnp.zeros_like(w), w, d_w)

    def tilt(self, tangent: "Weights") -> Tilt:
        """Return the derivative of the log weights, in a form that a zero weight has too."""
        w, d_w = jax.jvp(Probabilities.values, (self,), (tangent,))
        scale = jnp.where(w > 0, w, 1.0)
        return Tilt(jnp.log(scale), w > 0, d_w / scale)

    def posterior(self, terms: PerComponent) -> Distribution:
        """Return the categorical with probabilities proportional to ``w_k exp(terms_k)``."""
        w = self.values()
        return dist.Categorical(
            probs=Probabilities(w * _ratio(terms, self.mix(terms))).values(), validate_args=False
        )


class Logits(NamedTuple):
    """Weights by logits, ``*batch k``; −inf stands for an exact zero."""

    logits: Array

    def values(self) -> Reals:
        """Return the normalised weights, ``*batch k``."""
        return jax.nn.softmax(self.logits, axis=-1)

    def log(self) -> Reals:
        """Return the log weights."""
        return jax.nn.log_softmax(self.logits, axis=-1)

    def mix(self, terms: PerComponent) -> Reals:
        """Return ``log Σ_k w_k exp(terms_k)``."""
        return _mix_logits(self.log(), terms)

    def change(self, tangent: "Weights") -> Change:
        """Return what the derivative of a mixture's density needs of the weights."""
        log_w, d_log_w = jax.jvp(Logits.log, (self,), (tangent,))
        positive = log_w > -jnp.inf
        return Change(log_w, jnp.ones_like(log_w), jnp.where(positive, d_log_w, 0.0))

    def tilt(self, tangent: "Weights") -> Tilt:
        """Return the derivative of the log weights, which is zero for a zero weight."""
        log_w, d_log_w = jax.jvp(Logits.log, (self,), (tangent,))
        positive = log_w > -jnp.inf
        return Tilt(jnp.where(positive, log_w, 0.0), positive, jnp.where(positive, d_log_w, 0.0))

    def posterior(self, terms: PerComponent) -> Distribution:
        """Return the categorical with probabilities proportional to ``w_k exp(terms_k)``."""
        logits = weighted(self.log(), log_ratio(terms, self.mix(terms)[..., None]))
        return dist.Categorical(logits=logits, validate_args=False)


Weights: TypeAlias = Probabilities | Logits


def weights_of(mixture_distribution: Distribution, num_components: int) -> Weights:
    """Return the weights of a Categorical-like distribution over ``num_components`` values."""
    d = mixture_distribution
    if isinstance(d, ExpandedDistribution):
        inner = weights_of(d.base_dist, num_components)
        return type(inner)(jnp.broadcast_to(inner[0], (*d.batch_shape, num_components)))
    if isinstance(d, dist.CategoricalProbs):
        return Probabilities(jnp.asarray(d.probs))
    if isinstance(d, dist.CategoricalLogits):
        return Logits(jnp.asarray(d.logits))
    values = jnp.arange(num_components).reshape((-1,) + (1,) * len(d.batch_shape))
    return Logits(jnp.moveaxis(jnp.asarray(d.log_prob(values)), 0, -1))


@jax.custom_jvp
def _mix_logits(log_w: Reals, terms: PerComponent) -> Reals:
    return _logsumexp(weighted(log_w, terms))


@_mix_logits.defjvp
def _mix_logits_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (log_w, terms), (d_log_w, d_terms) = primals, tangents
    out = _mix_logits(log_w, terms)
    responsibility = jnp.exp(weighted(log_w, log_ratio(terms, out[..., None])))
    change = d_log_w + _where_felt(responsibility, d_terms)
    return out, jnp.sum(responsibility * change, axis=-1)


@jax.custom_jvp
def _mix_probabilities(w: Reals, terms: PerComponent) -> Reals:
    return _logsumexp(weighted(_safe_log(w), terms))


@_mix_probabilities.defjvp
def _mix_probabilities_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (w, terms), (d_w, d_terms) = primals, tangents
    out = _mix_probabilities(w, terms)
    ratio = _ratio(terms, out)
    change = d_w + w * _where_felt(ratio, d_terms)
    return out, jnp.sum(ratio * change, axis=-1)


def weighted(log_w: Reals, terms: Reals) -> Reals:
    """``log w + terms``, where a zero weight beats an infinite term."""
    return jnp.where(log_w == -jnp.inf, -jnp.inf, log_w + terms)


def log_ratio(terms: Reals, out: Reals) -> Reals:
    """``terms − out``, of the same shape or broadcast.

    Where the sum itself is infinite, only the terms equal to it share in it; where it is zero,
    all terms do, so that posteriors fall back to the weights.
    """
    degenerate = jnp.where(terms == out, 0.0, -jnp.inf)
    return jnp.where(jnp.isinf(out), degenerate, terms - jnp.where(jnp.isinf(out), 0.0, out))


def _ratio(terms: Reals, out: Reals) -> Reals:
    return bounded_exp(log_ratio(terms, out[..., None]))


def _where_felt(factor: Reals, tangent: Reals) -> Reals:
    """Tangents of terms that vanish may have overflowed; they count for nothing."""
    return jnp.where(factor > 0, tangent, 0.0)


def _safe_log(w: Reals) -> Reals:
    return jnp.where(w > 0, jnp.log(jnp.where(w > 0, w, 1.0)), -jnp.inf)


def _logsumexp(terms: Reals) -> Reals:
    top = jnp.max(terms, axis=-1, keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    return jnp.log(jnp.sum(jnp.exp(terms - top), axis=-1)) + top[..., 0]
