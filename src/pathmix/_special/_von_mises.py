"""The log cdf and log survival function of the von Mises distribution."""

import math
from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from pathmix._typing import Flags, Reals
from pathmix._where import where

from ._elementwise import as_floats, forward_differentiable
from ._log_exp import log_sigmoids
from ._sine import cosine, sine

_Floats = Reals
_PI = math.pi


def log_von_mises_cdf(x: ArrayLike, loc: ArrayLike, concentration: ArrayLike) -> _Floats:
    r"""Compute the log of the von Mises cdf, measured from :math:`-\pi` for every location.

    .. math:: F(x) = \frac{1}{2\pi I_0(\kappa)} \int_{-\pi}^x e^{\kappa\cos(t - \mu)}\, dt

    for ``x`` in [-π, π], any ``loc`` and a ``concentration`` in [0, 1e4]. The cut, ``x``, the mode
    and the antimode divide the circle into four arcs on which the density is monotone; each is
    integrated by Gauss-Legendre quadrature from its higher end, over the part on which the
    exponent falls by as much as the precision can see. The sums below and above ``x`` give both
    tails and the normaliser, so that both logarithms are relatively accurate. Differentiable in
    every argument to every order. At and below -π the value is minus infinity, at and above π it
    is 0, with zero gradient.

    >>> round(float(log_von_mises_cdf(0.0, 0.0, 2.0)), 5)
    -0.69315
    """
    return log_von_mises_tails(x, loc, concentration)[0]


def log_von_mises_survival(x: ArrayLike, loc: ArrayLike, concentration: ArrayLike) -> _Floats:
    r"""Compute the log of the von Mises survival function, :math:`\log(1 - F(x))`.

    Domain, method and accuracy as `log_von_mises_cdf`. At and below -π the value is 0, at and
    above π it is minus infinity, with zero gradient.

    >>> round(float(log_von_mises_survival(0.0, 0.0, 2.0)), 5)
    -0.69315
    """
    return log_von_mises_tails(x, loc, concentration)[1]


def log_von_mises_tails(
    x: ArrayLike, loc: ArrayLike, concentration: ArrayLike
) -> tuple[_Floats, _Floats]:
    """Return `log_von_mises_cdf` and `log_von_mises_survival`, from the odds of both.

    >>> print(*(f"{t:.4f}" for t in log_von_mises_tails(0.5, 0.0, 2.0)))
    -0.3036 -1.3401
    """
    x, loc, concentration = as_floats(x, loc, concentration)
    inside = jnp.abs(x) < x.dtype.type(math.pi)
    upper, lower = log_sigmoids(_odds(where(inside, x, 0), loc, concentration))
    return (
        where(inside, lower, where(x > 0, 0, -jnp.inf)),
        where(inside, upper, where(x > 0, -jnp.inf, 0)),
    )


class _Arcs(NamedTuple):
    """Four arcs (leading axis): the density falls from the angle ``high`` on over ``length``."""

    high: _Floats
    length: _Floats
    below: Flags


def _arcs(x: _Floats, loc: _Floats) -> _Arcs:
    # Positions are measured from the mode, at 0; the circle, cut open, is [start, stop], and holds
    # the antimode at -π or at π. "Angles" are distances from the mode around the circle, in
    # [0, π]; each is formed from quantities that are exact near its zero. No minimum or modulus
    # is used: where an arc vanishes, its length and angle still move at the right rate.
    to_x, start, stop = x - loc, -_plus_pi(loc), _plus_pi(-loc)
    left = loc >= 0
    zero, pi = jnp.zeros_like(x), jnp.full_like(x, _PI)
    low, high = where(left, -pi, zero), where(left, zero, pi)
    at_low, at_high = where(left, pi, zero), high
    at_x, at_cut = _angle(x, to_x, loc), where(left, stop, -start)
    first, last = to_x < low, to_x >= high
    angles = [
        at_cut,
        where(first, at_x, at_low),
        where(first, at_low, where(last, at_high, at_x)),
        where(last, at_x, at_high),
        at_cut,
    ]
    # In [start, stop] the ends of the arcs at ±π are known to twice the precision.
    from_low = where(left, _plus_pi(to_x), to_x)
    to_high = where(left, -to_x, _plus_pi(-to_x))
    lengths = [
        where(first, _plus_pi(x), where(left, loc, -start)),
        where(first, -from_low, where(last, high - low, from_low)),
        where(first, high - low, where(last, -to_high, to_high)),
        where(last, _plus_pi(-x), where(left, stop, -loc)),
    ]
    below = [jnp.ones_like(first), ~first, last, jnp.zeros_like(first)]
    higher = [where(p < q, p, q) for p, q in pairwise(angles)]
    return _Arcs(jnp.stack(higher), jnp.stack(lengths), jnp.stack(below))


