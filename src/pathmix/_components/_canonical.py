"""A distribution in canonical form: a static recipe, and parameters of full rank.

Each parameter is ``*batch k *event``, with axes of size one where it is shared. The batch shape is
that of the arrays, so that axes which ``jax.vmap`` has prepended are batch axes, and that a batch
member within ``jax.vmap`` has none. The leaves of the pytree are the parameters alone, in the order
of the recipe.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._components._numpyro_family import numpyro_family
from pathmix._components._opaque import Opaque, opaque
from pathmix._components._reading import read
from pathmix._components._recipes import Factorised, Prepared, Recipe, Several
from pathmix._families import Family, Theta
from pathmix._layout import pad_left, with_points
from pathmix._typing import ParameterMap, Shape


@jax.tree_util.register_pytree_node_class
class Canonical:
    """A distribution as a recipe and its parameters.

    ``expanded`` are the sizes of batch axes along which no parameter varies; it is aligned with
    the last batch axis, and one elsewhere.
    """

    def __init__(
        self,
        recipe: Recipe | Opaque,
        parameters: Sequence[Any],
        event_shape: Shape,
        expanded: Shape = (),
        *,
        is_discrete: bool,
    ) -> None:
        self.recipe = recipe
        self.parameters = tuple(parameters)
        self.event_shape = event_shape
        self.expanded = expanded
        self.is_discrete = is_discrete

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the parameters, and what is static."""
        static = self.recipe, self.event_shape, self.expanded, self.is_discrete
        return self.parameters, static

    @classmethod
    def tree_unflatten(cls, aux: tuple[Any, ...], parameters: tuple[Any, ...]) -> "Canonical":
        """Restore from what :meth:`tree_flatten` gave."""
        recipe, event_shape, expanded, is_discrete = aux
        return cls(recipe, parameters, event_shape, expanded, is_discrete=is_discrete)

    def __reduce__(self) -> tuple[Any, tuple[Distribution]]:
        """Pickle and copy the distribution: JAX's trees of transforms cannot be."""
        return canonical, (self.distribution,)

    @property
    def selectable(self) -> bool:
        """Whether one component can be told from another by its parameters."""
        return not isinstance(self.recipe, Opaque)

    @property
    def event_dims(self) -> tuple[int, ...]:
        """How many axes of each parameter, the last ones, belong to the event or to a table."""
        assert not isinstance(self.recipe, Opaque)
        return self.recipe.event_dims

    @property
    def event_dim(self) -> int:
        """The number of axes of an event."""
        return len(self.event_shape)

    @cached_property
    def own_shape(self) -> Shape:
        """The batch shape of the parameters, without expansions."""
        if isinstance(self.recipe, Opaque):
            return tuple(self.plain.batch_shape)
        shapes = (
            jnp.shape(p)[: jnp.ndim(p) - n]
            for p, n in zip(self.parameters, self.event_dims, strict=True)
        )
        return lax.broadcast_shapes(*shapes)

    @property
    def batch_shape(self) -> Shape:
        """The batch shape."""
        return lax.broadcast_shapes(self.own_shape, self.expanded)

    def shape(self) -> Shape:
        """``*batch *event``."""
        return self.batch_shape + self.event_shape

    @property
    def family(self) -> Family:
        """The family of the components."""
        if isinstance(self.recipe, Opaque):
            opaque_ = self.recipe
            family = numpyro_family(opaque_.kind, self.event_dim, opaque_.build_promoted)
            return replace(family, name=opaque_.innermost.__name__)
        return self.recipe.family

    @property
    def family_is_known(self) -> bool:
        """Whether the family is more than NumPyro's own methods, and takes real numbers."""
        return not isinstance(self.recipe, Opaque) and self.recipe.is_known

    @property
    def theta(self) -> Theta:
        """The family's parameters."""
        return (
            self.parameters
            if isinstance(self.recipe, Opaque)
            else self.recipe.theta(self.parameters)
        )

    @property
    def plain(self) -> Distribution:
        """The distribution of the parameters, without expansions.

        It is made anew each time: what is made while JAX traces must not outlive the trace.
        """
        if isinstance(self.recipe, Opaque):
            return self.recipe.build_promoted(self.parameters)
        return self.recipe.build(self.parameters)

    @property
    def distribution(self) -> Distribution:
        """The distribution."""
        d, shape = self.plain, self.batch_shape
        return d if d.batch_shape == shape else d.expand(shape)

    @property
    def dtype(self) -> jnp.dtype:
        """The floating dtype of the parameters."""
        return floating_dtype(self.parameters)

    def map(self, fn: ParameterMap) -> "Canonical":
        """Return the same with ``fn(parameter, event_dim)`` for parameters, not expanded."""
        return self.of(list(map(fn, self.parameters, self.event_dims)))

    def of(self, parameters: Sequence[Any]) -> "Canonical":
        """Return the same with other parameters, not expanded."""
        return Canonical(self.recipe, parameters, self.event_shape, is_discrete=self.is_discrete)

    def factors(self) -> "Canonical | None":
        """Return the scalars, ``*batch k *event``, that make up a factorised event, if it is."""
        recipe = None if isinstance(self.recipe, Opaque) else self.recipe.factors()
        if recipe is None:
            return None
        return Canonical(recipe, self.parameters, (), is_discrete=self.is_discrete)

    def lean(self, rank: int) -> "Canonical":
        """Return the same without expansions, each parameter with ``rank`` batch axes.

        Axes of size one are prepended, or the first ones dropped.
        """

        def at_rank(p: Any, n: int) -> Any:
            p = pad_left(p, rank + n)
            return p.reshape(p.shape[p.ndim - rank - n :])

        return self.map(at_rank)

    def prepared(self) -> "Canonical":
        """Return the same with what the points of a component share, if its family has it."""
        if isinstance(self.recipe, Opaque) or self.family.shared is None:
            return self
        return Canonical(
            Prepared(self.recipe),
            (*self.parameters, self.family.shared.of(self.theta)),
            self.event_shape,
            is_discrete=self.is_discrete,
        )

    def component_first(self, points: int) -> "Canonical":
        """Return the same, not expanded, with ``k`` before the axes of points of some number."""
        return self.map(lambda p, n: with_points(p, points, n))

    def expand(self, batch_shape: Shape) -> "Canonical":
        """Return the same with its batch broadcast to ``batch_shape``; the last axis stays."""
        if not self.selectable:
            return canonical(self.distribution.expand(batch_shape))
        lax.broadcast_shapes(self.batch_shape, batch_shape)
        full = self.map(lambda p, n: pad_left(p, len(batch_shape) + n))
        return full.expanded_to(batch_shape)

    def expanded_to(self, shape: Shape) -> "Canonical":
        """Return the same with this batch shape, of which it has as many axes already."""
        expanded = _beyond(shape, self.own_shape)
        return Canonical(
            self.recipe, self.parameters, self.event_shape, expanded, is_discrete=self.is_discrete
        )


