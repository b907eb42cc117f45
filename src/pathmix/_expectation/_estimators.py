"""Estimators of an expectation under a mixture, unbiased in value and in every derivative.

Each takes ``fn``, a mixture and a key, and returns one estimate per draw. The mean of the
estimates is what ``expectation`` returns; their spread is what the diagnostic reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation import draw
from pathmix._expectation._batched import OfMember
from pathmix._mixture import MixtureSameFamily
from pathmix._pathwise import attach_to_components
from pathmix._rules import custom_jvp
from pathmix._typing import Reals, Value
from pathmix._where import where

Integrand: TypeAlias = Callable[[Any], Any] | OfMember
"""A function of one event, ``*event``, that returns an array or a pytree of arrays."""


@dataclass(frozen=True)
class Stratified:
    """``Σ_k w_k fn(x_k)`` over one draw from each component, with common random numbers.

    The default. The weights are summed over exactly, so that their gradient is finite and small
    whatever the separation of the components; the same key drives every component, so that
    families with explicit noise share it. Costs ``k`` evaluations of ``fn`` per draw. With
    discrete components it covers the weights only, and a gradient in the components' parameters
    raises.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, Stratified, expectation
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.array([-6.0, 6.0]))
        ... )
        >>> second_moment = expectation(
        ...     jnp.square, mixture, key=jax.random.key(0), num_samples=4000, estimator=Stratified()
        ... )
        >>> abs(float(second_moment) - 37) < 1
        True
    """

    def estimates(
        self, fn: Integrand, mixture: MixtureSameFamily, key: Array, num_samples: int
    ) -> Any:
        """Return ``num_samples`` unbiased estimates, ``num_samples *batch`` in front."""
        weights, components = mixture._parts
        x = draw_each(components, key, num_samples)
        if components.is_discrete:
            components = _without_gradient(components)
            x = _tie(x, components)
        else:
            x = attach_to_components(components, x)
        values = map_events(fn, x, components.event_dim)
        w = weights.values()

        def weigh(value: Array) -> Array:
            axis = len(components.batch_shape)
            shape = (*w.shape, *(1,) * (value.ndim - axis - 1))
            return jnp.sum(zero_safe(w.reshape(shape), value), axis=axis)

        return jax.tree.map(weigh, values)


@dataclass(frozen=True)
class Pathwise:
    """``fn`` at draws of the mixture, which carry pathwise gradients to every parameter.

    One evaluation of ``fn`` per draw. Best where components overlap; the variance of the weights'
    gradient grows without bound as they separate.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, Pathwise, expectation
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Normal(jnp.array([-1.0, 1.0]))
        ... )
        >>> mean = expectation(
        ...     lambda x: x, mixture, key=jax.random.key(0), num_samples=4000, estimator=Pathwise()
        ... )
        >>> abs(float(mean)) < 0.1
        True
    """

    def estimates(
        self, fn: Integrand, mixture: MixtureSameFamily, key: Array, num_samples: int
    ) -> Any:
        """Return ``num_samples`` unbiased estimates, ``num_samples *batch`` in front."""
        x = lax.stop_gradient(mixture.sample(key, (num_samples,)))
        x = mixture.reparameterize_sample(x)
        return map_events(fn, x, mixture.event_dim)


def zero_safe(w: Reals, value: Array) -> Array:
    """``w · value``, to which a component of zero weight never adds a NaN."""
    return w * where((w == 0) & ~jnp.isfinite(value), 0.0, value)


def draw_each(components: Canonical, key: Array, num_samples: int) -> Value:
    """One draw from each component, ``num_samples *batch k *event``, all from the same noise.

    They carry no gradient.
    """
    shape = (num_samples, *components.batch_shape[:-1])
    indices = jnp.arange(components.own_shape[-1])
    if not components.selectable:
        x = jax.vmap(lambda k: draw(components, jnp.full(shape, k), key), out_axes=len(shape))
        return lax.stop_gradient(x(indices))
    # each parameter is mapped along its own axis of components, which spares a gather
    axes = [jnp.ndim(p) - n - 1 for p, n in _with_ranks(components)]
    apart = [jnp.expand_dims(p, a) for (p, _), a in zip(_with_ranks(components), axes, strict=True)]
    along = [a + 1 if p.shape[a + 1] > 1 else None for p, a in zip(apart, axes, strict=True)]
    apart = [p if a else jnp.squeeze(p, b) for p, a, b in zip(apart, along, axes, strict=True)]

    def of(parameters: Any, _: Array) -> Value:
        return draw(components.of(parameters), jnp.zeros(shape, int), key)

    return lax.stop_gradient(jax.vmap(of, (along, 0), out_axes=len(shape))(apart, indices))


def _with_ranks(components: Canonical) -> list[tuple[Array, int]]:
    return list(zip(components.parameters, components.event_dims, strict=True))


def map_events(fn: Integrand, x: Value, event_dim: int) -> Any:
    """Apply ``fn`` to every event of ``x``, ``num_samples *batch *event``."""
    if isinstance(fn, OfMember):
        return fn.map_events(x, event_dim)
    for _ in range(x.ndim - event_dim):
        fn = jax.vmap(fn)
    return fn(x)


@custom_jvp
def _without_gradient(components: Canonical) -> Canonical:
    """The components themselves; a gradient through them raises."""
    return components


def _refuse(primals: Any, tangents: Any) -> Any:
    raise NotImplementedError(
        "Stratified estimates of discrete components have no gradient in the components' "
        "parameters: expected continuous components, or a gradient in the mixture weights only. "
        "Use estimator=Score()."
    )


_without_gradient.defjvp(_refuse)


@custom_jvp
def _tie(x: Value, components: Canonical) -> Value:
    """``x``, made to depend on the components, so that their gradient cannot pass by unseen."""
    del components
    return x


_tie.defjvp(lambda primals, tangents: (primals[0], jnp.zeros_like(primals[0])))