def _angle(x: _Floats, to_x: _Floats, loc: _Floats) -> _Floats:
    """Return the distance of x from the mode around the circle."""
    direct = where(to_x >= 0, to_x, -to_x)
    around = where(loc >= 0, _plus_pi(x) + _plus_pi(-loc), _plus_pi(-x) + _plus_pi(loc))
    return where(direct <= _PI, direct, around)


def _plus_pi(x: _Floats) -> _Floats:
    """Return x + π with π to twice the precision: the distance from the cut."""
    high = x.dtype.type(math.pi)
    low = math.pi - float(high) if x.dtype.itemsize <= 4 else 1.2246467991473532e-16
    # The compiler adds up constants, which would undo the correction: hence not a constant.
    return (x + high) + where(jnp.abs(x) < 16, x.dtype.type(low), 0)


def wrapped(loc: _Floats) -> _Floats:
    """Return a location reduced to [−π, π].

    >>> print(wrapped(jnp.array(7.0)).round(4))
    0.7168
    """
    turns = lax.stop_gradient(jnp.round(loc / (2 * _PI)))
    high = loc.dtype.type(2 * math.pi)
    low = 2 * math.pi - float(high) if loc.dtype.itemsize <= 4 else 2.4492935982947064e-16
    return (loc - turns * high) - turns * loc.dtype.type(low)


def _integrals(arcs: _Arcs, concentration: _Floats) -> tuple[_Floats, _Floats]:
    """Return the integral of exp(κ(cos t - 1)) over each arc, and the log of its scale."""
    drop, order = (22.0, 20) if arcs.high.dtype.itemsize <= 4 else (42.0, 40)
    # The exponent falls by 2κ sin(θ + s/2) sin(s/2) over s; where it has fallen by `drop`, stop.
    # So many nodes leave 1e-12 and 1e-23 of the integral, and 1e-10 and 1e-21 of its slope in κ.
    half_sine, half_cosine = sine(arcs.high / 2), sine(_plus_pi(-arcs.high) / 2)
    square = where(half_sine < half_cosine, half_sine**2, 1 - half_cosine**2)
    sine_high, cosine_high = 2 * half_sine * half_cosine, 1 - 2 * square
    end = lax.stop_gradient(square + drop / (2 * concentration))
    reach = 2 * jnp.arcsin(jnp.sqrt(jnp.minimum(end, 1))) - lax.stop_gradient(arcs.high)
    # Rounding of the difference must not let the reach vanish, nor cut an arc at the antimode.
    reach = where(end < 1, jnp.maximum(reach, 4 * jnp.finfo(square.dtype).eps), jnp.inf)
    half = 0.5 * where(arcs.length < reach, arcs.length, reach)
    nodes, weights = (jnp.asarray(v, half.dtype) for v in np.polynomial.legendre.leggauss(order))

    def step(i: Array, total: _Floats) -> _Floats:
        s = half * (1 + nodes[i])
        sine_s, cosine_s = sine(0.5 * s), cosine(0.5 * s)
        fall = 2 * concentration * sine_s * (sine_high * cosine_s + cosine_high * sine_s)
        return total + weights[i] * jnp.exp(-fall)

    total = lax.fori_loop(0, order, step, jnp.zeros_like(half))
    return half * total, -2 * concentration * square


def _log_sum(sizes: _Floats, heights: _Floats, chosen: Flags) -> _Floats:
    # Not a logsumexp: an arc of no length has a derivative.
    top = lax.stop_gradient(jnp.max(where(chosen, heights, -jnp.inf), axis=0))
    scaled = where(chosen, sizes * jnp.exp(where(chosen, heights - top, 0)), 0)
    return top + jnp.log(jnp.sum(scaled, axis=0))


def _log_odds(x: _Floats, loc: _Floats, concentration: _Floats) -> _Floats:
    """Return the log of the mass above x less that of the mass below."""
    arcs = _arcs(x, wrapped(loc))
    sizes, heights = _integrals(arcs, concentration)
    return _log_sum(sizes, heights, ~arcs.below) - _log_sum(sizes, heights, arcs.below)


_odds = forward_differentiable(_log_odds)
