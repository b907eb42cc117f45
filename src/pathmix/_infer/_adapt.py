"""Components deleted that are of no use, and added where the mixture is lacking most."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float

from pathmix._infer._gaussians import Gaussians, average_root, divergences_between, log_densities
from pathmix._infer._natural_step import FIRST_BOUND, State
from pathmix._infer._sample_store import is_live
from pathmix._special import log_add_exp
from pathmix._where import where

PATIENCE = 20
"""In how many steps a component without weight may fail to become better."""
_DOUBLE = 0.1
"""The divergence of a component from another one below which it is of no use beside it."""
_FIRST_WEIGHT = 1e-3
_DEPTHS = (1000.0, 500.0, 200.0, 100.0, 50.0, 20.0)
"""How far below its highest value the mixture's log density counts, in turns."""


class Candidates(NamedTuple):
    """Points, beside those in store, where a component may begin."""

    x: Float[Array, "n d"]
    log_p: Float[Array, " n"]


def without_idle(state: State) -> State:
    """Delete the components that have had no weight for long and did not become better."""
    log_weights = where(state.idle >= PATIENCE, -jnp.inf, state.log_weights)
    return state._replace(log_weights=jax.nn.log_softmax(log_weights))


def without_double(state: State) -> State:
    """If no place is free, delete a component that is nearly the same as a heavier one.

    The heavier one gets its weight.
    """
    log_weights = state.log_weights
    active = log_weights > -jnp.inf
    order = jnp.arange(len(log_weights))
    lighter = log_weights[:, None] < log_weights
    lighter = lighter | ((log_weights[:, None] == log_weights) & (order[:, None] > order))
    both = active[:, None] & active & lighter
    apart = where(both, divergences_between(state.components), jnp.inf)
    light, heavy = jnp.unravel_index(jnp.argmin(apart), apart.shape)
    double = jnp.all(active) & (apart[light, heavy] < _DOUBLE)
    together = log_add_exp(log_weights[light], log_weights[heavy])
    merged = log_weights.at[heavy].set(together).at[light].set(-jnp.inf)
    return state._replace(log_weights=where(double, merged, log_weights))


def with_one_more(state: State, candidates: Candidates) -> State:
    """Add a component where ``log p − log q`` is highest, if a place is free.

    The log density of the mixture counts as no lower than a depth below its highest value: what
    is far from the mixture is sought by the height of ``log p`` alone. A depth of its own for each
    of several additions finds what is near as well as what is far (Arenz, Zhong & Neumann 2020,
    "Trust-region variational inference with Gaussian mixture models"). The covariance is that of
    the components to which the point would belong, on average.
    """
    free = state.log_weights == -jnp.inf
    place = jnp.argmax(free)
    x, log_p = _points(state, candidates)
    terms = log_densities(state.components, x) + state.log_weights[:, None]
    best = _most_lacking(state, log_p, logsumexp(terms, axis=0))
    shares = jax.nn.softmax(terms[:, best])
    begun = Gaussians(x[best], average_root(state.components, shares))
    fine = jnp.any(free) & (log_p[best] > -jnp.inf) & jnp.all(jnp.isfinite(begun.roots))
    return _put(state, place, begun, fine)


def _points(state: State, candidates: Candidates) -> tuple[Array, Array]:
    store = state.store
    seen = where(is_live(store), store.log_p, -jnp.inf)
    log_p = where(jnp.isfinite(candidates.log_p), candidates.log_p, -jnp.inf)
    return jnp.concatenate([store.x, candidates.x]), jnp.concatenate([seen, log_p])


def _most_lacking(state: State, log_p: Array, log_q: Array) -> Array:
    depths = jnp.array(_DEPTHS, log_p.dtype)
    depth = depths[state.additions % len(depths)]
    known = log_p > -jnp.inf
    least = jnp.max(where(known, log_q, -jnp.inf)) - depth
    return jnp.argmax(where(known, log_p - jnp.maximum(log_q, least), -jnp.inf))


def _put(state: State, place: Array, begun: Gaussians, fine: Bool[Array, ""]) -> State:
    def put(whole: Array, one: Array | float | int) -> Array:
        return whole.at[place].set(where(fine, jnp.asarray(one, whole.dtype), whole[place]))

    log_weights = put(state.log_weights, jnp.log(_FIRST_WEIGHT))
    return state._replace(
        log_weights=jax.nn.log_softmax(log_weights),
        components=jax.tree.map(put, state.components, begun),
        bounds=put(state.bounds, FIRST_BOUND),
        gains=put(state.gains, -jnp.inf),
        idle=put(state.idle, 0),
        additions=state.additions + 1,
        last_addition=state.evaluations,
    )
