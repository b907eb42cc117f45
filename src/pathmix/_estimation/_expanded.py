"""Sums over rows of full covariances, of many components at once, by products of large matrices.

About one centre, ``y = x − c``, the products of a row's entries are the same for all components:
with ``φ = (y_i y_j for i ≤ j, y, 1)`` the squares of all components are one product of matrices,
and the sums that their maxima are made of are another. That is half the arithmetic of squares about
each component's own location, in shapes that processors are fast at.

It costs digits where components are narrow beside their distance from the centre. A square is a
sum of ``P_ij y_i y_j`` with ``P = Σ⁻¹``, each rounded by itself: with the root mean squares ``s``
of the rows, the root of the sum of ``(P_ij s_i s_j)²`` says how many times the rounding error it
has. Sums bear it, as parameters near a maximum change the likelihood by the square of their errors;
logarithms of densities only in double precision, for a fit ends by what they gain.
"""

import math
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_batching import custom_vmap
from jaxtyping import Bool, Float

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._gaussian import Ellipses, Moments, ellipses
from pathmix._estimation._sweep import Model, Task, log_likelihood, memberships, over_parts
from pathmix._layout import is_symbolic
from pathmix._special import triangular_inverse
from pathmix._tuning import EXPANDED, EXPANDED_COMPONENTS, EXPANDED_ROWS, EXPANDED_SIZE
from pathmix._typing import ComponentFirst, Reals
from pathmix._where import where

_OF_SUMS, _OF_LOGS = 3e-4, 1e-9
"""Errors that squares may have where sums alone are made of them, and logarithms of densities."""

_matmul = partial(jnp.matmul, precision="highest")


def is_large(components: Canonical, rows: Data) -> bool:
    """Whether there is so much to do that products pay."""
    n, k, size = rows.x.shape[0], components.own_shape[-1], components.event_shape[-1]
    alone = rows.is_complete and rows.shares is None and not is_symbolic(n)
    return alone and n >= EXPANDED_ROWS and k >= EXPANDED_COMPONENTS and size <= EXPANDED_SIZE


def is_accurate(model: Model, rows: Data) -> Bool[Array, ""]:
    """Whether few digits are lost; one answer for all of several mixtures."""
    rows, model = lax.stop_gradient((rows, model))
    d = ellipses(model.components).spread(len(model.weights))
    away = rows.x - _centre(rows)
    size = jnp.sqrt(rows.weights @ away**2 / rows.size)
    each = _precision(d) * size[:, None] * size
    times = jnp.sqrt(jnp.sum(each**2, axis=(1, 2)))
    lost = jnp.max(where(model.weights > 0, times, 0.0))
    most = _OF_LOGS if _is_double(rows.x) else _OF_SUMS
    return _largest(lost) < most / jnp.finfo(rows.x.dtype).eps


@custom_vmap
def _largest(t: Reals) -> Reals:
    """The number itself; of several mixtures the largest, for a choice between programs is one."""
    return t


@_largest.def_vmap
def _largest_of_all(axis_size: int, in_batched: list[bool], t: Array) -> tuple[Array, bool]:
    del axis_size, in_batched
    return _largest(jnp.max(t)), False


def expanded_sums(model: Model, task: Task) -> tuple[tuple[Array, Moments], Reals]:
    """Return the counts and sums of the components, and ``Σ_n v_n (log f − level)``."""
    k, centre = len(model.weights), _centre(task.data)
    d = ellipses(model.components).spread(k)
    size = d.loc.shape[-1]
    coefficients = _coefficients(d, centre)

    def part(rows: Data) -> tuple[Float[Array, "k f"], Reals]:
        powers = _powers(rows.x.T - centre[:, None])
        share, total = memberships(model, rows, _terms(coefficients, powers))
        sums = _matmul(share * rows.weights, powers.T)
        return sums, log_likelihood(rows, total, task.level)

    each = k + len(coefficients[0])
    sums, gained = over_parts(part, task.data, model.components, each / EXPANDED)
    count, first = sums[:, -1], sums[:, -1 - size : -1]
    second = _square(sums[:, : -1 - size], size)
    return (count, Moments(count, count, first, second).about(d.loc - centre)), gained


def _terms(coefficients: Float[Array, "k f"], powers: Float[Array, "f n"]) -> ComponentFirst | None:
    """The logarithms of the densities, where there are digits enough."""
    return -0.5 * _matmul(coefficients, powers) if _is_double(powers) else None


def _is_double(t: Array) -> bool:
    return bool(jnp.finfo(t.dtype).eps < _OF_LOGS)


def _centre(rows: Data) -> Float[Array, " d"]:
    return rows.weights @ rows.x / rows.size


def _precision(d: Ellipses) -> Float[Array, "k d d"]:
    inverse = triangular_inverse(d.factor)
    return _matmul(jnp.swapaxes(inverse, 1, 2), inverse)


def _powers(y: Float[Array, "d n"]) -> Float[Array, "f n"]:
    """``y_i y_j`` for ``i ≤ j``, ``y`` and one, of columns."""
    ones = jnp.ones((1, y.shape[1]), y.dtype)
    return jnp.concatenate([*(y[i:] * y[i] for i in range(len(y))), y, ones])


def _coefficients(d: Ellipses, centre: Float[Array, " d"]) -> Float[Array, "k f"]:
    """What the powers are multiplied with for ``−2 log p``."""
    precision, away, size = _precision(d), d.loc - centre, d.loc.shape[-1]
    pull = _matmul(precision, away[..., None])[..., 0]
    i, j = np.triu_indices(size)
    pairs = precision[:, i, j] * jnp.asarray(np.where(i == j, 1.0, 2.0), precision.dtype)
    log_det = jnp.sum(jnp.log(jnp.diagonal(d.factor, axis1=1, axis2=2)), axis=1)
    one = jnp.sum(away * pull, axis=1) + 2 * log_det + size * math.log(2 * math.pi)
    return jnp.concatenate([pairs, -2 * pull, one[:, None]], axis=1)


def _square(pairs: Float[Array, "k p"], size: int) -> Float[Array, "k d d"]:
    """The symmetric matrix of its entries for ``i ≤ j``."""
    place = np.zeros((size, size), int)
    place[np.triu_indices(size)] = np.arange(pairs.shape[1])
    return pairs[:, np.maximum(place, place.T)]
