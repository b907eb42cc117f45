"""Counts with a share of zeros of their own: zero-inflated and hurdle families.

Zero inflation adds zeros to those of the base, a hurdle replaces them. Both are known by the masses
and tails of the base family; the share, ``gate``, is a probability or a logit.
"""

from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, discrete

from pathmix._families._counts import as_real, safe_log, safe_log1m
from pathmix._families._limits import Limit, Vanishing, factored, limit_of
from pathmix._families._protocol import Family, complement, family, register, sharpen
from pathmix._special import log_diff_exp
from pathmix._typing import Reals, Value


class ZeroInflatedFamily(Family):
    """``P(X = n) = gate [n = 0] + (1 − gate) B(n)``, with the tails of the base."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_gate, log_rest = log_gates(d)
        inner = log_product(log_rest, of_base("log_prob", d, as_real(d, x)))
        return jnp.where(x == 0, log_sum(log_gate, inner), inner)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return sharpen(*self._tails(d, x))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return sharpen(*self._tails(d, x)[::-1])

    def mean(self, d: Distribution) -> Reals:
        return (1 - gate(d)) * of_base("mean", d)

    def variance(self, d: Distribution) -> Reals:
        share = gate(d)
        return (1 - share) * (of_base("variance", d) + share * of_base("mean", d) ** 2)

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return where the base is at a limit, or the share of zeros is zero or one."""
        if "gate" not in d.arg_constraints and limit_of(d.base_dist, as_real(d, x)) is None:
            return None
        at_base, x = limit_of(d.base_dist, as_real(d, x)), as_real(d, x)
        share = gate(d)
        closed = (share == 0) | (share == 1)

        def at(name: str, extra: Any, limit: Vanishing | None) -> Vanishing:
            term, factor = factored(of_base(name, d, x), limit)
            inner = jnp.exp(term) * (1.0 if factor is None else factor)
            reached = closed if limit is None else closed | limit.reached
            return Vanishing(reached, extra * share + (1 - share) * inner)

        mass, below, above = at_base or (None, None, None)
        return Limit(
            at("log_prob", x == 0, mass),
            at("log_cdf", x >= 0, below),
            at("log_survival", x < 0, above),
        )

    def _tails(self, d: Distribution, x: Value) -> tuple[Reals, Reals]:
        x, (log_gate, log_rest) = as_real(d, x), log_gates(d)
        below = log_product(log_rest, of_base("log_cdf", d, x))
        above = log_product(log_rest, of_base("log_survival", d, x))
        return (
            jnp.where(x >= 0, log_sum(log_gate, below), below),
            jnp.where(x < 0, log_sum(log_gate, above), above),
        )


class HurdleFamily(Family):
    """``P(X = 0) = gate``, else ``(1 − gate) B(n) / (1 − B(0))``; of discrete bases.

    Of continuous bases the density is NumPyro's own, and tails and moments are not known.
    """

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        if not d.base_dist.is_discrete:
            return super().log_prob(d, x)
        x, (log_gate, log_rest) = as_real(d, x), log_gates(d)
        base = of_base("log_prob", d, jnp.where(x == 0, 1.0, x))
        return jnp.where(x == 0, log_gate, log_product(log_rest - log_nonzero(d), base))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return sharpen(*self._tails(d, x))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return sharpen(*self._tails(d, x)[::-1])

    def mean(self, d: Distribution) -> Reals:
        if not d.base_dist.is_discrete:
            return super().mean(d)
        return jnp.exp(log_gates(d)[1] - log_nonzero(d)) * of_base("mean", d)

    def variance(self, d: Distribution) -> Reals:
        if not d.base_dist.is_discrete:
            return super().variance(d)
        share, mean = jnp.exp(log_gates(d)[1] - log_nonzero(d)), of_base("mean", d)
        return share * (of_base("variance", d) + (1 - share) * mean**2)

    def limit(self, d: Distribution, x: Value) -> Limit | None:
        """Return where the share of zeros is zero or one; the base has no limit without zeros."""
        if "gate" not in d.arg_constraints or not d.base_dist.is_discrete:
            return None
        x, share = as_real(d, x), gate(d)
        closed = (share == 0) | (share == 1)
        positive = jnp.where(x == 0, 1.0, x)
        mass = jnp.exp(of_base("log_prob", d, positive) - log_nonzero(d))
        below, above = (jnp.exp(t) for t in _truncated_tails(d, x))
        return Limit(
            Vanishing(closed, jnp.where(x == 0, share, (1 - share) * mass)),
            Vanishing(closed, (x >= 0) * share + (1 - share) * below),
            Vanishing(closed, (x < 0) * share + (1 - share) * above),
        )

    def _tails(self, d: Distribution, x: Value) -> tuple[Reals, Reals]:
        if not d.base_dist.is_discrete:
            raise NotImplementedError(
                f"{type(d).__name__} components have no cumulative distribution function: expected "
                f"a discrete base, got {type(d.base_dist).__name__}. Estimate probabilities from "
                "draws instead."
            )
        x, (log_gate, log_rest) = as_real(d, x), log_gates(d)
        below, above = (log_product(log_rest, tail) for tail in _truncated_tails(d, x))
        return (
            jnp.where(x >= 0, log_sum(log_gate, below), below),
            jnp.where(x < 0, log_sum(log_gate, above), above),
        )


