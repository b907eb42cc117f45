"""RelaxedBernoulliLogits: the sigmoid of a logistic variable (the binary Concrete distribution)."""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._edges import log_cdf_between, log_survival_between, unit_edges
from pathmix._families._family import Family, guarded, implicit
from pathmix._families._location_scale import logistic_density
from pathmix._special import log1p, log_sigmoids
from pathmix._typing import Reals, Value


class RelaxedBernoulli(NamedTuple):
    """Parameters."""

    temperature: Reals
    logits: Reals


def _log_density(theta: RelaxedBernoulli, x: Value) -> Reals:
    """``z = temperature · logit(x) − logits`` is standard logistic (Maddison et al. 2017)."""
    log_t = jnp.log(theta.temperature)

    def density(x: Reals) -> Reals:
        return log_t + logistic_density(_standardise(theta, x)) - jnp.log(x) - log1p(-x)

    t, at_zero, at_one = theta.temperature, log_t - theta.logits, log_t + theta.logits
    return guarded((x > 0) & (x < 1), density, x, 0.5, unit_edges(x, t, t, at_zero, at_one))


def _log_cdf(theta: RelaxedBernoulli, x: Value) -> Reals:
    return log_cdf_between(lambda x: log_sigmoids(_standardise(theta, x))[0], x, 0.5, high=1.0)


def _log_survival(theta: RelaxedBernoulli, x: Value) -> Reals:
    return log_survival_between(lambda x: log_sigmoids(_standardise(theta, x))[1], x, 0.5, high=1.0)


def _standardise(theta: RelaxedBernoulli, x: Reals) -> Reals:
    return theta.temperature * (jnp.log(x) - log1p(-x)) - theta.logits


relaxed_bernoulli = Family(
    "RelaxedBernoulliLogits",
    _log_density,
    RelaxedBernoulli,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    velocity=implicit(_log_cdf, _log_survival),
)
