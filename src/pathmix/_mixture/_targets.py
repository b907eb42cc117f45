"""What a search for a quantile is to reach: the smaller tail, from a probability on some scale."""

from typing import Literal, TypeAlias

import jax.numpy as jnp

from pathmix._mixture._inversion import Target
from pathmix._special import log1mexp
from pathmix._typing import Reals
from pathmix._where import where

Scale: TypeAlias = Literal["q", "log q", "log 1 − q"]


def target_of(scale: Scale, value: Reals, *, is_discrete: bool) -> Target:
    """Return what is to be reached for a quantile of a probability on one of three scales."""
    if scale == "q":
        log_q, log_1mq = jnp.log(value), jnp.log1p(-value)
    elif scale == "log q":
        log_q, log_1mq = value, log1mexp(value)
    else:
        log_q, log_1mq = log1mexp(value), value
    target = reached_early(log_q, log_1mq, is_discrete=is_discrete)
    if not (is_discrete and scale == "q"):
        return target
    # q itself is rounded, which counts for more in 1 − q
    rounded = jnp.log(1 - value + _slack(value, is_discrete=True) * value)
    is_rounded = target.upper & (value < 1)
    log_tail = where(is_rounded, jnp.maximum(target.log_tail, rounded), target.log_tail)
    return target._replace(log_tail=log_tail)


def reached_early(log_q: Reals, log_1mq: Reals, *, is_discrete: bool) -> Target:
    """Return a target that is reached a little early: errors of the tails must not move a step."""
    slack = _slack(log_q, is_discrete=is_discrete)
    lower = where(jnp.isinf(log_q), log_q, log_q - slack * jnp.maximum(1, -log_q))
    upper = where(jnp.isinf(log_1mq), log_1mq, log_1mq + slack * jnp.maximum(1, -log_1mq))
    is_upper = log_q > log_1mq
    log_tail = where(is_upper, upper, lower)
    return Target(where(jnp.isnan(log_q + log_1mq), jnp.nan, log_tail), is_upper)


def _slack(like: Reals, *, is_discrete: bool) -> float:
    """What is forgiven: between the steps of a discrete cdf there is room for more."""
    return (16 if is_discrete else 2) * float(jnp.finfo(like.dtype).eps)
