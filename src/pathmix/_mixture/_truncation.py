"""Truncated mixtures, by the mixture's own tails and quantiles."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from pathmix._checks import require
from pathmix._components import bounds, has_atoms, interval
from pathmix._families import sharpen
from pathmix._mixture._derived import Bounded, below_all, nan_where
from pathmix._mixture._errors import check_levels, checked_sample_shape
from pathmix._mixture._intersection import Bounds
from pathmix._mixture._moments_between import truncated_moments
from pathmix._mixture._no_gradient import warn_of_no_gradient
from pathmix._mixture._truncated_quantile import Between, quantile_between
from pathmix._special import log1mexp
from pathmix._typing import Reals, Value
from pathmix._where import where


class TruncatedMixture(Bounded):
    """A mixture's ``X`` given that ``low ≤ X ≤ high``.

    Made by ``mixture.truncate(low, high)``; a NumPyro distribution for sites of models, latent or
    observed. The log density is ``log f(x) − log P(low ≤ X ≤ high)`` between the bounds and −inf
    beyond them. Quantiles and draws are the mixture's own quantiles, in whichever tail is the
    nearer, so that bounds may lie where the mixture has a probability far below the smallest float.
    (A mixture of truncated components is another distribution: there, every component is cut and
    keeps its weight.)

    Draws of a mixture with ``reparameterize=True`` carry pathwise gradients to the bounds, the
    weights and every parameter, those of the quantile of a fixed uniform number; of others they
    carry none. Everything is differentiable to every order, in forward and reverse mode. float32
    resolves the interval as finely as it does the mixture's log tails.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.3, 0.7])), dist.Normal(jnp.array([-1.0, 1.0]))
        ... )
        >>> positive = mixture.truncate(low=0.0)
        >>> print(positive.log_prob(jnp.array([-1.0, 1.0])).round(3))
        [  -inf -0.768]
        >>> positive.sample(jax.random.key(0), (3,)).shape
        (3,)
    """

    _moments = staticmethod(truncated_moments)

    def __init__(self, mixture: Any, low: Any = None, high: Any = None) -> None:
        self._init_bounded(mixture, low, high, "truncate")
        if low is None and high is None:
            return
        name = "high" if self.low is None else "low"
        some = self._log_mass() != -jnp.inf
        text = (
            "expected bounds between which the mixture has a probability above zero for "
            "`truncate(low, high)`, got bounds where it has none. Move them."
        )
        setattr(self, name, require(getattr(self, name), some, text))

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The interval between the bounds, as far as the mixture has density there."""
        low, high = bounds(self.base_dist.support) or (-jnp.inf, jnp.inf)
        with jax.ensure_compile_time_eval():
            low = low if self.low is None else jnp.maximum(low, self.low)
            high = high if self.high is None else jnp.minimum(high, self.high)
            if self.is_discrete:
                low, high = jnp.ceil(low), jnp.floor(high)
            return interval(low, high, is_discrete=self.is_discrete)

    def truncate(self, low: Any = None, high: Any = None) -> "TruncatedMixture":
        """Return the distribution of ``X`` given that it is between these bounds as well.

        It is that of the mixture, truncated to the interval which both pairs of bounds enclose.

        Args:
            low: The lower bound, included; ``None`` for none. Broadcasts against the batch.
            high: The upper bound, included; ``None`` for none.

        Raises:
            ValueError: The bounds are in the wrong order, enclose nothing of what the bounds so far
                enclose, or have probability zero (under jit an error when the program runs).

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> mixture.truncate(low=0.0).truncate(-1.0, 2.0).support
            Interval(lower_bound=0.0, upper_bound=2.0)
        """
        given = Bounds(*(None if t is None else jnp.asarray(t) for t in (low, high)))
        both = given.within(Bounds(self.low, self.high), strict=not self.is_discrete)
        return TruncatedMixture(self.base_dist, *both)

    def log_prob(self, value: Any, intermediates: Any = None) -> Reals:
        """Return ``log f(value) − log P(low ≤ X ≤ high)``, −inf beyond the bounds."""
        del intermediates
        x = self._points(value)
        inside = self._inside(x)
        # beyond the bounds a slope of the density must not count, be it infinite
        log_mass = self._log_mass()
        out = self.base_dist.log_prob(where(inside, x, self._somewhere())) - log_mass
        return nan_where(x + log_mass, where(inside, out, -jnp.inf))

    def log_cdf(self, value: Any) -> Reals:
        """Return ``log P(X ≤ value)``."""
        return self._log_tails(value)[0]

    def log_survival_function(self, value: Any) -> Reals:
        """Return ``log P(X > value)``."""
        return self._log_tails(value)[1]

    def cdf(self, value: Any) -> Reals:
        """Return ``P(X ≤ value)``."""
        return jnp.exp(self.log_cdf(value))

    def icdf(self, q: Any) -> Reals:
        """Return the smallest ``x`` with ``P(X ≤ x) ≥ q``.

        ``q`` broadcasts against the batch; 0 and 1 give the ends of the support, values outside
        [0, 1] NaN. Differentiable in ``q``, the bounds and every parameter (not of discrete ones).
        """
        q = jnp.asarray(q, jnp.result_type(q, self._dtype))
        return self._quantile(jnp.log(q), jnp.log1p(-q))

    def inverse_log_cdf(self, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X ≤ x) ≥ log_q``."""
        log_q = jnp.asarray(log_q, jnp.result_type(log_q, self._dtype))
        return self._quantile(log_q, log1mexp(log_q))

    def inverse_log_survival(self, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X > x) ≤ log_q``."""
        log_q = jnp.asarray(log_q, jnp.result_type(log_q, self._dtype))
        return self._quantile(log1mexp(log_q), log_q)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch``, as quantiles of uniform numbers."""
        if key is None:
            raise ValueError("expected a JAX random key, got None. Pass jax.random.key(seed).")
        shape = (*checked_sample_shape(sample_shape), *self.batch_shape)
        dtype = jnp.promote_types(self._dtype, jnp.float32)
        u = jax.random.uniform(key, shape, dtype)
        u = u + jnp.finfo(dtype).eps / 4  # in the middle of its step: never zero or one
        draw = self._quantile(jnp.log(u), jnp.log1p(-u)).astype(self._dtype)
        if self.is_discrete:
            return lax.stop_gradient(draw).astype(int)
        if self.base_dist.reparameterize:
            return draw
        return warn_of_no_gradient(draw, (self.base_dist._parts, self.low, self.high))

    def rsample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw with pathwise gradients; raises ``NotImplementedError`` unless reparameterized."""
        if not self.has_rsample:
            raise NotImplementedError(
                "expected a truncation of a mixture with reparameterize=True, got "
                "reparameterize=False, whose draws carry no gradient. Use `sample` if none is "
                "needed."
            )
        return self.sample(key, sample_shape)

    @property
    def _dtype(self) -> Any:
        return self.base_dist._components.dtype

    @property
    def _open(self) -> tuple[Any, Any]:
        """The bounds ``a < X ≤ b``."""
        low, high = self._ends
        return below_all(self.base_dist._components, low), high

    def _log_mass(self) -> Reals:
        out: Reals = self.base_dist.log_interval(*self._open)
        return out

    def _somewhere(self) -> Any:
        """A point between the bounds, or a bound."""
        low, high = self._ends
        middle = low + (high - low) / 2
        at = where(jnp.isfinite(low), low, where(jnp.isfinite(high), high, 0.0))
        return lax.stop_gradient(where(jnp.isfinite(middle), middle, at))

    def _log_tails(self, value: Any) -> tuple[Reals, Reals]:
        x, (low, high) = self._points(value), self._ends
        a, b = self._open
        has_masses = self.is_discrete or has_atoms(self.base_dist._components)
        at_end, at_start = x >= high, x < low if has_masses else x <= low
        x_in = where(at_end, high, where(at_start, a, x))
        total = self._log_mass()
        lower = self.base_dist.log_interval(a, x_in) - total
        upper = self.base_dist.log_interval(x_in, b) - total
        lower = where(at_start, -jnp.inf, where(at_end, 0.0, sharpen(lower, upper)))
        upper_ = where(at_start, 0.0, where(at_end, -jnp.inf, sharpen(upper, lower)))
        return nan_where(x, lower), nan_where(x, upper_)

    def _quantile(self, log_q: Any, log_1mq: Any) -> Reals:
        check_levels(log_q.shape, self.batch_shape)
        shape = lax.broadcast_shapes(log_q.shape, self.batch_shape)
        levels = (jnp.broadcast_to(t, shape) for t in (log_q, log_1mq))
        low, high = self._ends
        between = Between(low, high, *levels)
        out: Reals = self.base_dist._of_parts(quantile_between, between)
        return out
