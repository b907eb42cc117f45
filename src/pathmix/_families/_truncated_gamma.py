"""Truncated Gamma: tails by differences of those of Gamma, moments by quadrature."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._families._gamma import Gamma, gamma
from pathmix._families._truncated import Truncated, within
from pathmix._special import log_quotient
from pathmix._typing import Flags, Reals
from pathmix._where import where


def _gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


_NODES, _WEIGHTS = _gauss(80)
_FEW_NODES, _FEW_WEIGHTS = _gauss(16)
_REACH = 50.0  # where e^(−y) is zero beside 1


class Window(NamedTuple):
    """Where ``log x`` has its mass: the mode of its density, and the ends as seen from there."""

    mode: Reals
    start: Reals
    stop: Reals
    beyond: Reals
    """The mass so far below the mode that ``x`` is zero in comparison."""


def _window(theta: Truncated) -> Window:
    """Bounds, or points where the density of ``log x``, ``e^(a y − rate e^y)``, fell by e⁻⁴⁰."""
    a, rate = theta.base.concentration, theta.base.rate
    low = jnp.zeros_like(rate) if theta.low is None else theta.low
    high = jnp.full_like(rate, jnp.inf) if theta.high is None else theta.high
    mode = jnp.clip(a / rate, low, high)
    mass = rate * mode
    left = jnp.minimum(40 / a + jnp.sqrt(80 / a), _REACH)
    right = jnp.minimum(jnp.sqrt(160 / mass), jnp.log1p(80 / mass) + 1)
    # beyond the mode of Gamma itself the density falls at once
    right = jnp.minimum(right, 80 / jnp.maximum(mass - a, 80 / _REACH))
    some = low > 0
    to_low = -log_quotient(mode, where(some, low, mode))
    to_high = log_quotient(jnp.minimum(high, mode * jnp.exp(_REACH / 2)), mode)
    start = where(some, jnp.maximum(to_low, -left), -left)
    outside = (left >= _REACH) & (~some | (to_low < -left))
    lowest = where(some, jnp.exp(a * to_low), 0.0)
    beyond = jnp.exp(where(outside, mass, 0.0)) * (jnp.exp(-a * left) - lowest) / a
    stop = jnp.minimum(to_high, right)
    return Window(mode, start, stop, where(outside, beyond, 0.0))


def _moments(theta: Truncated) -> tuple[Reals, Reals]:
    """Mean and variance by Gauss–Legendre quadrature along ``log x``, on either side of the mode.

    Every term is positive: nothing cancels far in a tail, where the textbook formulas, differences
    of incomplete gamma functions, lose all digits.
    """
    a, rate = theta.base.concentration[..., None], theta.base.rate[..., None]
    mode, start, stop, beyond = _window(theta)
    nodes, weights = _NODES.astype(mode.dtype), _WEIGHTS.astype(mode.dtype)
    y = jnp.concatenate([start[..., None] * nodes, stop[..., None] * nodes], axis=-1)
    length = jnp.concatenate([-start[..., None] * weights, stop[..., None] * weights], axis=-1)
    offset = jnp.expm1(y)
    p = length * jnp.exp(a * y - rate * mode[..., None] * offset)
    total = jnp.sum(p, axis=-1) + beyond
    mean = jnp.sum(p * jnp.exp(y), axis=-1) / total
    centre = (jnp.sum(p * offset, axis=-1) - beyond) / total
    spread = jnp.sum(p * (offset - centre[..., None]) ** 2, axis=-1) + beyond * mean**2
    return mode * mean, mode**2 * spread / total


def _short_mass(theta: Gamma, a: Reals, b: Reals) -> tuple[Flags, Reals]:
    """Whether ``b < 8a``, and ``log P(a < X ≤ b)`` by Gauss–Legendre quadrature of the density.

    Its error is ``ρ^(−2n)`` with ``n`` nodes, where the ellipse through the singularity at zero has
    half-axes that add up to ``ρ`` times half the interval: 2.1 at the least.
    """
    near = (a < b) & (b < 8 * a)
    some, length = where(near, a, 1.0), where(near, b - a, 1.0)
    x = some[..., None] + length[..., None] * _FEW_NODES.astype(some.dtype)
    at_nodes = Gamma(theta.concentration[..., None], theta.rate[..., None])
    log_p = gamma.log_density(at_nodes, x) + np.log(_FEW_WEIGHTS).astype(some.dtype)
    return near, jax.nn.logsumexp(log_p, axis=-1) + jnp.log(length)


truncated_gamma = within(
    gamma,
    0.0,
    lambda theta: theta.concentration / theta.rate,
    lambda theta: _moments(theta)[0],
    lambda theta: _moments(theta)[1],
    _short_mass,
)
