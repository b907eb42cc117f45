"""Integrals over the line of functions that vary as a mixture does: panels and their nodes.

Panels end at quantiles of every component, from ``10⁻¹⁶`` of its mass in one tail to as much in the
other, closely spaced in the logarithm of the tail. So each component is resolved on its own scale,
however narrow it is beside the others. Within a panel the nodes are those of Gauss and Legendre,
after a map of the support to the line that turns powers, at an end of the support or in a heavy
tail, into exponentials. Panels move with the parameters, and derivatives of the sum are those of
the integral, ends that move among them.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pathmix._components import Canonical, split
from pathmix._mixture._quantile import edges, inverse_log_cdf, inverse_log_survival
from pathmix._typing import Reals
from pathmix._weights import Probabilities, Weights
from pathmix._where import where

LEVELS = np.log(10.0) * np.array([-16, -11, -8, -6, -5, -4, -3, -2, -1])
_MIDDLE = np.log([0.3, 0.5])
Quantiles: TypeAlias = Callable[[Weights, Canonical, Array], Array]
"""Of components one by one, ``*batch k``, at the logs of levels and of their complements."""
Curve: TypeAlias = Callable[[Reals], Reals]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class Rule(NamedTuple):
    """Nodes, first, and what the integrand is weighted by: ``nodes *batch``."""

    x: Reals
    weight: Reals

    def integral(self, values: Reals) -> Reals:
        """Return the integral of a function with these values at the nodes."""
        return jnp.sum(self.weight * values, axis=0)


def panel_ends(weights: Weights, components: Canonical) -> Array:
    """Return quantiles of all components in ascending order, ``*batch ends``."""
    del weights

    def quantiles(alone: Weights, one_each: Canonical, levels: Array) -> Array:
        lower = inverse_log_cdf(alone, one_each, levels)
        return jnp.concatenate([lower, inverse_log_survival(alone, one_each, levels[:-1])])

    return ends_of_each(components, quantiles)


def ends_of_each(components: Canonical, quantiles: Quantiles) -> Array:
    """Return ``quantiles`` of all components in ascending order, ``*batch ends``."""
    batch = components.own_shape[:-1]
    each = [_ends_of_family(group, quantiles) for group in split(components)]
    full = [jnp.broadcast_to(ends, (*batch, ends.shape[-1])) for ends in each]
    ends = jnp.concatenate(full, axis=-1)
    known = jnp.isfinite(ends)
    lowest = jnp.min(where(known, ends, jnp.inf), axis=-1, keepdims=True)
    return jnp.sort(where(known, ends, lowest), axis=-1)


def _ends_of_family(components: Canonical, quantiles: Quantiles) -> Array:
    one_each = components.map(lambda p, n: jnp.expand_dims(p, p.ndim - n))
    full = one_each.own_shape
    alone = Probabilities(jnp.ones(full, components.dtype))
    logs = np.concatenate([LEVELS, _MIDDLE]).astype(components.dtype)
    levels = jnp.broadcast_to(logs.reshape(-1, *(1,) * (len(full) - 1)), (logs.size, *full[:-1]))
    ends = jnp.moveaxis(quantiles(alone, one_each, levels), 0, -1)
    return ends.reshape(*full[:-2], -1)


def rule(ends: Array, support: tuple[Array, Array], cut: Array | None = None) -> Rule:
    """Return nodes and weights for panels ``*batch ends`` inside a support ``*batch``.

    Panels may be ``cut`` to a part of those ends; the map of the support stays that of all.
    """
    line = _Line.of(ends, support)
    ends = ends if cut is None else cut
    t = line.to(ends)
    start, length = t[..., :-1, None], jnp.diff(t)[..., None]
    nodes, weights = ((c / 2).astype(ends.dtype) for c in (_NODES + 1, _WEIGHTS))
    inner = (start + length * nodes).reshape(*ends.shape[:-1], -1)
    x, slope = line.back(inner)
    weight = slope * (length * weights).reshape(inner.shape)
    return Rule(jnp.moveaxis(x, -1, 0), jnp.moveaxis(weight, -1, 0))


def support_ends(weights: Weights, components: Canonical) -> tuple[Array, Array]:
    """Return the lower and upper end of the mixture's support, ``*batch``."""
    return edges(weights, components)


def rule_of(weights: Weights, components: Canonical) -> Rule:
    """Return nodes and weights for integrals over the support of a mixture."""
    return rule(panel_ends(weights, components), edges(weights, components))


