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

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jax.custom_batching import custom_vmap
from jaxtyping import Bool, Float

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._parameters import kind_of
from pathmix._estimation._powers import (
    Diagonal,
    Full,
    coefficients_of,
    matmul,
    of_components,
    powers,
)
from pathmix._estimation._sweep import (
    Middle,
    Model,
    Task,
    for_all,
    log_likelihood,
    memberships,
    over_parts,
)
from pathmix._layout import is_symbolic
from pathmix._tuning import EXPANDED, EXPANDED_COMPONENTS, EXPANDED_ROWS, EXPANDED_SIZE, UNDIVIDED
from pathmix._typing import Reals
from pathmix._where import where

_DOUBLE, _SINGLE, _OF_SUMS = 1e-9, 1e-5, 3e-4
"""Errors that squares may have in logarithms of densities, and where sums alone have them."""


def is_large(components: Canonical, rows: Data) -> bool:
    """Whether there is so much to do that products pay, for components that have them."""
    n, k, events = rows.x.shape[0], components.own_shape[-1], components.event_shape
    if kind_of(components) not in (dist.Normal, dist.MultivariateNormal) or len(events) != 1:
        return False
    alone = rows.is_complete and rows.shares is None and not is_symbolic(n)
    return alone and n >= EXPANDED_ROWS and k >= EXPANDED_COMPONENTS and events[0] <= EXPANDED_SIZE


def with_middle(task: Task, components: Canonical) -> Task:
    """Return the same with what all steps share worked out, if they will ask for it."""
    if not is_large(components, task.data):
        return task
    return task._replace(middle=_middle(task.data, components))


def _middle(rows: Data, components: Canonical) -> Middle:
    centre = rows.weights @ rows.x / rows.size
    # in stretches, for there to be no other array like the data
    squares = lambda part: part.weights @ (part.x - centre) ** 2  # noqa: E731
    return Middle(centre, jnp.sqrt(over_parts(squares, rows, components) / rows.size))


def is_accurate(model: Model, task: Task) -> Bool[Array, ""]:
    """Whether few digits are lost; one answer for all of several mixtures."""
    middle = task.middle or _middle(task.data, model.components)
    return _loses_few(model, of_components(model.components), middle)


def _loses_few(model: Model, own: Full | Diagonal, middle: Middle) -> Bool[Array, ""]:
    weights, own, size = lax.stop_gradient((model.weights, own, middle.size))
    precision = own.precision()
    each = precision * (size**2 if isinstance(own, Diagonal) else size[:, None] * size)
    times = jnp.sqrt(jnp.sum(each.reshape(len(each), -1) ** 2, axis=1))
    lost = jnp.max(where(weights > 0, times, 0.0))
    eps = float(jnp.finfo(size.dtype).eps)
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
    own, whole = of_components(model.components), for_all(model, task.data)
    centre = (task.middle or _middle(task.data, model.components)).centre
    away = own.loc - centre
    coefficients = coefficients_of(own, away)
    known = _has_logs(own, float(jnp.finfo(coefficients.dtype).eps))

    def part(rows: Data) -> tuple[Float[Array, "k f"], Reals]:
        phi = powers(own, rows, centre)
        log_p = matmul(coefficients, phi.T) if known else None
        share, total = memberships(whole, rows, log_p)
        sums = matmul(share * rows.weights, phi)
        return sums, log_likelihood(rows, total, task.level)

    each = _share_of_stretch(own, coefficients)
    sums, gained = over_parts(part, task.data, model.components, each)
    count, first = sums[:, -1], sums[:, -1 - len(centre) : -1]
    return (count, own.sums(count, first, sums[:, : -1 - len(centre)], away)), gained


def _share_of_stretch(own: Full | Diagonal, coefficients: Float[Array, "k f"]) -> float:
    """What a row takes up of a stretch."""
    share = sum(coefficients.shape) / EXPANDED
    if isinstance(own, Full):  # products are most of the work
        return share
    return max(share, len(coefficients) * coefficients.dtype.itemsize / UNDIVIDED)


class Logs(NamedTuple):
    """Logarithms of densities by products of matrices."""

    accurate: Bool[Array, ""]
    """Whether few digits are lost."""
    of: Callable[[Data], Float[Array, "k n"]]
    each: float
    """What a row takes up of a stretch."""


def logs(model: Model, rows: Data) -> Logs | None:
    """Return how they are had, of many rows in double precision."""
    if not is_large(model.components, rows) or float(jnp.finfo(rows.x.dtype).eps) >= _DOUBLE:
        return None
    own, middle = of_components(model.components), _middle(rows, model.components)
    coefficients = coefficients_of(own, own.loc - middle.centre)

    def of(part: Data) -> Float[Array, "k n"]:
        return matmul(coefficients, powers(own, part, middle.centre).T)

    each = _share_of_stretch(own, coefficients)
    return Logs(_loses_few(model, own, middle), of, each)


def _has_logs(own: Full | Diagonal, eps: float) -> bool:
    """Whether logarithms of densities are made so, too."""
    return isinstance(own, Diagonal) or eps < _DOUBLE
