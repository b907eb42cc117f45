"""Elliptical families with full covariances: multivariate normal and Student t."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._conditionals import Conditionals
from pathmix._families._elliptical import NormalConditionals, StudentTConditionals
from pathmix._families._gather import expand_to
from pathmix._families._linear_rows import (
    loc_rows,
    log_det,
    many_points,
    times_rows,
    whiten_rows,
)
from pathmix._families._protocol import Family, register
from pathmix._families._student_t import drawable, student_normaliser
from pathmix._special import cholesky, log_betainc, matrix_rows, solve_rows, triangular_inverse
from pathmix._typing import Reals, Value


class RowsFamily(Family):
    """A family of vectors that is at home with the event axis first."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        return self.log_prob_rows(d, jnp.moveaxis(expand_to(x, d.shape()), -1, 0))

    def check_pathwise(self, d: Distribution) -> None:
        del d


class MultivariateNormalFamily(RowsFamily):
    """``log p = −|L⁻¹(x − loc)|²/2 − log det L − E log(2π)/2``, in any parametrisation."""

    parameters = ("loc", "scale_tril")

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        return _normal_log_prob(d, *mahalanobis(d, x))

    pathwise = True

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        return jax.jvp(partial(_place, whiten(d.scale_tril, d.loc, d, x)), (d,), (tangent,))[1]

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        return NormalConditionals(d.scale_tril, whiten(d.scale_tril, d.loc, d, x))

    def covariance(self, d: Distribution) -> Reals:
        return _for_each(d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2), d)


class LowRankFamily(RowsFamily):
    """LowRankMultivariateNormal, whose own density never forms the covariance."""

    parameters = ("loc", "cov_factor", "cov_diag")

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        """``|x − loc|²`` in the metric of Σ is the least of ``|x − loc − Wv|²_D + |v|²`` over v.

        That is Woodbury's identity without its subtraction. The best v solves ``Cv = WᵀD⁻¹(x −
        loc)`` with ``C = 1 + WᵀD⁻¹W``, and ``det Σ = det C · det D``.
        """
        x, outside = _finite_rows(x)
        v, rest, factor = _woodbury(d, x)
        diag = jnp.asarray(d.cov_diag)
        square = jnp.sum(rest * rest / loc_rows(diag, x.ndim), axis=0) + jnp.sum(v * v, axis=0)
        log_scale = log_det(factor) + 0.5 * jnp.sum(jnp.log(diag), axis=-1)
        return _normal_log_prob(d, square + outside, log_scale)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        # dloc + dΣ y/2 with y = Σ⁻¹(x − loc) solves the continuity equation
        x = jnp.moveaxis(expand_to(x, d.shape()), -1, 0)
        finite = jnp.isfinite(x)
        _, rest, _ = _woodbury(d, jnp.where(finite, x, 0.0))
        y = jnp.where(finite, rest / loc_rows(d.cov_diag, x.ndim), x)

        def push(d: Distribution) -> Value:
            w = jnp.asarray(d.cov_factor)
            moved = times_rows(w, times_rows(jnp.swapaxes(w, -1, -2), y))
            diag = loc_rows(d.cov_diag, y.ndim)
            return loc_rows(d.loc, y.ndim) + 0.5 * (moved + diag * y)

        return jnp.moveaxis(jax.jvp(push, (d,), (tangent,))[1], 0, -1)

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        factor = _low_rank_factor(d)
        return NormalConditionals(factor, whiten(factor, d.loc, d, x))

    def covariance(self, d: Distribution) -> Reals:
        return _for_each(_low_rank_covariance(d), d)