def floating_dtype(parameters: Iterable[Any]) -> jnp.dtype:
    """Return the dtype that parameters have in common, whole numbers among them not counted."""
    dtypes = [d for d in map(jnp.result_type, parameters) if jnp.issubdtype(d, jnp.floating)]
    return jnp.dtype(jnp.result_type(*dtypes) if dtypes else jnp.result_type(float))


def canonical(d: Distribution) -> Canonical:
    """Return ``d`` in canonical form."""
    reading, is_discrete = read(d), d.support is not None and bool(d.is_discrete)
    if reading is None:
        recipe, leaves = opaque(d)
        return Canonical(recipe, leaves, d.event_shape, is_discrete=is_discrete)
    rank = len(d.batch_shape)
    arrays = [jnp.asarray(p) for p in reading.parameters]
    arrays = arrays if is_discrete or _has_counts(reading.recipe) else _as_floats(arrays)
    dims = reading.recipe.event_dims
    parameters = [pad_left(p, rank + n) for p, n in zip(arrays, dims, strict=True)]
    whole = Canonical(reading.recipe, parameters, d.event_shape, is_discrete=is_discrete)
    return _spread_out(_along_event(whole), d).expanded_to(d.batch_shape)


def _along_event(whole: Canonical) -> Canonical:
    """A location that is one number for all coordinates of a vector, as the vector it stands for.

    Families of vectors read the size of the event from it; those of coordinates broadcast.
    """
    events = whole.event_shape
    if not events or whole.factors() is not None:
        return whole

    def full(p: Array, n: int) -> Array:
        shared = n == len(events) and p.shape[p.ndim - n :] == (1,) * n
        return jnp.broadcast_to(p, p.shape[: p.ndim - n] + events) if shared else p

    return whole.map(full)


