"""The posterior of the components given points, by what the weights are given by.

By probabilities these are ``w_k p_k(x) / Σ``, exact at weights of zero. By logits, logits and
probabilities are worked out together, for the same exponentials make both; compilers leave out what
nobody reads.
"""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution
from numpyro.distributions.discrete import CategoricalLogits

from pathmix._components import Canonical
from pathmix._evaluation._compiled import compiled
from pathmix._evaluation._evaluate import by_parts, first_terms
from pathmix._layout import fold_components, with_points
from pathmix._log_sums import finite, highest, safe_log, shares, weighted
from pathmix._rules import custom_jvp
from pathmix._special import stored
from pathmix._typing import ComponentFirst, PerComponent, Value
from pathmix._weights import Logits, Probabilities, Weights
from pathmix._where import where


class PosteriorLogits(CategoricalLogits):
    """A Categorical by logits whose probabilities are at hand."""

    pytree_data_fields = ("probs",)

    def __init__(self, logits: PerComponent, probs: PerComponent) -> None:
        super().__init__(logits, validate_args=False)
        self.probs = probs


@compiled()
def posterior(weights: Weights, components: Canonical, x: Value) -> Distribution:
    """Return the Categorical over components given ``x``, batched ``*points``.

    Where all densities are zero it has the weights.
    """

    def part(x: Value) -> tuple[PerComponent, ...]:
        both = first_terms(components, x, weights)
        if isinstance(weights, Logits):
            out = _by_logits(weights, *both)
        else:
            out = _by_probabilities(weights, *both)
        return tuple(jnp.moveaxis(t, 0, -1) for t in out)

    out = by_parts(part, components, x)
    if isinstance(weights, Logits):
        return PosteriorLogits(*out)
    return dist.Categorical(probs=out[0], validate_args=False)


def _by_probabilities(
    weights: Probabilities, terms: ComponentFirst, factors: ComponentFirst | None
) -> tuple[ComponentFirst, ...]:
    out = weights.mix(terms, factors)
    if factors is not None:  # where none is left, as if all were one
        factors = where(out.rest == -jnp.inf, 1.0, factors)
        terms = where(out.rest == -jnp.inf, -jnp.inf, terms)
    w = with_points(weights.values(), terms.ndim - 1)
    over = shares(jnp.zeros_like(w), terms, out.parts().level)
    parts = (w if factors is None else w * factors) * over
    return (parts * (1 / fold_components(jnp.add, parts)),)


def _by_logits(
    weights: Logits, terms: ComponentFirst, factors: ComponentFirst | None
) -> tuple[ComponentFirst, ...]:
    """A factor of zero makes a logit of −inf, which has no derivative: by probabilities it has."""
    if factors is not None:
        terms = weighted(safe_log(factors), terms)
    log_w = jnp.broadcast_to(with_points(weights.log(), terms.ndim - 1), terms.shape)
    return _normalised(log_w, terms)


@custom_jvp
def _normalised(log_w: ComponentFirst, terms: ComponentFirst) -> tuple[ComponentFirst, ...]:
    """``log w + terms`` less their log sum, and the probabilities of these logits.

    Where all densities are zero, or some infinite, these components share by their weights.
    """
    top = stored(highest(log_w, terms))
    floor = jnp.log(jnp.finfo(terms.dtype).tiny) / 2  # no weight so small that their sum is zero
    sharing = where((terms == top) & (log_w > -jnp.inf), jnp.maximum(log_w, floor), -jnp.inf)
    relative = where(jnp.isinf(top), sharing, weighted(log_w, terms - finite(top)))
    parts = jnp.exp(relative)
    inverse = 1 / fold_components(jnp.add, parts)
    return relative + jnp.log(inverse), parts * inverse


@_normalised.defjvp
def _normalised_jvp(primals: Any, tangents: Any) -> Any:
    (log_w, terms), (d_log_w, d_terms) = primals, tangents
    logits, probs = _normalised(*primals)
    change = d_log_w + where(jnp.isfinite(terms), d_terms, 0.0)
    change = where(log_w == -jnp.inf, 0.0, change)
    # where a probability is zero a tangent may have overflowed, and counts for nothing
    felt = where(probs > 0, change, 0.0)
    mean = jnp.sum(probs * felt, axis=0)
    return (logits, probs), (change - mean, probs * (felt - mean))
