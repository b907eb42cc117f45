"""Gompertz: ``c (e^(rate x) − 1)`` is a standard exponential variable."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._exponential import hazard, log_cdf_of_hazard
from pathmix._families._protocol import Family, guarded, register
from pathmix._special import log1mexp
from pathmix._typing import Reals, Value

# The trapezoidal rule for log E, E standard exponential, of density e^(w − e^w): analytic in the
# strip |Im w| < π/2, so that the error of a step h is e^(−π²/h), here below 10⁻¹⁷ (Trefethen and
# Weideman 2014, "The exponentially convergent trapezoidal rule").
_NODES = np.arange(-40.0, 5.0, 0.25)
_WEIGHTS = np.exp(_NODES - np.exp(_NODES))
_WEIGHTS /= _WEIGHTS.sum()


class GompertzFamily(Family):
    """``P(X > x) = exp(−c (e^(rate x) − 1))`` on ``x ≥ 0``, with ``c`` the concentration."""

    parameters = ("concentration", "rate")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_c, log_rate = jnp.log(d.concentration), jnp.log(d.rate)

        def density(x: Reals) -> Reals:
            return log_c + log_rate + d.rate * x - self._hazard(d, x)

        return guarded((x >= 0) & (x < jnp.inf), density, x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        def inside(x: Reals) -> Reals:
            t = d.rate * x
            return log_cdf_of_hazard(jnp.log(d.concentration) + t + log1mexp(-t))

        return log_cdf_between(inside, x, 1 / d.rate)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(lambda x: -self._hazard(d, x), x, 1 / d.rate)

    def _hazard(self, d: Distribution, x: Reals) -> Reals:
        t = d.rate * x
        small = t < 1
        expm1 = jnp.where(small, jnp.expm1(jnp.where(small, t, 0.0)), hazard(t) - 1)
        return d.concentration * expm1

    def mean(self, d: Distribution) -> Reals:
        values, weights = _standard(d)
        return jnp.sum(weights * values, axis=-1) / d.rate

    def variance(self, d: Distribution) -> Reals:
        values, weights = _standard(d)
        mean = jnp.sum(weights * values, axis=-1, keepdims=True)
        return jnp.sum(weights * (values - mean) ** 2, axis=-1) / d.rate**2


def _standard(d: Distribution) -> tuple[Reals, Reals]:
    """Nodes and weights of ``rate · X = log(1 + E/c)``, along a last axis."""
    log_c = jnp.log(d.concentration)[..., None]
    return jax.nn.softplus(_NODES.astype(log_c.dtype) - log_c), jnp.asarray(_WEIGHTS, log_c.dtype)


register(GompertzFamily(), dist.Gompertz)