def _has_counts(recipe: Recipe) -> bool:
    """Whether some of several families are of counts; parameters of the others are floats."""
    inner = recipe.base if isinstance(recipe, Factorised) else recipe
    return isinstance(inner, Several) and inner.has_counts


def _as_floats(arrays: list[Array]) -> list[Array]:
    """The parameters of a continuous distribution, integers among them as floats."""
    floats = [a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    dtype = jnp.result_type(*floats) if floats else jnp.result_type(float)
    return [a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.integer) else a for a in arrays]


def _spread_out(whole: Canonical, d: Distribution) -> Canonical:
    """Broadcast the first parameter along ``k`` and a factorised event, if none varies there."""
    if not d.batch_shape or not whole.parameters:
        return whole
    scalars = whole.factors()
    if scalars is None:
        events: Shape = ()
        own, dims = whole.own_shape, whole.event_dims
    else:
        events = d.event_shape
        own, dims = scalars.own_shape, scalars.event_dims
    want = (*(1,) * (len(d.batch_shape) - 1), d.batch_shape[-1], *events)
    cut = len(d.batch_shape) - 1
    if own[cut:] == want[cut:]:
        return whole
    first, n = whole.parameters[0], dims[0]
    batch = lax.broadcast_shapes(first.shape[: first.ndim - n], want)
    first = jnp.broadcast_to(first, batch + first.shape[first.ndim - n :])
    return whole.of([first, *whole.parameters[1:]])


def _beyond(shape: Shape, own: Shape) -> Shape:
    """The sizes of ``shape`` where ``own`` has none, without leading ones."""
    own = (1,) * (len(shape) - len(own)) + own
    sizes = tuple(1 if n == m else n for n, m in zip(shape, own, strict=True))
    leading = next((i for i, n in enumerate(sizes) if n != 1), len(sizes))
    return sizes[leading:]


Tree = TypeVar("Tree")


def lean(weights: Tree, components: Canonical) -> tuple[Tree, Canonical]:
    """Drop the leading batch axes along which nothing varies: to a point they are sample axes.

    The leaves of ``weights`` are ``*batch k``. Both come back with one rank.
    """
    if not components.selectable:
        return weights, components
    leaves = jax.tree.leaves(weights)
    dims = zip(components.parameters, components.event_dims, strict=True)
    shapes = [leaf.shape for leaf in leaves] + [p.shape[: p.ndim - n] for p, n in dims]
    rank = max(max(map(_varying, shapes)), 1)

    def at_rank(leaf: Array) -> Array:
        leaf = pad_left(leaf, rank)
        return leaf.reshape(leaf.shape[leaf.ndim - rank :])

    return jax.tree.map(at_rank, weights), components.lean(rank)


def _varying(shape: Shape) -> int:
    """The number of axes from the first on that is not of size one."""
    return len(shape) - next((i for i, n in enumerate(shape) if n != 1), len(shape))
