"""Probabilities of intervals, and what is made of them: rounded, truncated, censored mixtures."""

from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._checks import require
from pathmix._mixture._censoring import CensoredMixture
from pathmix._mixture._precision import in_own_precision, working
from pathmix._mixture._rounding import QuantizedMixture
from pathmix._mixture._truncation import TruncatedMixture
from pathmix._typing import Reals
from pathmix._where import where


class Intervals(Distribution):
    """Methods of scalar mixtures that rest on ``log P(a < X ≤ b)``."""

    def log_interval(self: Any, a: Any, b: Any) -> Reals:
        """Return ``log P(a < X ≤ b)`` of a scalar mixture, accurate in both tails.

        Of each component it is the difference of the cdf or of the survival, whichever are the
        smaller there; of a narrow interval the integral of the density. So probabilities far below
        the smallest float, and those of intervals of a few units in the last place, keep their
        digits. It is differentiable in the bounds and in every parameter.

        Args:
            a: Lower bounds, excluded; they broadcast against ``b`` and the batch. −inf allowed.
            b: Upper bounds, included; inf allowed. Where ``a == b`` the result is −inf.

        Raises:
            ValueError: An ``a`` is above its ``b`` (under jit an error when the program runs).
            NotImplementedError: Events are no scalars, or the family has no log tails.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
            ...     dist.Logistic(jnp.array([10.0, 200.0]), jnp.array([3.0, 2.0])),
            ... )
            >>> print(mixture.log_interval(115.5, 116.5).round(2))
            -37.12
        """
        self._require_scalar("log_interval")
        a, b = jnp.broadcast_arrays(jnp.asarray(a), jnp.asarray(b))
        a, b = self._value(a), self._value(b)
        a = require(a, ~(a > b), "expected a ≤ b for `log_interval(a, b)`, got a > b. Swap them.")
        bounded = jnp.isfinite(a) & jnp.isfinite(b)
        return self._log_interval(a, b, where(bounded, b, 0.0) - where(bounded, a, 0.0))

    def _log_interval(self: Any, a: Reals, b: Reals, width: Reals) -> Reals:
        """The same of an interval whose width is known by itself."""
        bounds = (a, b, width)
        out: Reals = self._of_parts(lambda w, c, t: _evaluation.log_interval(w, c, *t), bounds)
        return out

    def _of_parts(self: Any, fn: Any, arguments: Any) -> Any:
        """A function of the mixture's parts and further arrays, in the precision they came in."""
        weights, components = working(self._parts)
        out = fn(weights, components, working(arguments))
        return in_own_precision(out, self._parts, arguments)

    def quantized(self: Any, width: Any) -> QuantizedMixture:
        """Return the distribution of values that were rounded to multiples of ``width``.

        ``log P(x − width/2 < X ≤ x + width/2)`` is the log likelihood of a value ``x`` that a ruler
        with marks ``width`` apart has given. Where a density would grow without bound on repeated
        values, this does not exceed one.

        Args:
            width: The distance of the marks, positive; broadcasts against the batch.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> p = jnp.exp(mixture.quantized(1.0).log_prob(jnp.arange(2.0)))
            >>> print(f"{p[0]:.3f} {p[1]:.3f}")
            0.383 0.242
        """
        self._require_scalar("quantized")
        return QuantizedMixture(self, width)

    def truncate(self: Any, low: Any = None, high: Any = None) -> TruncatedMixture:
        """Return the distribution of ``X`` given ``low ≤ X ≤ high``, of a scalar mixture.

        See :class:`TruncatedMixture`.

        Args:
            low: The lower bound, included; ``None`` for none. Broadcasts against the batch.
            high: The upper bound, included; ``None`` for none.

        Raises:
            ValueError: The bounds are in the wrong order, or the interval has probability zero
                (under jit an error when the program runs).
            NotImplementedError: Events are no scalars, or the family has no log tails.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> print(mixture.truncate(30.0, 31.0).icdf(0.5).round(3))
            30.023
        """
        self._require_scalar("truncate")
        return TruncatedMixture(self, low, high)

    def censored(self: Any, low: Any = None, high: Any = None) -> CensoredMixture:
        """Return the distribution of what is seen of ``X`` by an instrument that ends somewhere.

        A value of ``low`` says "at most low", one of ``high`` "at least high". See
        :class:`CensoredMixture`.

        Args:
            low: The lower end, ``None`` for none. Broadcasts against the batch.
            high: The upper end, ``None`` for none.

        Raises:
            ValueError: The ends are in the wrong order (under jit an error when the program runs).
            NotImplementedError: Events are no scalars, or the family has no log tails.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Exponential(jnp.ones(2))
            ... )
            >>> print(mixture.censored(high=3.0).log_prob(jnp.array([1.0, 3.0, 5.0])))
            [-1. -3. -3.]
        """
        self._require_scalar("censored")
        return CensoredMixture(self, low, high)
