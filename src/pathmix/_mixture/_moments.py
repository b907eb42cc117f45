"""Moments of mixtures."""

from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._checks import require
from pathmix._mixture._precision import in_own_precision, working
from pathmix._typing import Reals


class Moments(Distribution):
    """Properties of mixtures that are moments."""

    @property
    def mean(self: Any) -> Reals:
        """The mean, ``*batch *event``; of circular components the mean direction."""
        return self._statistic("mean", _evaluation.mean)

    @property
    def variance(self: Any) -> Reals:
        """The elementwise variance, ``*batch *event``; of circular components the circular one."""
        return self._statistic("variance", _evaluation.variance)

    @property
    def stddev(self: Any) -> Reals:
        """The elementwise standard deviation, ``*batch *event``."""
        return jnp.sqrt(self.variance)

    @property
    def covariance(self: Any) -> Reals:
        """The covariance matrix of a vector event, ``*batch event event``."""
        if len(self.event_shape) != 1:
            raise NotImplementedError(
                f"expected vector events for `covariance`, got event shape {self.event_shape}. "
                "Use `variance`."
            )
        return self._statistic("covariance", _evaluation.covariance)

    def _statistic(self: Any, name: str, moment: Any) -> Reals:
        weights, components = working(self._parts)
        value = moment(weights, components)
        events = value.shape[len(components.own_shape) - 1 :]
        value = in_own_precision(jnp.broadcast_to(value, self.batch_shape + events), self._parts)
        if self.allow_nan_stats:
            return value
        return require(
            value,
            ~jnp.isnan(value),
            f"expected a defined {name}, got NaN from "
            f"{type(self.components_distribution).__name__} components of non-zero weight. "
            "Pass allow_nan_stats=True to get NaN instead.",
        )