def _truncated_tails(d: Distribution, x: Reals) -> tuple[Reals, Reals]:
    """Both log tails of the base without its zeros; of the two, the smaller is accurate."""
    zero = jnp.zeros_like(x)
    log_zero, log_rest = of_base("log_prob", d, zero), log_nonzero(d)
    below, above = of_base("log_cdf", d, x), of_base("log_survival", d, x)
    without = log_diff_exp(below, jnp.minimum(jnp.where(x >= 1, log_zero, -jnp.inf), below))
    # up to zero there is what is below zero, known as the tail there
    up_to_zero = of_base("log_cdf", d, zero - 1)
    lower = log_product(jnp.where((x >= 0) & (x < 1), up_to_zero, without), -log_rest)
    return lower, jnp.where(x < 0, complement(lower), log_product(above, -log_rest))


def of_base(name: str, d: Distribution, *x: Reals) -> Reals:
    """Return what the family of the base knows of it by this name."""
    return getattr(family(d.base_dist), name)(d.base_dist, *x)


def gate(d: Distribution) -> Reals:
    """Return the share of zeros."""
    if "gate" in d.arg_constraints:
        return jnp.asarray(d.gate)
    return jax.nn.sigmoid(d.gate_logits)


def log_gates(d: Distribution) -> tuple[Reals, Reals]:
    """Return ``log gate`` and ``log(1 − gate)``."""
    if "gate" in d.arg_constraints:
        return safe_log(d.gate), safe_log1m(d.gate)
    return jax.nn.log_sigmoid(d.gate_logits), jax.nn.log_sigmoid(-d.gate_logits)


def log_nonzero(d: Distribution) -> Reals:
    """Return ``log(1 − B(0))`` from both tails, of which the mass at zero tells too little."""
    below = of_base("log_cdf", d, jnp.asarray(-1.0, _dtype(d)))
    above = of_base("log_survival", d, jnp.asarray(0.0, _dtype(d)))
    return log_sum(below, above)


def log_product(a: Reals, b: Reals) -> Reals:
    """Return ``a + b``, a constant where either is −inf."""
    never = (a == -jnp.inf) | (b == -jnp.inf)
    return jnp.where(never, -jnp.inf, jnp.where(never, 0.0, a) + jnp.where(never, 0.0, b))


def log_sum(a: Reals, b: Reals) -> Reals:
    """Return ``log(eᵃ + eᵇ)``, with a zero rather than a NaN gradient where both are −inf."""
    never = (a == -jnp.inf) & (b == -jnp.inf)
    total = jnp.logaddexp(jnp.where(never, 0.0, a), jnp.where(never, 0.0, b))
    return jnp.where(never, -jnp.inf, total)


def _dtype(d: Distribution) -> Any:
    return as_real(d, jnp.zeros((), int)).dtype


register(ZeroInflatedFamily(), discrete.ZeroInflatedProbs, discrete.ZeroInflatedLogits)
register(ZeroInflatedFamily(), discrete.ZeroInflatedPoisson)
register(HurdleFamily(), discrete.HurdleProbs, discrete.HurdleLogits, discrete.HurdlePoisson)
