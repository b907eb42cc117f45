"""Successive conditionals of elliptical families, in the coordinates ``z = L⁻¹(x − loc)``.

For a multivariate normal, ``x_i = ℓ_i + L_ii z_i`` with ``ℓ_i = loc_i + Σ_{j<i} L_ij z_j`` and
``z_i`` standard normal. For a multivariate Student t, ``z_i = s_i u_i`` with ``u_i`` a Student t of
``df + i − 1`` degrees of freedom and ``s_i² = (df + Σ_{j<i} z_j²) / (df + i − 1)``. The recurrence
carries ``dz``, which makes it O(E²) per component, the size of the factors themselves.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._families._conditionals import Conditionals, Terms, smaller_over_density
from pathmix._families._location_scale import normal_density
from pathmix._families._student_t import log_student_tails, student_density
from pathmix._layout import component_first
from pathmix._special import mills_ratio
from pathmix._typing import ComponentFirst, Matrix, PerComponentValue, Reals
from pathmix._where import where


class _Row(NamedTuple):
    """What one coordinate needs; arrays end in ``k *points``."""

    coordinate: Array
    factor: Array
    """Its row of the factor, ``event k *points``."""
    diagonal: Array
    z: Array
    spread: Array
    """``df + Σ_{j<i} z_j²``, if that moves the scale."""


class NormalConditionals(Conditionals):
    """Conditionals of a multivariate normal with factor ``L`` (``*batch k event event``).

    ``z`` is ``*points k event``.
    """

    rows: _Row
    drifts = True

    def __init__(
        self,
        factor: Matrix,
        z: PerComponentValue,
        spread: PerComponentValue | None = None,
    ) -> None:
        points, size = z.ndim - 2, z.shape[-1]
        diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)
        self.rows = _Row(
            jnp.arange(size),
            component_first(factor, 2, points),
            component_first(diagonal, 1, points),
            component_first(z, 1, points),
            component_first(z if spread is None else spread, 1, points),
        )

    def terms(self, row: _Row) -> Terms:
        log_p = normal_density(row.z) - jnp.log(row.diagonal)
        ratio = row.diagonal * mills_ratio(row.z)
        return Terms(row.z < 0, ratio, log_p, -row.z / row.diagonal)

    def start(self, a: ComponentFirst) -> Any:
        return jnp.zeros((self.rows.coordinate.size, *a.shape), a.dtype), jnp.zeros_like(a)

    def drift(self, state: Any, row: _Row) -> tuple[Any, Any]:
        dz, _ = state
        return jnp.sum(row.factor * dz, axis=0), 0.0

    def advance(self, state: Any, row: _Row, relative: ComponentFirst, dx: Reals) -> Any:
        dz, d_square = state
        move = relative / row.diagonal
        here = jnp.arange(dz.shape[0]) == row.coordinate
        dz += where(here.reshape(-1, *(1,) * move.ndim), move, 0.0)
        return dz, d_square + 2 * row.z * move


class StudentTConditionals(NormalConditionals):
    """Conditionals of a multivariate Student t with ``df`` degrees of freedom, ``*batch k``."""

    def __init__(self, df: Reals, factor: Matrix, z: PerComponentValue) -> None:
        squares = z * z
        spread = df[..., None] + jnp.cumsum(squares, axis=-1) - squares
        super().__init__(factor, z, spread)
        self._df = component_first(df, 0, z.ndim - 2)

    def terms(self, row: _Row) -> Terms:
        dfs = self._df + row.coordinate
        s = jnp.sqrt(row.spread / dfs)
        u, scale = row.z / s, row.diagonal * s
        score = -(dfs + 1) * u / (dfs + u * u) / scale
        log_p = student_density(dfs, u) - jnp.log(scale)
        tails = log_student_tails(dfs, u)
        return Terms(*smaller_over_density(*tails, log_p), log_p, score)

    def drift(self, state: Any, row: _Row) -> tuple[Any, Any]:
        _, d_square = state
        log_scale = d_square / (2 * row.spread)
        return super().drift(state, row)[0] + row.diagonal * row.z * log_scale, log_scale

    def advance(self, state: Any, row: _Row, relative: ComponentFirst, dx: Reals) -> Any:
        _, log_scale = self.drift(state, row)
        # dz_i counts the whole move from ℓ_i, to which the scale's share belongs
        return super().advance(state, row, relative + row.diagonal * row.z * log_scale, dx)
