"""Truncations of a family, by differences of its own log cdf or survival."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution
from numpyro.distributions.truncated import (
    LeftTruncatedDistribution,
    RightTruncatedDistribution,
    TwoSidedTruncatedDistribution,
)

from pathmix._families._location_scale import normal_density
from pathmix._families._protocol import Family, family, guarded, register, sharpen
from pathmix._special import log_diff_exp
from pathmix._typing import Flags, Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


class TruncatedFamily(Family):
    """``p(x) / P(low ≤ X ≤ high)`` on ``low ≤ x ≤ high``, where either bound may be absent."""

    pathwise = True

    def check_pathwise(self, d: Distribution) -> None:
        family(d.base_dist).check_pathwise(d.base_dist)

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = (x >= bound(d, "low")) & (x <= bound(d, "high")) & ~jnp.isinf(x)
        log_p, log_total = family(d.base_dist).log_prob, _log_mass(d, None, None)
        return guarded(inside, lambda x: log_p(d.base_dist, x) - log_total, x, _inner(d))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return self._log_share(d, x, sharpen, x >= bound(d, "high"))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return self._log_share(d, x, lambda f, s: sharpen(s, f), x <= bound(d, "low"))

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        v = super().velocity(d, tangent, x)
        for name, beyond in (("low", jnp.less_equal), ("high", jnp.greater_equal)):
            if hasattr(d, name):  # a draw on a bound moves with it
                end, move = jax.jvp(attrgetter(name), (d,), (tangent,))
                v = jnp.where(beyond(x, end), move, v)
        return v

    def _log_share(
        self, d: Distribution, x: Value, choose: Callable[[Reals, Reals], Reals], all_of_it: Flags
    ) -> Reals:
        inside = (x > bound(d, "low")) & (x < bound(d, "high"))
        log_total = _log_mass(d, None, None)

        def share(x: Reals) -> Reals:
            return choose(_log_mass(d, None, x) - log_total, _log_mass(d, x, None) - log_total)

        return jnp.where(all_of_it, 0.0, guarded(inside, share, x, _inner(d)))

    def mean(self, d: Distribution) -> Reals:
        if not isinstance(d.base_dist, dist.Normal):
            return super().mean(d)
        return _normal_moments(d)[0]

    def variance(self, d: Distribution) -> Reals:
        if not isinstance(d.base_dist, dist.Normal):
            return super().variance(d)
        return _normal_moments(d)[1]


def bound(d: Distribution, name: str) -> Any:
    """Return the bound ``low`` or ``high``, or in its absence that of the base."""
    low = -jnp.inf if hasattr(d.base_dist, "loc") else 0.0
    return getattr(d, name, {"low": low, "high": jnp.inf}[name])


def _inner(d: Distribution) -> Reals:
    """A point of the support near the mode of the base, for the branch that is not taken."""
    base = d.base_dist
    centre = base.loc if hasattr(base, "loc") else base.concentration / base.rate
    return jnp.clip(centre, bound(d, "low"), bound(d, "high"))


def _log_mass(d: Distribution, a: Reals | None, b: Reals | None) -> Reals:
    """``log P(a < X ≤ b)`` under the base; ``None`` stands for the bound of ``d``, if any.

    An absent bound is left out rather than set to infinity, where gradients would be 0 · ∞.
    """
    base, known = d.base_dist, family(d.base_dist)
    a = getattr(d, "low", None) if a is None else a
    b = getattr(d, "high", None) if b is None else b
    if a is None:
        return known.log_cdf(base, jnp.asarray(b))
    if b is None:
        return known.log_survival(base, jnp.asarray(a))
    lower = known.log_cdf(base, jnp.asarray(b)), known.log_cdf(base, jnp.asarray(a))
    upper = known.log_survival(base, jnp.asarray(a)), known.log_survival(base, jnp.asarray(b))
    # from the side on which less is subtracted
    return jnp.where(lower[0] <= upper[0], log_diff_exp(*lower), log_diff_exp(*upper))


def _normal_moments(d: Distribution) -> tuple[Reals, Reals]:
    """Mean and variance by Gauss–Legendre quadrature of the truncated normal density.

    Every term is positive, so that nothing cancels far in a tail, where the textbook formula
    ``1 + αλ − λ²`` loses all digits. The interval is cut where the density has fallen by e⁻⁵⁰.
    """
    base, low, high = d.base_dist, bound(d, "low"), bound(d, "high")
    a, b = (low - base.loc) / base.scale, (high - base.loc) / base.scale
    mode = jnp.clip(0.0, a, b)
    reach = jnp.sqrt(mode * mode + 100.0)
    a, b = jnp.maximum(a, -reach), jnp.minimum(b, reach)
    nodes = _NODES.astype(a.dtype)
    offset = (b - a)[..., None] * ((nodes + 1) / 2)  # of each node from a
    log_p = normal_density(a[..., None] + offset) + np.log(_WEIGHTS).astype(a.dtype)
    p = jax.nn.softmax(log_p, axis=-1)
    centre = jnp.sum(p * offset, axis=-1)
    spread = jnp.sum(p * (offset - centre[..., None]) ** 2, axis=-1)
    mean = base.loc + base.scale * (a + centre)
    shape = d.batch_shape
    return jnp.broadcast_to(mean, shape), jnp.broadcast_to(base.scale**2 * spread, shape)


register(
    TruncatedFamily(),
    LeftTruncatedDistribution,
    RightTruncatedDistribution,
    TwoSidedTruncatedDistribution,
)