class MultivariateStudentTFamily(RowsFamily):
    """``p ∝ (1 + |L⁻¹(x − loc)|²/df)^(−(df+E)/2)``."""

    parameters = ("df", "loc", "scale_tril")

    def make(self, kind: type, arguments: Mapping[str, Any]) -> Distribution:
        # NumPyro draws one chi-square for each entry of df, so that a shared df must be spread out
        df, loc, factor = (jnp.asarray(arguments[name]) for name in self.parameters)
        shape = jnp.broadcast_shapes(df.shape, loc.shape[:-1], factor.shape[:-2])
        return kind(jnp.broadcast_to(df, shape), loc, factor, validate_args=False)

    def make_to_draw(self, kind: type, arguments: Mapping[str, Any]) -> Distribution:
        return self.make(kind, {**arguments, "df": drawable(arguments["df"])})

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        return _student_log_prob(d, *mahalanobis(d, x))

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        """Move by loc and factor at fixed ``z``, and along ``z`` by the radius' dependence on df.

        ``ρ = |z|²`` has ``ρ/(ρ + df) ~ Beta(E/2, df/2)``, differentiated implicitly.
        """
        z = whiten(d.scale_tril, d.loc, d, x)
        square = jnp.sum(z * z, axis=-1)
        d_df = jax.jvp(lambda d: jnp.asarray(d.df), (d,), (tangent,))[1]
        # of infinitely many degrees of freedom the derivative is zero
        finite = jnp.asarray(d.df) < jnp.inf
        df = jnp.where(finite, d.df, 1.0)
        stretch = _radial_velocity(df, square, d.event_shape[0]) * jnp.where(finite, d_df, 0.0)
        moved = jax.jvp(partial(_place, z), (d,), (tangent,))[1]
        return moved + _times_factor(z * stretch[..., None], d)

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        z = whiten(d.scale_tril, d.loc, d, x)
        df = jnp.minimum(d.df, 1e30)  # for infinity, where every term has its limit
        return StudentTConditionals(df, d.scale_tril, z)

    def mean(self, d: Distribution) -> Reals:
        return jnp.where(d.df[..., None] > 1, jnp.broadcast_to(d.loc, d.shape()), jnp.nan)

    def covariance(self, d: Distribution) -> Reals:
        df = jnp.asarray(d.df)[..., None, None]
        scatter = d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2)
        finite = (1 + 2 / jnp.where(df > 2, df - 2, 1.0)) * scatter
        diagonal = jnp.eye(d.event_shape[0], dtype=bool)
        infinite = jnp.where(diagonal & (df > 1), jnp.inf, jnp.nan)  # E[xᵢxⱼ] does not exist
        return _for_each(jnp.where(df > 2, finite, infinite), d)

    def variance(self, d: Distribution) -> Reals:
        return jnp.diagonal(self.covariance(d), axis1=-2, axis2=-1)


def mahalanobis(d: Distribution, x: Value) -> tuple[Reals, Reals]:
    """Return ``|L⁻¹(x − loc)|²`` and ``log det L`` of ``x``, ``event *points *batch``."""
    factor = jnp.asarray(d.scale_tril)
    x, outside = _finite_rows(x)
    z = whiten_rows(factor, d.loc, x)
    return jnp.sum(jnp.square(z), axis=0) + outside, log_det(factor)


def _finite_rows(x: Value) -> tuple[Value, Reals]:
    """Points that are not finite, replaced; and what to add to their squares."""
    size = jnp.sum(jnp.abs(x), axis=0)
    finite = jnp.isfinite(size)
    return jnp.where(finite, x, 0.0), jnp.where(finite, 0.0, size)


def whiten(factor: Reals, loc: Reals, d: Distribution, x: Value) -> Reals:
    """Return ``L⁻¹(x − loc)``, ``*points k event``."""
    x = jnp.moveaxis(expand_to(x, d.shape()), -1, 0)
    finite = jnp.isfinite(x)
    # an infinite coordinate stays alone, without 0 · ∞
    z = whiten_rows(_for_each(factor, d), loc, jnp.where(finite, x, 0.0))
    return jnp.moveaxis(jnp.where(finite, z, x), 0, -1)


def _normal_log_prob(d: Distribution, square: Reals, log_det: Reals) -> Reals:
    return -0.5 * (square + d.event_shape[0] * math.log(2 * math.pi)) - log_det


