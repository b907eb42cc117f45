"""The laws that every family keeps, as a function that holds a family of one's own to them.

Most are identities at single points, by automatic differentiation, so that no statistics blur them:
the slope of the cdf is the density; draws that move by the velocity keep their distribution,
``div v + v · ∇ log f + ∂_θ log f · dθ = 0``; the members of a batch are mixtures of their own.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, constraints

from pathmix._components import Canonical, canonical
from pathmix._evaluation import velocity_at
from pathmix._families import given
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Reals, Value
from pathmix._where import where

DRAWS = 4096
FALSE_ALARM = 1e-6
"""Of the test of draws: a Kolmogorov distance that right ones exceed with this probability."""


def check(components: Distribution, values: Any, *, tolerance: float | None = None) -> list[str]:
    """Hold the family of ``components`` to the laws, and return the names of those that it keeps.

    Run it once for a family of your own, in float64, at values in the body and in both tails.

    Args:
        components: Distributions of the registered class, batch shape ``(k,)``, ``k ≥ 2``.
        values: Values ``n *event`` inside the support of all of them.
        tolerance: Of relative errors; the square root of the rounding error if absent.

    Raises:
        ValueError: A law is broken; the text says which, where and by how much.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import families
        >>> families.check(dist.Normal(jnp.array([0.0, 1.0])), jnp.array([-1.0, 0.5]))
        ['density', 'NaN', 'batches', 'slope of the cdf', 'tails', 'quantiles', 'draws', 'velocity']
    """
    x, parts = jnp.asarray(values), canonical(components)
    if len(components.batch_shape) != 1 or components.batch_shape[0] < 2:
        raise ValueError(
            "expected components of batch shape (k,) with at least two, got "
            f"{components.batch_shape}. Give their parameters an axis of different entries."
        )
    tolerance = float(jnp.sqrt(jnp.finfo(parts.dtype).eps)) if tolerance is None else tolerance
    kept = []
    for name, errors in _laws(components, parts, x):
        worst = float(np.max(np.nan_to_num(np.asarray(errors), nan=np.inf)))
        if worst > tolerance:
            raise ValueError(
                f"expected {parts.family.name} to keep the law `{name}` to {tolerance:.1e}, got a "
                f"relative error of {worst:.1e} (docs/families.md says what it is)."
            )
        kept.append(name)
    return kept


def _laws(components: Distribution, parts: Canonical, x: Value) -> Iterator[tuple[str, Reals]]:
    """Each law that applies, with its errors."""
    family, mixture = parts.family, _mixture(parts)
    has_tails = not parts.event_dim and family.log_cdf is not None
    yield "density", _error(_densities(parts, x), components.log_prob(_with_k(x, parts)))
    yield "NaN", where(jnp.isnan(mixture.log_prob(jnp.full_like(x, jnp.nan))), 0.0, 1.0)
    yield "batches", _batches(parts, x)
    if has_tails:
        yield from _tails(parts, mixture, x)
    yield "draws", _draws(mixture, has_cdf=has_tails)
    # on a simplex there is no divergence over all coordinates
    is_open = components.support is not constraints.simplex
    if family.velocity is not None and is_open and not parts.is_discrete:
        yield "velocity", _continuity(parts, x)


def _mixture(parts: Canonical) -> MixtureSameFamily:
    probs = jnp.arange(1.0, parts.own_shape[-1] + 1)
    return MixtureSameFamily(dist.Categorical(probs=probs / probs.sum()), parts.plain)


def _batches(parts: Canonical, x: Value) -> Reals:
    """What vmap returns is a batch of mixtures: each member evaluates as it does alone."""
    other = parts.of([jnp.flip(p, 0) for p in parts.parameters])
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), parts, other)
    batch = jax.vmap(_mixture)(both)
    alone = [_mixture(each).log_prob(x) for each in (parts, other)]
    return _error(batch.log_prob(jnp.expand_dims(x, 1)), jnp.stack(alone, axis=1))


def _tails(parts: Canonical, mixture: MixtureSameFamily, x: Value) -> Iterator[tuple[str, Reals]]:
    family, theta = parts.family, parts.theta
    at = jnp.broadcast_to(x[:, None], (len(x), *parts.own_shape))
    log_cdf, log_survival = given(family.log_cdf), given(family.log_survival)
    if not parts.is_discrete:
        cdf = lambda x: jnp.exp(log_cdf(theta, x))  # noqa: E731
        slope = jax.jvp(cdf, (at,), (jnp.ones_like(at),))[1]
        yield "slope of the cdf", _error(slope, jnp.exp(_densities(parts, x)))
    yield "tails", jnp.abs(jnp.exp(log_cdf(theta, at)) + jnp.exp(log_survival(theta, at)) - 1)
    q = mixture.cdf(x)
    yield "quantiles", _error(mixture.cdf(mixture.icdf(q)), q)


def _draws(mixture: MixtureSameFamily, *, has_cdf: bool) -> Reals:
    """Kolmogorov's distance of draws from their cdf, beyond what chance allows.

    Without a cdf, only that draws have a density.
    """
    draws = mixture.sample(jax.random.key(0), (DRAWS,))
    if not has_cdf:
        return where(jnp.isfinite(mixture.log_prob(draws)), 0.0, 1.0)
    x, share = jnp.sort(draws), (jnp.arange(DRAWS) + 1) / DRAWS
    # the cdf of counts jumps: it is compared where the draws have passed a value
    passed = jnp.concatenate([x[1:] != x[:-1], jnp.ones(1, bool)])
    distance = jnp.max(where(passed, jnp.abs(share - mixture.cdf(x)), 0.0))
    allowed = np.sqrt(np.log(2 / FALSE_ALARM) / (2 * DRAWS)) + 1 / DRAWS
    return jnp.maximum(distance - allowed, 0.0)


def _continuity(parts: Canonical, x: Value) -> Reals:
    """``div v + v · ∇ log f + ∂_θ log f · dθ`` of each component, by a change of all parameters."""
    tangent = jax.tree.map(lambda p: 0.3 * jnp.ones_like(p), parts)
    events = tuple(range(-parts.event_dim, 0))
    size = max(int(np.prod(parts.event_shape)), 1)

    def over_event(t: Reals) -> Reals:
        return jnp.sum(t, axis=events)

    def at(x: Value) -> Reals:
        x = x[None]
        velocity = lambda x: velocity_at(parts, tangent, x)  # noqa: E731
        log_density = lambda parts, x: parts.family.log_density(parts.theta, x)  # noqa: E731
        v, terms = velocity(x), []
        for unit in jnp.eye(size, dtype=x.dtype).reshape(size, *x.shape):
            terms.append(over_event(unit * jax.jvp(velocity, (x,), (unit,))[1]))
            slope = jax.jvp(lambda x: log_density(parts, x), (x,), (unit,))[1]
            terms.append(slope * over_event(unit * v))
        terms.append(jax.jvp(lambda parts: log_density(parts, x), (parts,), (tangent,))[1])
        stacked = jnp.stack(jnp.broadcast_arrays(*terms))
        total = jnp.sum(jnp.abs(stacked), axis=0)
        return jnp.abs(jnp.sum(stacked, axis=0)) / where(total > 0, total, 1.0)

    return jax.jit(jax.vmap(at))(x)


def _densities(parts: Canonical, x: Value) -> Reals:
    return parts.family.log_density(parts.theta, _with_k(x, parts))


def _with_k(x: Value, parts: Canonical) -> Value:
    return jnp.expand_dims(x, x.ndim - parts.event_dim)


def _error(actual: Reals, wanted: Reals) -> Reals:
    """Relative errors, absolute below one."""
    off = jnp.abs(actual - wanted) / jnp.maximum(jnp.abs(wanted), 1.0)
    return where(actual == wanted, 0.0, off)
