"""Two pairs of bounds, one within the other."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._mixture._derived import ordered
from pathmix._where import where


class Bounds(NamedTuple):
    """A lower and an upper bound, either of which may be absent."""

    low: Array | None
    high: Array | None

    def within(self, others: "Bounds", *, strict: bool) -> "Bounds":
        """Return the bounds of what both pairs enclose; raise if that is nothing."""
        sign = "<" if strict else "≤"
        text = f"expected low {sign} high for `truncate(low, high)`, got bounds in another order."
        low = _inner(ordered(*self, text, strict=strict), others.low, upper=False)
        high = _inner(self.high, others.high, upper=True)
        text = (
            "expected bounds for `truncate(low, high)` that enclose a part of what the bounds of "
            "the truncation so far enclose, got bounds that enclose none of it. Move them."
        )
        return Bounds(ordered(low, high, text, strict=strict), high)


def _inner(new: Array | None, old: Array | None, *, upper: bool) -> Array | None:
    """The inner one of two bounds, the old one at a tie: not by maxima, whose slope there is ½."""
    if new is None or old is None:
        return old if new is None else new
    inner = new < old if upper else new > old
    return where(inner | jnp.isnan(new), new, old)
