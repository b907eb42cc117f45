"""Sums of exponentials, ``log Σ_k w_k e^{t_k}``, and the share of each term in them.

A sum is kept as a level, its highest term, and a small rest. Far out, where a log density is −10⁷,
its own rounding is larger than one: shares that are taken from the logarithm of the sum alone would
be off by factors there, and a log weight added to the term would be lost. So it is added to what
the term differs from the level.
"""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pathmix._layout import fold_components, over_components
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp, stored
from pathmix._typing import ComponentFirst, Reals
from pathmix._where import where


class LogSum(NamedTuple):
    """The logarithm of a sum, ``level + rest``; derivatives are in the rest, the level is held."""

    level: Reals
    rest: Reals

    @property
    def value(self) -> Reals:
        """The logarithm."""
        return self.level + self.rest

    def above(self, level: Reals) -> "LogSum":
        """Return the same with another level, which is held as well."""
        return LogSum(level, self.rest + (self.level - level))

    def parts(self) -> "Parts":
        """Return what shares in the sum are taken from."""
        infinite = jnp.isinf(self.rest)
        level = bounded(where(infinite, self.rest, self.level))
        return Parts(stored(level), stored(jnp.exp(-where(infinite, 0.0, self.rest))))


class Parts(NamedTuple):
    """A sum as ``exp(level) / inverse``, worked out once for all components.

    Where the sum itself is infinite, only the terms equal to it share in it; where it is zero,
    all terms do, so that posteriors fall back to the weights.
    """

    level: Reals
    inverse: Reals


def log_sum(
    log_w: ComponentFirst,
    terms: ComponentFirst,
    factors: Reals | None = None,
    top: Reals | None = None,
) -> LogSum:
    """Return ``log Σ_k factors_k exp(log_w_k + terms_k)``; factors are one by default."""
    return as_log_sum(*over_highest(log_w, terms, factors, top))


def log_sum_of(pairs: Sequence[tuple[Reals, Reals]]) -> LogSum:
    """Return ``log Σ_k exp(log_w_k + term_k)`` of pairs of these.

    Of an array of the terms compilers would have one loop, and in it a branch for each of them.
    """
    top = highest_of(pairs)
    parts = [jnp.exp(log_w + relative(term, top)) for log_w, term in pairs]
    return as_log_sum(top, reduce(jnp.add, parts))


def highest_of(pairs: Sequence[tuple[Reals, Reals]]) -> Reals:
    """Return the highest of weighted terms, as pairs of log weights and terms."""
    return reduce(jnp.maximum, [weighted(*pair) for pair in pairs])


def added(sums: list[LogSum]) -> LogSum:
    """Return the sum of sums, in which the rests keep their digits however low the levels are."""
    if len(sums) == 1:
        return sums[0]
    pairs = []
    for level, rest in sums:
        infinite = jnp.isinf(rest)
        pairs.append((where(infinite, 0.0, rest), where(infinite, rest, level)))
    return log_sum_of(pairs)


def over_highest(
    log_w: Reals, terms: Reals, factors: Reals | None, top: Reals | None = None
) -> tuple[Reals, Reals]:
    """Return the highest of the weighted terms, and the sum of all over its exponential.

    ``top`` is the highest one, if it is at hand. Where all are zero they share in it by their
    weights.
    """
    top = highest(log_w, terms) if top is None else top
    level = bounded(top)

    def over(one: tuple[Reals, Reals, Reals | None]) -> Reals:
        log_w, term, factor = one
        return _times(jnp.exp(log_w + (bounded(term) - level)), factor)

    return top, fold_components(jnp.add, (log_w, terms, factors), over)


def highest(log_w: Reals, terms: Reals) -> Reals:
    """Return the highest of the weighted terms, which all of them are compared with."""
    return fold_components(jnp.maximum, (log_w, terms), lambda one: weighted(*one))


def as_log_sum(top: Reals, total: Reals) -> LogSum:
    """Return the sum of which these are the highest term and the total over it."""
    return LogSum(finite(top), where(jnp.isinf(top), top, jnp.log(total)))


