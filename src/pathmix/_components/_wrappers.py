"""Distributions around another one: truncated, folded, with a share of zeros, censored, masked."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import numpyro.distributions as dist
from numpyro.distributions import discrete

from pathmix._families import (
    Family,
    Folded,
    Gated,
    Theta,
    Truncated,
    by_logits,
    by_probs,
    folded,
    hurdle,
    truncated,
    truncated_gamma,
    zero_inflated,
)
from pathmix._numpyro import MASK
from pathmix._typing import Reals

Combine: TypeAlias = Callable[[Family], Family | None]


class Wrapper(NamedTuple):
    """How a class that wraps a distribution is read, and what family it makes of the inner one."""

    attributes: dict[str, str]
    """The further arguments of its constructor, and the attributes that hold them."""
    combine: Combine | None = None
    """The family of the whole, by that of the inner one, if it is known."""
    theta: Callable[..., Theta] | None = None
    """The parameters of the whole, by those of the inner one and the further arguments."""
    discrete_only: bool = False
    """Whether that holds of discrete inner distributions alone."""


def _with_tails(combine: Callable[[Family], Family]) -> Combine:
    """A combination that needs both tails of its base."""
    return lambda base: None if base.log_cdf is None else combine(base)


def _low(base: Theta, low: Reals) -> Theta:
    return Truncated(base, low, None)


def _high(base: Theta, high: Reals) -> Theta:
    return Truncated(base, None, high)


def _by_probs(base: Theta, gate: Reals) -> Theta:
    return Gated(base, by_probs(gate))


def _by_logits(base: Theta, logits: Reals) -> Theta:
    return Gated(base, by_logits(logits))


def _of_gamma(base: Family) -> Family:
    del base
    return truncated_gamma


_LOW, _HIGH, _GATE, _LOGITS = ({name: name} for name in ("low", "high", "gate", "gate_logits"))
_cut, _fold = _with_tails(truncated), _with_tails(folded)
_inflate = partial(zero_inflated, has_limit=True), partial(zero_inflated, has_limit=False)
_jump = (
    _with_tails(partial(hurdle, has_limit=True)),
    _with_tails(partial(hurdle, has_limit=False)),
)

WRAPPERS: dict[type, Wrapper] = {
    dist.LeftTruncatedDistribution: Wrapper(_LOW, _cut, _low),
    dist.RightTruncatedDistribution: Wrapper(_HIGH, _cut, _high),
    dist.TwoSidedTruncatedDistribution: Wrapper(_LOW | _HIGH, _cut, Truncated),
    dist.LeftTruncatedGamma: Wrapper(_LOW, _of_gamma, _low),
    dist.RightTruncatedGamma: Wrapper(_HIGH, _of_gamma, _high),
    dist.TwoSidedTruncatedGamma: Wrapper(_LOW | _HIGH, _of_gamma, Truncated),
    dist.FoldedDistribution: Wrapper({}, _fold, Folded),
    discrete.ZeroInflatedProbs: Wrapper(_GATE, _inflate[0], _by_probs),
    discrete.ZeroInflatedLogits: Wrapper(_LOGITS, _inflate[1], _by_logits),
    discrete.HurdleProbs: Wrapper(_GATE, _jump[0], _by_probs, discrete_only=True),
    discrete.HurdleLogits: Wrapper(_LOGITS, _jump[1], _by_logits, discrete_only=True),
    dist.LeftCensoredDistribution: Wrapper({"censored": "censored"}),
    dist.RightCensoredDistribution: Wrapper({"censored": "censored"}),
    dist.IntervalCensoredDistribution: Wrapper(
        {"left_censored": "left_censored", "right_censored": "right_censored"}
    ),
    dist.MaskedDistribution: Wrapper({"mask": MASK}),
}
"""By the exact class. Of continuous distributions a hurdle's density is NumPyro's own."""
