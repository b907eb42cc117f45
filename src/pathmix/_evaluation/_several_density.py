"""The log density of a mixture of several families, each of which is worked out by itself.

Their sums are added up. The derivative is a sum over all components, of which each family has its
part as it has alone, but that the components share in the sum of all.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp

from pathmix._components import Canonical, lean, places_of, split
from pathmix._evaluation._density import (
    as_scalars,
    change_of_rows,
    log_sum_of_rows,
    prepared_for,
)
from pathmix._evaluation._scalar_density import change_of_scalars, log_sum_of_scalars
from pathmix._layout import is_symbolic
from pathmix._log_sums import LogSum, log_sum
from pathmix._rules import custom_jvp
from pathmix._typing import Reals, Value
from pathmix._weights import Own, Weights
from pathmix._where import where


class Functions(NamedTuple):
    """How the sum of a family's components is made, and how they change one."""

    log_sum: Callable[..., LogSum]
    change: Callable[[LogSum, Any, Any], Reals]


SCALARS = Functions(log_sum_of_scalars, change_of_scalars)
ROWS = Functions(log_sum_of_rows, change_of_rows)


def log_density_of_several(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)`` of components that were joined, ``*points``."""
    events, owns = components.event_dim, [Own(weights, places) for places in places_of(components)]
    pairs = list(map(lean, owns, split(components)))
    scalars = [one for one in (as_scalars(mine) for _, mine in pairs) if one is not None]
    if len(scalars) == len(pairs) and not is_symbolic(x.size):
        of, each, x = SCALARS, scalars, x.reshape(x.shape[: x.ndim - events])
    else:
        of, each = ROWS, [prepared_for(x, mine) for _, mine in pairs]
    return _log_density(of, tuple(own for own, _ in pairs), tuple(each), x).value


@partial(custom_jvp, nondiff_argnums=(0,))
def _log_density(
    of: Functions, weights: tuple[Own, ...], families: tuple[Canonical, ...], x: Value
) -> LogSum:
    return _added([of.log_sum(w, mine, x) for w, mine in zip(weights, families, strict=True)])


@partial(_log_density.defjvp, symbolic_zeros=True)
def _log_density_jvp(of: Functions, primals: Any, tangents: Any) -> tuple[LogSum, LogSum]:
    out, (*parts, x), (*d_parts, dx) = _log_density(of, *primals), primals, tangents
    total = jnp.zeros_like(out.rest)
    for w, mine, dw, d_mine in zip(*parts, *d_parts, strict=True):
        total += of.change(out, (w, mine, x), (dw, d_mine, dx))
    return out, LogSum(jnp.zeros_like(out.level), total)


def _added(sums: list[LogSum]) -> LogSum:
    """The sum of sums, in which the rests keep their digits however low the levels are."""
    level, rest = (jnp.stack(parts) for parts in zip(*sums, strict=True))
    infinite = jnp.isinf(rest)
    return log_sum(where(infinite, 0.0, rest), where(infinite, rest, level))
