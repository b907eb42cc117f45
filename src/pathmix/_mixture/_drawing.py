"""Draws of mixtures, with their pathwise gradients or without any."""

from typing import Any

import jax
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._mixture._arguments import check_reparameterizable
from pathmix._mixture._errors import checked_sample_shape
from pathmix._mixture._no_gradient import warn_of_no_gradient
from pathmix._mixture._precision import in_own_precision, working
from pathmix._pathwise import reparameterized
from pathmix._typing import Value


class Drawing(Distribution):
    """Methods of mixtures that draw."""

    def sample(self: Any, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw ``*sample *batch *event``; with gradients if the mixture is reparameterized.

        Costs one index search and one draw from the chosen component per event, whatever ``k``;
        of components whose parameters are not known, one draw from each.

        Example:
            >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.Normal(jnp.array([-9.0, 9.0])),
            ... )
            >>> mixture.sample(jax.random.key(0), (1000,)).shape
            (1000,)
        """
        return self.sample_with_intermediates(key, sample_shape)[0]

    def sample_with_intermediates(
        self: Any, key: jax.Array | None, sample_shape: tuple[int, ...] = ()
    ) -> tuple[Value, list[Any]]:
        """Draw as :meth:`sample`; also return ``[index]``, the component of each draw."""
        if key is None:
            raise ValueError("expected a JAX random key, got None. Pass jax.random.key(seed).")
        shape = (*checked_sample_shape(sample_shape), *self.batch_shape)
        weights, components = working(self._parts)
        draw, index = _evaluation.sample(weights, components, key, shape=shape)
        draw = in_own_precision(draw, self._parts)
        if self.reparameterize:
            return self.reparameterize_sample(draw), [index]
        return warn_of_no_gradient(draw, self._parts), [index]

    def reparameterize_sample(self: Any, value: Any) -> Value:
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
            >>> from pathmix import MixtureSameFamily
            >>> def draw(logits):
            ...     mixture = MixtureSameFamily(
            ...         dist.Categorical(logits=logits), dist.Normal(jnp.array([-1.0, 1.0]), 0.5)
            ...     )
            ...     return mixture.reparameterize_sample(0.2)
            >>> print(jax.grad(draw)(jnp.zeros(2)).round(3))
            [-1.757  1.757]
        """
        check_reparameterizable(self.components_distribution)
        x, (weights, components) = self._value(value), working(self._parts)
        draw = reparameterized(weights, components, working(x))
        return in_own_precision(draw, self._parts, x)

    def rsample(self: Any, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw with pathwise gradients; raises ``NotImplementedError`` unless reparameterized."""
        if not self.reparameterize:
            raise NotImplementedError(
                "expected a mixture with reparameterize=True, got reparameterize=False, whose "
                "draws carry no gradient. Use `sample` if none is needed."
            )
        return self.sample(key, sample_shape)
