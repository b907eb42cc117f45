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
from pathmix._mixture._drawing import Drawing
from pathmix._mixture._errors import check_value_shape
from pathmix._mixture._information import Information
from pathmix._mixture._intervals import Intervals
from pathmix._mixture._leaves import FixedLeaves
from pathmix._mixture._linear import Linear
from pathmix._mixture._members import member
from pathmix._mixture._modes import HighestPoints
from pathmix._mixture._moments import Moments
from pathmix._mixture._nested import taken_apart
from pathmix._mixture._numpyro_names import NumPyroNames
from pathmix._mixture._parts import Parts
from pathmix._mixture._precision import in_own_precision, working
from pathmix._mixture._tails import Tails
from pathmix._outside import numpyro_of
from pathmix._typing import Index, PerComponent, Reals, Value
from pathmix._weights import Weights, weights_of


class MixtureSameFamily(
    FixedLeaves,
    Drawing,
    Tails,
    Moments,
    Parts,
    Linear,
    Information,
    HighestPoints,
    Intervals,
    NumPyroNames,
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
            biased one. Second derivatives need densities without jumps within the mixture's
            support (not Uniform of different ends): ``docs/gradients.md``.
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
