"""The cdf of the standard normal distribution, its logarithm, and its ratio to the density."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from pathmix._rules import custom_jvp
from pathmix._typing import Reals
from pathmix._where import where

from ._chebyshev import chebyshev, horner
from ._elementwise import as_floats
from ._quotients import short_log1p

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

# The same without exp(x²), halved, as a quotient of polynomials in z = x√2 >= 0, off by 1e-9: a
# least squares fit in 60-digit arithmetic, weighted again until its errors were level. No
# coefficient is negative, and so nothing cancels.
_SHORT_NUMERATOR = (
    0.49999999947030101,
    0.54903674160425571,
    0.28911133676974802,
    0.088221391704547501,
    0.015620693703447396,
    0.0013306037021935863,
)
_SHORT_DENOMINATOR = (
    1.0,
    1.8959579562600767,
    1.5909794145410748,
    0.76383727270376473,
    0.22447385616340841,
    0.039155269940926817,
    0.0033353288657800897,
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
    left, z_inside = z < 0, where(inside, z, 1)
    numerator, denominator = _half_scaled_erfc(where(left, -z_inside, z_inside))
    below = -0.5 * z_inside * z_inside + (jnp.log(numerator) - jnp.log(denominator))
    above = short_log1p(-_upper_tail(where(left, 1, z_inside), numerator / denominator))
    ends = where(z > 0, jnp.zeros_like(z), where(z < 0, -jnp.inf, z))
    return where(inside, where(left, below, above), ends)


@custom_jvp
def ndtr(z: ArrayLike) -> Reals:
    r"""Compute :math:`\Phi(z)`, the cdf of the standard normal distribution.

    The smaller tail is that of `log_ndtr`, without a logarithm: one exponential and one division,
    without branches. (``jax.scipy.special.ndtr`` works out three error functions of each number.)

    >>> [round(float(ndtr(z)), 4) for z in (-1.0, 0.0, 40.0)]
    [0.1587, 0.5, 1.0]
    """
    (z,) = as_floats(z)
    # beyond 40 the upper tail is zero in both precisions
    size = jnp.minimum(jnp.abs(z), 40)
    numerator, denominator = _half_scaled_erfc(size)
    form = jnp.finfo(z.dtype)
    short = lax.reduce_precision(size, form.nexp, (form.nmant + 1) // 2 - 1)  # an exact square
    rest = 0.5 * (size - short) * (size + short)
    # of so small a number four terms of the exponential series are exact
    correction = 1 - rest * (1 - rest * (1 / 2 - rest / 6))
    tail = jnp.exp(-0.5 * short * short) * (correction * numerator / denominator)
    return where(z < 0, tail, 1 - tail)


@ndtr.defjvp
def _ndtr_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (z,), (dz,) = primals, tangents
    near = jnp.clip(z, -40, 40)  # where the density is zero; its slope is then zero, not 0 · ∞
    return ndtr(z), jnp.exp(-0.5 * near * near) * (math.sqrt(0.5 / math.pi) * dz)


def _upper_tail(z: Reals, half_scaled_erfc: Reals) -> Reals:
    # exp(-z²/2) magnifies the rounding of z², so the square of a short multiple is split off. The
    # two exponentials are kept apart: the compiler joins a product of exponentials into one.
    short = lax.stop_gradient(jnp.round(z * 16) / 16)
    rest = -0.5 * (z - short) * (z + short)
    return jnp.exp(-0.5 * short * short) * half_scaled_erfc * jnp.exp(rest)


def _half_scaled_erfc(z: Reals) -> tuple[Reals, Reals]:
    """Return numerator and denominator of exp(z²/2) erfc(z/√2) / 2.

    In float32 beyond 1e4 it is constant, where its logarithm is nothing beside z²/2.
    """
    if z.dtype.itemsize <= 4:
        z = jnp.minimum(z, 1e4)
        return horner(_SHORT_NUMERATOR, z), horner(_SHORT_DENOMINATOR, z)
    return _scaled_series(z)


def _scaled_series(z: Reals) -> tuple[Reals, Reals]:
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
    numerator, denominator = _scaled_series(where(z < 0, -z, z))
    return math.sqrt(2 * math.pi) * numerator / denominator
