"""Mixtures of some of the coordinates: margins, and conditionals given the others."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._components import Canonical, canonical, conditional, margin, scalar_margin, splits
from pathmix._evaluation import compiled
from pathmix._mixture._axes_of_events import (
    check_known_value,
    chosen_axes,
    is_single,
    known_axes,
)
from pathmix._mixture._precision import in_own_precision, working
from pathmix._mixture._remade import remade
from pathmix._weights import Logits, Weights


class Parts(Distribution):
    """Margins and conditionals, which are mixtures again."""

    def marginal(self: Any, axes: Any) -> Any:
        """Return the mixture of some coordinates of a vector, ``f(x_a) = Σ_k w_k p_k(x_a)``.

        For components that are MultivariateNormal, LowRankMultivariateNormal (which stay of low
        rank) or MultivariateStudentT, and for independent coordinates of any family
        (``.to_event(1)``); in a :class:`Mixture` for these beside each other, and if the margins
        are of one family only, the result is a :class:`MixtureSameFamily`. ``reparameterize``,
        ``validate_args`` and ``allow_nan_stats`` are those of the mixture.

        Args:
            axes: A coordinate, for a mixture of scalars; or a sequence of them, for one of vectors
                in that order. Negative ones count from the end.

        Raises:
            TypeError: ``axes`` are no integers.
            ValueError: They are out of range, repeated or none.
            NotImplementedError: The margins of the components are not known, or events are not
                vectors.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.MultivariateNormal(jnp.zeros((2, 3)), jnp.eye(3)),
            ... )
            >>> mixture.marginal(0).event_shape, mixture.marginal([2, 0]).event_shape
            ((), (2,))
        """
        chosen = chosen_axes(axes, self.event_shape, "marginal")
        _check_family(self._components, "margins")
        own = _margin(working(self._components), axes=chosen, scalar=is_single(axes))
        return remade(self, self._mixture, in_own_precision(own, self._components))

    def conditional(self: Any, axes: Any, value: Any) -> Any:
        """Return the mixtures of the other coordinates, given that ``axes`` have ``value``.

        Components become their conditionals ``p_k(x_b | x_a)``, and weights follow Bayes' rule in
        log space: logits ``log w_k + log p_k(x_a)``, normalised. However far a value lies from all
        components, weights sum to one; where its density is zero they stay as they are. A weight
        of zero stays zero, and has no derivative. A NaN makes all NaN. Everything else has
        derivatives: in ``value``, weights and parameters. Mixture regression is this and ``mean``.

        Given ``q`` of their coordinates, Student t components have ``df + q`` degrees of freedom
        and the scale of a normal times ``√((df + |z|²)/(df + q))``, where ``|z|²`` is the squared
        Mahalanobis distance of ``x_a`` (Ding 2016). Components of low rank stay of low rank, by
        Woodbury's identity. For the families of :meth:`marginal`.

        Args:
            axes: The known coordinates: one, or a sequence of them. Negative ones count from the
                end.
            value: Their values, ``*batch axes``, in the order of ``axes``; of a single int
                ``*batch``. Broadcasts against the batch of the mixture.

        Returns:
            Mixtures of vectors of the coordinates that are left, in their own order, with event
            shape ``(1,)`` if only one is (``.marginal(0)`` makes that a scalar); a batch of them,
            of the batch shapes of ``value`` and mixture broadcast.

        Raises:
            TypeError: ``axes`` are no integers.
            ValueError: They are out of range, repeated, none, or all; or ``value`` has another
                shape, or with ``validate_args`` lies outside of the support.
            NotImplementedError: The conditionals of the components are not known, or events are
                not vectors.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
            ...     dist.MultivariateNormal(
            ...         jnp.array([[-1.0, 0.0], [1.0, 5.0]]), jnp.array([[1.0, 0.8], [0.8, 1.0]])
            ...     ),
            ... )
            >>> print(mixture.conditional(0, jnp.array([-3.0, 0.0, 3.0])).mean.round(2))
            [[-1.59]
             [ 2.5 ]
             [ 6.59]]
        """
        known = known_axes(axes, self.event_shape)
        _check_family(self._components, "conditionals")
        check_known_value(jnp.shape(value), axes, self.batch_shape)
        parts = self._weights, self._components
        of = working(parts)
        seen = _margin(of[1], axes=known, scalar=is_single(axes))
        x = remade(self, self._mixture, seen)._checked(value)
        found = _conditional(*of, seen, working(x), known=known)
        own, logits = in_own_precision(found, parts, x)
        weights = canonical(dist.Categorical(logits=logits, validate_args=False))
        return remade(self, weights, own)


@compiled("axes", "scalar")
def _margin(components: Canonical, *, axes: tuple[int, ...], scalar: bool) -> Canonical:
    return scalar_margin(components, axes[0]) if scalar else margin(components, axes)


@compiled("known")
def _conditional(
    weights: Weights, components: Canonical, seen: Canonical, x: Any, *, known: tuple[int, ...]
) -> tuple[Canonical, Any]:
    """Return the components of the rest, and the logits of the weights, ``*batch k``."""
    logits = _evaluation.posterior(Logits(weights.log()), seen, x).logits
    return conditional(components, known, x if seen.event_dim else x[..., None]), logits


def _check_family(components: Canonical, what: str) -> None:
    if not splits(components):
        raise NotImplementedError(
            f"expected components whose {what} are known (MultivariateNormal, "
            "LowRankMultivariateNormal, MultivariateStudentT, or independent coordinates by "
            f"`to_event(1)`), got {components.family.name}. The coordinates of draws are draws of "
            "the margins."
        )
