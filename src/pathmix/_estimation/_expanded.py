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
worked out so in double precision alone. Where a few components are too narrow, as one that
collapses onto a few rows, these few are worked out apart (:mod:`._narrow`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Bool, Float, Int

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._narrow import DOUBLE, apart, has_logs, num_narrow, widened
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


def middle_of(model: Model, task: Task) -> Middle:
    """Return where the rows of a task lie."""
    return task.middle or _middle(task.data, model.components)


def _middle(rows: Data, components: Canonical) -> Middle:
    centre = rows.weights @ rows.x / rows.size
    # in stretches, for there to be no other array like the data
    squares = lambda part: part.weights @ (part.x - centre) ** 2  # noqa: E731
    return Middle(centre, jnp.sqrt(over_parts(squares, rows, components) / rows.size))


def expanded_sums(
    model: Model, task: Task, narrow: Int[Array, ""] | int
) -> tuple[tuple[Array, Any], Reals]:
    """Return the counts and sums of the components, and ``Σ_n v_n (log f − level)``.

    So many components are narrow, none or a few: if any are, some are worked out apart.
    """
    own, whole = of_components(model.components), for_all(model, task.data)
    middle = middle_of(model, task)
    few = apart(model, own, middle, narrow, len(task.data.weights))
    wide = widened(own, few, model.weights)
    coefficients = coefficients_of(wide, wide.loc - middle.centre)
    known = has_logs(own, float(jnp.finfo(coefficients.dtype).eps))

    def part(rows: Data) -> tuple[tuple[Array, Array], Reals]:
        phi = powers(own, rows, middle.centre)
        log_p = few.in_log_densities(matmul(coefficients, phi.T), rows) if known else None
        share, total = memberships(whole, rows, log_p)
        share = share * rows.weights
        sums = matmul(share, phi), few.sums(own, share, rows)
        return sums, log_likelihood(rows, total, task.level)

    each = _share_of_stretch(own, coefficients)
    (sums, alone), gained = over_parts(part, task.data, model.components, each)
    sums = few.put(sums, alone)
    away = few.put(own.loc - middle.centre, jnp.zeros_like(few.loc))
    d = away.shape[1]
    count, first = sums[:, -1], sums[:, -1 - d : -1]
    return (count, own.sums(count, first, sums[:, : -1 - d], away)), gained


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
    if not is_large(model.components, rows) or float(jnp.finfo(rows.x.dtype).eps) >= DOUBLE:
        return None
    own, middle = of_components(model.components), _middle(rows, model.components)
    coefficients = coefficients_of(own, own.loc - middle.centre)

    def of(part: Data) -> Float[Array, "k n"]:
        return matmul(coefficients, powers(own, part, middle.centre).T)

    each = _share_of_stretch(own, coefficients)
    return Logs(num_narrow(model, own, middle) == 0, of, each)
