"""Student's t: the normaliser without cancellation, the tails by the incomplete beta function."""

import math

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._location_scale import log1p_square, standardise
from pathmix._families._protocol import Family, register
from pathmix._special import forward_differentiable, log_betainc, log_poisson_kernel
from pathmix._typing import Reals, Value


class StudentTFamily(Family):
    """``p = (1 + z²/df)^(−(df+1)/2) / (√df B(df/2, 1/2) scale)``."""

    parameters = ("df", "loc", "scale")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        return student_density(d.df, standardise(d, x)) - jnp.log(d.scale)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_student_cdf(d.df, standardise(d, x))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_student_cdf(d.df, -standardise(d, x))

    def mean(self, d: Distribution) -> Reals:
        return jnp.where(d.df > 1, super().mean(d), jnp.nan)


def student_normaliser(df: Reals, size: int = 1) -> Reals:
    """Return ``log Γ(b) − log Γ(a) − size/2 · log(π df)``, ``a = df/2`` and ``b = a + size/2``.

    With ``κ(a, x) = a log x − x − log Γ(a+1)`` the large log-gammas cancel symbolically, and what
    is left stays of the order of ``size``.
    """
    a, b = df / 2, (df + size) / 2
    kernels = log_poisson_kernel(a, a) - log_poisson_kernel(b, b)
    return kernels + (b - 1) * jnp.log1p(size / df) - size / 2 * (1 + math.log(2 * math.pi))


def student_density(df: Reals, z: Reals) -> Reals:
    """Return the log density of the standard Student t distribution."""
    return student_normaliser(df) - (df + 1) / 2 * log1p_square(z / jnp.sqrt(df))


def _log_tail(df: Reals, z: Reals) -> Reals:
    """``log P(X > z)`` for ``z ≥ 0``: ``I_x(df/2, 1/2)/2`` at ``x = df/(df + z²)``."""
    u = z / jnp.sqrt(df)
    far = u > 1e8  # where x = u⁻² to working precision, and u² may overflow
    body = jnp.where(far, 1.0, u)
    square = body * body
    near = log_betainc(df / 2, 0.5, 1 / (1 + square), square / (1 + square))
    asymptote = student_normaliser(df) - df * jnp.log(jnp.where(far, u, 1.0)) - 0.5 * jnp.log(df)
    return jnp.where(far, asymptote, near - math.log(2))


def _tail_slope(df: Reals, z: Reals) -> Reals:
    return -jnp.exp(student_density(df, z) - log_tail(df, z))


# The slope in closed form: through x it would be 0 · ∞ at z = 0.
log_tail = forward_differentiable(_log_tail, partials={1: _tail_slope})


def log_student_cdf(df: Reals, z: Reals) -> Reals:
    """Return the log cdf of the standard Student t distribution."""
    upper = jnp.log1p(-jnp.exp(log_tail(df, jnp.maximum(z, 0.0))))
    return jnp.where(z < 0, log_tail(df, jnp.maximum(-z, 0.0)), upper)


register(StudentTFamily(), dist.StudentT)
