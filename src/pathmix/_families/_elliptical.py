"""Successive conditionals of elliptical families, in the coordinates ``z = L⁻¹(x − loc)``.

For a multivariate normal, ``x_i = ℓ_i + L_ii z_i`` with ``ℓ_i = loc_i + Σ_{j<i} L_ij z_j`` and
``z_i`` standard normal. For a multivariate Student t, ``z_i = s_i u_i`` with ``u_i`` a Student t of
``df + i − 1`` degrees of freedom and ``s_i² = (df + Σ_{j<i} z_j²) / (df + i − 1)``. The recurrence
carries ``dz``, which makes it O(E²) per component, the size of the factors themselves.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._families._conditionals import Conditionals, Terms
from pathmix._families._location_scale import normal_density
from pathmix._families._student_t import log_student_cdf, student_density
from pathmix._special import log_ndtr_both
from pathmix._typing import PerComponent, Reals


class _Row(NamedTuple):
    """What one coordinate needs: its row of the factor, and its scale if that moves."""

    factor: Array
    position: Array
    diagonal: Array
    z: Array
    spread: Array


class NormalConditionals(Conditionals):
    """Conditionals of a multivariate normal with factor ``L``, at ``z``, ``*points k event``."""

    def __init__(self, factor: Reals, z: Reals) -> None:
        diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)
        log_p = normal_density(z) - jnp.log(diagonal)
        terms = Terms(*log_ndtr_both(z), log_p, -z / diagonal)
        super().__init__(terms, _rows(factor, z, jnp.ones_like(z)))

    def start(self, a: PerComponent) -> Any:
        size = self.rows.position.shape[-1]
        return jnp.zeros((*a.shape, size), a.dtype), jnp.zeros_like(a)

    def drift(self, state: Any, row: _Row) -> tuple[Any, Any]:
        dz, _ = state
        return jnp.sum(row.factor * dz, axis=-1), 0.0

    def advance(self, state: Any, row: _Row, relative: PerComponent, dx: Reals) -> Any:
        dz, d_square = state
        move = relative / row.diagonal
        return dz + row.position * move[..., None], d_square + 2 * row.z * move


class StudentTConditionals(NormalConditionals):
    """Conditionals of a multivariate Student t with ``df`` degrees of freedom."""

    def __init__(self, df: Reals, factor: Reals, z: Reals) -> None:
        diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)
        squares = z * z
        spread = df[..., None] + jnp.cumsum(squares, axis=-1) - squares
        dfs = df[..., None] + jnp.arange(z.shape[-1], dtype=z.dtype)
        s = jnp.sqrt(spread / dfs)
        u, scale = z / s, diagonal * s
        score = -(dfs + 1) * u / (dfs + u * u) / scale
        log_p = student_density(dfs, u) - jnp.log(scale)
        tails = log_student_cdf(dfs, u), log_student_cdf(dfs, -u)
        Conditionals.__init__(self, Terms(*tails, log_p, score), _rows(factor, z, spread))

    def drift(self, state: Any, row: _Row) -> tuple[Any, Any]:
        _, d_square = state
        log_scale = d_square / (2 * row.spread)
        return super().drift(state, row)[0] + row.diagonal * row.z * log_scale, log_scale

    def advance(self, state: Any, row: _Row, relative: PerComponent, dx: Reals) -> Any:
        _, log_scale = self.drift(state, row)
        # dz_i counts the whole move from ℓ_i, to which the scale's share belongs
        return super().advance(state, row, relative + row.diagonal * row.z * log_scale, dx)


def _rows(factor: Reals, z: Reals, spread: Reals) -> _Row:
    """The rows with the event axis first: the factor's ``*batch k event``, others ``*points k``."""
    size = factor.shape[-1]
    position = jnp.eye(size, dtype=z.dtype)
    diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)
    first = lambda t: jnp.moveaxis(t, -1, 0)  # noqa: E731
    return _Row(jnp.moveaxis(factor, -2, 0), position, first(diagonal), first(z), first(spread))
