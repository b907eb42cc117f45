"""RelaxedBernoulliLogits: the sigmoid of a logistic variable (the binary Concrete distribution)."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between, unit_edges
from pathmix._families._location_scale import logistic_density
from pathmix._families._protocol import Family, guarded, register
from pathmix._typing import Reals, Value


class RelaxedBernoulliFamily(Family):
    """``z = temperature · logit(x) − logits`` is standard logistic (Maddison et al. 2017)."""

    parameters = ("temperature", "logits")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_t = jnp.log(d.temperature)

        def density(x: Reals) -> Reals:
            return log_t + logistic_density(_standardise(d, x)) - jnp.log(x) - jnp.log1p(-x)

        t, at_zero, at_one = d.temperature, log_t - d.logits, log_t + d.logits
        return guarded((x > 0) & (x < 1), density, x, 0.5, unit_edges(x, t, t, at_zero, at_one))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_cdf_between(lambda x: jax.nn.log_sigmoid(_standardise(d, x)), x, 0.5, high=1.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(
            lambda x: jax.nn.log_sigmoid(-_standardise(d, x)), x, 0.5, high=1.0
        )


def _standardise(d: Distribution, x: Reals) -> Reals:
    return d.temperature * (jnp.log(x) - jnp.log1p(-x)) - d.logits


register(RelaxedBernoulliFamily(), dist.RelaxedBernoulliLogits)
