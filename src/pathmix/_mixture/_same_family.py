"""The mixture of components from one family, a NumPyro distribution."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.batch_util import promote_batch_shape
from numpyro.distributions.constraints import Constraint

from pathmix._checks import require
from pathmix._families import Family, family, hull
from pathmix._families._blocks import component_terms
from pathmix._families._rows import can_select
from pathmix._mixture import _moments
from pathmix._mixture._arguments import (
    as_arrays,
    check_arguments,
    check_reparameterizable,
    validated,
)
from pathmix._mixture._density import log_density
from pathmix._mixture._quantile import quantile
from pathmix._mixture._sampling import draw_index
from pathmix._pathwise import attach
from pathmix._typing import Index, PerComponent, Reals, Value
from pathmix._weights import Weights, weights_of


class MixtureSameFamily(Distribution):
    """A finite mixture ``f(x) = Σ_k w_k p_k(x)`` of components from one family.

    Use it wherever a NumPyro distribution goes: as a likelihood or a latent site of a model, as a
    guide, under ``plate``, ``mask``, ``expand``, jit, vmap and grad.

    Shapes: a draw is ``*sample *batch *event``. ``components_distribution`` has the batch shape
    ``*batch k``; its rightmost batch axis indexes the components.

    Args:
        mixture_distribution: A Categorical, by ``probs`` (not necessarily normalised; exact zeros
            are allowed and have exact derivatives) or ``logits`` (−inf allowed), or any
            distribution over the integers 0 … k−1 with an enumerable support. Its batch shape is
            ``()`` or ``*batch``.
        components_distribution: Any NumPyro distribution with at least one batch axis. Supports
            may depend on parameters: a component has log density −inf outside its own.
        reparameterize: Whether draws carry pathwise gradients to the mixture weights and to every
            parameter of every component. Otherwise they carry no gradient at all, rather than a
            biased one.
        validate_args: Whether to check parameters and values, eagerly and under jit. Kinds and
            shapes are always checked.
        allow_nan_stats: Whether an undefined statistic is NaN (the default) or an error.
        name: A name for the distribution.

    Raises:
        TypeError: An argument is no distribution.
        ValueError: The two distributions do not fit together, or, with ``validate_args``, a
            parameter or value is invalid (under jit: ``equinox.EquinoxRuntimeError``).
        NotImplementedError: ``reparameterize=True`` with a family whose pathwise gradients are
            not known.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
        ...     dist.Normal(loc=jnp.array([-1.0, 1.0]), scale=jnp.array([0.1, 0.5])),
        ... )
        >>> print(f"{mixture.mean:.3f} {mixture.variance:.3f}")
        0.400 1.018
    """

    pytree_data_fields = ("mixture_distribution", "components_distribution")
    pytree_aux_fields = ("reparameterize", "allow_nan_stats", "name")

    def __init__(
        self,
        mixture_distribution: Distribution,
        components_distribution: Distribution,
        reparameterize: bool = False,  # noqa: FBT001, FBT002  (the reference's signature)
        validate_args: bool = False,  # noqa: FBT001, FBT002
        allow_nan_stats: bool = True,  # noqa: FBT001, FBT002
        name: str = "MixtureSameFamily",
    ) -> None:
        check_arguments(mixture_distribution, components_distribution)
        if reparameterize:
            check_reparameterizable(components_distribution)
        mixture_distribution = as_arrays(mixture_distribution)
        components_distribution = as_arrays(components_distribution)
        if validate_args:
            mixture_distribution = validated(mixture_distribution)
            components_distribution = validated(components_distribution)
        self.mixture_distribution = mixture_distribution
        self.components_distribution = components_distribution
        self.reparameterize: bool = reparameterize
        self.allow_nan_stats = allow_nan_stats
        self.name = name
        super().__init__(
            components_distribution.batch_shape[:-1],
            components_distribution.event_shape,
            validate_args=validate_args,
        )

    @property
    def num_components(self) -> int:
        """The number of components, ``k``."""
        return self.components_distribution.batch_shape[-1]

    @property
    def dtype(self) -> jnp.dtype:
        """The dtype of a draw."""
        draw = jax.eval_shape(self.components_distribution.sample, jax.random.key(0))
        return jnp.dtype(draw.dtype)

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support: the hull of those of the components that have weight."""
        return hull(self.components_distribution, self._weights.values() > 0)

    @property
    def is_discrete(self) -> bool:
        """Whether draws are discrete."""
        return self.components_distribution.is_discrete

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry pathwise gradients."""
        return self.reparameterize

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch *event``; with gradients if the mixture is reparameterized.

        Costs one index search and one draw from the chosen component per event, whatever ``k``.

        Example:
            >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.Normal(jnp.array([-9.0, 9.0])),
            ... )
            >>> mixture.sample(jax.random.key(0), (1000,)).shape
            (1000,)
        """
        return self.sample_with_intermediates(key, sample_shape)[0]

    def sample_with_intermediates(
        self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()
    ) -> tuple[Value, list[Any]]:
        """Draw as :meth:`sample`; also return ``[index]``, the component of each draw."""
        if key is None:
            raise ValueError("expected a JAX random key, got None. Pass jax.random.key(seed).")
        key_index, key_draw = jax.random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        index = draw_index(key_index, self._weights, shape)
        draw = self._family.draw(self.components_distribution, index, key_draw)
        draw = lax.stop_gradient(draw)
        return (self.reparameterize_sample(draw) if self.reparameterize else draw), [index]

    def reparameterize_sample(self, value: Any) -> Value:
        """Return ``value`` itself, carrying the pathwise gradients of a draw at that point.

        The gradient of component parameters is ``Σ_k r_k v_k``, the components' own velocities
        weighted by their responsibilities; that of the weights moves the coordinates in turn by
        their conditional distributions (Figurnov et al. 2018; Graves 2016). Any derivative that
        ``value`` has of its own passes through. To every order, in forward and reverse mode; see
        ``docs/gradients.md`` for the formulas and their limits.

        Raises:
            ValueError: The components are discrete, or ``value`` has the wrong shape.
            NotImplementedError: Their family's pathwise gradients are not known.

        Example:
            >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
            >>> def draw(logits):
            ...     mixture = MixtureSameFamily(
            ...         dist.Categorical(logits=logits), dist.Normal(jnp.array([-1.0, 1.0]), 0.5)
            ...     )
            ...     return mixture.reparameterize_sample(0.2)
            >>> print(jax.grad(draw)(jnp.zeros(2)).round(3))
            [-1.757  1.757]
        """
        check_reparameterizable(self.components_distribution)
        x = self._as_value(value)
        x = jnp.broadcast_to(x, lax.broadcast_shapes(x.shape, self.shape()))
        return attach(self._weights, self.components_distribution, x)

    def rsample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw with pathwise gradients; raises ``NotImplementedError`` unless reparameterized."""
        if not self.reparameterize:
            raise NotImplementedError(
                "expected a mixture with reparameterize=True, got reparameterize=False, whose "
                "draws carry no gradient. Use `sample` if none is needed."
            )
        return self.sample(key, sample_shape)

    def log_prob(self, value: Any, intermediates: list[Any] | None = None) -> Reals:
        """Return ``log Σ_k w_k p_k(value)``, ``*sample *batch``; −inf outside the support."""
        del intermediates
        if not can_select(self.components_distribution):
            return self._weights.mix(self._component_terms(value))
        return log_density(self._weights, self.components_distribution, self._spread(value))

    def component_log_probs(self, value: Any) -> PerComponent:
        """Return the joint ``log w_k + log p_k(value)``, ``*sample *batch k``."""
        terms = self._component_terms(value)
        log_w = self._weights.log()
        return jnp.where(log_w == -jnp.inf, -jnp.inf, log_w + terms)

    def posterior_marginal(self, value: Any) -> Distribution:
        """Return the Categorical over components given ``value``, batched ``*sample *batch``.

        It is parameterised (``probs`` or ``logits``) as the mixture distribution is. Where the
        density is zero it is the mixture distribution itself.
        """
        return self._weights.posterior(self._component_terms(value))

    def posterior_mode(self, value: Any) -> Index:
        """Return the most probable component of ``value``, ``*sample *batch``."""
        posterior = self.posterior_marginal(value)
        return jnp.argmax(posterior.probs, axis=-1)

    def cdf(self, value: Any) -> Reals:
        """Return ``P(X ≤ value)``, jointly over a factorised vector event."""
        if self.event_shape:
            return jnp.exp(self.log_cdf(value))
        terms = self._family.cdf(self.components_distribution, self._with_k_axis(value))
        w = self._weights.values()
        terms = jnp.where((w == 0) & ~jnp.isfinite(terms), 0.0, terms)
        total = jnp.sum(w * terms, axis=-1)
        return total - lax.stop_gradient(jnp.maximum(total - 1, 0.0))  # what rounding has added

    def log_cdf(self, value: Any) -> Reals:
        """Return ``log P(X ≤ value)``, jointly over a factorised vector event."""
        x = self._with_k_axis(value)
        terms = self._family.log_cdf(self.components_distribution, x)
        return self._weights.mix(self._per_component(jnp.sum(terms, axis=self._event_axes)))

    def log_survival_function(self, value: Any) -> Reals:
        """Return ``log P(X > value)`` of a scalar mixture, from the components' own survivals."""
        self._require_scalar("log_survival_function")
        x = self._with_k_axis(value)
        terms = self._family.log_survival(self.components_distribution, x)
        return self._weights.mix(self._per_component(terms))

    def icdf(self, q: Any) -> Reals:
        """Return the smallest ``x`` with ``P(X ≤ x) ≥ q`` of a scalar mixture.

        ``q`` broadcasts against the batch; 0 and 1 give the ends of the support, values outside
        [0, 1] NaN. Discrete quantiles are returned as floats, since they may be infinite. The
        derivatives in ``q`` and in every parameter are those of the implicit function (zero for
        discrete mixtures).

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
            ...     dist.Normal(jnp.array([-3.0, 3.0])),
            ... )
            >>> print(f"{mixture.icdf(mixture.cdf(2.5)):.3f}")
            2.500
        """
        self._require_scalar("icdf")
        leaves = jax.tree.leaves(self.components_distribution)
        floats = [leaf for leaf in leaves if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]
        dtype = jnp.result_type(*floats) if floats else jnp.result_type(float)
        q = jnp.asarray(q, jnp.result_type(q, jnp.zeros((), dtype)))
        return quantile(self._weights, self.components_distribution, q)

    @property
    def mean(self) -> Reals:
        """The mean, ``*batch *event``; of circular components the mean direction."""
        return self._statistic("mean", _moments.mean(self._weights, self.components_distribution))

    @property
    def variance(self) -> Reals:
        """The elementwise variance, ``*batch *event``; of circular components the circular one."""
        value = _moments.variance(self._weights, self.components_distribution)
        return self._statistic("variance", value)

    @property
    def stddev(self) -> Reals:
        """The elementwise standard deviation, ``*batch *event``."""
        return jnp.sqrt(self.variance)

    @property
    def covariance(self) -> Reals:
        """The covariance matrix of a vector event, ``*batch event event``."""
        if len(self.event_shape) != 1:
            raise NotImplementedError(
                f"expected vector events for `covariance`, got event shape {self.event_shape}. "
                "Use `variance`."
            )
        value = _moments.covariance(self._weights, self.components_distribution)
        return self._statistic("covariance", value)

    def expand(self, batch_shape: Sequence[int]) -> "MixtureSameFamily":
        """Return the mixture with its batch broadcast to ``batch_shape``."""
        batch_shape = tuple(batch_shape)
        mixture = self.mixture_distribution
        if mixture.batch_shape:
            mixture = mixture.expand(batch_shape)
        components = self.components_distribution.expand((*batch_shape, self.num_components))
        return self._replace(mixture, components)

    def _replace(self, mixture: Distribution, components: Distribution) -> "MixtureSameFamily":
        """The same mixture of other, already validated, distributions."""
        new = type(self)(
            mixture,
            components,
            self.reparameterize,
            allow_nan_stats=self.allow_nan_stats,
            name=self.name,
        )
        new._validate_args = self._validate_args
        return new

    @property
    def _weights(self) -> Weights:
        return weights_of(self.mixture_distribution, self.num_components)

    @property
    def _family(self) -> Family:
        return family(self.components_distribution)

    @property
    def _event_axes(self) -> tuple[int, ...]:
        return tuple(range(-self.event_dim, 0))

    def _component_terms(self, value: Any) -> PerComponent:
        if self.event_shape and can_select(self.components_distribution):
            return component_terms(self.components_distribution, self._spread(value))
        x = self._checked(value)
        x = jnp.expand_dims(x, x.ndim - self.event_dim)
        return self._per_component(self._family.log_prob(self.components_distribution, x))

    def _spread(self, value: Any) -> Value:
        """``value`` as a float array, checked, ``*sample *batch *event``."""
        x = self._checked(value)
        return jnp.broadcast_to(x, lax.broadcast_shapes(x.shape, self.shape()))

    def _per_component(self, terms: Reals) -> PerComponent:
        shape = lax.broadcast_shapes(terms.shape, self.components_distribution.batch_shape)
        return jnp.broadcast_to(terms, shape)

    def _with_k_axis(self, value: Any) -> Value:
        """``value`` as a float array with an axis of size one for the components."""
        x = self._as_value(value)
        return jnp.expand_dims(x, x.ndim - self.event_dim)

    def _checked(self, value: Any) -> Value:
        x = self._as_value(value)
        if not self._validate_args:
            return x
        message = f"expected values in the support {self.support!r} of the mixture"
        return require(x, jnp.all(self.support(x)), message + ", got values outside it.")

    def _as_value(self, value: Any) -> Value:
        """``value`` as a float array of a fitting shape."""
        x = jnp.asarray(value)
        self._check_shape(x.shape)
        return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        cut = len(shape) - self.event_dim
        try:
            if shape[max(cut, 0) :] != self.event_shape:
                raise ValueError
            lax.broadcast_shapes(shape[:cut], self.batch_shape)
        except ValueError:
            raise ValueError(
                "expected a value of shape (*sample, *batch, *event) with batch shape "
                f"{self.batch_shape} and event shape {self.event_shape}, got shape {shape}."
            ) from None

    def _require_scalar(self, name: str) -> None:
        if self.event_shape:
            raise NotImplementedError(
                f"expected scalar events for `{name}`, got event shape {self.event_shape}. "
                "For a factorised event `cdf` gives the joint probability."
            )

    def _statistic(self, name: str, value: Reals) -> Reals:
        if self.allow_nan_stats:
            return value
        return require(
            value,
            ~jnp.isnan(value),
            f"expected a defined {name}, got NaN from "
            f"{type(self.components_distribution).__name__} components of non-zero weight. "
            "Pass allow_nan_stats=True to get NaN instead.",
        )


@promote_batch_shape.register
def _promote(d: MixtureSameFamily) -> MixtureSameFamily:
    """Make the batch shape that of the arrays, to which vmap or scan has prepended axes."""
    mixture = promote_batch_shape(d.mixture_distribution)
    components = promote_batch_shape(d.components_distribution)
    batch_shape = lax.broadcast_shapes(mixture.batch_shape, components.batch_shape[:-1])
    if mixture.batch_shape:
        mixture = mixture.expand(batch_shape)
    return d._replace(mixture, components.expand((*batch_shape, d.num_components)))
