"""Counts with a share of zeros of their own: zero-inflated and hurdle families.

Zero inflation adds zeros to those of the base, a hurdle replaces them. Both are known by the masses
and tails of the base family; the share, ``gate``, is a probability or a logit.
"""

from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp

from pathmix._families._family import Family, Theta, by_tails, complement, given, sharpen
from pathmix._families._limits import Limit, Vanishing, factored
from pathmix._families._odds import Odds, as_real
from pathmix._special import log_add_exp, log_diff_exp
from pathmix._typing import Reals, Value
from pathmix._where import where


class Gated(NamedTuple):
    """The parameters of the base, and the share of zeros as odds."""

    base: Theta
    gate: Odds


@cache
def zero_inflated(base: Family, *, has_limit: bool) -> Family:
    """Return the family of ``P(X = n) = gate [n = 0] + (1 − gate) B(n)``.

    ``has_limit`` says whether shares of exactly zero and one have derivatives.
    """

    def log_density(theta: Gated, x: Value) -> Reals:
        inner = log_product(theta.gate.log_q, base.log_density(theta.base, as_real(theta, x)))
        return where(x == 0, log_add_exp(theta.gate.log_p, inner), inner)

    def tails(theta: Gated, x: Value) -> tuple[Reals, Reals]:
        x = as_real(theta, x)
        return _with_zeros(theta.gate, x, *base.log_tails_at(theta.base, x))

    def limit(theta: Gated, x: Value) -> Limit | None:
        x = as_real(theta, x)
        at_base = None if base.limit is None else base.limit(theta.base, x)
        if not has_limit and at_base is None:
            return None
        share, rest = theta.gate.p, theta.gate.q
        closed = (share == 0) | (share == 1)

        def at(log_p: Reals, extra: Any, limit: Vanishing | None) -> Vanishing:
            term, factor = factored(log_p, limit)
            inner = jnp.exp(term) * (1.0 if factor is None else factor)
            reached = closed if limit is None else closed | limit.reached
            return Vanishing(reached, extra * share + rest * inner)

        mass, below, above = at_base or (None, None, None)
        return Limit(
            at(base.log_density(theta.base, x), x == 0, mass),
            at(given(base.log_cdf)(theta.base, x), x >= 0, below),
            at(given(base.log_survival)(theta.base, x), x < 0, above),
        )

    def mean(theta: Gated) -> Reals:
        return theta.gate.q * given(base.mean)(theta.base)

    def variance(theta: Gated) -> Reals:
        share, rest = theta.gate.p, theta.gate.q
        return rest * (given(base.variance)(theta.base) + share * given(base.mean)(theta.base) ** 2)

    known = base.log_cdf is not None
    return Family(
        f"ZeroInflated{base.name}",
        log_density,
        Gated,
        limit=limit if known else None,
        mean=None if base.mean is None else mean,
        variance=None if base.variance is None else variance,
        **(by_tails(tails) if known else {}),
    )


@cache
def hurdle(base: Family, *, has_limit: bool) -> Family:
    """Return the family of ``P(X = 0) = gate``, else ``(1 − gate) B(n) / (1 − B(0))``.

    The base is discrete; ``has_limit`` says whether shares of exactly zero and one have
    derivatives.
    """

    def log_nonzero(theta: Gated) -> Reals:
        """``log(1 − B(0))`` from both tails, of which the mass at zero tells too little."""
        dtype = as_real(theta, jnp.zeros((), int)).dtype
        below = given(base.log_cdf)(theta.base, jnp.asarray(-1.0, dtype))
        return log_add_exp(below, given(base.log_survival)(theta.base, jnp.asarray(0.0, dtype)))

    def log_density(theta: Gated, x: Value) -> Reals:
        x = as_real(theta, x)
        positive = base.log_density(theta.base, where(x == 0, 1.0, x))
        rest = log_product(theta.gate.log_q - log_nonzero(theta), positive)
        return where(x == 0, theta.gate.log_p, rest)

    def truncated_tails(theta: Gated, x: Reals) -> tuple[Reals, Reals]:
        """Both log tails of the base without its zeros; of the two, the smaller is accurate."""
        zero = jnp.zeros_like(x)
        log_zero, log_rest = base.log_density(theta.base, zero), log_nonzero(theta)
        below, above = base.log_tails_at(theta.base, x)
        without = log_diff_exp(below, where(x >= 1, log_zero, -jnp.inf))
        # up to zero there is what is below zero, known as the tail there
        up_to_zero = given(base.log_cdf)(theta.base, zero - 1)
        lower = log_product(where((x >= 0) & (x < 1), up_to_zero, without), -log_rest)
        return lower, where(x < 0, complement(lower), log_product(above, -log_rest))

    def tails(theta: Gated, x: Value) -> tuple[Reals, Reals]:
        x = as_real(theta, x)
        return _with_zeros(theta.gate, x, *truncated_tails(theta, x))

    def limit(theta: Gated, x: Value) -> Limit:
        """Where the share of zeros is zero or one; the base has no limit without zeros."""
        x, share, rest = as_real(theta, x), theta.gate.p, theta.gate.q
        closed = (share == 0) | (share == 1)
        positive = base.log_density(theta.base, where(x == 0, 1.0, x))
        mass = jnp.exp(positive - log_nonzero(theta))
        below, above = (jnp.exp(t) for t in truncated_tails(theta, x))
        return Limit(
            Vanishing(closed, where(x == 0, share, rest * mass)),
            Vanishing(closed, (x >= 0) * share + rest * below),
            Vanishing(closed, (x < 0) * share + rest * above),
        )

    def share_kept(theta: Gated) -> Reals:
        return jnp.exp(theta.gate.log_q - log_nonzero(theta))

    def mean(theta: Gated) -> Reals:
        return share_kept(theta) * given(base.mean)(theta.base)

    def variance(theta: Gated) -> Reals:
        share, mean = share_kept(theta), given(base.mean)(theta.base)
        return share * (given(base.variance)(theta.base) + (1 - share) * mean**2)

    return Family(
        f"Hurdle{base.name}",
        log_density,
        Gated,
        limit=limit if has_limit else None,
        mean=None if base.mean is None else mean,
        variance=None if base.variance is None else variance,
        **by_tails(tails),
    )


def _with_zeros(gate: Odds, x: Reals, below: Reals, above: Reals) -> tuple[Reals, Reals]:
    """Both log tails of a share of zeros and the rest, of which the tails are given."""
    below, above = log_product(gate.log_q, below), log_product(gate.log_q, above)
    below = where(x >= 0, log_add_exp(gate.log_p, below), below)
    above = where(x < 0, log_add_exp(gate.log_p, above), above)
    return sharpen(below, above), sharpen(above, below)


def log_product(a: Reals, b: Reals) -> Reals:
    """Return ``a + b``, a constant where either is −inf."""
    never = (a == -jnp.inf) | (b == -jnp.inf)
    return where(never, -jnp.inf, where(never, 0.0, a) + where(never, 0.0, b))
