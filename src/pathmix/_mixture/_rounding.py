"""Mixtures whose values were rounded: the likelihood of quantised data."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from pathmix._checks import require
from pathmix._mixture._derived import Derived
from pathmix._typing import Reals, Value


class QuantizedMixture(Derived):
    """A mixture whose values were rounded to the nearest multiples of ``width``.

    Made by ``mixture.quantized(width)``, to be used as the likelihood of a NumPyro model. The log
    probability of ``x`` is ``log P(x − width/2 < X ≤ x + width/2)`` under the mixture, whether
    ``x`` is on the grid or not; probabilities of the grid ``width · (0, ±1, ±2, …)`` add up to one.
    Draws are rounded; they carry no gradient.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.array([-3.0, 3.0]))
        ... )
        >>> print(mixture.quantized(0.5).log_prob(3.0).round(3))
        -2.316
    """

    pytree_data_fields = ("width",)

    width: Array

    def __init__(self, mixture: Any, width: Any) -> None:
        self._init_from(mixture, width=width)
        positive = (self.width > 0) & jnp.isfinite(self.width)
        text = "expected a finite width > 0 for `quantized(width)`, got another one."
        self.width = require(self.width, positive | jnp.isnan(self.width), text)

    @constraints.dependent_property
    def support(self) -> Constraint:
        """All real numbers: values that are not on the grid are rounded data, too."""
        return constraints.real

    @property
    def is_discrete(self) -> bool:
        """Draws are real numbers on a grid; for inference, data."""
        return False

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch`` on the grid."""
        draw = lax.stop_gradient(self.base_dist.sample(key, sample_shape))
        width = lax.stop_gradient(self.width)
        return jnp.ceil(draw / width - 0.5) * width

    def log_prob(self, value: Any, intermediates: Any = None) -> Reals:
        """Return the log probability of all that is rounded to ``value``."""
        del intermediates
        x, half = self._points(value), self.width / 2
        width = jnp.broadcast_to(self.width, x.shape)
        out: Reals = self.base_dist._log_interval(x - half, x + half, width)
        return out
