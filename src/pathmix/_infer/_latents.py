"""The latents of a model as one unconstrained vector: its density, where it may start, its values.

Each function takes a guide of NumPyro's ``AutoContinuous`` kind that has seen its model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro import handlers
from numpyro.distributions import biject_to
from numpyro.infer import init_to_uniform

from pathmix._numpyro import first_point, log_joint, unconstrained_shapes

_KEPT = ("param", "mutable", "plate")
"""Sites of the model that stay as the guide has first seen them."""


class Target(NamedTuple):
    """What a guide is to fit, over unconstrained vectors ``d``."""

    log_density: Callable[[Array], Array]
    """Up to a constant."""
    draws: Callable[[Array, Any, int], Array]
    """Vectors ``n d`` by a key, a strategy of initialisation (``from_prior`` or one of NumPyro's),
    and their number."""
    unconstrained: Callable[[Any], Array]
    """Vectors ``*sample d`` from values of the latents, by name."""
    first: Float[Array, " d"]
    """A point where the density and its slope are finite."""


def target_of(guide: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Target:
    """Return what a guide is to fit, with these arguments of its model."""
    return Target(
        log_joint(guide),
        partial(_draws, guide, args, kwargs),
        partial(unconstrained, guide),
        first_point(guide),
    )


def discrete_latent(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Return the name of a discrete latent of a model, if it has one."""
    with handlers.block():
        sites = handlers.trace(handlers.seed(model, 0)).get_trace(*args, **kwargs)
    for name, site in sites.items():
        if site["type"] == "sample" and not site["is_observed"] and site["fn"].support.is_discrete:
            return str(name)
    return None


def unconstrained(guide: Any, values: Any) -> Float[Array, "*sample d"]:
    """Return unconstrained vectors from values of the latents, by name, or from such vectors.

    Further names, those of deterministic sites for instance, are passed over.
    """
    if not isinstance(values, Mapping):
        return _as_vectors(guide, values)
    shapes = {name: _shape_of_site(guide, name) for name in unconstrained_shapes(guide)}
    missing = [name for name in shapes if name not in values]
    if missing:
        raise ValueError(
            f"expected a value of every latent ({', '.join(shapes)}), got none of "
            f"{', '.join(missing)}."
        )
    arrays = {name: jnp.asarray(values[name]) for name in shapes}
    sample_shapes = {name: _sample_shape(arrays[name], name, s) for name, s in shapes.items()}
    if len(set(sample_shapes.values())) > 1:
        raise ValueError(f"expected as many values of each latent, got {sample_shapes}.")
    return jnp.concatenate([_flat(guide, name, x) for name, x in arrays.items()], axis=-1)


def _as_vectors(guide: Any, vectors: Any) -> Float[Array, "*sample d"]:
    x = jnp.asarray(vectors, first_point(guide).dtype)
    if not x.ndim or x.shape[-1] != guide.latent_dim:
        raise ValueError(
            f"expected unconstrained vectors of the {guide.latent_dim} dimensions of the latents, "
            f"got shape {x.shape}. Values of the latents themselves are given by name, in a dict."
        )
    return x


def _shape_of_site(guide: Any, name: str) -> tuple[int, ...]:
    return jnp.shape(guide.prototype_trace[name]["value"])


def _sample_shape(value: Array, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes in front of the latent's own."""
    split = value.ndim - len(shape)
    if split < 0 or value.shape[split:] != shape:
        raise ValueError(
            f"expected values of the latent {name} of shape {shape}, with any axes in front, got "
            f"shape {value.shape}."
        )
    return value.shape[:split]


def _flat(guide: Any, name: str, value: Array) -> Float[Array, "*sample part"]:
    """One latent, unconstrained, as vectors."""
    site, shape = guide.prototype_trace[name], unconstrained_shapes(guide)[name]
    free = biject_to(site["fn"].support).inv(value)
    sample_shape = free.shape[: free.ndim - len(shape)]
    return free.reshape(*sample_shape, -1).astype(first_point(guide).dtype)


def from_prior(site: Any = None) -> Any:
    """Draw a site from its prior, a strategy of initialisation; uniformly if that has no draws.

    NumPyro's ``init_to_sample`` takes the median of one draw, which costs more to compile than all
    the rest.
    """
    if site is None:
        return partial(from_prior)
    if site["type"] != "sample" or site["is_observed"] or site["fn"].support.is_discrete:
        return None
    try:
        options = ("rng_key", "sample_shape")
        return site["fn"](**{name: site["kwargs"].get(name) for name in options})
    except NotImplementedError:
        return init_to_uniform(site)


def _draws(
    guide: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    key: PRNGKeyArray,
    strategy: Any,
    n: int,
) -> Float[Array, "n d"]:
    """Vectors where a strategy of initialisation puts them."""
    choose = strategy if isinstance(strategy, partial) else strategy()
    first = first_point(guide)
    if choose.func is init_to_uniform:  # the model need not run
        radius = choose.keywords.get("radius", 2)
        return jax.random.uniform(key, (n, *first.shape), first.dtype, -radius, radius)
    draw = partial(_draw, guide, args, kwargs, choose)
    return jax.vmap(draw)(jax.random.split(key, n)).astype(first.dtype)


def _draw(
    guide: Any, args: tuple[Any, ...], kwargs: dict[str, Any], choose: Any, key: PRNGKeyArray
) -> Float[Array, " d"]:
    """One vector, by a run of the model."""
    seen = guide.prototype_trace
    kept = {name: site["value"] for name, site in seen.items() if site["type"] in _KEPT}
    model = handlers.substitute(handlers.seed(guide.model, key), data=kept)
    model = handlers.trace(handlers.substitute(model, substitute_fn=choose))
    with handlers.block():
        sites = model.get_trace(*args, **kwargs)
    latents = [sites[name] for name in unconstrained_shapes(guide)]
    free = [biject_to(site["fn"].support).inv(site["value"]) for site in latents]
    return jnp.concatenate([jnp.ravel(value) for value in free])
