"""The names of NumPyro's mixture, and what its distributions may be asked but a mixture lacks."""

from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._mixture._errors import no_enumeration
from pathmix._typing import Reals, Value


class NumPyroNames(Distribution):
    """Read-only aliases, so that code written for NumPyro's class runs on ours."""

    @property
    def mixing_distribution(self: Any) -> Distribution:
        """NumPyro's name of :attr:`mixture_distribution`."""
        return self.mixture_distribution

    @property
    def component_distribution(self: Any) -> Distribution:
        """NumPyro's name of :attr:`components_distribution`."""
        return self.components_distribution

    @property
    def mixture_size(self: Any) -> int:
        """NumPyro's name of :attr:`num_components`."""
        return self.num_components

    @property
    def mixture_dim(self) -> int:
        """The axis of the components, counted from the end of a draw of all components."""
        return -self.event_dim - 1

    @property
    def component_mean(self: Any) -> Reals:
        """The means of the components, ``*batch k *event``."""
        return self.components_distribution.mean

    @property
    def component_variance(self: Any) -> Reals:
        """The elementwise variances of the components, ``*batch k *event``."""
        return self.components_distribution.variance

    def component_cdf(self: Any, samples: Any) -> Reals:
        """Return the cdfs of the components, ``*sample *batch k``."""
        return self.components_distribution.cdf(jnp.expand_dims(samples, self.mixture_dim))

    def component_sample(self: Any, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw from every component, ``*sample *batch k *event``."""
        return jnp.asarray(self.components_distribution.sample(key, sample_shape))

    def enumerate_support(self, expand: bool = True) -> Value:  # noqa: FBT001, FBT002
        """Not offered: raises ``NotImplementedError``."""
        raise no_enumeration(is_discrete=self.is_discrete)
