"""One step of every component and of the weights, on points old and new."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int

from pathmix._infer._gaussians import (
    Gaussians,
    draws,
    mixture_slope,
    whitened,
    whitened_slopes,
)
from pathmix._infer._natural_gradients import Expansions, expansions
from pathmix._infer._sample_store import (
    SampleStore,
    begin_generation,
    generation_terms,
    importance_weights,
    is_live,
    with_points,
)
from pathmix._infer._trust_region import Direction, choose, longest_steps, stepped
from pathmix._infer._weights_step import weights_step
from pathmix._where import where

FIRST_BOUND, LEAST_BOUND, LARGEST_BOUND = 0.1, 1e-6, 10.0
"""Of the divergence in a component's step."""
_GROWTH, _SHRINKAGE = 1.2, 0.8
_WEIGHTS_BOUND = 0.1
_IDLE_WEIGHT = 1e-6

Evaluate = Callable[[Array], tuple[Array, Array]]
"""Log densities and slopes of points ``n d``."""


class Plan(NamedTuple):
    """What does not change in a fit."""

    num_samples: int
    """How many points each component should be known by."""
    chunk: int
    """How many points are evaluated at once."""
    max_evaluations: int


class Trace(NamedTuple):
    """What is known after each step, of which the last ones may not have been made."""

    elbo: Float[Array, " steps"]
    evaluations: Int[Array, " steps"]
    components: Int[Array, " steps"]


class State(NamedTuple):
    """A mixture on its way, and what is known for its next step."""

    key: Array
    log_weights: Float[Array, " k"]
    """−∞ for a place that holds no component."""
    components: Gaussians
    bounds: Float[Array, " k"]
    """Of the divergence in the next step."""
    gains: Float[Array, " k"]
    """``E[log p − log q] + log w`` of each component, before the last step."""
    idle: Int[Array, " k"]
    """In how many steps, since a component has had no weight, it did not become better."""
    store: SampleStore
    step: Int[Array, ""]
    evaluations: Int[Array, ""]
    additions: Int[Array, ""]
    last_addition: Int[Array, ""]
    """After how many evaluations it was."""
    trace: Trace


def natural_step(state: State, evaluate: Evaluate, plan: Plan) -> State:
    """Draw what points are lacking, and take a step of components and weights."""
    k = len(state.log_weights)
    generation = state.step % (len(state.store.terms) // k)
    state = _with_draws(state, evaluate, plan, generation)
    terms = generation_terms(state.store, generation, k)
    weights, known = importance_weights(state.store, terms)
    around = _expansions(state, terms, weights)
    return _moved(_recorded(state, around), around, known)


def _with_draws(state: State, evaluate: Evaluate, plan: Plan, generation: Array) -> State:
    """Draw new points, in chunks, from the components that are known by too few."""
    q, k = state.components, len(state.log_weights)
    store = begin_generation(state.store, q, generation)
    _, known = importance_weights(store, generation_terms(store, generation, k))
    lacking = jnp.clip(plan.num_samples - known, 1, plan.num_samples)
    lacking = where(state.log_weights > -jnp.inf, lacking, 0.0)
    cumulative, total = jnp.cumsum(lacking), jnp.sum(lacking)
    left = (plan.max_evaluations - state.evaluations) // plan.chunk
    chunks = jnp.minimum(jnp.ceil(total / plan.chunk).astype(int), left)
    key = jax.random.fold_in(state.key, state.step)
    offset = jax.random.uniform(key, dtype=total.dtype)

    def more(i: Array, store: SampleStore) -> SampleStore:
        # systematic: the number of draws of a component is off by less than one
        place = i * plan.chunk + jnp.arange(plan.chunk) + offset
        share = place.astype(total.dtype) / (chunks * plan.chunk)
        index = jnp.clip(jnp.searchsorted(cumulative, share * total, side="right"), 0, k - 1)
        # rounding must not lead to a place that holds no component
        index = where(lacking[index] > 0, index, jnp.argmax(lacking))
        noise_key = jax.random.fold_in(key, i)
        x = draws(
            q, index, jax.random.normal(noise_key, (plan.chunk, q.locs.shape[1]), total.dtype)
        )
        return with_points(store, x, generation * k + index, *evaluate(x))

    store = lax.fori_loop(0, chunks, more, store)
    return state._replace(store=store, evaluations=state.evaluations + chunks * plan.chunk)


def _expansions(
    state: State, terms: Float[Array, "k m"], weights: Float[Array, "k m"]
) -> Expansions:
    """What ``f = log p − log q`` looks like around each component."""
    q, store, live = state.components, state.store, is_live(state.store)
    joint = terms + state.log_weights[:, None]
    log_q = logsumexp(joint, axis=0)
    inverse_roots = q.inverse_roots()
    z = whitened(q, inverse_roots, store.x)
    slope = store.slope - mixture_slope(inverse_roots, jnp.exp(joint - log_q), z)
    y = whitened_slopes(q, where(live[:, None], slope, 0.0))
    f = where(live, store.log_p - log_q, 0.0)
    return expansions(weights, where(live[:, None], z, 0.0), f, y, full=q.is_full)


def _recorded(state: State, around: Expansions) -> State:
    active = state.log_weights > -jnp.inf
    elbo = jnp.sum(where(active, jnp.exp(state.log_weights) * around.value, 0.0))
    now = Trace(elbo, state.evaluations, jnp.sum(active))
    trace = jax.tree.map(lambda whole, one: whole.at[state.step].set(one), state.trace, now)
    return state._replace(trace=trace)


def _moved(state: State, around: Expansions, known: Float[Array, " k"]) -> State:
    """Take the steps, and set the bounds of the next ones.

    A component that the last step made better may go farther, one that it made worse not so far.
    Once there is nothing to gain, noise decides, and steps become ever shorter: what is averaged
    over grows.
    """
    active = state.log_weights > -jnp.inf
    gains = around.value + where(active, state.log_weights, 0.0)
    better = gains > state.gains
    bounds = state.bounds * where(better, _GROWTH, _SHRINKAGE)
    bounds = jnp.clip(bounds, LEAST_BOUND, LARGEST_BOUND)
    direction = Direction(around.slope, around.curvature)
    moved = stepped(state.components, direction, longest_steps(direction, bounds))
    log_weights = weights_step(state.log_weights, around.value, _WEIGHTS_BOUND)
    unused = active & (log_weights < jnp.log(_IDLE_WEIGHT))
    return state._replace(
        # two points are the fewest that show a curvature
        components=choose(active & (known > 2), moved, state.components),
        log_weights=log_weights,
        bounds=bounds,
        gains=gains,
        idle=where(unused, state.idle + ~better, 0),
        step=state.step + 1,
    )
