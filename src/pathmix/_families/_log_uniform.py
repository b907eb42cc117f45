"""LogUniform: the logarithm is uniform."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._family import Family, guarded, sharpen
from pathmix._special import log_quotient
from pathmix._typing import Reals, Value
from pathmix._where import where

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


class LogUniform(NamedTuple):
    """Parameters."""

    low: Reals
    high: Reals


def _log_density(theta: LogUniform, x: Value) -> Reals:
    """``p = 1 / (x log(high/low))`` on ``low ≤ x ≤ high``."""
    log_width = jnp.log(log_quotient(theta.high, theta.low))
    return guarded(
        (x >= theta.low) & (x <= theta.high), lambda x: -jnp.log(x) - log_width, x, theta.low
    )


def _log_cdf(theta: LogUniform, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return sharpen(*_log_shares(theta, x))

    return log_cdf_between(inside, x, _middle(theta), theta.low, theta.high)


def _log_survival(theta: LogUniform, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        return sharpen(*_log_shares(theta, x)[::-1])

    return log_survival_between(inside, x, _middle(theta), theta.low, theta.high)


def _velocity(theta: LogUniform, tangent: LogUniform, x: Value) -> Value:
    share = log_quotient(x, theta.low) / log_quotient(theta.high, theta.low)

    def move(theta: LogUniform) -> Reals:
        return (1 - share) * jnp.log(theta.low) + share * jnp.log(theta.high)

    return x * jax.jvp(move, (theta,), (tangent,))[1]


def _mean(theta: LogUniform) -> Reals:
    return (theta.high - theta.low) / log_quotient(theta.high, theta.low)


def _variance(theta: LogUniform) -> Reals:
    return _mean(theta) ** 2 * h_coth_h_minus_1(log_quotient(theta.high, theta.low) / 2)


def h_coth_h_minus_1(h: Reals) -> Reals:
    """Return ``h coth h − 1 = h² ∫₀¹ u sinh(hu)/sinh(h) du``, by that integral for small ``h``."""
    near = h < 1
    small, large = where(near, h, 0.5)[..., None], where(near, 1.0, h)
    nodes, weights = _NODES.astype(h.dtype), (_WEIGHTS * _NODES).astype(h.dtype)
    integral = jnp.sum(weights * jnp.sinh(small * nodes) / jnp.sinh(small), axis=-1)
    return where(near, h * h * integral, large / jnp.tanh(large) - 1)


def _middle(theta: LogUniform) -> Reals:
    return jnp.sqrt(theta.low) * jnp.sqrt(theta.high)


def _log_shares(theta: LogUniform, x: Reals) -> tuple[Reals, Reals]:
    width = log_quotient(theta.high, theta.low)
    return jnp.log(log_quotient(x, theta.low) / width), jnp.log(log_quotient(theta.high, x) / width)


log_uniform = Family(
    "LogUniform",
    _log_density,
    LogUniform,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    velocity=_velocity,
    mean=_mean,
    variance=_variance,
)