def power_tail(
    log_tail: Curve, log_p: Curve, middle: Reals, x: Reals, *, power: int = 1, order: int = 1
) -> Reals:
    """Return the integral of a tail beyond ``x``, if it is ``|x|⁻ᵃ`` there; else it is nothing.

    Of its ``power`` times ``|x|^{order − 1}``: ``tail^power |x|^order / (power a − order)``,
    infinite for ``power a ≤ order``. The exponent is that of ``x`` and
    of a point a thousand times nearer: of other tails these are different.
    """
    share = jnp.array([1.0, 1e-3], x.dtype).reshape(2, *(1,) * x.ndim)
    at = middle + share * (x - middle)
    tail, distance = log_tail(at), jnp.abs(at - middle)
    there = jnp.all(jnp.isfinite(tail) & (distance > 0), axis=0)
    safe = lambda t, other: where(there, t, other)  # noqa: E731
    log_ratio = safe(log_p(at), 0.0) - safe(tail, 0.0)
    exponent = jnp.exp(log_ratio + jnp.log(safe(distance, 1.0)))
    is_power = there & (jnp.abs(exponent[1] - exponent[0]) < 1e-2 * exponent[0])
    left = power * exponent[0] - order
    summable = left > np.sqrt(jnp.finfo(x.dtype).eps)
    log_rest = power * safe(tail, 0.0)[0] + order * jnp.log(safe(distance, 1.0)[0])
    rest = jnp.exp(log_rest) / where(is_power & summable, left, 1.0)
    return where(is_power, where(summable, rest, jnp.inf), 0.0)


class _Line(NamedTuple):
    """A map of an interval onto the line: by logarithms at finite ends, else by a sinh."""

    low: Array
    high: Array
    centre: Array
    scale: Array

    @classmethod
    def of(cls, ends: Array, support: tuple[Array, Array]) -> "_Line":
        low, high = (t.astype(ends.dtype)[..., None] for t in support)
        count, fixed = ends.shape[-1], lax.stop_gradient(ends)
        at = [fixed[..., int(share * (count - 1)), None] for share in (0.25, 0.5, 0.75)]
        scale = jnp.maximum(at[2] - at[0], jnp.finfo(ends.dtype).tiny)
        return cls(low, high, at[1], scale)

    def _kinds(self) -> tuple[Array, Array, Array, Array]:
        bounded = jnp.isfinite(self.low), jnp.isfinite(self.high)
        low, high = where(bounded[0], self.low, 0.0), where(bounded[1], self.high, 0.0)
        return *bounded, low, high

    def to(self, x: Array) -> Array:
        """The image of ``x``."""
        below, above, low, high = self._kinds()
        tiny = jnp.finfo(x.dtype).tiny
        from_low = jnp.log(jnp.maximum(where(below, x - low, 1.0), tiny))
        from_high = jnp.log(jnp.maximum(where(above, high - x, 1.0), tiny))
        inner = where(below | above, 0.0, (x - self.centre) / self.scale)
        return where(below | above, from_low - from_high, jnp.arcsinh(inner))

    def back(self, t: Array) -> tuple[Array, Array]:
        """The point whose image is ``t``, and how fast it moves."""
        below, above, low, high = self._kinds()
        both, one, none = below & above, below != above, ~(below | above)
        share, rest = _logistic(where(both, t, 0.0)), _logistic(where(both, -t, 0.0))
        width = high - low
        step = jnp.exp(where(one, where(below, t, -t), 0.0))
        free = where(none, t, 0.0)
        inner = where(share < 0.5, low + width * share, high - width * rest)
        x = where(
            one, where(below, low + step, high - step), self.centre + self.scale * jnp.sinh(free)
        )
        slope = where(one, step, self.scale * jnp.cosh(free))
        x, slope = where(both, inner, x), where(both, width * share * rest, slope)
        # a node that rounding has put on an end, where a density may be infinite
        x = where(below & (x <= low), _next(low, jnp.inf), x)
        return where(above & (x >= high), _next(high, -jnp.inf), x), slope


def _logistic(t: Array) -> Array:
    return 1 / (1 + jnp.exp(-t))


def _next(end: Array, towards: float) -> Array:
    """The float next to an end, which moves with it."""
    fixed = lax.stop_gradient(end)
    return jnp.nextafter(fixed, jnp.asarray(towards, end.dtype)) + (end - fixed)
