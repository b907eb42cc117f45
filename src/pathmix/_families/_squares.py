"""Half the square of standardised numbers, and its sum over rows of them, for normals.

With ``z_i = (x_i − loc_i) / scale_i``,

    d ½ Σ_i z_i² = Σ_i z_i (dx_i − dloc_i) / scale_i − Σ_i z_i² dscale_i / scale_i

Its transpose, sums over all samples for each component and coordinate, has as few operations as it
can; only the sums over the event are left to autodiff.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp

from pathmix._layout import spread, sum_rows
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._typing import Reals, Value
from pathmix._where import where


@custom_jvp
def square_and_log(x: Value, loc: Reals, scale: Reals) -> Reals:
    """Return ``½ z² + log scale`` of scalars, broadcast; an infinite one does not move."""
    z = (x - loc) / scale
    return 0.5 * z * z + jnp.log(scale)


@partial(square_and_log.defjvp, symbolic_zeros=True)
def _square_and_log_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    (x, loc, scale), (dx, d_loc, d_scale) = primals, tangents
    out, precision, most = square_and_log(*primals), 1 / scale, jnp.finfo(x.dtype).max
    infinite = jnp.isinf((x - loc) / scale)
    z = where(infinite, 0.0, x - loc) * precision
    change: Any = 0.0
    if not is_zero(dx):
        change += z * (precision * dx)
    if not is_zero(d_loc):
        change -= z * (precision * d_loc)
    if not is_zero(d_scale):
        square = jnp.minimum(z * z, most)
        change -= where(infinite, 0.0, square - 1) * (precision * d_scale)
    return out, jnp.broadcast_to(change, out.shape)


@partial(custom_jvp, nondiff_argnums=(3,))
def half_squares(x: Value, loc: Reals, scale: Reals, event_dim: int) -> Reals:
    """Return ``½ Σ_i z_i²`` of rows ``*event split rest *batch``."""
    z = (x - loc) / scale
    return 0.5 * sum_rows(z * z, event_dim)


@partial(half_squares.defjvp, symbolic_zeros=True)
def _half_squares_jvp(event_dim: int, primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    (x, loc, scale), (dx, d_loc, d_scale) = primals, tangents
    most = jnp.finfo(x.dtype).max
    # an infinite deviation times a weight of zero would be no number
    delta, precision = jnp.clip(x - loc, -most, most), 1 / scale
    change: Any = 0.0
    # Factor by factor: a product that overflows does so only where the density is zero, and is then
    # multiplied by that. Two divisions by the scale would be merged into one by its square, which
    # can underflow to zero.
    if not is_zero(dx):
        change += delta * (precision * (precision * dx))
    if not is_zero(d_loc):
        change -= delta * (precision * spread(precision * d_loc, event_dim + 1, x))
    if not is_zero(d_scale):
        square = jnp.minimum(jnp.square(precision * delta), most)
        change -= square * spread(precision * d_scale, event_dim + 1, x)
    return half_squares(x, loc, scale, event_dim), jnp.sum(change, axis=tuple(range(event_dim)))
