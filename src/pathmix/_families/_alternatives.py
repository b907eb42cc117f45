"""Components of several families: each is of one of them, and has parameters of all.

What a component has of the other families is never felt: their functions are worked out, and one
result is chosen. So that nothing infinite comes of that, in values or slopes, these parameters are
those of a component that is of the family.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._families._conditionals import Conditionals, Terms
from pathmix._families._family import Family, Theta, given
from pathmix._families._limits import Limit, Vanishing
from pathmix._layout import component_first
from pathmix._typing import ComponentFirst, EventFirst, Flags, FreeFirst, Reals, Value
from pathmix._where import where


class Alternatives(NamedTuple):
    """Parameters: which family a component is of, a number from zero on, and those of each."""

    which: Reals
    each: tuple[Theta, ...]


@cache
def alternatives(bases: tuple[Family, ...]) -> Family:
    """Return the family of components each of which is of one of ``bases``."""
    event_dim = bases[0].event_dim

    def ask(name: str) -> Callable[[Theta, Value], Reals] | None:
        functions = [getattr(base, name) for base in bases]
        if any(fn is None for fn in functions):
            return None
        return lambda theta, x: choose(
            theta.which, [fn(mine, x) for fn, mine in zip(functions, theta.each, strict=True)]
        )

    def moment(name: str, axes: int) -> Callable[[Theta], Reals] | None:
        functions = [getattr(base, name) for base in bases]
        if any(fn is None for fn in functions):
            return None
        return lambda theta: choose(
            theta.which,
            [fn(mine) for fn, mine in zip(functions, theta.each, strict=True)],
            axes,
        )

    def velocity(theta: Theta, tangent: Theta, x: Value) -> Value:
        rows = zip(bases, theta.each, tangent.each, strict=True)
        velocities = [given(base.velocity)(mine, change, x) for base, mine, change in rows]
        return choose(theta.which, velocities, event_dim)

    def cdf(theta: Theta, x: Value) -> Reals:
        rows = zip(bases, theta.each, strict=True)
        return choose(theta.which, [base.cdf_at(mine, x) for base, mine in rows])

    def tail(theta: Theta, x: Value, upper: Flags) -> Reals:
        rows = zip(bases, theta.each, strict=True)
        return choose(theta.which, [base.tail_at(mine, x, upper) for base, mine in rows])

    def log_tails(theta: Theta, x: Value) -> tuple[Reals, Reals]:
        rows = zip(bases, theta.each, strict=True)
        lower, upper = zip(*(base.log_tails_at(mine, x) for base, mine in rows), strict=True)
        return choose(theta.which, lower), choose(theta.which, upper)

    def smaller_tail(theta: Theta, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
        rows = zip(bases, theta.each, strict=True)
        pairs = [base.smaller_tail_at(mine, x, log_p) for base, mine in rows]
        lower, ratio = zip(*pairs, strict=True)
        return choose(theta.which, lower), choose(theta.which, ratio)

    has_tails = all(base.log_cdf is not None for base in bases)
    return Family(
        ", ".join(dict.fromkeys(base.name for base in bases)),
        ask("log_density"),  # type: ignore[arg-type]
        Alternatives,
        event_dim=event_dim,
        atomic=all(base.atomic for base in bases),
        log_cdf=ask("log_cdf"),
        log_survival=ask("log_survival"),
        log_tails=log_tails if has_tails else None,
        cdf=cdf if has_tails else None,
        tail=tail if has_tails else None,
        smaller_tail=smaller_tail if has_tails else None,
        velocity=velocity if all(base.velocity is not None for base in bases) else None,
        mean=moment("mean", event_dim),
        variance=moment("variance", event_dim),
        covariance=moment("covariance", 2),
        limit=_limit(bases) if any(base.limit is not None for base in bases) else None,
        conditionals=_conditionals(bases) if all(base.conditionals for base in bases) else None,
    )


def choose(which: Reals, values: Sequence[Any], axes: int = 0) -> Array:
    """Return the value of the family of each component; the values have further last axes."""
    which = jnp.expand_dims(which, tuple(range(-axes, 0)))
    *rest, out = values
    for i, value in reversed(list(enumerate(rest))):
        out = where(which == i, value, out)
    return jnp.asarray(out)


def _conditionals(bases: tuple[Family, ...]) -> Callable[[Theta, Value], Conditionals]:
    def conditionals(theta: Theta, x: Value) -> Conditionals:
        each = [given(b.conditionals)(t, x) for b, t in zip(bases, theta.each, strict=True)]
        return ChosenConditionals(component_first(theta.which, 0, x.ndim - 2), each)

    return conditionals


class ChosenConditionals(Conditionals):
    """Those of the family of each component; ``which`` is ``k *points``."""

    def __init__(self, which: Reals, each: Sequence[Conditionals]) -> None:
        self._which, self._each = which, each
        self.rows = tuple(one.rows for one in each)
        self.drifts = any(one.drifts for one in each)  # type: ignore[misc]

    def terms(self, row: Any) -> Terms:
        """Return the conditional distribution of one coordinate at its value."""
        each = [one.terms(mine) for one, mine in zip(self._each, row, strict=True)]
        return Terms(*(choose(self._which, same) for same in zip(*each, strict=True)))

    def start(self, a: ComponentFirst) -> Any:
        """Return the states of all before the first coordinate."""
        return tuple(one.start(a) for one in self._each)

    def drift(self, state: Any, row: Any) -> tuple[Any, Any]:
        """Return the drift of the quantile and the change of the log scale, ``k *points``."""
        rows = zip(self._each, state, row, strict=True)
        drifts, log_scales = zip(*(one.drift(s, mine) for one, s, mine in rows), strict=True)
        return choose(self._which, drifts), choose(self._which, log_scales)

    def advance(self, state: Any, row: Any, relative: Reals, dx: Reals) -> Any:
        """Return the states after a coordinate moved."""
        rows = zip(self._each, state, row, strict=True)
        return tuple(one.advance(s, mine, relative, dx) for one, s, mine in rows)

    def complete(self, dx: FreeFirst) -> EventFirst:
        """Return the velocity of all coordinates, as one family has it: they share the support."""
        return self._each[0].complete(dx)


def _limit(bases: tuple[Family, ...]) -> Callable[[Theta, Value], Limit | None]:
    """Where a component is at a limit of its own family."""

    def limit(theta: Theta, x: Value) -> Limit | None:
        found = [
            None if base.limit is None else base.limit(mine, x)
            for base, mine in zip(bases, theta.each, strict=True)
        ]
        if all(one is None for one in found):
            return None
        nowhere = Vanishing(jnp.zeros((), bool), jnp.ones((), x.dtype))
        parts = [Limit(*(nowhere,) * 3) if one is None else one for one in found]

        def joined(*same: Vanishing) -> Vanishing:
            return Vanishing(
                choose(theta.which, [one.reached for one in same]),
                choose(theta.which, [one.value for one in same]),
            )

        return Limit(*(joined(*same) for same in zip(*parts, strict=True)))

    return limit
