"""The log cdf of the standard normal distribution."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from pathmix._typing import Reals

from ._chebyshev import chebyshev
from ._elementwise import as_floats

# Chebyshev coefficients of (1 + 2x) exp(x²) erfc(x) in (x - 3.75)/(x + 3.75) for x >= 0 (the
# variables of Shepherd and Laframboise 1981), from 50-digit arithmetic.
_CENTRE = 3.75
_SCALED_ERFC = (
    1.1775789345674017541,
    -0.0045900545806464773309,
    -0.084249133366517915584,
    0.059209939998191890498,
    -0.026658668435305752277,
    0.0090749976707052650939,
    -0.0024131635404176081909,
    0.00049077583652580863229,
    -0.000069169733025012063671,
    4.1390279860730101675e-6,
    7.7403830661984906686e-7,
    -2.1886401049234395661e-7,
    1.0764999465670910377e-8,
    4.5219598112182868979e-9,
    -7.7544002088313511065e-10,
    -6.3180883408866844944e-11,
    2.8687950109306698981e-11,
    1.945586854577734723e-13,
    -9.6546967484334389059e-13,
    3.2525481481487398415e-14,
    3.3478119482868053878e-14,
    -1.8645628804193131015e-15,
    -1.2507950530688647085e-15,
    7.418235256624043463e-17,
    5.0681489047961113168e-17,
)


@jax.jit
def log_ndtr(z: ArrayLike) -> Reals:
    r"""Compute :math:`\log\Phi(z)`, the log cdf of the standard normal distribution.

    With :math:`x = |z|/\sqrt2`, the tail is :math:`\tfrac12 e^{-x^2}\,\mathrm{erfcx}(x)`, and
    :math:`(1+2x)\,\mathrm{erfcx}(x)` is a Chebyshev series on the whole half line (Shepherd and
    Laframboise 1981, "Chebyshev approximation of (1+2x)exp(x²)erfc x"). The value is relatively
    accurate on both sides, where it is near :math:`-z^2/2` and where it is near
    :math:`-\Phi(-z)`, and so are its derivatives, whose explicit terms hold no cancellation.
    (``jax.scipy.special.log_ndtr`` loses the right tail from z = 3 on in float32, and the slope
    on the left.)

    >>> [round(float(log_ndtr(z)), 4) for z in (-20.0, 0.0)]
    [-203.9172, -0.6931]
    """
    (z,) = as_floats(z)
    # Beyond 50 the upper tail is zero in both precisions.
    inside = (z > -jnp.inf) & (z < 50)
    left, z_inside = z < 0, jnp.where(inside, z, 1)
    numerator, denominator = _half_scaled_erfc(jnp.where(left, -z_inside, z_inside))
    below = -0.5 * z_inside * z_inside + (jnp.log(numerator) - jnp.log(denominator))
    above = jnp.log1p(-_upper_tail(jnp.where(left, 1, z_inside), numerator / denominator))
    ends = jnp.where(z > 0, jnp.zeros_like(z), jnp.where(z < 0, -jnp.inf, z))
    return jnp.where(inside, jnp.where(left, below, above), ends)


def _upper_tail(z: Reals, half_scaled_erfc: Reals) -> Reals:
    # exp(-z²/2) magnifies the rounding of z², so the square of a short multiple is split off. The
    # two exponentials are kept apart: the compiler joins a product of exponentials into one.
    short = lax.stop_gradient(jnp.round(z * 16) / 16)
    rest = -0.5 * (z - short) * (z + short)
    return jnp.exp(-0.5 * short * short) * half_scaled_erfc * jnp.exp(rest)


def _half_scaled_erfc(
    z: Reals,
) -> tuple[Reals, Reals]:
    """Return numerator and denominator of exp(z²/2) erfc(z/√2) / 2."""
    x = z * math.sqrt(0.5)
    t = 1 - 2 * _CENTRE / (x + _CENTRE)
    return chebyshev(_SCALED_ERFC, t), 2 + 4 * x


@jax.jit
def mills_ratio(z: ArrayLike) -> Reals:
    r"""Compute :math:`\Phi(-|z|)/\varphi(z)`, the smaller tail over the density.

    It neither under- nor overflows, and takes no logarithm or exponential: it is
    :math:`\sqrt{\pi/2}\,\mathrm{erfcx}(|z|/\sqrt2)`, by the series of `log_ndtr`.

    >>> [round(float(mills_ratio(z)), 4) for z in (0.0, -2.0, 1e30)]
    [1.2533, 0.4214, 0.0]
    """
    (z,) = as_floats(z)
    numerator, denominator = _half_scaled_erfc(jnp.where(z < 0, -z, z))
    return math.sqrt(2 * math.pi) * numerator / denominator