@custom_jvp
def mix_logits(log_w: ComponentFirst, terms: ComponentFirst) -> LogSum:
    """Return ``log Σ_k exp(log_w_k + terms_k)``."""
    return log_sum(log_w, terms)


@mix_logits.defjvp
def _mix_logits_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (log_w, terms), (d_log_w, d_terms) = primals, tangents
    out = mix_logits(log_w, terms)
    level, inverse = out.parts()
    share = jnp.exp(log_w + (bounded(terms) - level)) * inverse
    felt = share * _where_felt(share, d_terms)
    change = over_components(share, d_log_w) + jnp.sum(felt, axis=0)
    return out, LogSum(jnp.zeros_like(out.level), change)


@custom_jvp
def mix_probabilities(w: ComponentFirst, factors: ComponentFirst | None, terms: Reals) -> LogSum:
    """Return ``log Σ_k w_k factors_k exp(terms_k)``, factors one by default.

    Derivatives are exact where a weight or a factor is zero, too.
    """
    return log_sum(safe_log(_times(w, factors)), terms)


@mix_probabilities.defjvp
def _mix_probabilities_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (w, factors, terms), (d_w, d_factors, d_terms) = primals, tangents
    out = mix_probabilities(*primals)
    level, inverse = out.parts()
    over = bounded_exp(bounded(terms) - level, w.dtype) * inverse
    both, d_both = jax.jvp(_times, (w, factors), (d_w, d_factors))
    felt = over * both * _where_felt(over, d_terms)
    change = over_components(over, d_both) + jnp.sum(felt, axis=0)
    return out, LogSum(jnp.zeros_like(out.level), change)


def _times(w: Reals, factors: Reals | None) -> Reals:
    return w if factors is None else w * factors


def shares(log_u: Reals, terms: Reals, level: Reals) -> Reals:
    """Return ``u_k exp(terms_k − level)``: shares in a sum, but for its inverse (:class:`Parts`).

    Of a weight of zero ``u`` is one (``_weights.Change``), and the share has no bound: it is cut
    off below the largest float of ``u``.
    """
    return bounded_exp(log_u + (bounded(terms) - level), log_u.dtype)


def sum_and_shares(log_w: ComponentFirst, terms: ComponentFirst) -> tuple[LogSum, ComponentFirst]:
    """Return ``log Σ_k exp(log_w_k + terms_k)``, and what each term is of the sum.

    There is one exponential of each. Where all are zero they share by their weights; where some are
    infinite, these do.
    """
    top = jnp.max(weighted(log_w, terms), axis=0)
    over = jnp.exp(log_w + (bounded(terms) - bounded(top)))
    total = jnp.sum(over, axis=0)
    return as_log_sum(top, total), over * stored(1 / total)


def relative(terms: Reals, top: Reals) -> Reals:
    """Return ``terms − top``, which is finite, and zero where both are the same infinity."""
    return bounded(terms) - bounded(top)


def bounded(t: Reals) -> Reals:
    """Cut off infinities where differences of three are finite."""
    most = jnp.finfo(t.dtype).max / 4
    return lax.clamp(-most, t, most)


def finite(top: Reals) -> Reals:
    """Return the highest of some logs, or zero if it is infinite: to be subtracted from them."""
    return where(jnp.isfinite(top), top, 0.0)


def weighted(log_w: Reals, terms: Reals) -> Reals:
    """``log w + terms``, where a zero weight beats an infinite term."""
    return where(log_w == -jnp.inf, -jnp.inf, log_w + terms)


def safe_log(w: Reals) -> Reals:
    """``log w``, whose derivative at zero is zero."""
    return where(w > 0, jnp.log(where(w > 0, w, 1.0)), -jnp.inf)


def _where_felt(factor: Reals, tangent: Reals) -> Reals:
    """Tangents of terms that vanish may have overflowed; they count for nothing."""
    return where(factor > 0, tangent, 0.0)
