"""Probabilities of intervals, ``log P(a < X ≤ b)``, without cancellation.

Of each component it is a difference of its cdf, or of its survival, whichever are the smaller.
Where an interval is so narrow that little is left of the difference, the mass is the integral of
the density over it, by a Gauss–Kronrod rule that says itself how good it is.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from pathmix._components import Canonical, need, split
from pathmix._evaluation._compiled import compiled
from pathmix._evaluation._evaluate import _elementwise, _in_order, _limit, elementwise_tails
from pathmix._families import Vanishing, factored
from pathmix._layout import in_stretches
from pathmix._log_sums import finite
from pathmix._special import log_diff_exp, stored
from pathmix._tuning import DENSE
from pathmix._typing import ComponentFirst, Flags, Reals
from pathmix._weights import Weights
from pathmix._where import where

_NODES = np.array([-0.9604912687080203, -0.7745966692414834, -0.4342437493468026, 0.0])
_NODES = np.concatenate([_NODES, -_NODES[2::-1]])
_KRONROD = np.array(
    [0.1046562260264673, 0.2684880898683334, 0.4013974147759622, 0.4509165386584741]
)
_KRONROD = np.concatenate([_KRONROD, _KRONROD[2::-1]]) / 2
_GAUSS = np.array([0, 5, 0, 8, 0, 5, 0]) / 18
"""The rule of three points that is inside the one of seven (Kronrod 1965)."""
_FEW = 4
"""How many masses of a discrete distribution are added up rather than subtracted."""


@compiled()
def log_interval(weights: Weights, components: Canonical, a: Any, b: Any, width: Any) -> Reals:
    """Return ``log P(a < X ≤ b)`` of scalars, ``*points``.

    The width is ``b − a``, which may be known better than by the difference of floats.
    """
    *batch, k = components.own_shape

    def stretch(a: Reals, b: Reals, width: Reals) -> Reals:
        return weights.mix(*_terms(components, a, b, width)).value

    total = stored(in_stretches(stretch, 4 * k, DENSE, len(batch), a, b, width))
    return where(jnp.isnan(a) | jnp.isnan(b), jnp.nan, total)


def _terms(
    components: Canonical, a: Reals, b: Reals, width: Reals
) -> tuple[ComponentFirst, ComponentFirst | None]:
    groups = split(components)
    if len(groups) > 1:
        return _in_order(components, [_terms(group, a, b, width) for group in groups])
    if components.is_discrete:
        a, b = jnp.floor(a), jnp.floor(b)
    whole, rest = _tails(components, a, b)
    left = where(whole > -jnp.inf, whole - rest, jnp.inf)
    narrow = jnp.isfinite(a) & jnp.isfinite(b) & (width > 0) & (left < 0.5)
    fewer = _few_masses if components.is_discrete else _integral
    chosen, log_p = fewer(components, a, b, width, narrow, left)
    by_tails = log_diff_exp(whole, where(chosen, whole - 1.0, rest))
    return factored(where(chosen, log_p, by_tails), _limit_between(components, a, b))


def _tails(components: Canonical, a: Reals, b: Reals) -> tuple[ComponentFirst, ComponentFirst]:
    """Two logs, of which the interval is the difference: from the side where less is subtracted."""
    need(components, "log_cdf")
    # of both ends in one call: the tails of some families are long programs
    lower, upper = elementwise_tails(components, jnp.stack([a, b]))
    (lower_a, lower_b), (upper_a, upper_b) = (jnp.moveaxis(t, 1, 0) for t in (lower, upper))
    from_below = lower_b <= upper_a
    whole = where(from_below, lower_b, upper_a)
    # equal bounds are equal: what is worked out twice may differ in the last digit
    rest = where(a == b, whole, where(from_below, lower_a, upper_b))
    return whole, stored(where(rest < whole, rest, whole))


def _integral(
    components: Canonical, a: Reals, b: Reals, width: Reals, narrow: Flags, left: ComponentFirst
) -> tuple[Flags, ComponentFirst]:
    """Where the integral of the density is better than a difference of tails, and its log.

    The rule is as good as the one inside it agrees with it, the difference as what is left of it.
    """
    bounded = jnp.isfinite(a) & jnp.isfinite(b)
    start, width = where(bounded, a, 0.5), where(bounded & (width > 0), width, 1.0)
    dtype = left.dtype
    nodes = ((_NODES + 1) / 2).astype(dtype).reshape(-1, *(1,) * a.ndim)
    log_p = _elementwise(components, start + width * nodes, components.family.log_density)
    log_p = where(jnp.expand_dims(narrow, 1), log_p, 0.0)
    top = lax.stop_gradient(finite(jnp.max(log_p, axis=1, keepdims=True)))
    p = jnp.moveaxis(jnp.exp(log_p - top), 1, -1)
    mean, coarse = (jnp.sum(p * rule.astype(dtype), axis=-1) for rule in (_KRONROD, _GAUSS))
    some = mean > 0
    off = lax.stop_gradient(jnp.abs(coarse - mean) / where(some, mean, 1.0))
    good = narrow & some & (off * left <= 4 * jnp.finfo(dtype).eps)
    return good, jnp.log(where(some, mean, 1.0)) + top[:, 0] + jnp.log(width)


def _few_masses(
    components: Canonical, a: Reals, b: Reals, width: Reals, narrow: Flags, left: ComponentFirst
) -> tuple[Flags, ComponentFirst]:
    """Where few masses are added up, and the log of their sum."""
    del width
    start, end = (where(jnp.isfinite(t), jnp.floor(t), 0.0) for t in (a, b))
    few = narrow & (end - start <= _FEW)
    if not components.family_is_known:
        return jnp.zeros_like(few), jnp.zeros_like(left)
    n = start + jnp.arange(1, _FEW + 1, dtype=start.dtype).reshape(-1, *(1,) * a.ndim)
    log_p = _elementwise(components, n, components.family.log_density)
    used = jnp.expand_dims(few, 1) & (n <= end)
    top = lax.stop_gradient(finite(jnp.max(where(used, log_p, -jnp.inf), axis=1)))
    p = jnp.exp(where(used, log_p, -jnp.inf) - jnp.expand_dims(top, 1))
    total = jnp.sum(where(used, p, 0.0), axis=1)
    some = total > 0
    return few & some, jnp.log(where(some, total, 1.0)) + top


def _limit_between(components: Canonical, a: Reals, b: Reals) -> Vanishing | None:
    """The probability itself at limits of the parameters, where it may be zero."""
    low, high = (_limit(components, at, "below") for at in (a, b))
    if low is None or high is None:
        return None
    return Vanishing(high.reached, high.value - low.value)
