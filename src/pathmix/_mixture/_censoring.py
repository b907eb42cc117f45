"""Censored mixtures: values beyond the ends of an instrument are seen as those ends."""

from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from pathmix._components import bounds, interval
from pathmix._mixture._derived import Bounded, below_all, nan_where
from pathmix._mixture._moments_between import censored_moments
from pathmix._typing import Reals, Value
from pathmix._where import where


class CensoredMixture(Bounded):
    """What is seen of a mixture's ``X`` by an instrument that ends at ``low`` and ``high``.

    Made by ``mixture.censored(low, high)``, to be used as the likelihood of a NumPyro model. A
    value at or below ``low`` means "at most low", with log probability ``log P(X ≤ low)``; one at
    or above ``high`` means "at least high", with ``log P(X ≥ high)``; one between them has the log
    density of the mixture. (So a log density is with respect to the Lebesgue measure and a point
    mass at either end.) Draws are those of the mixture, clipped, with its pathwise gradients if it
    is reparameterized. Everything is differentiable in the bounds and in every parameter. Bounds of
    counts are whole numbers.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.3, 0.7])), dist.Normal(jnp.array([-1.0, 1.0]))
        ... )
        >>> seen = mixture.censored(low=0.0).log_prob(jnp.array([0.0, 2.0]))
        >>> print(f"{seen[0]:.3f} {seen[1]:.3f}")
        -1.012 -1.768
    """

    _moments = staticmethod(censored_moments)

    def __init__(self, mixture: Any, low: Any = None, high: Any = None) -> None:
        self._init_bounded(mixture, low, high, "censored")

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support of the mixture, clipped to the ends."""
        ends = bounds(self.base_dist.support) or (-jnp.inf, jnp.inf)
        with jax.ensure_compile_time_eval():
            clipped = (jnp.clip(end, self.low, self.high) for end in ends)
            return interval(*clipped, is_discrete=self.is_discrete)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch``, clipped to the ends."""
        draw = self.base_dist.sample(key, sample_shape)
        for end, beyond in ((self.low, jnp.less), (self.high, jnp.greater)):
            if end is not None:  # not by minima, whose slope at a tie is one half
                draw = where(beyond(draw, end), end.astype(draw.dtype), draw)
        return draw

    def log_prob(self, value: Any, intermediates: Any = None) -> Reals:
        """Return the log density inside and the log tails at and beyond the ends."""
        del intermediates
        x, (low, high) = self._points(value), self._ends
        out = self.base_dist.log_prob(x)
        if self.high is not None:
            at_least = below_all(self.base_dist._components, high)
            out = where(x >= high, self.base_dist.log_survival_function(at_least), out)
        if self.low is not None:
            out = where(x <= low, self.base_dist.log_cdf(low), out)
        return nan_where(x, out)

    def cdf(self, value: Any) -> Reals:
        """Return ``P(seen ≤ value)``."""
        x, (low, high) = self._points(value), self._ends
        return nan_where(x, where(x < low, 0.0, where(x >= high, 1.0, self.base_dist.cdf(x))))
