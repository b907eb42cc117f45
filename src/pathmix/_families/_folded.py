"""FoldedDistribution, ``|X|`` of a known family: both sides of the base, added in log space."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import lax
from jax.scipy.special import ndtr
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._location_scale import normal_density
from pathmix._families._protocol import Family, family, guarded, register, sharpen
from pathmix._special import log_diff_exp
from pathmix._typing import Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


class FoldedFamily(Family):
    """``p(x) = p₀(x) + p₀(−x)`` and ``P(X > x) = P₀(X > x) + P₀(X < −x)`` on ``x ≥ 0``."""

    pathwise = True

    def check_pathwise(self, d: Distribution) -> None:
        family(d.base_dist).check_pathwise(d.base_dist)

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        base, known = d.base_dist, family(d.base_dist)

        def density(x: Reals) -> Reals:
            return _log_sum(known.log_prob(base, x), known.log_prob(base, -x))

        return guarded((x >= 0) & (x < jnp.inf), density, x, _middle(d))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(_log_between(d.base_dist, x), _log_outside(d.base_dist, x))

        return log_cdf_between(inside, x, _middle(d))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(_log_outside(d.base_dist, x), _log_between(d.base_dist, x))

        return log_survival_between(inside, x, _middle(d))

    def mean(self, d: Distribution) -> Reals:
        if type(d.base_dist) is not dist.Normal:
            return super().mean(d)
        return jnp.abs(d.base_dist.loc) + _excess(d.base_dist)

    def variance(self, d: Distribution) -> Reals:
        if type(d.base_dist) is not dist.Normal:
            return super().variance(d)
        base, excess = d.base_dist, _excess(d.base_dist)
        return base.scale**2 - excess * (2 * jnp.abs(base.loc) + excess)


def _excess(base: Distribution) -> Reals:
    """``E|X| − |loc|`` of a normal, ``2 scale (φ(u) − u Φ(−u))`` at ``u = |loc| / scale``."""
    u = jnp.abs(base.loc) / base.scale
    return 2 * base.scale * (jnp.exp(normal_density(u)) - u * ndtr(-u))


def _middle(d: Distribution) -> Reals:
    """A point where the density is not zero, for the branch that is not taken."""
    base = d.base_dist
    return jnp.abs(base.loc) + base.scale if hasattr(base, "loc") else jnp.ones(())


def _log_sum(a: Reals, b: Reals) -> Reals:
    """``log(eᵃ + eᵇ)``, with zero slopes where both are −inf."""
    none = jnp.maximum(a, b) == -jnp.inf
    return jnp.where(none, -jnp.inf, jnp.logaddexp(jnp.where(none, 0, a), jnp.where(none, 0, b)))


def _log_outside(base: Distribution, x: Reals) -> Reals:
    """``log P(|X| > x)`` of the base."""
    known = family(base)
    return _log_sum(known.log_survival(base, x), known.log_cdf(base, -x))


def _log_between(base: Distribution, x: Reals) -> Reals:
    """``log P(|X| ≤ x)`` of the base: a difference of tails, or where that cancels an integral."""
    known = family(base)
    lower = known.log_cdf(base, x), known.log_cdf(base, -x)
    upper = known.log_survival(base, -x), known.log_survival(base, x)
    left = lower[0] <= upper[0]  # from the side on which less is subtracted
    difference = jnp.where(left, log_diff_exp(*lower), log_diff_exp(*upper))
    cancels = difference - jnp.where(left, lower[0], upper[0]) < jnp.log(0.1)
    return jnp.where(cancels, _log_integral(base, jnp.where(cancels, x, _small(x))), difference)


def _small(x: Reals) -> Reals:
    return jnp.full_like(x, 1e-3)


def _log_integral(base: Distribution, x: Reals) -> Reals:
    """The same by quadrature, where the tails, and so the density, hardly vary over ``[−x, x]``.

    The interval is split where the density may have a kink.
    """
    kink = jnp.clip(getattr(base, "loc", 0.0), -x, x)
    nodes = _NODES.astype(x.dtype).reshape(-1, *[1] * x.ndim)
    weights = _WEIGHTS.astype(x.dtype).reshape(nodes.shape)
    points = jnp.concatenate([kink - (kink + x) * nodes, kink + (x - kink) * nodes])
    lengths = jnp.concatenate([(kink + x) * weights, (x - kink) * weights])
    log_p = family(base).log_prob(base, points)
    top = lax.stop_gradient(jnp.max(log_p, axis=0))
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    return top + jnp.log(jnp.sum(lengths * jnp.exp(log_p - top), axis=0))


register(FoldedFamily(), dist.FoldedDistribution)
