"""What is evaluated at points, of all components at once: terms, tails, posteriors.

Values are ``*sample *batch *event``, in full. Each function is compiled once for each structure of
its arguments, so that a call outside of jit compiles nothing anew.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families import Canonical, draw, family, lean
from pathmix._families._blocks import component_terms
from pathmix._families._limits import Vanishing, factored, limit_of
from pathmix._mixture._density import log_density
from pathmix._mixture._sampling import draw_index
from pathmix._pathwise import attach
from pathmix._typing import Index, PerComponent, Reals, Value
from pathmix._weights import Weights, weighted

P = ParamSpec("P")
R = TypeVar("R")


def compiled(*static: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function of weights and components, whose arguments named ``static`` are static.

    Distributions of unknown structure may hold what cannot be compiled for; they are left alone.
    """

    def wrap(fn: Callable[P, R]) -> Callable[P, R]:
        jitted = jax.jit(fn, static_argnames=static)

        @wraps(fn)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            known = all(c.selectable for c in args if isinstance(c, Canonical))
            return (jitted if known else fn)(*args, **kwargs)

        return call

    return wrap


@compiled()
def log_prob(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``."""
    if not components.selectable:
        return weights.mix(*terms(components, x))
    out = log_density(weights, components, x)
    return jnp.where(is_nan(x, components.event_dim), jnp.nan, out)


def terms(components: Canonical, x: Value) -> tuple[PerComponent, PerComponent | None]:
    """Return the densities of all components, ``factor · exp(term)``; NaN where the value is."""
    if components.event_dim and components.selectable:
        out, factor = component_terms(lean((), components)[1], x)
    else:
        out, factor = _factored(components, x, "log_prob", "mass")
    return jnp.where(is_nan(x, components.event_dim)[..., None], jnp.nan, out), factor


@compiled()
def joint(weights: Weights, components: Canonical, x: Value) -> PerComponent:
    """Return ``log w_k + log p_k(x)``, ``*points k``."""
    term, factor = terms(components, x)
    if factor is not None:
        term = jnp.where(factor > 0, term + jnp.log(jnp.where(factor > 0, factor, 1.0)), -jnp.inf)
    return weighted(weights.log(), term)


@compiled()
def posterior(weights: Weights, components: Canonical, x: Value) -> Distribution:
    """Return the Categorical over components given ``x``, batched ``*points``."""
    return weights.posterior(*terms(components, x))


@compiled()
def cdf(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``P(X ≤ x)``."""
    if components.event_dim:
        return jnp.exp(log_cdf(weights, components, x))
    parts, w = _elementwise(components, x, "cdf"), weights.values()
    limit = _limit(components, x, "below")
    if limit is not None:
        parts = jnp.where(limit.reached, limit.value, parts)
    parts = jnp.where((w == 0) & ~jnp.isfinite(parts), 0.0, parts)
    total = jnp.sum(w * parts, axis=-1)
    total -= lax.stop_gradient(jnp.maximum(total - 1, 0.0))  # what rounding has added
    return jnp.where(jnp.isnan(x), jnp.nan, total)


@compiled()
def log_cdf(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log P(X ≤ x)``, jointly over a factorised event."""
    parts, factors = _factored(components, x, "log_cdf", "below")
    events = tuple(range(-components.event_dim, 0))
    joint_factors = None if factors is None else jnp.prod(factors, axis=events)
    total = weights.mix(jnp.sum(parts, axis=events), joint_factors)
    return jnp.where(is_nan(x, components.event_dim), jnp.nan, total)


@compiled()
def log_survival(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log P(X > x)`` of scalars."""
    total = weights.mix(*_factored(components, x, "log_survival", "above"))
    return jnp.where(jnp.isnan(x), jnp.nan, total)


@compiled("shape")
def sample(
    weights: Weights, components: Canonical, key: Array, *, shape: tuple[int, ...]
) -> tuple[Value, Index]:
    """Return draws ``*sample *batch *event`` and the component of each."""
    key_index, key_draw = jax.random.split(key)
    index = draw_index(key_index, weights, shape)
    return lax.stop_gradient(draw(components, index, key_draw)), index


@compiled()
def reparameterized(weights: Weights, components: Canonical, x: Value) -> Value:
    """Return ``x`` with the pathwise gradients of a draw."""
    return attach(weights, components, x)


def is_nan(x: Value, event_dim: int) -> Any:
    """Whether any coordinate of a value is NaN, ``*points``."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(x.shape[: x.ndim - event_dim], bool)
    return jnp.any(jnp.isnan(x), axis=tuple(range(x.ndim - event_dim, x.ndim)))


def _factored(components: Canonical, x: Value, name: str, part: str) -> tuple[Reals, Reals | None]:
    """A log of the family's as ``factor · exp(term)``, exact at limits of the parameters."""
    return factored(_elementwise(components, x, name), _limit(components, x, part))


def _limit(components: Canonical, x: Value, part: str) -> Vanishing | None:
    scalars = components.factors()
    if scalars is None:
        return None
    at = limit_of(scalars.plain, jnp.expand_dims(x, x.ndim - components.event_dim))
    return None if at is None else getattr(at, part)


def _elementwise(components: Canonical, x: Value, name: str) -> Reals:
    """A function of the family, ``*points k *event``, by an axis for the components in ``x``."""
    d = components.plain
    x = jnp.expand_dims(x, x.ndim - components.event_dim)
    out = getattr(family(d), name)(d, x)
    events = out.ndim - (x.ndim - components.event_dim)
    shape = components.own_shape + out.shape[out.ndim - events :]
    return jnp.broadcast_to(out, lax.broadcast_shapes(out.shape, shape))
