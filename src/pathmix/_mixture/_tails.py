"""Distribution functions of mixtures, and their inverses."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._mixture._errors import check_levels
from pathmix._mixture._quantile import inverse_log_cdf, inverse_log_survival, quantile
from pathmix._typing import Reals


class Tails(Distribution):
    """Methods of mixtures that rest on ``P(X ≤ x)``."""

    def cdf(self: Any, value: Any) -> Reals:
        """Return ``P(X ≤ value)``, jointly over a factorised vector event."""
        return self._at(_evaluation.cdf, self._value(value))

    def log_cdf(self: Any, value: Any) -> Reals:
        """Return ``log P(X ≤ value)``, jointly over a factorised vector event."""
        return self._at(_evaluation.log_cdf, self._value(value))

    def log_survival_function(self: Any, value: Any) -> Reals:
        """Return ``log P(X > value)`` of a scalar mixture, from the components' own survivals."""
        self._require_scalar("log_survival_function")
        return self._at(_evaluation.log_survival, self._value(value))

    def icdf(self: Any, q: Any) -> Reals:
        """Return the smallest ``x`` with ``P(X ≤ x) ≥ q`` of a scalar mixture.

        ``q`` broadcasts against the batch; 0 and 1 give the ends of the support, values outside
        [0, 1] NaN. Discrete quantiles are returned as floats, since they may be infinite. The
        derivatives in ``q`` and in every parameter are those of the implicit function (zero for
        discrete mixtures).

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
            ...     dist.Normal(jnp.array([-3.0, 3.0])),
            ... )
            >>> print(f"{mixture.icdf(mixture.cdf(2.5)):.3f}")
            2.500
        """
        self._require_scalar("icdf")
        return self._inverse(quantile, q)

    def inverse_log_cdf(self: Any, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X ≤ x) ≥ log_q`` of a scalar mixture.

        For probabilities too small for a float; as :meth:`icdf` otherwise. −inf and 0 give the
        ends of the support, values above 0 NaN. The derivative in ``log_q`` is ``F/f``.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> print(f"{mixture.inverse_log_cdf(-500.0):.2f}")
            -31.49
        """
        self._require_scalar("inverse_log_cdf")
        return self._inverse(inverse_log_cdf, log_q)

    def inverse_log_survival(self: Any, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X > x) ≤ log_q`` of a scalar mixture.

        The quantile in the upper tail, where ``icdf(1 − q)`` rounds to the end of the support.
        −inf and 0 give the upper and the lower end, values above 0 NaN. The derivative in
        ``log_q`` is ``−(1 − F)/f``.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> print(f"{mixture.inverse_log_survival(jnp.log(1e-20)):.3f}")
            9.262
        """
        self._require_scalar("inverse_log_survival")
        return self._inverse(inverse_log_survival, log_q)

    def _inverse(self: Any, fn: Any, q: Any) -> Reals:
        q = jnp.asarray(q, jnp.result_type(q, jnp.zeros((), self._components.dtype)))
        check_levels(q.shape, self.batch_shape)
        q = jnp.broadcast_to(q, lax.broadcast_shapes(q.shape, self.batch_shape))
        return self._at(fn, q)
