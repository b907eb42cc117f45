"""The mixture of components that may be of several families, a NumPyro distribution."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import Distribution, ExpandedDistribution, constraints
from numpyro.distributions.constraints import Constraint

from pathmix._components import (
    Canonical,
    Which,
    as_joined,
    grouped,
    joined,
    members,
    split,
    which_of,
    with_axis,
)
from pathmix._mixture._listed import checked_list
from pathmix._mixture._nested import Numbers, Times, weights_within
from pathmix._mixture._same_family import MixtureSameFamily
from pathmix._outside import numpyro_of


class Mixture(MixtureSameFamily):
    """A finite mixture ``f(x) = Σ_k w_k p_k(x)`` of a list of components, of any families.

    A normal and a Student t make a likelihood that outliers do not move; a normal and a gamma one
    with two supports: outside of its own a component has density zero. Everything that
    :class:`MixtureSameFamily` does is done here, by the functions of each family: densities, both
    tails, quantiles, moments, posteriors, draws. Components of one family are worked out together.

    Components that are mixtures themselves are taken apart: ``num_components`` counts theirs, and
    so do posteriors. A hurdle over a density (``HurdleGamma``) is one, of a Delta at zero and that
    density, in this order. The leaves of the pytree are the weights and the parameters, family by
    family.

    Args:
        mixture_distribution: A Categorical over the components of the list, as for
            :class:`MixtureSameFamily`.
        components_distributions: Distributions of NumPyro, TFP (on JAX) or Distrax, of one event
            shape, without an axis for components: their batch shapes broadcast to that of the
            mixture. A Delta among counts, or a mixture of some, stands at whole numbers; counts
            among continuous ones are point masses, all of them.
        reparameterize: Whether draws carry pathwise gradients to the weights and to all components:
            scalar components and independent coordinates, of families that know their own.
        validate_args: As for :class:`MixtureSameFamily`.
        allow_nan_stats: As for :class:`MixtureSameFamily`.
        name: A name for the distribution.
        support: NumPyro's argument of ``MixtureGeneral``: the support, if it is not to be the
            smallest that holds those of all components with weight.

    Raises:
        TypeError: An argument is no distribution, or no list of them.
        ValueError: The distributions do not fit together.
        NotImplementedError: Discrete and continuous components, components whose parameters are
            not known, or pathwise gradients that are not known.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import Mixture
        >>> mixture = Mixture(
        ...     dist.Categorical(probs=jnp.array([0.9, 0.1])),
        ...     [dist.Normal(0.0, 1.0), dist.StudentT(2.0, 0.0, 5.0)],
        ... )
        >>> print(mixture.log_prob(jnp.array([0.0, 20.0])).round(3))
        [-1.005 -8.248]
        >>> print(mixture.posterior_marginal(20.0).probs.round(3))
        [0. 1.]
    """

    pytree_data_fields = ("_groups",)
    pytree_aux_fields = ("_which", "_stated_support")

    _groups: tuple[Canonical, ...]
    """The components by family, each with an axis of its own."""
    _which: Which
    """The group of each component."""
    _stated_support: Constraint | None = None
    """What NumPyro's argument says, if it was given."""

    def __init__(
        self,
        mixture_distribution: Any,
        components_distributions: Any,
        reparameterize: bool = False,  # noqa: FBT001, FBT002  (as of MixtureSameFamily)
        validate_args: bool | None = False,  # noqa: FBT001, FBT002
        allow_nan_stats: bool = True,  # noqa: FBT001, FBT002
        name: str = "Mixture",
        *,
        support: Constraint | None = None,
    ) -> None:
        mixture_distribution = numpyro_of(mixture_distribution)
        if isinstance(components_distributions, Sequence):
            components_distributions = list(map(_read, components_distributions))
        each = checked_list(mixture_distribution, components_distributions)
        self._stated_support = support
        groups, self._which = grouped(list(_taken_apart(each)))
        super().__init__(
            _weights_of_all(mixture_distribution, each),
            joined(groups, self._which).distribution,
            reparameterize,
            validate_args,
            allow_nan_stats,
            name,
        )

    @property
    def _components(self) -> Canonical:
        return joined(self._groups, self._which)

    @_components.setter
    def _components(self, components: Canonical) -> None:
        self._which = which_of(components) or self._which
        self._groups = split(as_joined(components, self._which))

    @property
    def components_distributions(self) -> list[Distribution]:
        """The components, those of mixtures one by one, without an axis for them."""
        return members(self._groups, self._which)

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support: the hull of those of the components that have weight, or what was given."""
        return super().support if self._stated_support is None else self._stated_support

    def _of_kind(self, components: Canonical) -> MixtureSameFamily:
        """A copy, to be given these components of another event; of one family if they are."""
        if which_of(components) is not None or len(self._groups) == 1:
            new = copy.copy(self)
            new._stated_support = None
            return new
        one = object.__new__(MixtureSameFamily)
        own = (*Mixture.pytree_data_fields, *Mixture.pytree_aux_fields)
        one.__dict__.update({name: t for name, t in vars(self).items() if name not in own})
        return one


_HURDLES = (
    dist.HurdleProbs,
    dist.HurdleLogits,
    dist.HurdleGamma,
    dist.HurdleLogNormal,
)


def _read(d: Any) -> Any:
    """A component as a distribution of NumPyro, hurdles over densities as mixtures."""
    d = numpyro_of(d)
    if isinstance(d, MixtureSameFamily) and _has_atom(d.components_distribution):
        each = d._components
        return Mixture(d.mixture_distribution, members((each,), (0,) * each.batch_shape[-1]))
    return _two_parts(d) if _has_atom(d) else d


def _has_atom(d: Any) -> bool:
    """Whether it is a hurdle over a density, which is a mass at zero beside it."""
    inner = d.base_dist if isinstance(d, ExpandedDistribution) else d
    return type(inner) in _HURDLES and not inner.is_discrete


def _two_parts(d: Distribution) -> "Mixture":
    inner = d.base_dist if isinstance(d, ExpandedDistribution) else d
    if isinstance(inner, dist.HurdleLogits):
        logits = jnp.stack([inner.gate_logits, jnp.zeros_like(inner.gate_logits)], axis=-1)
        gates = dist.Categorical(logits=logits, validate_args=False)
    else:
        probs = jnp.stack([inner.gate, 1 - inner.gate], axis=-1)
        gates = dist.Categorical(probs=probs, validate_args=False)
    zero = dist.Delta(jnp.zeros(inner.batch_shape, jnp.result_type(float)), validate_args=False)
    return Mixture(gates, [zero, inner.base_dist]).expand(d.batch_shape)


def _taken_apart(each: Sequence[Distribution]) -> Iterator[Canonical]:
    """The components, each with an axis of its own; of a mixture its groups."""
    for d in each:
        if isinstance(d, Mixture):
            yield from map(with_axis, d.components_distributions)
        elif isinstance(d, MixtureSameFamily):
            yield d._components
        else:
            yield with_axis(d)


def _weights_of_all(mixture: Distribution, each: Sequence[Distribution]) -> Distribution:
    """The weights of the list, times those within the mixtures of it."""
    inner = [d._weights if isinstance(d, MixtureSameFamily) else None for d in each]
    if all(one is None for one in inner):
        return mixture

    def joint(outer: Array, of: Numbers, times: Times) -> Array:
        own = [outer[..., i : i + 1] for i in range(len(each))]
        parts = [w if v is None else times(w, of(v)) for w, v in zip(own, inner, strict=True)]
        batch = each[0].batch_shape if any(part.ndim > 1 for part in parts) else ()
        full = [jnp.broadcast_to(part, (*batch, part.shape[-1])) for part in parts]
        return jnp.concatenate(full, axis=-1)

    return weights_within(mixture, len(each), joint)
