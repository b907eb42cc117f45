"""Mixture weights, by probabilities or by logits, and the sums that they weight.

Both kinds know how to form ``log Σ_k w_k e^{t_k}`` with closed-form derivatives. With
probabilities the derivative is taken in ``w_k`` itself, ``e^{t_k} / Σ``, which is exact where
``w_k = 0``; through ``log w_k`` it would be 0/0.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jaxtyping import Float
from numpyro.distributions import Distribution, ExpandedDistribution

from pathmix._layout import fold_components, over_components, with_points
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp
from pathmix._typing import ComponentFirst, Flags, Reals
from pathmix._where import where

PerWeight: TypeAlias = Float[Array, "*batch k"]


class Change(NamedTuple):
    """The derivative of weights, split so that it is right at a weight of zero as well.

    A weight is ``w_k = u_k share_k`` and changes by ``dw_k = u_k a_k``. By logits, ``u`` is the
    weight itself and ``share`` is 1, so that ``a`` is the derivative of its logarithm. By
    probabilities a weight may be zero, where it has no logarithm but does have a derivative, from
    above. So there ``u`` is 1, ``share`` is the weight and ``a`` its plain derivative. ``u`` is
    held constant by ``stop_gradient``: all derivatives, of every order, are in ``share`` and ``a``.
    """

    log_u: Array
    share: Array
    a: Array


class Probabilities(NamedTuple):
    """Weights by probabilities that need not be normalised, ``*batch k``; exact zeros allowed."""

    probs: Array

    def values(self) -> PerWeight:
        """Return the normalised weights, ``*batch k``."""
        return self.probs / jnp.sum(self.probs, axis=-1, keepdims=True)

    def present(self) -> Flags:
        """Return which components have weight, ``*batch k``."""
        return self.probs > 0

    def log(self) -> PerWeight:
        """Return the log weights; the derivative at a zero weight is zero, not infinite."""
        return safe_log(self.values())

    def mix(self, terms: ComponentFirst, factors: ComponentFirst | None = None) -> Reals:
        """Return ``log Σ_k w_k factors_k exp(terms_k)`` of terms ``k *points``.

        Factors may be zero, and default to one. The derivative in a factor of zero is the exact
        one-sided one, as in a weight of zero.
        """
        return _mix_probabilities(_times(_first(self.values(), terms), factors), terms)

    def change(self, tangent: "Weights") -> Change:
        """Return the derivative of the weights."""
        w, d_w = jax.jvp(Probabilities.values, (self,), (tangent,))
        u = lax.stop_gradient(where(w > 0, w, 1.0))
        return Change(jnp.log(u), w / u, d_w / u)

    def shares(self, terms: ComponentFirst) -> ComponentFirst:
        """Return the probabilities of :meth:`posterior`, ``k *points``, of such terms."""
        w = _first(self.values(), terms)
        terms = where((w > 0) | jnp.isfinite(terms), terms, -jnp.inf)
        parts = w * bounded_exp(_relative(w > 0, terms))
        return parts / jnp.sum(parts, axis=0)


class Logits(NamedTuple):
    """Weights by logits, ``*batch k``; −inf stands for an exact zero."""

    logits: Array

    def values(self) -> PerWeight:
        """Return the normalised weights, ``*batch k``."""
        return jax.nn.softmax(self.logits, axis=-1)

    def present(self) -> Flags:
        """Return which components have weight, ``*batch k``, be it too small for a float."""
        return self.logits > -jnp.inf

    def log(self) -> PerWeight:
        """Return the log weights."""
        return jax.nn.log_softmax(self.logits, axis=-1)

    def mix(self, terms: ComponentFirst, factors: ComponentFirst | None = None) -> Reals:
        """Return ``log Σ_k w_k factors_k exp(terms_k)`` of terms ``k *points``.

        Factors may be zero, and default to one. The derivative in a factor of zero is the exact
        one-sided one.
        """
        log_w = _first(self.log(), terms)
        if factors is None:
            return _mix_logits(log_w, terms)
        return _mix_probabilities(factors, weighted(log_w, terms))

    def change(self, tangent: "Weights") -> Change:
        """Return the derivative of the weights."""
        log_w, d_log_w = jax.jvp(Logits.log, (self,), (tangent,))
        a = where(log_w > -jnp.inf, d_log_w, 0.0)
        return Change(log_w, jnp.ones_like(log_w), a)

    def shares(self, terms: ComponentFirst) -> ComponentFirst:
        """Return the probabilities of :meth:`posterior`, ``k *points``, of such terms."""
        log_w = _first(self.log(), terms)
        return jax.nn.softmax(weighted(log_w, _relative(log_w > -jnp.inf, terms)), axis=0)


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


@custom_jvp
def _mix_logits(log_w: ComponentFirst, terms: ComponentFirst) -> Reals:
    return _logsumexp(weighted(log_w, terms))


@_mix_logits.defjvp
def _mix_logits_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (log_w, terms), (d_log_w, d_terms) = primals, tangents
    out = _mix_logits(log_w, terms)
    responsibility = jnp.exp(weighted(log_w, log_ratio(terms, out)))
    felt = responsibility * _where_felt(responsibility, d_terms)
    return out, over_components(responsibility, d_log_w) + fold_components(jnp.add, felt)


@custom_jvp
def _mix_probabilities(w: ComponentFirst, terms: ComponentFirst) -> Reals:
    return _logsumexp(weighted(safe_log(w), terms))


@_mix_probabilities.defjvp
def _mix_probabilities_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (w, terms), (d_w, d_terms) = primals, tangents
    out = _mix_probabilities(w, terms)
    ratio = _ratio(terms, out)
    felt = ratio * w * _where_felt(ratio, d_terms)
    return out, over_components(ratio, d_w) + fold_components(jnp.add, felt)


def _first(w: PerWeight, terms: ComponentFirst) -> ComponentFirst:
    """Turn ``*batch k`` into ``k *points``, as the terms are."""
    return with_points(w, terms.ndim - 1)


def _times(w: Reals, factors: Reals | None) -> Reals:
    return w if factors is None else w * factors


def weighted(log_w: Reals, terms: Reals) -> Reals:
    """``log w + terms``, where a zero weight beats an infinite term."""
    return where(log_w == -jnp.inf, -jnp.inf, log_w + terms)


def average(w: PerWeight, t: ComponentFirst) -> Reals:
    """Return ``Σ_k w_k t_k`` of ``k *points``, in which a zero weight beats an infinite term."""
    w = _first(w, t)
    return jnp.sum(w * where((w == 0) & ~jnp.isfinite(t), 0.0, t), axis=0)


def log_ratio(terms: Reals, out: Reals) -> Reals:
    """``terms − out``, of the same shape or broadcast.

    Where the sum itself is infinite, only the terms equal to it share in it; where it is zero,
    all terms do, so that posteriors fall back to the weights.
    """
    largest = jnp.finfo(out.dtype).max
    return lax.clamp(-largest, terms, largest) - lax.clamp(-largest, out, largest)


def _ratio(terms: ComponentFirst, out: Reals) -> ComponentFirst:
    return bounded_exp(log_ratio(terms, out))


def _relative(positive: Flags, terms: ComponentFirst) -> ComponentFirst:
    """Terms relative to the highest of a component with weight."""
    top = jnp.max(where(positive, terms, -jnp.inf), axis=0)
    return log_ratio(terms, lax.stop_gradient(top))


def _where_felt(factor: Reals, tangent: Reals) -> Reals:
    """Tangents of terms that vanish may have overflowed; they count for nothing."""
    return where(factor > 0, tangent, 0.0)


def safe_log(w: Reals) -> Reals:
    """``log w``, whose derivative at zero is zero."""
    return where(w > 0, jnp.log(where(w > 0, w, 1.0)), -jnp.inf)


def _logsumexp(terms: ComponentFirst) -> Reals:
    top = fold_components(jnp.maximum, terms)
    top = where(jnp.isfinite(top), top, 0.0)
    return jnp.log(fold_components(jnp.add, terms, lambda t: jnp.exp(t - top))) + top
