"""Probabilities by themselves or by logits, with their complements and logarithms."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pathmix._families._family import guarded
from pathmix._special import log1p, log_sigmoids
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


class Odds(NamedTuple):
    """A probability ``p``, its complement ``q``, and the logarithms of both."""

    p: Reals
    q: Reals
    log_p: Reals
    log_q: Reals


def by_probs(probs: Reals) -> Odds:
    """Return the odds of a probability."""
    return Odds(probs, 1 - probs, safe_log(probs), safe_log1m(probs))


def by_logits(logits: Reals) -> Odds:
    """Return the odds of a logit."""
    return Odds(jax.nn.sigmoid(logits), jax.nn.sigmoid(-logits), *log_sigmoids(logits))


def safe_log(p: Reals) -> Reals:
    """Return ``log p``, with a zero rather than a NaN gradient where ``p = 0``."""
    return guarded(p > 0, jnp.log, p, 1.0)


def safe_log1m(p: Reals) -> Reals:
    """Return ``log(1 − p)``, with a zero rather than a NaN gradient where ``p = 1``."""
    return guarded(p < 1, lambda p: log1p(-p), p, 0.0)


def times_log(n: Reals, log_p: Reals) -> Reals:
    """Return ``n log p`` with ``0 log 0 = 0``; where ``p = 0``, without the infinite slope."""
    possible = log_p > -jnp.inf
    product = n * where((n > 0) & possible, log_p, 0.0)
    return where((n > 0) & ~possible, -jnp.inf, product)


def as_real(theta: Any, x: Value) -> Reals:
    """Return ``x`` as floats, of the precision of the parameters where it holds integers."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    dtypes = [jnp.result_type(leaf) for leaf in jax.tree.leaves(theta)]
    floats = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    return x.astype(jnp.result_type(*floats) if floats else jnp.result_type(float))


def is_count(x: Value) -> Flags:
    """Whether ``x`` is a non-negative integer."""
    return (x >= 0) & (x == jnp.floor(x)) & (x < jnp.inf)
