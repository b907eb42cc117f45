"""A family by NumPyro's own methods, for distributions that no family here is known for."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._components._supports import component_bounds
from pathmix._families import Family
from pathmix._layout import expand_to
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

Parameters = Sequence[Any]
Build = Callable[[Parameters], Distribution]


def numpyro_family(
    kind: type[Distribution], event_dim: int, build: Build, name: str | None = None
) -> Family:
    """Return the family whose parameters ``build`` turns into a distribution of this ``kind``.

    What the distribution can do, guarded by its support. Its draws carry no gradients. It is called
    as its class is, unless a ``name`` is given.
    """
    has_cdf = not event_dim and kind.cdf is not Distribution.cdf

    def moment(which: str) -> Callable[[Parameters], Reals]:
        return lambda theta: _moment(build(theta), which, name)

    return Family(
        name or kind.__name__,
        lambda theta, x: _log_density(build(theta), x),
        lambda *parameters: parameters,
        event_dim=event_dim,
        cdf=(lambda theta, x: _cdf(build(theta), x)) if has_cdf else None,
        log_cdf=(lambda theta, x: jnp.log(_cdf(build(theta), x))) if has_cdf else None,
        log_survival=(lambda theta, x: jnp.log1p(-_cdf(build(theta), x))) if has_cdf else None,
        mean=moment("mean"),
        variance=moment("variance"),
    )


def _log_density(d: Distribution, x: Value) -> Reals:
    if d.support is None:
        return jnp.asarray(d.log_prob(x))
    x = expand_to(x, d.shape())
    inside = jnp.asarray(d.support(x))
    # of an interval, the support may be stated for each of its ends
    inside = jnp.all(inside, axis=tuple(range(x.ndim - d.event_dim, inside.ndim)))
    x = _feasible(d, x, inside)
    if d.is_discrete:  # some index a table by the value
        x = x.astype(int)
    return where(inside, d.log_prob(x), -jnp.inf)


def _cdf(d: Distribution, x: Value) -> Reals:
    """The distribution's own cdf between the ends of its support, 0 below and 1 above."""
    x, ends = expand_to(x, d.shape()), component_bounds(d)
    if ends is None:
        return jnp.clip(d.cdf(x), 0.0, 1.0)
    low, high = ends
    below = x < low if d.is_discrete else x <= low
    inside = ~below & (x < high)
    within = d.cdf(_feasible(d, x, inside))
    return jnp.clip(where(inside, within, where(below, 0.0, 1.0)), 0.0, 1.0)


def _feasible(d: Distribution, x: Value, inside: Flags) -> Value:
    """``x`` inside the support, and elsewhere a point of it, if NumPyro knows any."""
    try:
        safe = d.support.feasible_like(x)
    except NotImplementedError:
        return x
    return where(inside.reshape(inside.shape + (1,) * d.event_dim), x, safe).astype(x.dtype)


def _moment(d: Distribution, which: str, name: str | None) -> Reals:
    try:
        return jnp.asarray(getattr(d, which)) * 1.0
    except NotImplementedError as error:
        raise NotImplementedError(
            f"{name or type(d).__name__} components have no closed-form {which}. Estimate it from "
            "draws."
        ) from error
