"""Mixture weights, by probabilities or by logits.

Both kinds know how to form ``log Σ_k w_k e^{t_k}`` with closed-form derivatives. With
probabilities the derivative is taken in ``w_k`` itself, ``e^{t_k} / Σ``, which is exact where
``w_k = 0``; through ``log w_k`` it would be 0/0.
"""

from dataclasses import dataclass
from functools import partial, reduce
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jaxtyping import Float
from numpyro.distributions import Distribution, ExpandedDistribution

from pathmix._layout import fold_components, with_points
from pathmix._log_sums import (
    LogSum,
    mix_logits,
    mix_probabilities,
    relative,
    safe_log,
    weighted,
)
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp
from pathmix._tuning import FEW
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

    def mix(self, terms: ComponentFirst, factors: ComponentFirst | None = None) -> LogSum:
        """Return ``log Σ_k w_k factors_k exp(terms_k)`` of terms ``k *points``.

        Factors may be zero, and default to one. The derivative in a factor of zero is the exact
        one-sided one, as in a weight of zero.
        """
        return mix_probabilities(_first(self.values(), terms), factors, terms)

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

    def mix(self, terms: ComponentFirst, factors: ComponentFirst | None = None) -> LogSum:
        """Return ``log Σ_k w_k factors_k exp(terms_k)`` of terms ``k *points``.

        Factors may be zero, and default to one. The derivative in a factor of zero is the exact
        one-sided one.
        """
        log_w = _first(self.log(), terms)
        if factors is None:
            return mix_logits(log_w, terms)
        return mix_probabilities(factors, None, weighted(log_w, terms))

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


@partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["places"])
@dataclass(frozen=True)
class Own:
    """The weights of one family's components, as they are among those of all."""

    weights: Weights
    places: tuple[int, ...]

    def values(self) -> PerWeight:
        """Return the weights, ``*batch k``, which add up to what the family has."""
        return self.weights.values()[..., list(self.places)]

    def log(self) -> PerWeight:
        """Return the log weights."""
        return self.weights.log()[..., list(self.places)]

    def change(self, tangent: "Own") -> Change:
        """Return the derivative of the weights."""
        whole = self.weights.change(tangent.weights)
        return Change(*(t[..., list(self.places)] for t in whole))


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


def log_by_one_kernel(weights: Weights | Own) -> PerWeight:
    """Return the log weights, of a few logits without sums over an axis, each of which is a kernel.

    For values alone: derivatives of this form are more kernels than those of ``Logits.log``.
    """
    if not isinstance(weights, Logits) or weights.logits.size >= FEW:
        return weights.log()
    logits = weights.logits
    parts = jnp.split(logits, logits.shape[-1], axis=-1)
    top = reduce(jnp.maximum, parts)
    return (logits - top) - jnp.log(reduce(jnp.add, [jnp.exp(part - top) for part in parts]))


def _first(w: PerWeight, terms: ComponentFirst) -> ComponentFirst:
    """Turn ``*batch k`` into ``k *points``, as the terms are."""
    return with_points(w, terms.ndim - 1)


@custom_jvp
def average(w: PerWeight, t: ComponentFirst) -> Reals:
    """Return ``Σ_k w_k t_k`` of ``k *points``, in which a zero weight beats an infinite term.

    Of few components it is written out: compilers unroll the loop that a sum over them is, within
    that over the points, which is then not vectorised.
    """
    w = _first(w, t)
    if len(t) >= FEW:
        return jnp.sum(share((w, t)), axis=0)
    return fold_components(jnp.add, (jnp.broadcast_to(w, (len(t), *w.shape[1:])), t), share)


@average.defjvp
def _average_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """Of a sum over an axis, the transpose of which is no sum of many arrays."""
    summed = lambda w, t: jnp.sum(share((_first(w, t), t)), axis=0)  # noqa: E731
    return average(*primals), jax.jvp(summed, primals, tangents)[1]


def share(pair: tuple[Reals, Reals]) -> Reals:
    """Return a weight times a term, zero where the weight is zero and the term infinite."""
    w, t = pair
    return w * where((w == 0) & ~jnp.isfinite(t), 0.0, t)


def _relative(positive: Flags, terms: ComponentFirst) -> ComponentFirst:
    """Terms relative to the highest of a component with weight."""
    top = jnp.max(where(positive, terms, -jnp.inf), axis=0)
    return relative(terms, lax.stop_gradient(top))
