"""LogUniform: the logarithm is uniform."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._protocol import Family, guarded, register, sharpen
from pathmix._special import log_quotient
from pathmix._typing import Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


class LogUniformFamily(Family):
    """``p = 1 / (x log(high/low))`` on ``low ≤ x ≤ high``."""

    parameters = ("low", "high")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_width = jnp.log(log_quotient(d.high, d.low))
        return guarded((x >= d.low) & (x <= d.high), lambda x: -jnp.log(x) - log_width, x, d.low)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(*_log_shares(d, x))

        return log_cdf_between(inside, x, _middle(d), d.low, d.high)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            return sharpen(*_log_shares(d, x)[::-1])

        return log_survival_between(inside, x, _middle(d), d.low, d.high)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        share = log_quotient(x, d.low) / log_quotient(d.high, d.low)

        def move(d: Distribution) -> Reals:
            return (1 - share) * jnp.log(d.low) + share * jnp.log(d.high)

        return x * jax.jvp(move, (d,), (tangent,))[1]

    def mean(self, d: Distribution) -> Reals:
        return (d.high - d.low) / log_quotient(d.high, d.low)

    def variance(self, d: Distribution) -> Reals:
        return self.mean(d) ** 2 * h_coth_h_minus_1(log_quotient(d.high, d.low) / 2)


def h_coth_h_minus_1(h: Reals) -> Reals:
    """Return ``h coth h − 1 = h² ∫₀¹ u sinh(hu)/sinh(h) du``, by that integral for small ``h``."""
    near = h < 1
    small, large = jnp.where(near, h, 0.5)[..., None], jnp.where(near, 1.0, h)
    nodes, weights = _NODES.astype(h.dtype), (_WEIGHTS * _NODES).astype(h.dtype)
    integral = jnp.sum(weights * jnp.sinh(small * nodes) / jnp.sinh(small), axis=-1)
    return jnp.where(near, h * h * integral, large / jnp.tanh(large) - 1)


def _middle(d: Distribution) -> Reals:
    return jnp.sqrt(d.low) * jnp.sqrt(d.high)


def _log_shares(d: Distribution, x: Reals) -> tuple[Reals, Reals]:
    width = log_quotient(d.high, d.low)
    return jnp.log(log_quotient(x, d.low) / width), jnp.log(log_quotient(d.high, x) / width)


register(LogUniformFamily(), dist.LogUniform)
