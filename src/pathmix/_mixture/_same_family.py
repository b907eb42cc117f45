"""The mixture of components from one family, a NumPyro distribution."""

import copy
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.batch_util import promote_batch_shape
from numpyro.distributions.constraints import Constraint

from pathmix import _evaluation
from pathmix._checks import require
from pathmix._components import Canonical, canonical, hull
from pathmix._layout import pad_left
from pathmix._mixture._arguments import (
    Checks,
    as_arrays,
    check_arguments,
    check_reparameterizable,
    checked_value,
    resolved_validation,
    validated,
)
from pathmix._mixture._description import describe, describe_html
from pathmix._mixture._errors import check_levels, check_value_shape, checked_sample_shape
from pathmix._mixture._information import Information
from pathmix._mixture._intervals import Intervals
from pathmix._mixture._leaves import FixedLeaves
from pathmix._mixture._linear import Linear
from pathmix._mixture._members import member
from pathmix._mixture._modes import HighestPoints
from pathmix._mixture._nested import taken_apart
from pathmix._mixture._no_gradient import warn_of_no_gradient
from pathmix._mixture._numpyro_names import NumPyroNames
from pathmix._mixture._parts import Parts
from pathmix._mixture._precision import in_own_precision, working
from pathmix._mixture._quantile import inverse_log_cdf, inverse_log_survival, quantile
from pathmix._outside import numpyro_of
from pathmix._pathwise import reparameterized
from pathmix._typing import Index, PerComponent, Reals, Value
from pathmix._weights import Weights, weights_of


