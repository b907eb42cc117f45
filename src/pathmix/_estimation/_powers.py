"""Normals as what the products of a row's entries about one centre are multiplied with.

With ``φ = (y_i y_j for i ≤ j, y, 1)`` of ``y = x − c``, or ``(y_i², y, 1)`` of independent
coordinates, the log densities of all components are one product of matrices (:mod:`._expanded`).
"""

import math
from functools import partial
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._closed import about
from pathmix._estimation._data import Data
from pathmix._estimation._gaussian import Ellipses, Moments, ellipses
from pathmix._special import triangular_inverse
from pathmix._where import where

matmul = partial(jnp.matmul, precision="highest")

Away: TypeAlias = Float[Array, "k d"]
"""Locations, from the centre."""


class Full(NamedTuple):
    """Components with covariances, ``k`` of each."""

    d: Ellipses

    @property
    def loc(self) -> Float[Array, "k d"]:
        """Their locations."""
        return self.d.loc

    def precision(self) -> Float[Array, "k d d"]:
        """Return ``P``."""
        inverse = triangular_inverse(self.d.factor)
        return matmul(jnp.swapaxes(inverse, 1, 2), inverse)

    def log_det(self) -> Float[Array, " k"]:
        """Return that of ``Σ``."""
        return 2 * jnp.sum(jnp.log(jnp.diagonal(self.d.factor, axis1=1, axis2=2)), axis=1)

    def squares(self, y: Float[Array, "n d"]) -> Float[Array, "n p"]:
        """Return ``y_i y_j`` for ``i ≤ j``."""
        pairs = [y[:, i:] * y[:, i : i + 1] for i in range(y.shape[1])]
        return jnp.concatenate(pairs, axis=1)

    def times(self, precision: Float[Array, "k d d"]) -> Float[Array, "k p"]:
        """Return what the squares are multiplied with."""
        i, j = np.triu_indices(precision.shape[-1])
        return precision[:, i, j] * jnp.asarray(np.where(i == j, 1.0, 2.0), precision.dtype)

    def pull(self, precision: Float[Array, "k d d"], away: Away) -> Float[Array, "k d"]:
        """Return ``P (loc − c)``."""
        return matmul(precision, away[..., None])[..., 0]

    def sums(self, count: Array, first: Array, pairs: Array, away: Away) -> Moments:
        """Return the sums about the locations."""
        size = first.shape[1]
        place = np.zeros((size, size), int)
        place[np.triu_indices(size)] = np.arange(pairs.shape[1])
        second = pairs[:, np.maximum(place, place.T)]
        return Moments(count, count, first, second).about(away)


class Diagonal(NamedTuple):
    """Components of independent coordinates, ``k`` of each: the same of these."""

    loc: Float[Array, "k d"]
    scale: Float[Array, "k d"]

    def precision(self) -> Float[Array, "k d"]:
        """Return the diagonal of ``P``."""
        return 1 / self.scale**2

    def log_det(self) -> Float[Array, " k"]:
        """Return that of ``Σ``."""
        return 2 * jnp.sum(jnp.log(self.scale), axis=1)

    def squares(self, y: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Return ``y_i²``."""
        return y * y

    def times(self, precision: Float[Array, "k d"]) -> Float[Array, "k d"]:
        """Return what the squares are multiplied with."""
        return precision

    def pull(self, precision: Float[Array, "k d"], away: Away) -> Float[Array, "k d"]:
        """Return ``P (loc − c)``."""
        return precision * away

    def sums(self, count: Array, first: Array, squares: Array, away: Away) -> tuple[Array, ...]:
        """Return the sums about the locations."""
        each = jnp.broadcast_to(count[:, None], first.shape)
        return about(away, each, first, squares)


def of_components(components: Canonical) -> Full | Diagonal:
    """Return normal components as such."""
    k = components.own_shape[-1]
    scalars = components.factors()
    if scalars is None:
        return Full(ellipses(components).spread(k))
    shape = (k, *components.event_shape)
    loc, scale = (jnp.broadcast_to(p, shape) for p in scalars.parameters)
    return Diagonal(loc, scale)


def coefficients_of(own: Full | Diagonal, away: Away) -> Float[Array, "k f"]:
    """Return what the powers are multiplied with for ``log p``."""
    precision = own.precision()
    pull = own.pull(precision, away)
    one = jnp.sum(away * pull, axis=1) + own.log_det() + away.shape[1] * math.log(2 * math.pi)
    return -0.5 * jnp.concatenate([own.times(precision), -2 * pull, one[:, None]], axis=1)


def powers(own: Full | Diagonal, rows: Data, centre: Float[Array, " d"]) -> Float[Array, "n f"]:
    """Return squares, values and one, of each row about the centre.

    Rows come first: products are up to twice as fast so. What has no weight may be too large to be
    squared.
    """
    y = where(rows.weights[:, None] > 0, rows.x - centre, 0.0)
    return jnp.concatenate([own.squares(y), y, jnp.ones((len(y), 1), y.dtype)], axis=1)