def _student_log_prob(d: Distribution, square: Reals, log_det: Reals) -> Reals:
    finite, size = d.df < jnp.inf, d.event_shape[0]
    df = jnp.where(finite, d.df, 1.0)
    student = student_normaliser(df, size) - 0.5 * (df + size) * jnp.log1p(square / df) - log_det
    return jnp.where(finite, student, _normal_log_prob(d, square, log_det))


def _for_each(matrix: Reals, d: Distribution) -> Reals:
    return jnp.broadcast_to(matrix, d.batch_shape + matrix.shape[-2:])


def _place(z: Reals, d: Distribution) -> Reals:
    """Return ``loc + Lz`` of ``*points event``."""
    return d.loc + _times_factor(z, d)


def _times_factor(z: Reals, d: Distribution) -> Reals:
    product = times_rows(jnp.tril(d.scale_tril), jnp.moveaxis(z, -1, 0))
    return jnp.moveaxis(product, 0, -1)


def _woodbury(d: Distribution, x: Value) -> tuple[Reals, Reals, Reals]:
    """Return the best ``v``, ``x − loc − Wv`` and the factor of ``C``, of rows."""
    diag, w = jnp.asarray(d.cov_diag), jnp.asarray(d.cov_factor)
    scaled = jnp.swapaxes(w / diag[..., None], -1, -2)
    delta = x - loc_rows(d.loc, x.ndim)
    identity = jnp.eye(w.shape[-1], dtype=w.dtype)
    if many_points(w, x):
        factor = cholesky(jnp.matmul(scaled, w, precision="highest") + identity)
        inverse = triangular_inverse(factor)
        twice = jnp.matmul(inverse, scaled, precision="highest")
        twice = jnp.matmul(jnp.swapaxes(inverse, -1, -2), twice, precision="highest")
        v = times_rows(twice, delta)
    else:
        a, b = matrix_rows(scaled, 0)[:, :, None], matrix_rows(w, 0)
        gram = jnp.moveaxis(jnp.sum(a * b, axis=1), (0, 1), (-2, -1))
        factor = cholesky(gram + identity)
        v = solve_rows(factor, solve_rows(factor, times_rows(scaled, delta)), transposed=True)
    return v, delta - times_rows(w, v), factor


def _low_rank_covariance(d: Distribution) -> Reals:
    w, diag = jnp.asarray(d.cov_factor), jnp.asarray(d.cov_diag)
    diagonal = diag[..., None] * jnp.eye(d.event_shape[0], dtype=diag.dtype)
    return w @ jnp.swapaxes(w, -1, -2) + diagonal


def _low_rank_factor(d: Distribution) -> Reals:
    return cholesky(_low_rank_covariance(d))


def _radial_velocity(df: Reals, square: Reals, size: int) -> Reals:
    """``d log|z| / d df`` at a fixed quantile of ``ρ = |z|²``, from its nearer tail."""

    def tail(df: Reals, log_square: Reals, *, lower: bool) -> Reals:
        ratio = jnp.exp(log_square) / df
        a, b, x, y = size / 2, df / 2, ratio / (1 + ratio), 1 / (1 + ratio)
        return log_betainc(a, b, x, y) if lower else log_betainc(b, a, y, x)

    def velocity(*, lower: bool) -> tuple[Reals, Reals]:
        fn = partial(tail, lower=lower)
        log_square = jnp.log(jnp.where(square > 0, square, 1.0))
        df_, at = jnp.broadcast_arrays(df, log_square)
        one, none = jnp.ones_like(at), jnp.zeros_like(at)
        value, d_df = jax.jvp(fn, (df_, at), (one, none))
        slope = jax.jvp(fn, (df_, at), (none, one))[1]
        flat = (slope == 0) | ~jnp.isfinite(slope) | (square == 0)
        return value, jnp.where(flat, 0.0, -d_df / jnp.where(flat, 1.0, slope)) / 2

    (low, v_low), (high, v_high) = velocity(lower=True), velocity(lower=False)
    return jnp.where(low < high, v_low, v_high)


register(MultivariateNormalFamily(), dist.MultivariateNormal)
register(LowRankFamily(), dist.LowRankMultivariateNormal)
register(MultivariateStudentTFamily(), dist.MultivariateStudentT)
