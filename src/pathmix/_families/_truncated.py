"""Truncations of a family, by differences of its own log cdf or survival."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._families._conditionals import smaller_over_density
from pathmix._families._family import (
    Family,
    OfTheta,
    Theta,
    by_tails,
    given,
    guarded,
    implicit,
    sharpen,
    spread_over,
)
from pathmix._families._location_scale import normal, normal_density
from pathmix._special import log_diff_exp
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


class Truncated(NamedTuple):
    """The parameters of the base, and the bounds, of which either may be absent."""

    base: Theta
    low: Reals | None
    high: Reals | None


class Point(NamedTuple):
    """A point and the log tails of the base there."""

    x: Reals
    log_cdf: Reals
    log_survival: Reals


@cache
def truncated(base: Family) -> Family:
    """Return the family of ``p(x) / P(low ≤ X ≤ high)``, of a base with a location.

    Of truncated normals mean and variance are known.
    """
    mean = variance = None
    if base is normal:
        mean, variance = (lambda theta, i=i: _normal_moments(theta)[i] for i in range(2))
    return within(base, -jnp.inf, lambda theta: theta.loc, mean, variance)


def within(
    base: Family,
    lowest: float,
    centre: OfTheta,
    mean: OfTheta | None,
    variance: OfTheta | None,
    short: Callable[[Theta, Reals, Reals], tuple[Flags, Reals]] | None = None,
) -> Family:
    """Return the truncation of a base whose support begins at ``lowest``.

    Masses of short intervals may be known better than by differences: ``short`` of two points
    returns whether they are near enough to each other, and the log mass between them.

    Where it is not evaluated, the ``centre`` of the base stands in, as far as the bounds allow it.
    """

    def point(theta: Truncated, x: Reals | None) -> Point | None:
        if x is None:
            return None
        return Point(x, *base.log_tails_at(theta.base, x))

    def log_mass(theta: Truncated, a: Point | None, b: Point | None) -> Reals:
        """``log P(a < X ≤ b)`` under the base.

        An absent bound is left out rather than set to infinity, where gradients would be 0 · ∞.
        """
        if a is None:
            return given(b).log_cdf
        if b is None:
            return a.log_survival
        # from the side on which less is subtracted
        below = b.log_cdf <= a.log_survival
        whole = where(below, b.log_cdf, a.log_survival)
        rest = where(below, a.log_cdf, b.log_survival)
        if short is None:
            return log_diff_exp(whole, rest)
        near, log_p = short(theta.base, a.x, b.x)
        near &= whole - rest < 0.5
        return where(near, log_p, log_diff_exp(whole, where(near, whole - 1.0, rest)))

    def ends(theta: Truncated) -> tuple[Any, Any]:
        low = lowest if theta.low is None else theta.low
        return low, jnp.inf if theta.high is None else theta.high

    def inner(theta: Truncated) -> Reals:
        """A point between the bounds: the centre, or one in the middle or as far beyond a bound."""
        at, (low, high) = centre(theta.base), ends(theta)
        middle = low + (high - low) / 2
        beyond = where(at <= low, low + (low - at), high - (at - high))
        other = where(jnp.isfinite(middle), middle, beyond)
        return where((at > low) & (at < high), at, other)

    def log_density(theta: Truncated, x: Value) -> Reals:
        low, high = ends(theta)
        inside = (x >= low) & (x <= high) & ~jnp.isinf(x)
        log_total = log_mass(theta, point(theta, theta.low), point(theta, theta.high))
        density = lambda x: base.log_density(theta.base, x) - log_total  # noqa: E731
        return guarded(inside, density, x, inner(theta))

    def log_shares(theta: Truncated, x: Value) -> tuple[Reals, Reals]:
        """The log cdf and the log survival between the bounds, and −inf beyond either."""
        inside = (x > ends(theta)[0]) & (x < ends(theta)[1])
        low, high = point(theta, theta.low), point(theta, theta.high)
        at, log_total = point(theta, where(inside, x, inner(theta))), log_mass(theta, low, high)
        below, above = log_mass(theta, low, at) - log_total, log_mass(theta, at, high) - log_total
        lower, upper = sharpen(below, above), sharpen(above, below)
        return where(inside, lower, -jnp.inf), where(inside, upper, -jnp.inf)

    def tails(theta: Truncated, x: Value) -> tuple[Reals, Reals]:
        (lower, upper), (low, high) = log_shares(theta, x), ends(theta)
        return where(x >= high, 0.0, lower), where(x <= low, 0.0, upper)

    def smaller_tail(theta: Truncated, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
        return smaller_over_density(*tails(theta, x), log_p)

    def by_base(theta: Truncated, tangent: Truncated, x: Value) -> Value:
        """That of the base, and what makes it follow the bounds.

        Of ``F = (G(x) − G(a)) / (G(b) − G(a))`` it is ``v(x) + h(a)/h(x) (da − v(a)) +
        k(b)/k(x) (db − v(b))``, where ``v`` is the velocity of the base ``G``, ``h`` the slope of
        ``log P(x < X ≤ b)`` and ``k`` that of ``log P(a < X ≤ x)``.
        """
        low, high = point(theta, theta.low), point(theta, theta.high)
        move = lambda at: given(base.velocity)(theta.base, tangent.base, at)  # noqa: E731
        above = lambda at: log_mass(theta, point(theta, at), high)  # noqa: E731
        below = lambda at: log_mass(theta, low, point(theta, at))  # noqa: E731
        v = move(x)
        for bound, change, mass in (
            (theta.low, tangent.low, above),
            (theta.high, tangent.high, below),
        ):
            if bound is not None:
                finite, slope = jnp.isfinite(bound), slope_of(mass, x)
                at = where(finite, bound, centre(theta.base))
                felt = finite & (slope != 0)
                ratio = slope_of(mass, at) / where(felt, slope, 1.0)
                v += where(felt, ratio * (given(change) - move(at)), 0.0)
        return v

    def velocity(theta: Truncated, tangent: Truncated, x: Value) -> Value:
        x, (low, high) = spread_over(theta, x), ends(theta)
        own = capabilities["log_cdf"], capabilities["log_survival"]
        by = by_base if base.velocity and short is None else implicit(*own)
        # beyond the bounds what follows is not felt, but its derivative must be a number
        v = by(theta, tangent, where((x > low) & (x < high), x, inner(theta)))
        if theta.low is not None:  # a draw on a bound moves with it
            v = where(x <= theta.low, given(tangent.low), v)
        return v if theta.high is None else where(x >= theta.high, given(tangent.high), v)

    capabilities = by_tails(tails)
    return Family(
        f"Truncated{base.name}",
        log_density,
        Truncated,
        velocity=velocity,
        smaller_tail=smaller_tail,
        mean=mean,
        variance=variance,
        **capabilities,
    )


def slope_of(fn: Callable[[Reals], Reals], x: Reals) -> Reals:
    """Return the derivative of an elementwise function."""
    return jax.jvp(fn, (x,), (jnp.ones_like(x),))[1]


def _normal_moments(theta: Truncated) -> tuple[Reals, Reals]:
    """Mean and variance by Gauss–Legendre quadrature of the truncated normal density.

    Every term is positive, so that nothing cancels far in a tail, where the textbook formula
    ``1 + αλ − λ²`` loses all digits. The interval is cut where the density has fallen by e⁻⁵⁰.
    """
    loc, scale = jnp.broadcast_arrays(theta.base.loc, theta.base.scale)
    low = -jnp.inf if theta.low is None else theta.low
    high = jnp.inf if theta.high is None else theta.high
    a, b = (low - loc) / scale, (high - loc) / scale
    mode = jnp.clip(0.0, a, b)
    reach = jnp.sqrt(mode * mode + 100.0)
    a, b = jnp.maximum(a, -reach), jnp.minimum(b, reach)
    nodes = _NODES.astype(a.dtype)
    offset = (b - a)[..., None] * ((nodes + 1) / 2)  # of each node from a
    log_p = normal_density(a[..., None] + offset) + np.log(_WEIGHTS).astype(a.dtype)
    p = jax.nn.softmax(log_p, axis=-1)
    centre = jnp.sum(p * offset, axis=-1)
    spread = jnp.sum(p * (offset - centre[..., None]) ** 2, axis=-1)
    return loc + scale * (a + centre), scale**2 * spread
