"""Transformed distributions, by the change of variables from their base."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import Distribution, TransformedDistribution
from numpyro.distributions.transforms import AffineTransform, Transform
from numpyro.distributions.util import sum_rightmost

from pathmix._families._conditionals import elementwise
from pathmix._families._gather import expand_to
from pathmix._families._protocol import Family, family, no_cdf, register
from pathmix._families._supports import bounds
from pathmix._typing import Flags, Reals, Value


class TransformedFamily(Family):
    """``x = t(y)``: ``log p(x) = log p(y) − log|det t'(y)|``; a falling ``t`` swaps the tails."""

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        y, log_det, event_dim = expand_to(x, d.shape()), 0.0, d.event_dim
        inside = jnp.ones((), bool)
        for t in reversed(d.transforms):
            y, z, ok = _invert(t, y)
            rest = event_dim - t.codomain.event_dim
            inside &= jnp.all(ok, axis=tuple(range(-rest, 0)))
            log_det += sum_rightmost(t.log_abs_det_jacobian(z, y), rest)
            y, event_dim = z, t.domain.event_dim + rest
        log_p = family(d.base_dist).log_prob(d.base_dist, y)
        log_p = sum_rightmost(log_p, event_dim - d.base_dist.event_dim)
        return jnp.where(inside & (log_p > -jnp.inf), log_p - log_det, -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        y, rising, below, above = _pull_back(d, x)
        base = family(d.base_dist)
        falls = base.log_survival(d.base_dist, y)
        log_p = jnp.where(rising, base.log_cdf(d.base_dist, y), falls)
        return jnp.where(below, -jnp.inf, jnp.where(above, 0.0, log_p))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        y, rising, below, above = _pull_back(d, x)
        base = family(d.base_dist)
        falls = base.log_cdf(d.base_dist, y)
        log_p = jnp.where(rising, base.log_survival(d.base_dist, y), falls)
        return jnp.where(above, -jnp.inf, jnp.where(below, 0.0, log_p))

    def check_pathwise(self, d: Distribution) -> None:
        elementwise(d)
        family(d.base_dist).check_pathwise(d.base_dist)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        y = expand_to(x, d.shape())
        for t in reversed(d.transforms):
            y = _invert(t, y)[1]
        base = family(d.base_dist)
        start = expand_to(base.velocity(d.base_dist, tangent.base_dist, y), y.shape)
        forward = (d.transforms, y), (tangent.transforms, start)
        return jax.jvp(_push_forward, *forward)[1]

    def mean(self, d: Distribution) -> Reals:
        if not _is_affine(d):
            return super().mean(d)
        value = family(d.base_dist).mean(d.base_dist)
        for t in d.transforms:
            value = t(value)
        return jnp.broadcast_to(value, d.shape())

    def variance(self, d: Distribution) -> Reals:
        if not _is_affine(d):
            return super().variance(d)
        value = family(d.base_dist).variance(d.base_dist)
        for t in d.transforms:
            value = value * t.scale**2
        return jnp.broadcast_to(value, d.shape())


class NamedTransformed(TransformedFamily):
    """A NumPyro class built on TransformedDistribution, by its constructor's arguments."""

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters  # type: ignore[misc]

    def mean(self, d: Distribution) -> Reals:
        return Family.mean(self, d)

    def variance(self, d: Distribution) -> Reals:
        return Family.variance(self, d)


class LogNormalFamily(NamedTransformed):
    """LogNormal, whose variance must not be a difference of exponentials."""

    def variance(self, d: Distribution) -> Reals:
        square = d.scale**2
        return jnp.broadcast_to(jnp.expm1(square) * jnp.exp(2 * d.loc + square), d.shape())


def _push_forward(transforms: list[Transform], y: Value) -> Value:
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
        return jnp.where(ok.reshape(ok.shape + event_shape), x, t.codomain.feasible_like(x))

    if isinstance(t, AffineTransform):  # NumPyro's codomain is wrong for a traced negative scale
        ok = jnp.isfinite(x)
        x = jnp.where(ok, x, 0.0)
        return x, t._inverse(x), ok
    finite = jnp.all(jnp.isfinite(x), axis=tuple(range(-t.codomain.event_dim, 0)))
    ok = jnp.asarray(t.codomain(x)) & finite
    image = t._inverse(lax.stop_gradient(keep(ok, x)))
    ok &= jnp.all(jnp.isfinite(image), axis=tuple(range(-t.domain.event_dim, 0)))
    x = keep(ok, x)
    return x, t._inverse(x), ok


def _pull_back(d: Distribution, x: Value) -> tuple[Value, Flags, Flags, Flags]:
    """The base's value, whether it rises with ``x``, and where ``x`` is below or above all."""
    if any(t.codomain.event_dim or t.domain.event_dim for t in d.transforms):
        raise no_cdf(d)
    y = expand_to(x, d.shape())
    below, above = jnp.zeros(y.shape, bool), jnp.zeros(y.shape, bool)
    rising = jnp.ones((), bool)
    for t in reversed(d.transforms):
        low, high = (-jnp.inf, jnp.inf) if isinstance(t, AffineTransform) else bounds(t.codomain)
        _, z, ok = _invert(t, y)
        under, over = ~ok & (y <= low), ~ok & (y >= high)
        open_ = ~(below | above)  # what is beyond one end is not looked at again
        below, above = (
            below | open_ & jnp.where(rising, under, over),
            above | open_ & jnp.where(rising, over, under),
        )
        y, rising = z, jnp.where(t.sign > 0, rising, ~rising)
    return y, rising, below, above


def _is_affine(d: Distribution) -> bool:
    return all(isinstance(t, AffineTransform) for t in d.transforms)


register(TransformedFamily(), TransformedDistribution)
register(LogNormalFamily("loc", "scale"), dist.LogNormal)
register(NamedTransformed("concentration", "rate"), dist.InverseGamma)
register(NamedTransformed("scale", "alpha"), dist.Pareto)
