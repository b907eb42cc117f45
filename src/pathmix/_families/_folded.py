"""FoldedDistribution, ``|X|`` of a known family: both sides of the base, added in log space."""

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from pathmix._families._edges import log_tails_between
from pathmix._families._family import Family, Theta, by_tails, guarded, implicit, sharpen
from pathmix._families._location_scale import LocScale, normal, normal_density
from pathmix._special import log_add_exp, log_diff_exp, ndtr
from pathmix._typing import Reals, Value
from pathmix._where import where

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


class Folded(NamedTuple):
    """The parameters of the base."""

    base: Theta


@cache
def folded(base: Family) -> Family:
    """Return the family of ``p(x) = p₀(x) + p₀(−x)`` on ``x ≥ 0``, of a base with both tails.

    ``P(X > x) = P₀(X > x) + P₀(X < −x)``. Of folded normals mean and variance are known.
    """

    def log_density(theta: Folded, x: Value) -> Reals:
        def density(x: Reals) -> Reals:
            return log_add_exp(base.log_density(theta.base, x), base.log_density(theta.base, -x))

        return guarded((x >= 0) & (x < jnp.inf), density, x, _middle(theta.base))

    def log_tails(theta: Folded, x: Value) -> tuple[Reals, Reals]:
        def inside(x: Reals) -> tuple[Reals, Reals]:
            between, outside = _log_sides(base, theta.base, x)
            return sharpen(between, outside), sharpen(outside, between)

        return log_tails_between(inside, x, _middle(theta.base))

    is_normal, tails = base is normal, by_tails(log_tails)
    return Family(
        f"Folded{base.name}",
        log_density,
        Folded,
        velocity=implicit(tails["log_cdf"], tails["log_survival"]) if base.velocity else None,
        mean=_normal_mean if is_normal else None,
        variance=_normal_variance if is_normal else None,
        **tails,
    )


def _normal_mean(theta: Folded) -> Reals:
    return jnp.abs(theta.base.loc) + _excess(theta.base)


def _normal_variance(theta: Folded) -> Reals:
    base, excess = theta.base, _excess(theta.base)
    return base.scale**2 - excess * (2 * jnp.abs(base.loc) + excess)


def _excess(theta: LocScale) -> Reals:
    """``E|X| − |loc|`` of a normal, ``2 scale (φ(u) − u Φ(−u))`` at ``u = |loc| / scale``."""
    u = jnp.abs(theta.loc) / theta.scale
    return 2 * theta.scale * (jnp.exp(normal_density(u)) - u * ndtr(-u))


def _middle(theta: Theta) -> Reals:
    """A point where the density is not zero, for the branch that is not taken."""
    return jnp.abs(theta.loc) + theta.scale if hasattr(theta, "loc") else jnp.ones(())


def _log_sides(base: Family, theta: Theta, x: Reals) -> tuple[Reals, Reals]:
    """``log P(|X| ≤ x)`` and ``log P(|X| > x)`` of the base.

    The first is a difference of tails, or where that cancels an integral.
    """
    at_x, opposite = base.log_tails_at(theta, x), base.log_tails_at(theta, -x)
    lower, upper = (at_x[0], opposite[0]), (opposite[1], at_x[1])
    left = lower[0] <= upper[0]  # from the side on which less is subtracted
    difference = where(left, log_diff_exp(*lower), log_diff_exp(*upper))
    cancels = difference - where(left, lower[0], upper[0]) < jnp.log(0.1)
    integral = _log_integral(base, theta, where(cancels, x, _small(x)))
    return where(cancels, integral, difference), log_add_exp(at_x[1], opposite[0])


def _small(x: Reals) -> Reals:
    return jnp.full_like(x, 1e-3)


def _log_integral(base: Family, theta: Theta, x: Reals) -> Reals:
    """The same by quadrature, where the tails, and so the density, hardly vary over ``[−x, x]``.

    The interval is split where the density may have a kink.
    """
    kink = jnp.clip(getattr(theta, "loc", 0.0), -x, x)
    nodes = _NODES.astype(x.dtype).reshape(-1, *[1] * x.ndim)
    weights = _WEIGHTS.astype(x.dtype).reshape(nodes.shape)
    points = jnp.concatenate([kink - (kink + x) * nodes, kink + (x - kink) * nodes])
    lengths = jnp.concatenate([(kink + x) * weights, (x - kink) * weights])
    log_p = base.log_density(theta, points)
    top = lax.stop_gradient(jnp.max(log_p, axis=0))
    top = where(jnp.isfinite(top), top, 0.0)
    return top + jnp.log(jnp.sum(lengths * jnp.exp(log_p - top), axis=0))
