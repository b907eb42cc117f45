"""Undo label switching: each component of a mixture has the same label in every draw.

A mixture does not change when its components are permuted, so neither does an exchangeable
posterior, and averages over raw draws of one component mean nothing. Ordering the locations is the
usual cure, and the worse one: where components overlap, the order cuts through each of them, its
labels mix what is one cluster in the data, and one component can pass another only by pushing all
those between (Celeux, Hurn and Robert, JASA 95, 2000). Draws of the symmetric posterior are
relabelled afterwards, by what the components do to the data.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from pathmix._infer._assignment import assignment
from pathmix._infer._draws import (
    Blocks,
    Build,
    Points,
    as_points,
    average_memberships,
    blocks_of,
    flat,
    leading_shape,
    memberships_at,
    mixtures_of,
)
from pathmix._infer._labels import check_axes, component_axes, permuted
from pathmix._mixture import MixtureSameFamily

MOST = 100
"""Rounds, of which half a dozen are common."""
TINY = 1e-12
"""A probability of zero, to the logarithm."""


class Relabelled(NamedTuple):
    """Draws with common labels, as :func:`relabel` returns them.

    Example:
        >>> import numpy as np
        >>> from pathmix.infer import Relabelled
        >>> draws = {"loc": np.array([[-2.0, 2.0], [-2.1, 1.9]])}
        >>> found = Relabelled(draws, np.array([[0, 1], [1, 0]]), np.array([[0.9, 0.1]]))
        >>> found.draws["loc"].mean(axis=0)  # averages mean something, now that labels agree
        array([-2.05,  1.95])
        >>> found.memberships.argmax(axis=1)  # which component each point is from
        array([0])
    """

    draws: dict[str, Any]
    """As they were given, the components permuted."""
    permutations: Int[np.ndarray, "*draws k"]
    """For each draw the component that has become component 0, 1, …"""
    memberships: Float[np.ndarray, "*points k"]
    """The average over draws of the probability that a point is from each component."""


def relabel(
    draws: Any,
    mixture: Any,
    data: Any,
    *,
    components: Any = None,
    group_by_chain: bool = False,
) -> Relabelled:
    """Give the components of a mixture the same labels in all posterior draws.

    The permutations minimise the Kullback–Leibler divergence of each draw's membership
    probabilities at the data from their average over draws, by turns averaging and permuting until
    nothing changes (Stephens, JRSS B 62, 2000), from the draw that is the most certain of them. A
    permutation is the exact solution of an assignment problem. It asks for no order of the
    components, works in any dimension, and leaves what the draws say of the data as it was. Like
    every such algorithm it finds a local optimum. Each round evaluates all draws at all points, in
    blocks.

    Args:
        draws: Sites by name, as ``mcmc.get_samples()`` returns them: ``draw *own``.
        mixture: From one draw, a dict of sites, to its :class:`pathmix.MixtureSameFamily` or
            ``Mixture``. It may leave sites alone.
        data: Points ``*points *event``, those that the model was given or a part of them.
        components: Which sites have an entry per component: names, of sites whose first axis
            counts the components (weights ``k``, locations ``k d``), or a dict from names to axes.
            By default all sites with an axis of that size, of which they may have one only. Sites
            that are not named stay as they are.
        group_by_chain: Whether the draws are ``chain draw *own``, as those of
            ``mcmc.get_samples(group_by_chain=True)``.

    Returns:
        The draws, in the form in which they came (as ``az.from_dict(posterior=...)`` takes them),
        the permutations, and the memberships of the data.

    Raises:
        TypeError: ``draws`` is no dict, or ``mixture`` makes no mixture.
        ValueError: Shapes do not fit, draws are NaN, or the mixture of a draw does not follow its
            sites when their components change places.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> from pathmix.infer import relabel
        >>> draws = {  # two chains of one draw: the second one has changed the labels
        ...     "weights": jnp.array([[[0.3, 0.7]], [[0.6, 0.4]]]),
        ...     "locs": jnp.array([[[-2.0, 2.0]], [[1.9, -2.1]]]),
        ... }
        >>> def mixture(draw):
        ...     weights = dist.Categorical(probs=draw["weights"])
        ...     return MixtureSameFamily(weights, dist.Normal(draw["locs"], 1.0))
        >>> found = relabel(draws, mixture, jnp.array([-2.0, 1.5, 2.5]), group_by_chain=True)
        >>> print(found.draws["locs"][1], found.permutations[1])
        [[-2.1  1.9]] [[1 0]]
    """
    shape = leading_shape(draws, group_by_chain)
    sites = flat(draws, shape)
    mixtures = mixtures_of(mixture, sites)
    own = {name: site.shape[1:] for name, site in sites.items()}
    axes = component_axes(own, components, mixtures.num_components)
    x, points = as_points(data, mixtures.event_shape)
    check_axes(mixtures, sites, axes, x)
    blocks = blocks_of(sites, len(x) * mixtures.num_components)
    order, average = _aligned(mixture, blocks, x)
    order = order.reshape(*shape, -1)
    new = {name: permuted(draws[name], order, axis) for name, axis in axes.items()}
    return Relabelled({**draws, **new}, order, average.reshape(*points, -1))


def memberships(
    mixture: Any, data: Any, draws: Any = None, *, group_by_chain: bool = False
) -> Float[np.ndarray, "*points k"]:
    """Return the posterior probability that each point is from each component.

    The average over draws, once these have common labels: over raw draws it would be the same for
    all components as soon as chains differ in their labels. What a component is, the draws that
    :func:`relabel` returns say.

    Args:
        mixture: From one draw, a dict of sites, to its mixture; or a batch of mixtures, one for
            each draw, without ``draws``.
        data: Points ``*points *event``.
        draws: What :func:`relabel` returned, or its draws before, ``draw *own``. Raw draws are
            relabelled by ``data``, so these should be what the model was given; for other points
            relabel first.
        group_by_chain: Whether raw draws are ``chain draw *own``.

    Raises:
        TypeError: Arguments of another kind.
        ValueError: Shapes do not fit, or draws are NaN.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily
        >>> from pathmix.infer import memberships
        >>> weights = jnp.array([[0.3, 0.7], [0.6, 0.4]])
        >>> locs = jnp.array([[-2.0, 2.0], [1.9, -2.1]])  # two draws, with switched labels
        >>> batch = MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(locs, 1.0))
        >>> print(memberships(batch, jnp.array([-2.0, 0.0, 2.0])).round(2))
        [[1.  0. ]
         [0.3 0.7]
         [0.  1. ]]
    """
    if isinstance(mixture, MixtureSameFamily):
        mixture, draws, shape = _of_batch(mixture, draws)
    elif isinstance(draws, Relabelled):
        shape = np.shape(draws.permutations)[:-1]
    else:
        shape = leading_shape(draws, group_by_chain)
    relabelled = isinstance(draws, Relabelled)
    sites = flat(draws.draws if relabelled else draws, shape)
    mixtures = mixtures_of(mixture, sites)
    x, points = as_points(data, mixtures.event_shape)
    blocks = blocks_of(sites, len(x) * mixtures.num_components)
    if relabelled:
        average = np.asarray(average_memberships(mixture, blocks, x))
    else:
        _, average = _aligned(mixture, blocks, x)
    return average.reshape(*points, -1)


def _of_batch(mixture: MixtureSameFamily, draws: Any) -> tuple[Build, dict[str, Array], Any]:
    """A batch of mixtures as draws of its members' places."""
    shape = mixture.batch_shape
    if draws is not None or not shape or 0 in shape:
        raise TypeError(
            "expected a function that makes the mixture of one draw, with draws; or a batch of "
            f"mixtures, one for each draw, without: got a mixture of batch shape {shape} and "
            f"{'no' if draws is None else type(draws).__name__} draws."
        )
    places = np.unravel_index(np.arange(np.prod(shape)), shape)
    names = [f"axis {i}" for i in range(len(shape))]
    each = {name: jnp.asarray(place) for name, place in zip(names, places, strict=True)}
    return lambda draw: mixture[tuple(draw[name] for name in names)], each, (len(places[0]),)


