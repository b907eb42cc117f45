"""Priors as they are given, checked."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float
from numpyro.distributions import Distribution

from pathmix._components import Canonical, split, which_of
from pathmix._estimation._data import Data
from pathmix._estimation._prior import ConjugateNormal, Prior, is_normal


def read_prior(
    prior: Any,
    components: Canonical,
    names: tuple[str, ...],
    rows: Data | None,
    count: int | None = None,
) -> Prior:
    """Return the prior that ``fit`` was given, checked.

    Args:
        prior: What was given.
        components: What it is about.
        names: Of their parameters.
        rows: What it may be taken from; ``None`` if they are not at hand.
        count: How many components it is about, the first ones; all by default.
    """
    if prior is None:
        return Prior()
    prior = {"components": prior} if isinstance(prior, ConjugateNormal) else prior
    if not isinstance(prior, Mapping):
        raise TypeError(
            "expected prior to be a ConjugateNormal or a mapping from names of parameters to "
            f"distributions, got {type(prior).__name__}."
        )
    _check(prior, components, names)
    most = components.own_shape[-1]
    k = most if count is None else count
    concentration = normal = None
    if "weights" in prior:
        concentration = _concentration(prior["weights"], k, most, components.dtype)
    if "components" in prior:
        normal = prior["components"].of_data(rows, components, k)
    present = None if count is None else jnp.arange(most) < count
    return Prior(concentration, normal, tuple(prior.get(name) for name in names), present)


def _check(prior: Mapping[str, Any], components: Canonical, names: tuple[str, ...]) -> None:
    allowed = ("weights", "components", *(name for name in names if name != "which"))
    for name, d in prior.items():
        if name not in allowed:
            raise ValueError(f"expected priors of {', '.join(allowed)}, got one of {name!r}.")
        kind = ConjugateNormal if name == "components" else Distribution
        if not isinstance(d, kind):
            what = "a ConjugateNormal" if name == "components" else "a distribution"
            raise TypeError(f"expected {what} for {name!r}, got {type(d).__name__}.")
    families = split(components)
    if "components" in prior and not any(map(is_normal, families)):
        raise NotImplementedError(
            "expected MultivariateNormal components for ConjugateNormal, got "
            f"{', '.join(c.family.name for c in families)}. Give NumPyro distributions of "
            f"parameters instead: prior={{{allowed[2]!r}: …}}."
        )
    own = [p for c in families for p in c.parameters]
    names = names if len(families) == 1 and which_of(components) is None else names[1:]
    for name, p in zip(names, own, strict=True):
        if name in prior:
            _check_shape(name, prior[name], p)


def _check_shape(name: str, d: Distribution, p: Array) -> None:
    """Refuse what says more, or less, than one thing of each number or vector of a parameter."""
    wanted = p.shape[: p.ndim - d.event_dim]
    fits = p.shape[p.ndim - d.event_dim :] == d.event_shape and d.event_dim < p.ndim
    try:
        fits = fits and jnp.broadcast_shapes(wanted, d.batch_shape) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"expected a prior of {name!r} that is one for all of shape {p.shape}, components "
            f"first, or of that shape, got batch shape {d.batch_shape} and event shape "
            f"{d.event_shape}."
        )


def _concentration(d: Any, k: int, most: int, dtype: Any) -> Float[Array, " k"]:
    """Of ``k`` components among more, to the others of which it says nothing."""
    if not isinstance(d, dist.Dirichlet):
        raise NotImplementedError(
            f"expected a Dirichlet distribution of the weights, got {type(d).__name__}."
        )
    given = jnp.asarray(d.concentration, dtype)
    if given.shape not in ((1,), (k,)):
        raise ValueError(
            f"expected a Dirichlet of {k} concentrations, or of one for all, as prior of weights, "
            f"got shape {given.shape}."
        )
    return jnp.pad(jnp.broadcast_to(given, k), (0, most - k), constant_values=1.0)
