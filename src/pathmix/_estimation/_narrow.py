"""Components that are narrow beside their distance from the centre of the rows.

What products about one centre lose for these, :mod:`._expanded` says. As long as they are few, as
where one collapses onto a few rows, they alone are worked out apart, about their own locations.
"""

from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_batching import custom_vmap
from jaxtyping import Bool, Float, Int

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._powers import Diagonal, Full, matmul, powers
from pathmix._estimation._sweep import Middle, Model, Shares, terms
from pathmix._evaluation import prepared
from pathmix._where import where

DOUBLE = 1e-9
"""The error that squares may have in logarithms of densities, in double precision."""
_SINGLE, _OF_SUMS = 1e-5, 3e-4
"""The same in single precision, and where sums alone have it."""
_FEW = 8
"""One component in so many may be worked out apart: then products of all others still pay."""

Own = TypeVar("Own", bound=Full | Diagonal)


def has_logs(own: Full | Diagonal, eps: float) -> bool:
    """Whether logarithms of densities are made by products, too."""
    return isinstance(own, Diagonal) or eps < DOUBLE


def num_narrow(model: Model, own: Full | Diagonal, middle: Middle) -> Int[Array, ""]:
    """Return how many components lose too many digits, the most of several mixtures at once."""
    eps = float(jnp.finfo(middle.size.dtype).eps)
    most = _OF_SUMS if not has_logs(own, eps) else DOUBLE if eps < DOUBLE else _SINGLE
    lose_few = _lost(model, own, middle) < most / eps  # not so where it is no number
    return _largest(jnp.sum(~lose_few))


def few(components: Canonical) -> int:
    """Return how many components may be worked out apart."""
    return max(components.own_shape[-1] // _FEW, 1)


class Apart(NamedTuple):
    """The narrowest components, ``j`` of each; they are worked out apart if ``some`` are narrow."""

    some: Bool[Array, ""]
    places: Int[Array, " j"]
    """Where they stand among all."""
    loc: Float[Array, "j d"]
    components: Canonical

    def put(self, t: Array, own: Array) -> Array:
        """Return an array of all components with what these have of their own."""
        return where(self.some, t.at[self.places].set(own), t)

    def in_log_densities(self, log_p: Float[Array, "k n"], rows: Data) -> Float[Array, "k n"]:
        """Return the log densities of the rows with these components' own."""

        def apart() -> Array:
            term, factor = terms(self.components, rows)
            own = term if factor is None else term + jnp.log(factor)
            return log_p.at[self.places].set(own)

        return lax.cond(self.some, apart, lambda: log_p)

    def sums(self, own: Full | Diagonal, shares: Shares, rows: Data) -> Float[Array, "j f"]:
        """Return the sums of the powers of the rows about each location, weighted by shares."""

        def about(one: tuple[Array, Array]) -> Array:
            share, loc = one
            return matmul(share, powers(own, rows, loc))

        each = partial(lax.map, about, (shares[self.places], self.loc))
        none = jax.eval_shape(each)
        return lax.cond(self.some, each, lambda: jnp.zeros(none.shape, none.dtype))


def apart(
    model: Model, own: Full | Diagonal, middle: Middle, narrow: Int[Array, ""] | int, rows: int
) -> Apart:
    """Return as many as may be worked out apart, those that lose most."""
    places = lax.top_k(_lost(model, own, middle), few(model.components))[1]

    def taken(p: Array, n: int) -> Array:
        axis = p.ndim - n - 1
        shared = axis < 0 or p.shape[axis] == 1
        return p if shared else jnp.take(p, places, axis=axis)

    components = prepared(model.components.map(taken), rows)
    return Apart(jnp.asarray(narrow > 0), places, own.loc[places], components)


def widened(own: Own, few: Apart, weights: Float[Array, " k"]) -> Own:
    """Return the components with the widest in the places of those that are worked out apart.

    What is made of it there is written over; of a narrow one it might be infinite, and then no
    derivative would be a number.
    """
    size = jnp.max(own.precision().reshape(len(weights), -1), axis=1)
    widest = jnp.argmin(where((weights > 0) & (size > 0), size, jnp.inf))
    at = jnp.arange(len(weights))
    at = few.put(at, jnp.broadcast_to(widest, few.places.shape).astype(at.dtype))
    return jax.tree.map(lambda t: t[at], own)


def _lost(model: Model, own: Full | Diagonal, middle: Middle) -> Float[Array, " k"]:
    """How many times the error of rounding the squares of each component have."""
    weights, own, size = lax.stop_gradient((model.weights, own, middle.size))
    precision = own.precision()
    each = precision * (size**2 if isinstance(own, Diagonal) else size[:, None] * size)
    times = jnp.sqrt(jnp.sum(each.reshape(len(each), -1) ** 2, axis=1))
    return where(weights > 0, times, 0.0)


@custom_vmap
def _largest(t: Int[Array, ""]) -> Int[Array, ""]:
    """The number itself; of several mixtures the largest, for a choice between programs is one."""
    return t


@_largest.def_vmap
def _largest_of_all(axis_size: int, in_batched: list[bool], t: Array) -> tuple[Array, bool]:
    del axis_size, in_batched
    return _largest(jnp.max(t)), False
