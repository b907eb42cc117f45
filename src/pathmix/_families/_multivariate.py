"""Elliptical families with full covariances: multivariate normal and Student t."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import Distribution

from pathmix._families._conditionals import Conditionals
from pathmix._families._elliptical import NormalConditionals, StudentTConditionals
from pathmix._families._gather import expand_to, pad_left, spread
from pathmix._families._protocol import Family, register
from pathmix._families._student_t import student_normaliser
from pathmix._moving import is_zero
from pathmix._special import log_betainc, triangular_inverse
from pathmix._typing import ParameterMap, Reals, Value


class RowsFamily(Family):
    """A family of vectors that is at home with the event axis first."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        return self.log_prob_rows(d, jnp.moveaxis(expand_to(x, d.shape()), -1, 0))

    def check_pathwise(self, d: Distribution) -> None:
        del d


class MultivariateNormalFamily(RowsFamily):
    """``log p = −|L⁻¹(x − loc)|²/2 − log det L − E log(2π)/2``, in any parametrisation."""

    def rebuild(self, d: Distribution, fn: ParameterMap) -> Distribution:
        return dist.MultivariateNormal(
            fn(d.loc, 1), scale_tril=fn(d.scale_tril, 2), validate_args=False
        )

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        return _normal_log_prob(d, *mahalanobis(d, x))

    pathwise = True

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        z = whiten(d.scale_tril, d.loc, d, x)
        return jax.jvp(lambda d: d.loc + _times(jnp.tril(d.scale_tril), z), (d,), (tangent,))[1]

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
        diag, w = jnp.asarray(d.cov_diag), jnp.asarray(d.cov_factor)
        scaled = jnp.swapaxes(w / diag[..., None], -1, -2)
        factor = jnp.linalg.cholesky(scaled @ w + jnp.eye(w.shape[-1], dtype=w.dtype))
        inverse = triangular_inverse(factor)
        x, outside = _finite_rows(x)
        delta = x - _loc_rows(d.loc, x.ndim)
        v = times_rows(jnp.swapaxes(inverse, -1, -2) @ (inverse @ scaled), delta)
        rest = delta - times_rows(w, v)
        square = jnp.sum(rest * rest / _loc_rows(diag, x.ndim), axis=0) + jnp.sum(v * v, axis=0)
        log_det = _log_det(factor) + 0.5 * jnp.sum(jnp.log(diag), axis=-1)
        return _normal_log_prob(d, square + outside, log_det)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        # dloc + dΣ Σ⁻¹(x − loc)/2 solves the continuity equation without a factor of Σ
        factor = _low_rank_factor(d)
        z = whiten(factor, d.loc, d, x)
        y = _times(_for_each(jnp.swapaxes(triangular_inverse(factor), -1, -2), d), z)

        def push(d: Distribution) -> Value:
            w = jnp.asarray(d.cov_factor)
            return d.loc + 0.5 * (_times(w @ jnp.swapaxes(w, -1, -2), y) + d.cov_diag * y)

        return jax.jvp(push, (d,), (tangent,))[1]

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        factor = _low_rank_factor(d)
        return NormalConditionals(factor, whiten(factor, d.loc, d, x))

    def covariance(self, d: Distribution) -> Reals:
        return _for_each(_low_rank_covariance(d), d)


class MultivariateStudentTFamily(RowsFamily):
    """``p ∝ (1 + |L⁻¹(x − loc)|²/df)^(−(df+E)/2)``."""

    def rebuild(self, d: Distribution, fn: ParameterMap) -> Distribution:
        df, loc, factor = fn(d.df, 0), fn(d.loc, 1), fn(d.scale_tril, 2)
        # NumPyro draws one chi-square for each entry of df, so that a shared df must be spread out
        shape = jnp.broadcast_shapes(df.shape, loc.shape[:-1], factor.shape[:-2])
        df = jnp.broadcast_to(df, shape)
        return dist.MultivariateStudentT(df, loc, factor, validate_args=False)

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        return _student_log_prob(d, *mahalanobis(d, x))

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        """Move by loc and factor at fixed ``z``, and along ``z`` by the radius' dependence on df.

        ``ρ = |z|²`` has ``ρ/(ρ + df) ~ Beta(E/2, df/2)``, differentiated implicitly.
        """
        z = whiten(d.scale_tril, d.loc, d, x)
        square = jnp.sum(z * z, axis=-1)
        d_df = jax.jvp(lambda d: jnp.asarray(d.df), (d,), (tangent,))[1]
        stretch = _radial_velocity(jnp.asarray(d.df), square, d.event_shape[0]) * d_df
        moved = jax.jvp(lambda d: d.loc + _times(jnp.tril(d.scale_tril), z), (d,), (tangent,))[1]
        return moved + _times(jnp.tril(d.scale_tril), z * stretch[..., None])

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        z = whiten(d.scale_tril, d.loc, d, x)
        return StudentTConditionals(jnp.asarray(d.df), d.scale_tril, z)

    def mean(self, d: Distribution) -> Reals:
        return jnp.where(d.df[..., None] > 1, jnp.broadcast_to(d.loc, d.shape()), jnp.nan)

    def covariance(self, d: Distribution) -> Reals:
        df = jnp.asarray(d.df)[..., None, None]
        scatter = d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2)
        finite = df / jnp.where(df > 2, df - 2, 1.0) * scatter
        diagonal = jnp.eye(d.event_shape[0], dtype=bool)
        infinite = jnp.where(diagonal & (df > 1), jnp.inf, jnp.nan)  # E[xᵢxⱼ] does not exist
        return _for_each(jnp.where(df > 2, finite, infinite), d)


