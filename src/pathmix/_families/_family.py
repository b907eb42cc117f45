"""What a mixture must know of a component family: a value whose capabilities are optional.

A family is mathematics on arrays. Its parameters ``theta`` are a named tuple of arrays, its values
``x`` an array; of scalar families all functions broadcast the one against the other. A mixture
gives values an axis of size one for its components, and gets one number per point and component.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp

from pathmix._families._conditionals import Conditionals, smaller_over_density
from pathmix._families._limits import Limit
from pathmix._special import log1mexp
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

Theta: TypeAlias = Any
"""A named tuple of the parameters of a family; of a combination, with those of its base inside."""

Pair: TypeAlias = tuple[Reals, Reals]
OfTheta: TypeAlias = Callable[[Theta], Reals]
OfValue: TypeAlias = Callable[[Theta, Value], Reals]
TailsOfValue: TypeAlias = Callable[[Theta, Value], Pair]


class Shared(NamedTuple):
    """What the points of a component share, worked out once: an inverse, say.

    It stands in ``theta`` under this name, or ``None``, and has as many axes after ``*batch k``.
    """

    name: str
    event_dim: int
    of: OfTheta


Capability = TypeVar("Capability")


@dataclass(frozen=True)
class Family:
    """A family of distributions; what is not known of it is ``None``.

    Of vectors, values are ``*points *event`` and parameters ``*batch k *event``, unless said
    otherwise. Asking a mixture for what is ``None`` raises ``NotImplementedError``.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from typing import NamedTuple
        >>> class Rate(NamedTuple):
        ...     rate: jax.Array
        >>> def log_density(theta, x):
        ...     return jnp.where(x >= 0, jnp.log(theta.rate) - theta.rate * x, -jnp.inf)
        >>> family = Family("Exponential", log_density, Rate, mean=lambda theta: 1 / theta.rate)
        >>> print(family.log_density(Rate(jnp.array([1.0, 2.0])), jnp.array(0.5)).round(3))
        [-0.5   -0.307]
    """

    name: str
    log_density: OfValue
    """The log density, −inf (with a zero gradient) outside the support."""
    parameters: Callable[..., Theta]
    """The class of ``theta``, whose fields are named as the arguments of a distribution's class."""
    event_dim: int = 0
    log_cdf: OfValue | None = None
    """``log P(X ≤ x)``, elementwise over a factorised event."""
    log_survival: OfValue | None = None
    """``log P(X > x)``, elementwise over a factorised event."""
    log_tails: TailsOfValue | None = None
    """Both of them, where one makes the other: programs of tails may be long to compile."""
    velocity: Callable[[Theta, Theta, Value], Value] | None = None
    """How a draw at ``x`` moves when the parameters move by a tangent, in which it is linear."""
    mean: OfTheta | None = None
    """The mean, ``*batch k *event``, or of a shape that broadcasts to it."""
    variance: OfTheta | None = None
    """The elementwise variance, likewise."""
    covariance: OfTheta | None = None
    """The covariance matrix of a vector event, ``*batch k event event``."""
    conditionals: Callable[[Theta, Value], Conditionals] | None = None
    """The successive conditional distributions along the event, of vectors; of factorised events
    they are known without."""
    limit: Callable[[Theta, Value], Limit | None] | None = None
    """The probabilities at limits of parameters that are distributions themselves."""
    cdf: OfValue | None = None
    """``P(X ≤ x)``, where that is cheaper than by its logarithm."""
    tail: Callable[[Theta, Value, Flags], Reals] | None = None
    """The upper tail where a flag is set and the cdf elsewhere, where one is cheaper than both."""
    smaller_tail: Callable[[Theta, Value, Reals], tuple[Flags, Reals]] | None = None
    """Whether the cdf is smaller than the survival, and the smaller one over the density, whose
    logarithm is given; where it is cheaper or better than by the log tails."""
    log_density_rows: OfValue | None = None
    """The log density of vectors whose event axes stand first, where the family is at home so."""
    total_log_density: Callable[[Theta, Value, int], Reals] | None = None
    """The sum of log densities over the first axes, with derivatives in closed form."""
    shared: Shared | None = None
    """What draws that move work out once for all uses of a component, if there is such a thing."""
    light: bool = False
    """Whether it is faster to work a log density out twice than to keep it."""
    flat: bool = False
    """Whether the density is the same all over its support: then it has no slope in ``x``."""
    atomic: bool = False
    """Whether it is a mass at points of the line, where densities of others count for nothing."""

    def cdf_at(self, theta: Theta, x: Value) -> Reals:
        """Return ``P(X ≤ x)``, elementwise over a factorised event."""
        if self.cdf is not None:
            return self.cdf(theta, x)
        return jnp.exp(given(self.log_cdf)(theta, x))

    def log_tails_at(self, theta: Theta, x: Value) -> Pair:
        """Return the logs of the cdf and of the upper tail, elementwise over a factorised event."""
        if self.log_tails is not None:
            return self.log_tails(theta, x)
        return given(self.log_cdf)(theta, x), given(self.log_survival)(theta, x)

    def log_tail_at(self, theta: Theta, x: Value, upper: Flags) -> Reals:
        """Return the log of the upper tail where a flag is set, and of the cdf elsewhere."""
        below, above = self.log_tails_at(theta, x)
        return where(upper, above, below)

    def tail_at(self, theta: Theta, x: Value, upper: Flags) -> Reals:
        """Return the upper tail where a flag is set, and the cdf elsewhere."""
        if self.tail is not None:
            return self.tail(theta, x, upper)
        return jnp.exp(self.log_tail_at(theta, x, upper))

    def smaller_tail_at(self, theta: Theta, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
        """Return whether the cdf is the smaller tail, and the smaller one over the density."""
        if self.smaller_tail is not None:
            return self.smaller_tail(theta, x, log_p)
        return smaller_over_density(*self.log_tails_at(theta, x), log_p)

    def rows_at(self, theta: Theta, x: Value) -> Reals:
        """Return the log density of vectors ``*event *points *batch``."""
        if self.log_density_rows is not None:
            return self.log_density_rows(theta, x)
        events = tuple(range(self.event_dim))
        return self.log_density(theta, jnp.moveaxis(x, events, tuple(range(-self.event_dim, 0))))


def given(capability: Capability | None) -> Capability:
    """Return a capability that is there: whoever needs it has looked."""
    assert capability is not None
    return capability


def by_tails(tails: TailsOfValue) -> dict[str, Any]:
    """Return the capabilities that a function of both log tails is, by name."""
    return {
        "log_cdf": lambda theta, x: tails(theta, x)[0],
        "log_survival": lambda theta, x: tails(theta, x)[1],
        "log_tails": tails,
    }


def spread_over(theta: Theta, x: Value) -> Value:
    """Broadcast a value of a scalar family against the parameters."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(theta)]
    return jnp.broadcast_to(x, jnp.broadcast_shapes(jnp.shape(x), *shapes))


def implicit(log_cdf: OfValue, log_survival: OfValue) -> Callable[[Theta, Theta, Value], Value]:
    """Return the velocity that implicit differentiation of the nearer tail gives a scalar family.

    It is ``−∂_θF dθ / p`` (Figurnov et al. 2018), with both in terms of a log tail.

    Example:
        >>> import jax.numpy as jnp
        >>> from pathmix.families import implicit
        >>> velocity = implicit(  # of an exponential, by its rate
        ...     lambda rate, x: jnp.log(-jnp.expm1(-rate * x)), lambda rate, x: -rate * x
        ... )
        >>> print(velocity(jnp.array(1.0), jnp.array(1.0), jnp.array(2.0)))  # −x / rate
        -2.0
    """

    def velocity(theta: Theta, tangent: Theta, x: Value) -> Value:
        x = spread_over(theta, x)
        lower, v_lower = _tail_velocity(log_cdf, theta, tangent, x)
        upper, v_upper = _tail_velocity(log_survival, theta, tangent, x)
        return where(lower < upper, v_lower, v_upper)

    return velocity


def _tail_velocity(
    log_tail: OfValue, theta: Theta, tangent: Theta, x: Value
) -> tuple[Reals, Reals]:
    """A log tail ``T`` and ``−∂_θT dθ / ∂_xT``, zero where ``T`` is flat."""
    tail, change = jax.jvp(lambda theta: log_tail(theta, x), (theta,), (tangent,))
    slope = jax.jvp(lambda x: log_tail(theta, x), (x,), (jnp.ones_like(x),))[1]
    flat = (slope == 0) | ~jnp.isfinite(slope)
    return tail, where(flat, 0.0, -change) / where(flat, 1.0, slope)


def guarded(
    inside: Flags, fn: Callable[[Reals], Reals], x: Reals, safe: Any, outside: Any = -jnp.inf
) -> Reals:
    """Return ``fn(x)`` inside and ``outside`` elsewhere, evaluating ``fn`` at ``safe`` there.

    The double ``where`` keeps NaN out of the gradient of the branch that is not taken.
    """
    return where(inside, fn(where(inside, x, safe)), outside)


def guarded_tails(
    inside: Flags, fn: Callable[[Reals], Pair], x: Reals, safe: Any, beyond: Flags
) -> Pair:
    """Return both log tails ``fn(x)`` inside; elsewhere those of a point beyond or before it all.

    As :func:`guarded`, of which two would be two programs.
    """
    lower, upper = fn(where(inside, x, safe))
    return (
        where(inside, lower, where(beyond, 0.0, -jnp.inf)),
        where(inside, upper, where(beyond, -jnp.inf, 0.0)),
    )


def complement(log_p: Reals) -> Reals:
    """Return ``log(1 − p)``, with ``log_p`` clipped to the probabilities."""
    return log1mexp(jnp.minimum(log_p, 0.0))


def sharpen(log_p: Reals, log_q: Reals) -> Reals:
    """Return ``log_p`` of a probability ``p = 1 − q``, from ``log_q`` where that is the smaller.

    For sums or differences that give both, each accurate where it is small.
    """
    small = log_p <= log_q
    return where(small, log_p, log1mexp(where(small, -1.0, log_q)))
