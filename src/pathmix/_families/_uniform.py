"""Uniform, on its own interval."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._protocol import Family, guarded, register, sharpen
from pathmix._typing import Reals, Value


class UniformFamily(Family):
    """``log p = −log(high − low)`` on ``low ≤ x ≤ high``."""

    parameters = ("low", "high")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = (x >= d.low) & (x <= d.high)
        return jnp.where(inside, -jnp.log(d.high - d.low), -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x >= d.high, 0.0, self._log_share(d, x, sharpen))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return jnp.where(x <= d.low, 0.0, self._log_share(d, x, lambda f, s: sharpen(s, f)))

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        share = (x - d.low) / (d.high - d.low)
        return jax.jvp(lambda d: d.low + share * (d.high - d.low), (d,), (tangent,))[1]

    def _log_share(
        self, d: Distribution, x: Value, choose: Callable[[Reals, Reals], Reals]
    ) -> Reals:
        width = jnp.asarray(d.high - d.low)

        def share(x: Reals) -> Reals:
            return choose(jnp.log((x - d.low) / width), jnp.log((d.high - x) / width))

        middle = d.low + width / 2
        return guarded((x > d.low) & (x < d.high), share, x, middle)


register(UniformFamily(), dist.Uniform)