class MixtureSameFamily(
    FixedLeaves, Parts, Linear, Information, HighestPoints, Intervals, NumPyroNames
):
    """A finite mixture ``f(x) = Σ_k w_k p_k(x)`` of components from one family.

    Use it wherever a NumPyro distribution goes: as a likelihood or a latent site of a model, as a
    guide, under ``plate``, ``mask``, ``expand``, jit, vmap and grad. Under NumPyro's ``Trace_ELBO``
    a hand-written guide learns only with ``reparameterize=True``: other draws carry no gradient.
    ``pathmix.infer.Stratified_ELBO`` recognises a mixture at a latent site of a guide, and needs
    neither the flag nor draws between separate modes. A censored observation has the log likelihood
    ``jnp.where(event, m.log_prob(x), m.log_survival_function(x))``; see also :meth:`truncate`
    (NumPyro's ``TruncatedDistribution`` does not take a mixture), :meth:`censored`,
    :meth:`quantized`.

    Shapes: a draw is ``*sample *batch *event``. ``components_distribution`` has the batch shape
    ``*batch k``; its rightmost batch axis indexes the components. ``mixture[i]`` is a member of a
    batch. The leaves of the pytree are the weights and the parameters of the components, in an
    order that never changes, so that they can be saved; what ``jax.vmap`` returns is a batch.
    float16 and bfloat16 are computed in float32. A NaN in a value makes its result NaN.

    Args:
        mixture_distribution: A Categorical, by ``probs`` (not necessarily normalised; exact zeros
            are allowed and have exact derivatives) or ``logits`` (−inf allowed), or any
            distribution over the integers 0 … k−1 with an enumerable support. Its batch shape is
            ``()`` or ``*batch``. NumPyro's own validation, where it is on, wants normalised
            ``probs`` and finite ``logits``: pass ``validate_args=False`` to its Categorical.
        components_distribution: Any NumPyro distribution with at least one batch axis. Supports
            may depend on parameters: a component has log density −inf outside its own. A batch of
            mixtures, ``*batch k``, is taken apart: ``num_components`` counts their components.
            Distributions of TFP (on JAX) and Distrax are taken too, for both (``pathmix.interop``).
        reparameterize: Whether draws carry pathwise gradients to the mixture weights and to every
            parameter of every component. Otherwise they carry no gradient at all, rather than a
            biased one.
        validate_args: Whether to check parameters and values, eagerly and under jit; ``None``
            follows ``numpyro.enable_validation``, and warns of values outside the support as
            NumPyro does. Kinds and shapes are always checked.
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

    pytree_data_fields: tuple[str, ...] = ("_mixture", "_components")
    pytree_aux_fields: tuple[str, ...] = (
        "reparameterize",
        "allow_nan_stats",
        "name",
        "_checks",
        "_shared_weights",
    )

    _mixture: Canonical
    """The weights, with as many batch axes as the components."""
    _components: Canonical

    def __init__(
        self,
        mixture_distribution: Any,
        components_distribution: Any,
        reparameterize: bool = False,  # noqa: FBT001, FBT002  (the reference's signature)
        validate_args: bool | None = False,  # noqa: FBT001, FBT002
        allow_nan_stats: bool = True,  # noqa: FBT001, FBT002
        name: str = "MixtureSameFamily",
    ) -> None:
        mixture_distribution = numpyro_of(mixture_distribution)
        components_distribution = numpyro_of(components_distribution)
        check_arguments(mixture_distribution, components_distribution)
        if isinstance(components_distribution, MixtureSameFamily):
            mixture_distribution, components_distribution = taken_apart(
                mixture_distribution,
                components_distribution._weights,
                components_distribution._components,
            )
        if reparameterize:
            check_reparameterizable(components_distribution)
        mixture_distribution = as_arrays(mixture_distribution)
        components_distribution = as_arrays(components_distribution)
        self._checks = resolved_validation(validate_args)
        if self._checks is Checks.RAISE:
            mixture_distribution = validated(mixture_distribution)
            components_distribution = validated(components_distribution)
        self._components = canonical(components_distribution)
        self._shared_weights = len(self._components.own_shape) - 1
        self._shared_weights -= len(mixture_distribution.batch_shape)
        self._mixture = _of_rank(canonical(mixture_distribution), self._components)
        self.reparameterize: bool = reparameterize
        self.allow_nan_stats = allow_nan_stats
        self.name = name
        super().__init__(
            components_distribution.batch_shape[:-1],
            components_distribution.event_shape,
            validate_args=self._checks is Checks.RAISE,
        )

    @classmethod
    def from_numpyro(cls, d: dist.MixtureSameFamily, **options: Any) -> "MixtureSameFamily":
        """Return NumPyro's mixture ``d`` as one of ours, with further ``options`` of the class.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
            >>> theirs = dist.MixtureSameFamily(weights, dist.Normal(jnp.array([-1.0, 1.0])))
            >>> print(MixtureSameFamily.from_numpyro(theirs, reparameterize=True).mean.round(3))
            0.4
        """
        return cls(d.mixing_distribution, d.component_distribution, **options)

    @property
    def mixture_distribution(self) -> Distribution:
        """The distribution of the component's index."""
        if self._shared_weights <= 0 or not self._mixture.selectable:
            return self._mixture.distribution
        shared = self._shared_weights
        return self._mixture.map(lambda p, n: jnp.squeeze(p, _axes(p.ndim - n, shared))).plain

    @property
    def components_distribution(self) -> Distribution:
        """The components, one batched distribution."""
        return self._components.distribution

    @property
    def num_components(self) -> int:
        """The number of components, ``k``."""
        return self._components.own_shape[-1]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The batch shape, that of the arrays: axes which ``jax.vmap`` adds are batch axes."""
        return lax.broadcast_shapes(self._mixture.batch_shape, self._components.batch_shape[:-1])

    @property
    def dtype(self) -> jnp.dtype:
        """The dtype of a draw."""
        draw = jax.eval_shape(self.sample, jax.random.key(0))
        return jnp.dtype(draw.dtype)

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support: the hull of those of the components that have weight."""
        return hull(self.components_distribution, self._weights.present())

    @property
    def is_discrete(self) -> bool:
        """Whether draws are discrete."""
        return self._components.is_discrete

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry pathwise gradients."""
        return self.reparameterize

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch *event``; with gradients if the mixture is reparameterized.

        Costs one index search and one draw from the chosen component per event, whatever ``k``;
        of components whose parameters are not known, one draw from each.

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
        shape = (*checked_sample_shape(sample_shape), *self.batch_shape)
        draw, index = _evaluation.sample(*working(self._parts), key, shape=shape)
        draw = in_own_precision(draw, self._parts)
        if self.reparameterize:
            return self.reparameterize_sample(draw), [index]
        return warn_of_no_gradient(draw, self._parts), [index]

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
        x, parts = self._value(value), working(self._parts)
        return in_own_precision(reparameterized(*parts, working(x)), self._parts, x)

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
        return self._at(_evaluation.log_prob, self._checked(value))

    def component_log_probs(self, value: Any) -> PerComponent:
        """Return the joint ``log w_k + log p_k(value)``, ``*sample *batch k``."""
        return self._at(_evaluation.joint, self._checked(value))

    def posterior_marginal(self, value: Any) -> Distribution:
        """Return the Categorical over components given ``value``, batched ``*sample *batch``.

        It is parameterised (``probs`` or ``logits``) as the mixture distribution is. Where the
        density is zero it is the mixture distribution itself; of a value that is NaN it is NaN.
        """
        return self._at(_evaluation.posterior, self._checked(value))

    def posterior_mode(self, value: Any) -> Index:
        """Return the most probable component of ``value``, ``*sample *batch``; −1 of a NaN.

        Of equally probable ones it is the heaviest, and of equal weights the first. Where the
        density is zero it is the heaviest component.
        """
        return self._at(_evaluation.posterior_mode, self._checked(value))

    def cdf(self, value: Any) -> Reals:
        """Return ``P(X ≤ value)``, jointly over a factorised vector event."""
        return self._at(_evaluation.cdf, self._value(value))

    def log_cdf(self, value: Any) -> Reals:
        """Return ``log P(X ≤ value)``, jointly over a factorised vector event."""
        return self._at(_evaluation.log_cdf, self._value(value))

    def log_survival_function(self, value: Any) -> Reals:
        """Return ``log P(X > value)`` of a scalar mixture, from the components' own survivals."""
        self._require_scalar("log_survival_function")
        return self._at(_evaluation.log_survival, self._value(value))

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
        return self._inverse(quantile, q)

    def inverse_log_cdf(self, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X ≤ x) ≥ log_q`` of a scalar mixture.

        For probabilities too small for a float; as :meth:`icdf` otherwise. −inf and 0 give the
        ends of the support, values above 0 NaN. The derivative in ``log_q`` is ``F/f``.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> print(f"{mixture.inverse_log_cdf(-500.0):.2f}")
            -31.49
        """
        self._require_scalar("inverse_log_cdf")
        return self._inverse(inverse_log_cdf, log_q)

    def inverse_log_survival(self, log_q: Any) -> Reals:
        """Return the smallest ``x`` with ``log P(X > x) ≤ log_q`` of a scalar mixture.

        The quantile in the upper tail, where ``icdf(1 − q)`` rounds to the end of the support.
        −inf and 0 give the upper and the lower end, values above 0 NaN. The derivative in
        ``log_q`` is ``−(1 − F)/f``.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.zeros(2))
            ... )
            >>> print(f"{mixture.inverse_log_survival(jnp.log(1e-20)):.3f}")
            9.262
        """
        self._require_scalar("inverse_log_survival")
        return self._inverse(inverse_log_survival, log_q)

    @property
    def mean(self) -> Reals:
        """The mean, ``*batch *event``; of circular components the mean direction."""
        return self._statistic("mean", _evaluation.mean)

    @property
    def variance(self) -> Reals:
        """The elementwise variance, ``*batch *event``; of circular components the circular one."""
        return self._statistic("variance", _evaluation.variance)

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
        return self._statistic("covariance", _evaluation.covariance)

    def expand(self, batch_shape: Sequence[int]) -> "MixtureSameFamily":
        """Return the mixture with its batch broadcast to ``batch_shape``."""
        shape = tuple(batch_shape)
        lax.broadcast_shapes(self.batch_shape, shape)
        components = self._components.expand((*shape, self.num_components))
        if self._shared_weights < len(self.batch_shape):
            return self._with(self._mixture.expand(shape), components)
        new = self._with(_of_rank(self._mixture, components), components)
        new._shared_weights = len(shape)
        return new

    def __getitem__(self, index: Any) -> "MixtureSameFamily":
        """Return members of a batch of mixtures: ``index`` is applied to the batch axes.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> batch = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])), dist.Normal(jnp.zeros((5, 2)))
            ... )
            >>> batch[0].batch_shape, batch[1:].batch_shape, batch[..., -1].batch_shape
            ((), (4,), ())
        """
        new = self._with(*member(self._mixture, self._components, self.batch_shape, index))
        new._shared_weights = 0
        return new

    def __repr__(self) -> str:
        return describe(self)

    def _repr_html_(self) -> str:
        return describe_html(self)

    def _with(self, mixture: Canonical, components: Canonical) -> "MixtureSameFamily":
        """The same mixture of other, already validated, parts."""
        new = copy.copy(self)
        new._mixture, new._components = mixture, components
        return new

    def _of_kind(self, components: Canonical) -> "MixtureSameFamily":
        """A copy, to be given these components of another event."""
        del components
        return copy.copy(self)

    @property
    def _weights(self) -> Weights:
        return weights_of(self._mixture.plain, self.num_components)

    @property
    def _parts(self) -> tuple[Weights, Canonical]:
        return self._weights, self._components

    def _at(self, fn: Any, x: Value) -> Any:
        """A function of weights, components and values, in the precision that they came in."""
        return in_own_precision(fn(*working(self._parts), working(x)), self._parts, x)

    def _inverse(self, fn: Any, q: Any) -> Reals:
        q = jnp.asarray(q, jnp.result_type(q, jnp.zeros((), self._components.dtype)))
        check_levels(q.shape, self.batch_shape)
        q = jnp.broadcast_to(q, lax.broadcast_shapes(q.shape, self.batch_shape))
        return self._at(fn, q)

    def _checked(self, value: Any) -> Value:
        x = self._value(value)
        return x if self._checks is Checks.NONE else checked_value(x, self.support, self._checks)

    def _value(self, value: Any) -> Value:
        """``value`` as an array ``*sample *batch *event`` of real numbers.

        Only a family that may index a table by it is given integers.
        """
        x = jnp.asarray(value)
        check_value_shape(x.shape, self.batch_shape, self.event_shape)
        x = jnp.broadcast_to(x, lax.broadcast_shapes(x.shape, self.shape()))
        if jnp.issubdtype(x.dtype, jnp.floating) or not self._components.family_is_known:
            return x
        return x.astype(jnp.result_type(float))

    def _require_scalar(self, name: str) -> None:
        if self.event_shape:
            raise NotImplementedError(
                f"expected scalar events for `{name}`, got event shape {self.event_shape}. "
                "For a factorised event `cdf` gives the joint probability."
            )

    def _statistic(self, name: str, moment: Any) -> Reals:
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


def _of_rank(mixture: Canonical, components: Canonical) -> Canonical:
    """The weights with as many batch axes as the components."""
    if not mixture.selectable or not components.selectable:
        return mixture
    rank = len(components.own_shape) - 1
    return mixture.map(lambda p, n: pad_left(p, rank + n))


def _axes(end: int, count: int) -> tuple[int, ...]:
    """The last ``count`` axes before ``end``."""
    return tuple(range(end - count, end))


@promote_batch_shape.register
def _promote(d: MixtureSameFamily) -> MixtureSameFamily:
    """The batch shape is that of the arrays already."""
    return d
