"""Elliptical families with full covariances: multivariate normal and Student t."""

import math

import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.linalg import solve_triangular
from numpyro.distributions import Distribution

from pathmix._families._gather import expand_to, pad_left
from pathmix._families._protocol import Family, register
from pathmix._families._student_t import student_normaliser
from pathmix._typing import ParameterMap, Reals, Value


class MultivariateNormalFamily(Family):
    """``log p = −|L⁻¹(x − loc)|²/2 − log det L − E log(2π)/2``, in any parametrisation."""

    def rebuild(self, d: Distribution, fn: ParameterMap) -> Distribution:
        return dist.MultivariateNormal(
            fn(d.loc, 1), scale_tril=fn(d.scale_tril, 2), validate_args=False
        )

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        square, log_det = mahalanobis(d, x)
        return -0.5 * (square + d.event_shape[0] * math.log(2 * math.pi)) - log_det

    def covariance(self, d: Distribution) -> Reals:
        return _broadcast_matrix(d, d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2))


class LowRankFamily(Family):
    """LowRankMultivariateNormal, whose own density never forms the covariance."""

    parameters = ("loc", "cov_factor", "cov_diag")

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        return jnp.asarray(d.log_prob(expand_to(x, d.shape())))

    def covariance(self, d: Distribution) -> Reals:
        return _broadcast_matrix(d, d.covariance_matrix)


class MultivariateStudentTFamily(Family):
    """``p ∝ (1 + |L⁻¹(x − loc)|²/df)^(−(df+E)/2)``."""

    parameters = ("df", "loc", "scale_tril")

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        square, log_det = mahalanobis(d, x)
        df, size = d.df, d.event_shape[0]
        power = -0.5 * (df + size) * jnp.log1p(square / df)
        return power + student_normaliser(df, size) - log_det

    def mean(self, d: Distribution) -> Reals:
        return jnp.where(d.df[..., None] > 1, jnp.broadcast_to(d.loc, d.shape()), jnp.nan)

    def covariance(self, d: Distribution) -> Reals:
        df = jnp.asarray(d.df)[..., None, None]
        scatter = d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2)
        finite = df / jnp.where(df > 2, df - 2, 1.0) * scatter
        diagonal = jnp.eye(d.event_shape[0], dtype=bool)
        infinite = jnp.where(diagonal & (df > 1), jnp.inf, jnp.nan)  # E[xᵢxⱼ] does not exist
        return _broadcast_matrix(d, jnp.where(df > 2, finite, infinite))


def mahalanobis(d: Distribution, x: Value) -> tuple[Reals, Reals]:
    """Return ``|L⁻¹(x − loc)|²`` and ``log det L`` for the Cholesky factor ``L`` of ``d``.

    The samples ``x`` stand as columns, so that each component's factor is solved with once.
    """
    factor = jnp.asarray(d.scale_tril)
    log_det = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
    delta = pad_left(x - d.loc, len(d.batch_shape) + 1)
    delta = expand_to(delta, d.shape())
    batch_ndim = len(d.batch_shape)
    sample_shape = delta.shape[: delta.ndim - batch_ndim - 1]
    columns = jnp.moveaxis(delta.reshape((-1, *d.batch_shape, *d.event_shape)), 0, -1)
    factor = jnp.broadcast_to(factor, d.batch_shape + factor.shape[-2:])
    z = solve_triangular(factor, columns, lower=True)
    square = jnp.moveaxis(jnp.sum(z * z, axis=-2), -1, 0)
    return square.reshape(sample_shape + d.batch_shape), log_det


def _broadcast_matrix(d: Distribution, matrix: Reals) -> Reals:
    return jnp.broadcast_to(matrix, d.batch_shape + matrix.shape[-2:])


register(MultivariateNormalFamily(), dist.MultivariateNormal)
register(LowRankFamily(), dist.LowRankMultivariateNormal)
register(MultivariateStudentTFamily(), dist.MultivariateStudentT)
