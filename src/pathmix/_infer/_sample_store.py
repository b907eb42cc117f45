"""Points at which a log density is known, and how much each tells of a component.

A point was drawn from one of the components that the mixture had then, which are kept: points count
for a component ``q_k`` by ``q_k(x) / b(x)``, where the background ``b`` is the mixture of all
that points in store were drawn from. So points serve as long as components are near. The store is
a ring of points, and of generations of the mixture; a generation that is overwritten takes
its points along.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from pathmix._infer._gaussians import Gaussians, log_densities
from pathmix._where import where

_FAR_BELOW = 1e5
"""By how much a log density that is not finite counts as lower than the highest one."""


class SampleStore(NamedTuple):
    """The points, and where they come from."""

    x: Float[Array, "m d"]
    log_p: Float[Array, " m"]
    slope: Float[Array, "m d"]
    source: Int[Array, " m"]
    """Which of the proposals a point was drawn from; −1 where there is no point."""
    proposals: Gaussians
    """Components of several generations, the components of each in a row."""
    terms: Float[Array, "p m"]
    """The log density of every proposal at every point."""
    cursor: Int[Array, ""]
    """Where the next point goes."""


def empty_store(q: Gaussians, size: int, generations: int) -> SampleStore:
    """Return a store without points, for as many as ``size``."""
    k, d = q.locs.shape
    dtype, p = q.locs.dtype, generations * k
    repeated = jax.tree.map(lambda t: jnp.concatenate([t] * generations), q)
    return SampleStore(
        x=jnp.zeros((size, d), dtype),
        log_p=jnp.zeros(size, dtype),
        slope=jnp.zeros((size, d), dtype),
        source=jnp.full(size, -1),
        proposals=repeated,
        terms=jnp.zeros((p, size), dtype),
        cursor=jnp.zeros((), int),
    )


def is_live(store: SampleStore) -> Array:
    """Return where there are points."""
    return store.source >= 0


def begin_generation(store: SampleStore, q: Gaussians, generation: Array) -> SampleStore:
    """Make components the proposals of a generation, in the place of an older one."""
    k = len(q.locs)
    first = generation * k
    put = lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, first, 0)  # noqa: E731
    return store._replace(
        source=where(store.source // k == generation, -1, store.source),
        proposals=jax.tree.map(put, store.proposals, q),
        terms=put(store.terms, log_densities(q, store.x)),
    )


def generation_terms(store: SampleStore, generation: Array, k: int) -> Float[Array, "k m"]:
    """Return the log densities of a generation's components at every point."""
    return lax.dynamic_slice_in_dim(store.terms, generation * k, k, 0)


def with_points(
    store: SampleStore,
    x: Float[Array, "n d"],
    source: Int[Array, " n"],
    log_p: Float[Array, " n"],
    slope: Float[Array, "n d"],
) -> SampleStore:
    """Put new points in the place of the oldest, of which the size is a multiple."""
    fine = jnp.isfinite(log_p) & jnp.all(jnp.isfinite(slope), axis=1)
    highest = jnp.max(where(is_live(store), store.log_p, -jnp.inf))
    low = where(jnp.isfinite(highest), highest, 0.0) - _FAR_BELOW
    put = lambda whole, part, axis=0: lax.dynamic_update_slice_in_dim(  # noqa: E731
        whole, part, store.cursor, axis
    )
    return store._replace(
        x=put(store.x, x),
        log_p=put(store.log_p, where(fine, log_p, low)),
        slope=put(store.slope, where(fine[:, None], slope, 0.0)),
        source=put(store.source, source),
        terms=put(store.terms, log_densities(store.proposals, x), 1),
        cursor=(store.cursor + len(x)) % len(store.x),
    )


def importance_weights(
    store: SampleStore, terms: Float[Array, "k m"]
) -> tuple[Float[Array, "k m"], Float[Array, " k"]]:
    """Return weights that sum to one for each component, and its effective number of points.

    The number is ``1 / Σ w²`` (Kish), and zero in an empty store.
    """
    live = is_live(store)
    log_weights = where(live, terms - _log_background(store), -jnp.inf)
    highest = jnp.max(log_weights, axis=1, keepdims=True)
    weights = jnp.exp(log_weights - where(highest > -jnp.inf, highest, 0.0))
    total = jnp.sum(weights, axis=1, keepdims=True)
    weights = weights / where(total > 0, total, 1.0)
    square = jnp.sum(weights**2, axis=1)
    return weights, where(square > 0, 1 / where(square > 0, square, 1.0), 0.0)


def _log_background(store: SampleStore) -> Float[Array, " m"]:
    """The log density of the mixture that the points are draws of, but for a constant."""
    p = len(store.terms)
    live = is_live(store)
    number = (
        jnp.zeros(p, store.x.dtype).at[where(live, store.source, 0)].add(live.astype(store.x.dtype))
    )
    drawn = number > 0
    log_number = where(drawn, jnp.log(where(drawn, number, 1.0)), -jnp.inf)
    summands = store.terms + log_number[:, None]
    highest = jnp.max(summands, axis=0)
    highest = where(jnp.isfinite(highest), highest, 0.0)
    total = jnp.sum(jnp.exp(summands - highest), axis=0)
    return highest + jnp.log(where(total > 0, total, 1.0))
