"""Uniform, on its own interval."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._protocol import Family, guarded, register
from pathmix._typing import Reals, Value


class UniformFamily(Family):
    """``log p = −log(high − low)`` on ``low ≤ x ≤ high``."""

    parameters = ("low", "high")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = (x >= d.low) & (x <= d.high)
        return jnp.where(inside, -jnp.log(d.high - d.low), -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        inside = (x > d.low) & (x < d.high)
        below = guarded(inside, lambda x: self._log_share(d, x - d.low), x, d.high)
        return jnp.where(x >= d.high, 0.0, below)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        inside = (x > d.low) & (x < d.high)
        above = guarded(inside, lambda x: self._log_share(d, d.high - x), x, d.low)
        return jnp.where(x <= d.low, 0.0, above)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        share = (x - d.low) / (d.high - d.low)
        return jax.jvp(lambda d: d.low + share * (d.high - d.low), (d,), (tangent,))[1]

    def _log_share(self, d: Distribution, part: Reals) -> Reals:
        return jnp.log(part) - jnp.log(d.high - d.low)


register(UniformFamily(), dist.Uniform)
