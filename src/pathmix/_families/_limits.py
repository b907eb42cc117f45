"""Masses of zero that have a derivative: components at the limit of their parameters.

A Poisson component of rate zero has mass zero at one, and the derivative of that mass in the rate
is one. Neither ``log 0`` nor its infinite slope can tell. So a mass, or a tail, is given as
``factor · exp(term)``: at such a limit the factor is the probability itself, of which automatic
differentiation takes exact one-sided derivatives, and the term is zero; elsewhere the factor is
one. A sum of components then treats factors as it treats weights, zeros among them.

The limits are those that are distributions themselves. Point masses are expanded to the third
order in the parameter, so that derivatives up to the third are exact.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from pathmix._typing import Flags, Reals
from pathmix._where import where

ORDER = 3
"""The derivatives of point masses that are exact."""


class Vanishing(NamedTuple):
    """A probability, and where it may be zero but have a derivative; elsewhere it is not used.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from pathmix.families import Vanishing
        >>> def once(rate):  # of a Poisson: the mass at one, where the rate is zero
        ...     return Vanishing(rate == 0, rate)
        >>> print(once(0.0).value, jax.grad(lambda rate: once(rate).value)(0.0))
        0.0 1.0
    """

    reached: Flags
    """Whether the parameter is at its limit."""
    value: Reals
    """The probability near that limit, to as many orders as derivatives are to be exact."""


class Limit(NamedTuple):
    """The mass at a point and both tails, at a limit.

    Example:
        >>> import jax.numpy as jnp
        >>> from pathmix.families import Limit, Vanishing
        >>> rate = jnp.zeros(())  # of a Poisson, at the point one
        >>> probabilities = rate, 1 - rate**2 / 2, rate**2 / 2
        >>> limit = Limit(*(Vanishing(rate == 0, p) for p in probabilities))
        >>> print(limit.mass.value, limit.below.value, limit.above.value)
        0.0 1.0 0.0
    """

    mass: Vanishing
    """``P(X = x)``."""
    below: Vanishing
    """``P(X ≤ x)``."""
    above: Vanishing
    """``P(X > x)``."""


def factored(log_p: Reals, limit: Vanishing | None) -> tuple[Reals, Reals | None]:
    """Return ``(term, factor)`` with ``p = factor · exp(term)``; no factor stands for one."""
    if limit is None:
        return log_p, None
    reached, value = limit
    return where(reached, 0.0, log_p), where(reached, value, 1.0)


def everywhere(reached: Flags, mass: Reals, below: Reals, above: Reals) -> Limit:
    """Return a limit that all three reach together."""
    return Limit(*(Vanishing(reached, p) for p in (mass, below, above)))


def point_mass(reached: Flags, mass: Callable[[Reals], Reals], x: Reals) -> Limit:
    """Return the limit that is a point mass at zero; ``mass(n)`` is of the order of ``n``."""
    n = jnp.floor(x)
    above = sum(mass(n + j) for j in range(1, ORDER + 1))
    above = where(x < 0, 1.0, above)
    return everywhere(reached, where(x == n, mass(n), 0.0), 1 - above, above)


def mirrored(limit: Limit) -> Limit:
    """Return the limit of ``N − X``, of that of ``X`` at ``N − n − 1``, but for the mass."""
    return Limit(limit.mass, limit.above, limit.below)


def by_count(n: Reals, *values: Any) -> Reals:
    """Return the n-th of ``values``, zero beyond them."""
    out = jnp.zeros_like(n)
    for i, value in enumerate(values):
        out = where(n == i, value, out)
    return out
