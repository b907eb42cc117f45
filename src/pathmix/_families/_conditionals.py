"""Successive conditional distributions of components, and how they move together.

Given the coordinates before it, coordinate i of component k is ``ℓ + s·u``: a location and a scale
that depend on those coordinates, and a ``u`` whose distribution does not. When the coordinates
before it move, the conditional quantile at ``x_i`` moves by the ``drift`` ``dℓ + u ds``, and the
conditional density falls by ``d log s``.

Arrays are ``k *points`` here, with the components first and the long axes last; what is needed of
one coordinate is a ``row``; blocks of rows are worked out together.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._special import bounded_exp
from pathmix._typing import ComponentFirst, EventFirst, Flags, FreeFirst, Reals
from pathmix._where import where

State = Any
Row = Any


class Terms(NamedTuple):
    """The conditional distribution of one coordinate at its value, each ``k *points``.

    Example:
        >>> import jax.numpy as jnp
        >>> from pathmix.families import Terms
        >>> x = jnp.array([[0.1, 2.0]])  # of an exponential, whose survival is its density
        >>> terms = Terms(x < jnp.log(2), jnp.minimum(jnp.expm1(x), 1.0), -x, -jnp.ones_like(x))
        >>> print(terms.ratio.round(3))
        [[0.105 1.   ]]
    """

    lower: Array
    """Whether its cdf is smaller than its survival."""
    ratio: Array
    """The smaller of both, over the density: a number of moderate size, however far the tail."""
    log_prob: Array
    """The log density of the coordinate, given those before it."""
    score: Array
    """The slope of ``log_prob``."""


def smaller_over_density(log_cdf: Reals, log_survival: Reals, log_p: Reals) -> tuple[Flags, Reals]:
    """Return whether the cdf is smaller than the survival, and the smaller over the density."""
    lower = log_cdf < log_survival
    return lower, over_density(where(lower, log_cdf, log_survival), log_p)


def over_density(log_tail: Reals, log_p: Reals) -> Reals:
    """Return a tail over the density; zero where there is no density."""
    known = log_p > -jnp.inf
    return where(known, bounded_exp(log_tail - where(known, log_p, 0.0)), 0.0)


class Conditionals(ABC):
    """Coordinates one after the other; as they stand here, independent: nothing drifts.

    Example:
        >>> import jax.numpy as jnp
        >>> from pathmix.families import Conditionals, Terms
        >>> class Exponentials(Conditionals):
        ...     def __init__(self, x):
        ...         self.rows = x
        ...
        ...     def terms(self, row):
        ...         ratio = jnp.minimum(jnp.expm1(row), 1.0)
        ...         return Terms(row < jnp.log(2), ratio, -row, -jnp.ones_like(row))
        >>> x = jnp.array([[[0.1]], [[2.0]]])  # event, component, point
        >>> Exponentials(x).terms(x[0]).lower
        Array([[ True]], dtype=bool)
    """

    rows: Row
    """A pytree of arrays with the event along their first axis."""
    drifts: ClassVar[bool] = False
    """Whether the quantile of one coordinate moves with the others."""

    @abstractmethod
    def terms(self, row: Row) -> Terms:
        """Return the conditional distribution of one coordinate at its value."""

    def start(self, a: ComponentFirst) -> State:
        """Return the state of the recurrence before the first coordinate."""
        del a

    def drift(self, state: State, row: Row) -> tuple[Any, Any]:
        """Return the drift of the quantile and the change of the log scale, ``k *points``."""
        del state, row
        return 0.0, 0.0

    def advance(self, state: State, row: Row, relative: Reals, dx: Reals) -> State:
        """Return the state after a coordinate moved by ``dx``, by ``relative`` to its quantile."""
        del row, relative, dx
        return state

    def complete(self, dx: FreeFirst) -> EventFirst:
        """Return the velocity of all coordinates, given that of the free ones; event first."""
        return dx
