"""Transformed families, by the change of variables from their base."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions.transforms import AffineTransform, Transform

from pathmix._components._supports import bounds
from pathmix._families import Family, Theta, by_tails, given, spread_over
from pathmix._numpyro import preimage
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


class Pushed(NamedTuple):
    """The parameters of the base, and NumPyro's transforms, the first of them nearest to it."""

    base: Theta
    transforms: tuple[Transform, ...]


@cache
def pushforward(base: Family, event_dim: int = 0, *, elementwise: bool, affine: bool) -> Family:
    """Return the family of ``x = t(y)``: ``log p(x) = log p(y) − log|det t'(y)|``.

    Args:
        base: That of ``y``, which has the shape of ``x``.
        event_dim: The number of axes of an event.
        elementwise: Whether every transform is; a falling one swaps the tails.
        affine: Whether all are affine, which mean and variance are known of.
    """

    def log_density(theta: Pushed, x: Value) -> Reals:
        y, log_det, rank = x, 0.0, event_dim
        inside = jnp.ones((), bool)
        for t in reversed(theta.transforms):
            y, z, ok = _invert(t, y)
            rest = rank - t.codomain.event_dim
            inside &= jnp.all(ok, axis=tuple(range(-rest, 0)))
            log_det += _sum_last(t.log_abs_det_jacobian(z, y), rest)
            y, rank = z, t.domain.event_dim + rest
        log_p = _sum_last(base.log_density(theta.base, y), rank - base.event_dim)
        return where(inside & (log_p > -jnp.inf), log_p - log_det, -jnp.inf)

    def log_tails(theta: Pushed, x: Value) -> tuple[Reals, Reals]:
        """Those of the base, the one that is the cdf first."""
        y, rising, below, above = _pull_back(theta.transforms, x)
        pair = base.log_tails_at(theta.base, y)
        lower, upper = where(rising, *pair), where(rising, *pair[::-1])
        return (
            where(below, -jnp.inf, where(above, 0.0, lower)),
            where(below, 0.0, where(above, -jnp.inf, upper)),
        )

    def cdf(theta: Pushed, x: Value) -> Reals:
        if not all(isinstance(t.sign, int) and t.sign > 0 for t in theta.transforms):
            return jnp.exp(log_tails(theta, x)[0])
        y, _, below, above = _pull_back(theta.transforms, x)
        return where(below, 0.0, where(above, 1.0, base.cdf_at(theta.base, y)))

    def tail(theta: Pushed, x: Value, upper: Flags) -> Reals:
        y, rising, below, above = _pull_back(theta.transforms, x)
        inside = base.tail_at(theta.base, y, upper ^ ~rising)
        return where(below | above, where(below ^ upper, 0.0, 1.0), inside)

    def velocity(theta: Pushed, tangent: Pushed, x: Value) -> Value:
        y = spread_over(theta, x)
        for t in reversed(theta.transforms):
            y = _invert(t, y)[1]
        start = jnp.broadcast_to(given(base.velocity)(theta.base, tangent.base, y), y.shape)
        forward = (theta.transforms, y), (tangent.transforms, start)
        return jax.jvp(_push_forward, *forward)[1]

    def mean(theta: Pushed) -> Reals:
        return _push_forward(theta.transforms, given(base.mean)(theta.base))

    def variance(theta: Pushed) -> Reals:
        value = given(base.variance)(theta.base)
        for t in theta.transforms:
            value = value * t.scale**2
        return value

    has_tails = elementwise and base.log_cdf is not None
    return Family(
        f"Transformed{base.name}",
        log_density,
        Pushed,
        event_dim=event_dim,
        cdf=cdf if has_tails and base.cdf is not None else None,
        tail=tail if has_tails and base.tail is not None else None,
        velocity=velocity if elementwise and base.velocity is not None else None,
        mean=mean if affine and base.mean is not None else None,
        variance=variance if affine and base.variance is not None else None,
        **(by_tails(log_tails) if has_tails else {}),
    )


def _sum_last(t: Any, n: int) -> Any:
    """The sum over the last ``n`` axes."""
    return jnp.sum(t, axis=tuple(range(-n, 0))) if n else t


def _push_forward(transforms: tuple[Transform, ...], y: Any) -> Any:
    for t in transforms:
        y = t(y)
    return y


def _invert(t: Transform, x: Value) -> tuple[Value, Value, Flags]:
    """Return a point of the codomain, its inverse image, and where the point is ``x`` itself.

    Edges of the codomain whose image is infinite count as outside: they carry no density, and
    the slope of the inverse there is infinite.
    """
    event_shape = (1,) * t.codomain.event_dim

    def keep(ok: Flags, x: Value) -> Value:
        return where(ok.reshape(ok.shape + event_shape), x, t.codomain.feasible_like(x))

    if isinstance(t, AffineTransform):  # NumPyro's codomain is wrong for a traced negative scale
        ok = jnp.isfinite(x)
        x = where(ok, x, 0.0)
        return x, preimage(t, x), ok
    finite = jnp.all(jnp.isfinite(x), axis=tuple(range(-t.codomain.event_dim, 0)))
    ok = jnp.asarray(t.codomain(x)) & finite
    image = preimage(t, lax.stop_gradient(keep(ok, x)))
    ok &= jnp.all(jnp.isfinite(image), axis=tuple(range(-t.domain.event_dim, 0)))
    x = keep(ok, x)
    return x, preimage(t, x), ok


def _pull_back(transforms: tuple[Transform, ...], x: Value) -> tuple[Value, Flags, Flags, Flags]:
    """The base's value, whether it rises with ``x``, and where ``x`` is below or above all."""
    y, rising = x, jnp.ones((), bool)
    below = above = jnp.zeros(y.shape, bool)
    for t in reversed(transforms):
        low, high = (-jnp.inf, jnp.inf) if isinstance(t, AffineTransform) else _ends_of(t)
        _, z, ok = _invert(t, y)
        under, over = ~ok & (y <= low), ~ok & (y >= high)
        open_ = ~(below | above)  # what is beyond one end is not looked at again
        below, above = (
            below | open_ & where(rising, under, over),
            above | open_ & where(rising, over, under),
        )
        y, rising = z, where(t.sign > 0, rising, ~rising)
    return y, rising, below, above


def _ends_of(t: Transform) -> tuple[Any, Any]:
    ends = bounds(t.codomain)
    if ends is None:
        raise NotImplementedError(
            f"pathmix knows no bounds of {t.codomain!r}, the values of {type(t).__name__}: "
            "expected an interval, a half-line or the real line."
        )
    return ends
