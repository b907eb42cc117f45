"""A Gaussian mixture fitted to a log density, step after step, within so many evaluations."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, PRNGKeyArray

from pathmix._estimation import in_turns
from pathmix._infer._adapt import Candidates, with_one_more, without_double, without_idle
from pathmix._infer._gaussians import Gaussians, draws, log_densities
from pathmix._infer._natural_step import FIRST_BOUND, Plan, State, Trace, natural_step
from pathmix._infer._sample_store import empty_store

_GENERATIONS = 8
_TIMES = 4
"""How many times the points that components need are kept."""
_APART = 5
"""Steps between two additions, at least."""
_ADDING = 0.5
"""The share of evaluations within which every place could be filled."""
_AT_LAST = 0.9
"""The share of evaluations after which components are neither added nor deleted."""

LogDensity = Callable[[Array], Array]


class Sizes(NamedTuple):
    """How much is done, and in what portions."""

    plan: Plan
    adapts: bool
    """Whether components are added and deleted."""
    interval: int
    """Evaluations between two additions, at least."""


def sizes_of(q: Gaussians, num_samples: int | None, max_evaluations: int, *, adapts: bool) -> Sizes:
    """Return sizes for so many components and dimensions."""
    k, d = q.locs.shape
    samples = 10 + 2 * d if num_samples is None else num_samples
    chunk = min(64, max(8, 2 ** math.ceil(math.log2(max(1, k / 2)))))
    interval = min(int(_ADDING * max_evaluations / k), 50 * samples)
    return Sizes(Plan(samples, chunk, max_evaluations), adapts, interval)


def fit_mixture(
    log_density: LogDensity,
    log_weights: Float[Array, " k"],
    components: Gaussians,
    candidates: Float[Array, "n d"],
    key: PRNGKeyArray,
    sizes: Sizes,
    *,
    progress: bool | None,
) -> State:
    """Return the state after ``max_evaluations``.

    Args:
        log_density: Of a point ``d``, up to a constant.
        log_weights: Normalised; −∞ for a place that holds no component, but may hold one later.
        components: Where they start.
        candidates: Points where components may begin; evaluating them counts.
        key: A JAX random key.
        sizes: How much is done.
        progress: Whether a bar is shown; with None if it takes long.
    """
    plan = sizes.plan
    begin = jax.jit(partial(_begin, log_density, sizes))
    advance = jax.jit(partial(_advance, log_density, sizes))
    state, kept = begin(log_weights, components, candidates, key)
    return in_turns(
        lambda s, until: advance(s, kept, jnp.asarray(until) * plan.chunk),
        state,
        lambda s: bool(s.evaluations + plan.chunk > plan.max_evaluations),
        _text,
        plan.max_evaluations // plan.chunk,
        shown=progress,
    )


def _begin(
    log_density: LogDensity,
    sizes: Sizes,
    log_weights: Float[Array, " k"],
    components: Gaussians,
    candidates: Float[Array, "n d"],
    key: PRNGKeyArray,
) -> tuple[State, Candidates]:
    """The state before the first step."""
    plan, k = sizes.plan, len(components.locs)
    dtype = components.locs.dtype
    size = plan.chunk * math.ceil(_TIMES * plan.num_samples * k / plan.chunk)
    steps = plan.max_evaluations // plan.chunk
    log_p = lax.map(log_density, candidates, batch_size=256)
    state = State(
        key=key,
        log_weights=log_weights,
        components=components,
        bounds=jnp.full(k, FIRST_BOUND, dtype),
        gains=jnp.full(k, -jnp.inf, dtype),
        idle=jnp.zeros(k, int),
        store=empty_store(components, size, _GENERATIONS),
        step=jnp.zeros((), int),
        evaluations=jnp.asarray(len(candidates)),
        additions=jnp.zeros((), int),
        last_addition=jnp.zeros((), int),
        trace=Trace(jnp.zeros(steps, dtype), jnp.zeros(steps, int), jnp.zeros(steps, int)),
    )
    return state, Candidates(candidates, log_p.astype(dtype))


def _advance(
    log_density: LogDensity, sizes: Sizes, state: State, candidates: Candidates, until: Array
) -> State:
    """Go on to so many evaluations."""
    plan = sizes.plan
    evaluate = jax.vmap(jax.value_and_grad(log_density))
    until = jnp.minimum(until, plan.max_evaluations - plan.chunk + 1)

    def step(state: State) -> State:
        state = natural_step(state, evaluate, plan)
        return _adapted(state, candidates, sizes) if sizes.adapts else state

    return lax.while_loop(lambda s: s.evaluations < until, step, state)


def _adapted(state: State, candidates: Candidates, sizes: Sizes) -> State:
    """Delete components that are idle, and add one if it is time."""
    early = state.evaluations < _AT_LAST * sizes.plan.max_evaluations
    rested = state.evaluations - state.last_addition >= sizes.interval
    due = early & rested & (state.step % _APART == 0)

    def adapted(state: State) -> State:
        return with_one_more(without_double(without_idle(state)), candidates)

    return lax.cond(due, adapted, lambda s: s, state)


def _text(state: State) -> str:
    if not state.step:
        return "candidates"
    last = state.step - 1
    return f"ELBO {state.trace.elbo[last]:.3f}, {state.trace.components[last]} components"


def log_ratios(
    log_density: LogDensity,
    log_weights: Float[Array, " k"],
    q: Gaussians,
    key: PRNGKeyArray,
    number: int,
) -> Float[Array, " number"]:
    """Return ``log p − log q`` at draws of the mixture."""
    which, noise = jax.random.split(key)
    index = jax.random.categorical(which, log_weights, shape=(number,))
    x = draws(q, index, jax.random.normal(noise, (number, q.locs.shape[1]), q.locs.dtype))
    log_q = logsumexp(log_densities(q, x) + log_weights[:, None], axis=0)
    return lax.map(log_density, x, batch_size=256) - log_q