def _aligned(
    build: Build, blocks: Blocks, x: Points
) -> tuple[Int[np.ndarray, "draw k"], Float[np.ndarray, "n k"]]:
    """Permutations that bring all draws to common labels, and the average with these."""
    reference = _most_certain(build, blocks, x)
    order, average = _round(build, blocks, x, reference)
    for _ in range(MOST):
        previous = order
        order, average = _round(build, blocks, x, average)
        if np.array_equal(order, previous):
            break
    real = np.asarray(blocks.counted).ravel()
    return np.asarray(order).reshape(real.size, -1)[real], np.asarray(average)


def _most_certain(build: Build, blocks: Blocks, x: Points) -> Float[Array, "n k"]:
    """The memberships of the draw that assigns the points with most certainty."""
    certainty = np.asarray(_certainty(build, blocks, x)).ravel()
    undefined = int(np.isnan(certainty[np.asarray(blocks.counted).ravel()]).sum())
    if undefined:
        raise ValueError(
            "expected memberships that are defined for all draws and points, got NaN in "
            f"{undefined} draws. Drop these draws, or points that are NaN."
        )
    place = np.unravel_index(np.argmax(certainty), blocks.counted.shape)
    one = {name: t[place][None] for name, t in blocks.sites.items()}
    return _memberships_at(build, one, x)[:, 0]


_memberships_at = jax.jit(memberships_at, static_argnames="build")


@partial(jax.jit, static_argnames="build")
def _certainty(build: Build, blocks: Blocks, x: Points) -> Float[Array, "block draw"]:
    def part(sites: dict[str, Array]) -> Float[Array, " draw"]:
        return jnp.sum(jnp.square(memberships_at(build, sites, x)), axis=(0, 2))

    return lax.map(part, blocks.sites)


@partial(jax.jit, static_argnames="build")
def _round(
    build: Build, blocks: Blocks, x: Points, reference: Float[Array, "n k"]
) -> tuple[Int[Array, "block draw k"], Float[Array, "n k"]]:
    """The permutations nearest a reference, and the average of memberships with these."""
    log_reference = jnp.log(reference + TINY)

    def part(total: Float[Array, "n k"], block: Blocks) -> Any:
        each = memberships_at(build, block.sites, x)
        gain = jnp.einsum("nl,ndk->dlk", log_reference, each, precision="highest")
        order = jax.vmap(assignment)(gain)
        each = jnp.take_along_axis(each, order[None], axis=-1)
        return total + jnp.sum(each * block.counted[:, None], axis=1), order

    total, order = lax.scan(part, jnp.zeros_like(reference), blocks)
    return order, total / jnp.sum(blocks.counted)
