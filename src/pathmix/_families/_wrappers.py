"""Distributions around a base distribution of the same values: Independent and Expanded."""

import jax.numpy as jnp
from numpyro.distributions import Distribution, ExpandedDistribution, Independent

from pathmix._families._conditionals import no_conditionals
from pathmix._families._gather import expand_to
from pathmix._families._protocol import Family, family, register
from pathmix._typing import Reals, Value


class IndependentFamily(Family):
    """A factorised event: densities add up, cdfs stay elementwise."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        base = d.base_dist
        log_p = expand_to(family(base).log_prob(base, x), base.batch_shape)
        total = jnp.sum(log_p, axis=tuple(range(-d.reinterpreted_batch_ndims, 0)))
        # one coordinate outside its support stops the gradients of all
        return jnp.where(total == -jnp.inf, -jnp.inf, total)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return family(d.base_dist).log_cdf(d.base_dist, x)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return family(d.base_dist).log_survival(d.base_dist, x)

    def check_pathwise(self, d: Distribution) -> None:
        if d.base_dist.event_dim and not isinstance(d.base_dist, Independent):
            raise no_conditionals(d)
        family(d.base_dist).check_pathwise(d.base_dist)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        return family(d.base_dist).velocity(d.base_dist, tangent.base_dist, x)

    def mean(self, d: Distribution) -> Reals:
        return family(d.base_dist).mean(d.base_dist)

    def variance(self, d: Distribution) -> Reals:
        return family(d.base_dist).variance(d.base_dist)

    def covariance(self, d: Distribution) -> Reals:
        if d.base_dist.event_dim or d.reinterpreted_batch_ndims != 1:
            return super().covariance(d)
        return self.variance(d)[..., None] * jnp.eye(d.event_shape[0])


class ExpandedFamily(Family):
    """A base distribution broadcast to a larger batch."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        return expand_to(family(d.base_dist).log_prob(d.base_dist, x), d.batch_shape)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return expand_to(family(d.base_dist).log_cdf(d.base_dist, x), d.shape())

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return expand_to(family(d.base_dist).log_survival(d.base_dist, x), d.shape())

    def check_pathwise(self, d: Distribution) -> None:
        family(d.base_dist).check_pathwise(d.base_dist)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        known, x = family(d.base_dist), expand_to(x, d.shape())
        return known.velocity(d.base_dist, tangent.base_dist, x)

    def mean(self, d: Distribution) -> Reals:
        return jnp.broadcast_to(family(d.base_dist).mean(d.base_dist), d.shape())

    def variance(self, d: Distribution) -> Reals:
        return jnp.broadcast_to(family(d.base_dist).variance(d.base_dist), d.shape())

    def covariance(self, d: Distribution) -> Reals:
        matrix = family(d.base_dist).covariance(d.base_dist)
        return jnp.broadcast_to(matrix, d.batch_shape + matrix.shape[-2:])


register(IndependentFamily(), Independent)
register(ExpandedFamily(), ExpandedDistribution)
