"""Sums over rows of normals, of many components at once, by products of large matrices.

About one centre, ``y = x − c``, the products of a row's entries are the same for all components:
with ``φ = (y_i y_j for i ≤ j, y, 1)`` the squares of all components are one product of matrices,
and the sums that their maxima are made of are another. That is half the arithmetic of squares about
each component's own location, in shapes that processors are fast at. Of independent coordinates,
``φ = (y_i², y, 1)``.

It costs digits where components are narrow beside their distance from the centre. A square is a
sum of ``P_ij y_i y_j`` with ``P = Σ⁻¹``, each rounded by itself: with the root mean squares ``s``
of the rows, the root of the sum of ``(P_ij s_i s_j)²`` says how many times the rounding error it
has. Sums bear it, as parameters near a maximum change the likelihood by the square of their errors;
logarithms of densities less so, for a fit ends by what they gain: those of full covariances are
worked out so in double precision alone.
"""

import math
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax
from jax.custom_batching import custom_vmap
from jaxtyping import Bool, Float

from pathmix._components import Canonical
from pathmix._estimation._closed import about
from pathmix._estimation._data import Data
from pathmix._estimation._gaussian import Ellipses, Moments, ellipses
from pathmix._estimation._parameters import kind_of
from pathmix._estimation._sweep import Model, Task, log_likelihood, memberships, over_parts
from pathmix._layout import is_symbolic
from pathmix._special import triangular_inverse
from pathmix._tuning import EXPANDED, EXPANDED_COMPONENTS, EXPANDED_ROWS, EXPANDED_SIZE
from pathmix._typing import Reals
from pathmix._where import where

_DOUBLE, _SINGLE, _OF_SUMS = 1e-9, 1e-5, 3e-4
"""Errors that squares may have in logarithms of densities, and where sums alone have them."""

Away: TypeAlias = Float[Array, "k d"]
"""Locations, from the centre."""

_matmul = partial(jnp.matmul, precision="highest")


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
        return _matmul(jnp.swapaxes(inverse, 1, 2), inverse)

    def log_det(self) -> Float[Array, " k"]:
        """Return that of ``Σ``."""
        return 2 * jnp.sum(jnp.log(jnp.diagonal(self.d.factor, axis1=1, axis2=2)), axis=1)

    def squares(self, y: Float[Array, "d n"]) -> Float[Array, "p n"]:
        """Return ``y_i y_j`` for ``i ≤ j``."""
        return jnp.concatenate([y[i:] * y[i] for i in range(len(y))])

    def times(self, precision: Float[Array, "k d d"]) -> Float[Array, "k p"]:
        """Return what the squares are multiplied with."""
        i, j = np.triu_indices(precision.shape[-1])
        return precision[:, i, j] * jnp.asarray(np.where(i == j, 1.0, 2.0), precision.dtype)

    def pull(self, precision: Float[Array, "k d d"], away: Away) -> Float[Array, "k d"]:
        """Return ``P (loc − c)``."""
        return _matmul(precision, away[..., None])[..., 0]

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

    def squares(self, y: Float[Array, "d n"]) -> Float[Array, "d n"]:
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


def is_large(components: Canonical, rows: Data) -> bool:
    """Whether there is so much to do that products pay, for components that have them."""
    n, k, events = rows.x.shape[0], components.own_shape[-1], components.event_shape
    if kind_of(components) not in (dist.Normal, dist.MultivariateNormal) or len(events) != 1:
        return False
    alone = rows.is_complete and rows.shares is None and not is_symbolic(n)
    return alone and n >= EXPANDED_ROWS and k >= EXPANDED_COMPONENTS and events[0] <= EXPANDED_SIZE


def is_accurate(model: Model, rows: Data) -> Bool[Array, ""]:
    """Whether few digits are lost; one answer for all of several mixtures."""
    rows, model = lax.stop_gradient((rows, model))
    own = _own(model.components)
    size = jnp.sqrt(rows.weights @ (rows.x - _centre(rows)) ** 2 / rows.size)
    precision = own.precision()
    each = precision * (size**2 if isinstance(own, Diagonal) else size[:, None] * size)
    times = jnp.sqrt(jnp.sum(each.reshape(len(each), -1) ** 2, axis=1))
    lost = jnp.max(where(model.weights > 0, times, 0.0))
    eps = float(jnp.finfo(rows.x.dtype).eps)
    most = _OF_SUMS if not _has_logs(own, eps) else _DOUBLE if eps < _DOUBLE else _SINGLE
    return _largest(lost) < most / eps


@custom_vmap
def _largest(t: Reals) -> Reals:
    """The number itself; of several mixtures the largest, for a choice between programs is one."""
    return t


@_largest.def_vmap
def _largest_of_all(axis_size: int, in_batched: list[bool], t: Array) -> tuple[Array, bool]:
    del axis_size, in_batched
    return _largest(jnp.max(t)), False


def expanded_sums(model: Model, task: Task) -> tuple[tuple[Array, Any], Reals]:
    """Return the counts and sums of the components, and ``Σ_n v_n (log f − level)``."""
    own, centre = _own(model.components), _centre(task.data)
    away = own.loc - centre
    coefficients = _coefficients(own, away)
    known = _has_logs(own, float(jnp.finfo(coefficients.dtype).eps))

    def part(rows: Data) -> tuple[Float[Array, "k f"], Reals]:
        y = rows.x.T - centre[:, None]
        powers = jnp.concatenate([own.squares(y), y, jnp.ones((1, y.shape[1]), y.dtype)])
        log_p = -0.5 * _matmul(coefficients, powers) if known else None
        share, total = memberships(model, rows, log_p)
        sums = _matmul(share * rows.weights, powers.T)
        return sums, log_likelihood(rows, total, task.level)

    each = sum(coefficients.shape) / EXPANDED
    sums, gained = over_parts(part, task.data, model.components, each)
    count, first = sums[:, -1], sums[:, -1 - len(centre) : -1]
    return (count, own.sums(count, first, sums[:, : -1 - len(centre)], away)), gained


def _own(components: Canonical) -> Full | Diagonal:
    k = components.own_shape[-1]
    scalars = components.factors()
    if scalars is None:
        return Full(ellipses(components).spread(k))
    shape = (k, *components.event_shape)
    loc, scale = (jnp.broadcast_to(p, shape) for p in scalars.parameters)
    return Diagonal(loc, scale)


def _has_logs(own: Full | Diagonal, eps: float) -> bool:
    """Whether logarithms of densities are made so, too."""
    return isinstance(own, Diagonal) or eps < _DOUBLE


def _centre(rows: Data) -> Float[Array, " d"]:
    return rows.weights @ rows.x / rows.size


def _coefficients(own: Full | Diagonal, away: Away) -> Float[Array, "k f"]:
    """What the powers are multiplied with for ``−2 log p``."""
    precision = own.precision()
    pull = own.pull(precision, away)
    one = jnp.sum(away * pull, axis=1) + own.log_det() + away.shape[1] * math.log(2 * math.pi)
    return jnp.concatenate([own.times(precision), -2 * pull, one[:, None]], axis=1)
