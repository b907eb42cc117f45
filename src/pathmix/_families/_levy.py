"""Levy: ``scale / (x − loc)`` is the square of a standard normal variable."""

import math
from dataclasses import replace

import jax.numpy as jnp

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._family import guarded
from pathmix._families._half import half_normal_log_cdf, half_normal_log_survival
from pathmix._families._location_scale import LocScale, location_scale
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


def levy_density(z: Reals) -> Reals:
    """Return ``−½ log 2π − (3/2) log z − 1/(2z)`` for ``z > 0``, and −inf elsewhere."""
    constant = -0.5 * math.log(2 * math.pi)
    return guarded(_regular(z), lambda z: constant - 1.5 * jnp.log(z) - 0.5 / z, z, 1.0)


def levy_log_cdf(z: Reals) -> Reals:
    """Return ``log erfc(1/√2z)``, twice the upper tail of a normal variable at ``1/√z``."""
    z = where(_regular(z), z, 0.0)
    return log_cdf_between(lambda z: half_normal_log_survival(1 / jnp.sqrt(z)), z, 1.0)


def levy_log_survival(z: Reals) -> Reals:
    """Return ``log erf(1/√2z)``."""
    z = where(_regular(z), z, 0.0)
    return log_survival_between(lambda z: half_normal_log_cdf(1 / jnp.sqrt(z)), z, 1.0)


def _regular(z: Reals) -> Flags:
    """Whether ``z`` is positive, and the slope, which is about ``1/2z²``, does not overflow."""
    return z > 2 * jnp.sqrt(jnp.finfo(z.dtype).tiny)


_standard = location_scale("Levy", levy_density, levy_log_cdf, levy_log_survival)


def _log_density(theta: LocScale, x: Value) -> Reals:
    log_p = _standard.log_density(theta, x)
    return where(log_p == -jnp.inf, -jnp.inf, log_p)  # which does not move with the scale


def _infinite(theta: LocScale) -> Reals:
    return jnp.full_like(theta.loc + theta.scale, jnp.inf)


levy = replace(_standard, log_density=_log_density, mean=_infinite, variance=_infinite)