def mahalanobis(d: Distribution, x: Value) -> tuple[Reals, Reals]:
    """Return ``|L⁻¹(x − loc)|²`` and ``log det L`` of ``x``, ``event *points *batch``."""
    factor = jnp.asarray(d.scale_tril)
    x, outside = _finite_rows(x)
    z = whiten_rows(factor, d.loc, x)
    return jnp.sum(jnp.square(z), axis=0) + outside, _log_det(factor)


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


@jax.custom_jvp
def whiten_rows(factor: Reals, loc: Reals, x: Reals) -> Reals:
    """Return ``L⁻¹(x − loc)`` of finite ``x``, ``event *points *batch``.

    Each component's factor is inverted once and applied as a matrix product, which is as accurate
    as a triangular solve if the inverse is. A solve is also a call out of the program, for which
    samples that are sharded over devices would be gathered.
    """
    return times_rows(triangular_inverse(factor), x - _loc_rows(loc, x.ndim))


@partial(whiten_rows.defjvp, symbolic_zeros=True)
def _whiten_rows_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    """``dz = L⁻¹dx − L⁻¹dloc − (L⁻¹dL) z``: in the transpose only the last runs over points."""
    (factor, _, x), (d_factor, d_loc, dx) = primals, tangents
    inverse, z = triangular_inverse(factor), whiten_rows(*primals)
    dz = jnp.zeros_like(z)
    if not is_zero(dx):
        dz += times_rows(inverse, dx)
    if not is_zero(d_loc):
        d_loc = _loc_rows(_times(inverse, -d_loc), x.ndim)
        dz += spread(d_loc, x.ndim - factor.ndim + 1, x)  # along the last axis of points
    if not is_zero(d_factor):
        dz += times_rows(jnp.matmul(inverse, -jnp.tril(d_factor), precision="highest"), z)
    return z, dz


def _loc_rows(loc: Reals, ndim: int) -> Reals:
    """Turn ``*batch event`` into ``event *points *batch``, with points of size one."""
    return jnp.moveaxis(pad_left(loc, ndim), -1, 0)


def times_rows(matrix: Reals, rows: Reals) -> Reals:
    """Return ``matrix @ rows`` of ``*batch i j`` and ``j *points *batch``."""
    dtype = jnp.result_type(matrix, rows)
    matrix, rows = matrix.astype(dtype), rows.astype(dtype)
    batch = matrix.ndim - 2
    # a matrix may be shared by some of the batch
    matrix = jnp.broadcast_to(matrix, rows.shape[rows.ndim - batch :] + matrix.shape[-2:])
    axes = ((batch + 1,), (0,)), (range(batch), range(rows.ndim - batch, rows.ndim))
    product = lax.dot_general(matrix, rows, axes, precision="highest")  # *batch i *points
    return jnp.moveaxis(product, range(batch), range(-batch, 0))


def _log_det(factor: Reals) -> Reals:
    return jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)


def _normal_log_prob(d: Distribution, square: Reals, log_det: Reals) -> Reals:
    return -0.5 * (square + d.event_shape[0] * math.log(2 * math.pi)) - log_det


def _student_log_prob(d: Distribution, square: Reals, log_det: Reals) -> Reals:
    df, size = d.df, d.event_shape[0]
    power = -0.5 * (df + size) * jnp.log1p(square / df)
    return power + student_normaliser(df, size) - log_det


def _for_each(matrix: Reals, d: Distribution) -> Reals:
    return jnp.broadcast_to(matrix, d.batch_shape + matrix.shape[-2:])


def _times(matrix: Reals, vector: Reals) -> Reals:
    return jnp.einsum("...ij,...j->...i", matrix, vector, precision="highest")


def _low_rank_covariance(d: Distribution) -> Reals:
    w = jnp.asarray(d.cov_factor)
    return w @ jnp.swapaxes(w, -1, -2) + d.cov_diag[..., None] * jnp.eye(d.event_shape[0])


def _low_rank_factor(d: Distribution) -> Reals:
    return jnp.linalg.cholesky(_low_rank_covariance(d))


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
