"""Uniform, on its own interval."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pathmix._families._family import Family, guarded, sharpen
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


class Uniform(NamedTuple):
    """Parameters."""

    low: Reals
    high: Reals


def _log_density(theta: Uniform, x: Value) -> Reals:
    """``log p = −log(high − low)`` on ``low ≤ x ≤ high``."""
    inside = (x >= theta.low) & (x <= theta.high)
    return where(inside, -jnp.log(theta.high - theta.low), -jnp.inf)


def _log_cdf(theta: Uniform, x: Value) -> Reals:
    return where(x >= theta.high, 0.0, _log_share(theta, x, sharpen))


def _log_survival(theta: Uniform, x: Value) -> Reals:
    return where(x <= theta.low, 0.0, _log_share(theta, x, lambda f, s: sharpen(s, f)))


def _cdf(theta: Uniform, x: Value) -> Reals:
    return _tail(theta, x, jnp.zeros((), bool))


def _tail(theta: Uniform, x: Value, upper: Flags) -> Reals:
    """The upper tail where a flag is set, and the cdf elsewhere."""
    low, high = theta
    middle = low + (high - low) / 2
    share = lambda x: where(upper, high - x, x - low) * (1 / (high - low))  # noqa: E731
    return guarded((x > low) & (x < high), share, x, middle, where((x <= low) ^ upper, 0.0, 1.0))


def _velocity(theta: Uniform, tangent: Uniform, x: Value) -> Value:
    share = (x - theta.low) / (theta.high - theta.low)
    return jax.jvp(
        lambda theta: theta.low + share * (theta.high - theta.low), (theta,), (tangent,)
    )[1]


def _log_share(theta: Uniform, x: Value, choose: Callable[[Reals, Reals], Reals]) -> Reals:
    width = theta.high - theta.low

    def share(x: Reals) -> Reals:
        return choose(jnp.log((x - theta.low) / width), jnp.log((theta.high - x) / width))

    middle = theta.low + width / 2
    return guarded((x > theta.low) & (x < theta.high), share, x, middle)


uniform = Family(
    "Uniform",
    _log_density,
    Uniform,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    cdf=_cdf,
    tail=_tail,
    velocity=_velocity,
    light=True,
    flat=True,
    mean=lambda theta: theta.low + (theta.high - theta.low) / 2,
    variance=lambda theta: (theta.high - theta.low) ** 2 / 12,
)
