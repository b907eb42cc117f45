"""Posterior draws of mixtures: one mixture for each, evaluated at points in blocks of draws."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Num, Shaped

from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Shape

Build: TypeAlias = Callable[[dict[str, Any]], Any]
"""From one draw, sites by name, to its mixture."""

Points: TypeAlias = Num[Array, "n *event"]  # noqa: F821
"""Points of the data, one after the other."""

AT_ONCE = 2**21
"""Values over points, draws and components that are in memory together."""


class Mixtures(NamedTuple):
    """How the mixture of a draw is made, and what all have in common."""

    build: Build
    num_components: int
    event_shape: Shape


class Blocks(NamedTuple):
    """Draws as ``block draw``, the last one repeated until the blocks are full."""

    sites: dict[str, Shaped[Array, "block draw *own"]]
    counted: Bool[Array, "block draw"]
    """Which are draws, and not repetitions."""


def leading_shape(draws: Any, group_by_chain: bool) -> Shape:  # noqa: FBT001
    """Return ``(chain, draw)`` or ``(draw,)``, the axes that all sites begin with."""
    if not isinstance(draws, Mapping) or not draws:
        raise TypeError(
            "expected a dict of posterior draws by the names of their sites, as "
            f"mcmc.get_samples() returns it, got {type(draws).__name__}."
        )
    count = 2 if group_by_chain else 1
    shapes = {name: np.shape(site)[:count] for name, site in draws.items()}
    first = next(iter(shapes.values()))
    if len(first) < count or 0 in first or any(shape != first for shape in shapes.values()):
        axes = "(chain, draw)" if group_by_chain else "(draw,)"
        raise ValueError(
            f"expected all sites to begin with the same axes {axes}, got {shapes}. Draws of "
            "mcmc.get_samples(group_by_chain=True) need group_by_chain=True."
        )
    return first


def flat(draws: Mapping[str, Any], shape: Shape) -> dict[str, Array]:
    """Return the sites with one axis for all draws."""
    return {
        name: jnp.asarray(site).reshape(-1, *np.shape(site)[len(shape) :])
        for name, site in draws.items()
    }


def mixtures_of(build: Any, draws: dict[str, Array]) -> Mixtures:
    """Return what the mixtures of all draws have in common; raise unless there is one for each."""
    if not callable(build) or isinstance(build, MixtureSameFamily):
        raise TypeError(
            "expected a function that makes the mixture of one draw, as in lambda draw: "
            f"MixtureSameFamily(...), got {type(build).__name__}."
        )
    made: list[Any] = []
    one = {name: jax.ShapeDtypeStruct(t.shape[1:], t.dtype) for name, t in draws.items()}
    try:
        jax.eval_shape(lambda draw: made.append(_facts(build(draw))), one)
    except Exception as error:
        shapes = {name: t.shape for name, t in one.items()}
        error.add_note(f"While making the mixture of one draw, whose sites have shapes {shapes}.")
        raise
    kind, num_components, event_shape, batch_shape = made[0]
    if num_components is None:
        raise TypeError(
            "expected a function that returns a pathmix.MixtureSameFamily or Mixture, got "
            f"{kind} from it."
        )
    if batch_shape:
        raise ValueError(
            f"expected one mixture for each draw, got a batch {batch_shape} of them. Draws of "
            "mcmc.get_samples(group_by_chain=True) need group_by_chain=True."
        )
    return Mixtures(build, num_components, event_shape)


def _facts(made: Any) -> tuple[Any, ...]:
    if not isinstance(made, MixtureSameFamily):
        return type(made).__name__, None, None, None
    return type(made).__name__, made.num_components, made.event_shape, made.batch_shape


def as_points(data: Any, event_shape: Shape) -> tuple[Points, Shape]:
    """Return data as a list of points, and the shape ``*points`` that they had."""
    x = jnp.asarray(data)
    cut = x.ndim - len(event_shape)
    if cut < 0 or x.shape[cut:] != tuple(event_shape) or not math.prod(x.shape):
        raise ValueError(
            f"expected data of shape (*points, *{tuple(event_shape)}), at least one point of the "
            f"mixture's event shape, got shape {x.shape}."
        )
    return x.reshape(-1, *x.shape[cut:]), x.shape[:cut]


def blocks_of(draws: dict[str, Array], per_draw: int) -> Blocks:
    """Return draws in blocks of a size that memory has room for, with ``per_draw`` values each."""
    total = len(next(iter(draws.values())))
    count = -(-total * per_draw // AT_ONCE)
    size = -(-total // min(max(count, 1), total))
    count = -(-total // size)
    index = np.minimum(np.arange(count * size), total - 1)
    sites = {name: t[index].reshape(count, size, *t.shape[1:]) for name, t in draws.items()}
    return Blocks(sites, jnp.arange(count * size).reshape(count, size) < total)


def memberships_at(build: Build, draws: dict[str, Array], x: Points) -> Float[Array, "n draw k"]:
    """Return the posterior of the components at each point, for each draw."""
    batch = jax.vmap(build)(draws)
    probs = batch.posterior_marginal(jnp.expand_dims(x, 1)).probs
    return probs.astype(jnp.promote_types(probs.dtype, jnp.float32))


@partial(jax.jit, static_argnames="build")
def average_memberships(build: Build, blocks: Blocks, x: Points) -> Float[Array, "n k"]:
    """Return the average over draws of the posterior of the components at each point."""

    def part(block: Blocks) -> Float[Array, "n k"]:
        each = memberships_at(build, block.sites, x)
        return jnp.sum(each * block.counted[:, None], axis=1)

    return jnp.sum(lax.map(part, blocks), axis=0) / jnp.sum(blocks.counted)
