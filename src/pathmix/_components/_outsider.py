"""Distributions of other libraries by their own methods, as distributions of NumPyro's kind.

What is kept of one is its structure, that of a distribution of batch shape ``()``, and its arrays,
whose further axes are batch axes: methods are mapped over them, so that nothing depends on how the
other library broadcasts, nor on batch shapes that it has worked out and keeps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform, biject_to

from pathmix._components._constraints import extended_interval
from pathmix._components._numpyro_family import numpyro_family
from pathmix._components._supports import bounds
from pathmix._families import Family
from pathmix._layout import expand_to, pad_left
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._typing import Flags, Reals, Shape, Value
from pathmix._where import where


@dataclass(frozen=True)
class Structure:
    """What is static of a distribution of another library."""

    name: str
    tree: Any
    """The tree of one distribution of batch shape ``()``."""
    ranks: tuple[int, ...]
    """How many axes each array of it has."""
    dtypes: tuple[Any, ...]
    event_shape: Shape
    space: str
    """Of ``SPACES``, or ``"interval"``: between the ends that its own bijection has."""
    is_discrete: bool
    draws_floats: bool
    has_tails: bool

    @property
    def support(self) -> Constraint:
        """The support, where no parameter decides on it."""
        rank = len(self.event_shape)
        if self.space == "own":
            return own_support(rank, is_discrete=self.is_discrete)
        space = SPACES[self.space]
        more = rank - space.event_dim
        return constraints.independent(space, more) if more else space

    def build(self, leaves: Sequence[Array]) -> Any:
        """Return their distribution, of batch shape ``()``, with these arrays."""
        whole = (jnp.issubdtype(dtype, jnp.integer) for dtype in self.dtypes)
        restored = [
            leaf.astype(dtype) if is_whole else leaf
            for leaf, dtype, is_whole in zip(leaves, self.dtypes, whole, strict=True)
        ]
        return jax.tree.unflatten(self.tree, restored)


SPACES: dict[str, Constraint] = {
    "real": constraints.real,
    "simplex": constraints.simplex,
    "positive definite": constraints.positive_definite,
    "correlations": constraints.corr_matrix,
    "integers": constraints.integer_interval(-jnp.inf, jnp.inf),
    "counts": constraints.nonnegative_integer,
    "counts from one": constraints.positive_integer,
}


class OwnSupport(Constraint):
    """A support of which only the density itself knows: all points are asked."""

    def __init__(self, event_dim: int, *, is_discrete: bool) -> None:
        self._event_dim, self._is_discrete = event_dim, is_discrete
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return self._is_discrete

    @property
    def event_dim(self) -> int:
        return self._event_dim

    def __call__(self, x: Any) -> Flags:
        return jnp.ones(jnp.shape(x)[: jnp.ndim(x) - self._event_dim], bool)

    def feasible_like(self, prototype: Any) -> Value:
        raise NotImplementedError("no point is known to be inside")

    def __repr__(self) -> str:
        return "the support of their own density"

    def tree_flatten(self) -> Any:
        return (), ((), {"_event_dim": self._event_dim, "_is_discrete": self._is_discrete})


@cache
def own_support(event_dim: int, *, is_discrete: bool) -> Constraint:
    """Return the one object of its kind, which constraints are compared by."""
    return OwnSupport(event_dim, is_discrete=is_discrete)


@biject_to.register(OwnSupport)
def _no_bijection(constraint: OwnSupport) -> Transform:
    raise NotImplementedError(
        "expected components whose support is known for a bijection onto it, got ones of another "
        "library whose densities alone know it. Observe the site, or take components of NumPyro."
    )


class Outsider(Distribution):
    """A distribution of another library, or a batch of them."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    pytree_data_fields = ("leaves",)
    pytree_aux_fields = ("structure",)

    def __init__(self, structure: Structure, leaves: Sequence[Any]) -> None:
        self.structure, self.leaves = structure, tuple(map(jnp.asarray, leaves))
        shape = _batch_shape(self.leaves, structure.ranks)
        super().__init__(shape, structure.event_shape, validate_args=False)

    def __repr__(self) -> str:
        return f"{self.structure.name}(batch shape: {self.batch_shape}, event: {self.event_shape})"

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support, as far as it is known."""
        structure = self.structure
        if structure.space != "interval":
            return structure.support
        low, high = self._ask(_ends)
        return extended_interval(low, high)

    def sample(self, key: Array | None, sample_shape: Shape = ()) -> Value:
        """Draw by their method, each entry with a key of its own."""
        if key is None:
            raise ValueError("expected a JAX random key, got None. Pass jax.random.key(seed).")
        shape = (*sample_shape, *self.batch_shape)
        keys = jax.random.split(key, shape)
        draw = lambda d, key: d.sample(seed=key)  # noqa: E731
        try:
            return jnp.asarray(self._ask(draw, (keys, keys.ndim - len(shape))))
        except TypeError as error:  # JAX's, of sizes that must be known
            raise NotImplementedError(
                f"expected a distribution from which JAX can draw in a program, got "
                f"{self.structure.name}, whose own method cannot. Its densities work."
            ) from error

    def log_prob(self, value: Any) -> Reals:
        """Return their log density."""
        return self._at(lambda d, x: d.log_prob(x), value)

    def log_cdf(self, value: Any) -> Reals:
        """Return the logarithm of their cdf."""
        return self._at(lambda d, x: d.log_cdf(x), value)

    def log_survival(self, value: Any) -> Reals:
        """Return the logarithm of their survival function."""
        return self._at(lambda d, x: d.log_survival_function(x), value)

    @property
    def mean(self) -> Value:
        """Their mean."""
        return self._ask(lambda d: d.mean())

    @property
    def variance(self) -> Value:
        """Their variance."""
        return self._ask(lambda d: d.variance())

    def _at(self, fn: Callable[[Any, Value], Reals], value: Any) -> Reals:
        x = jnp.asarray(value)
        if self.structure.draws_floats:
            x = x.astype(jnp.result_type(x, *map(_float_of, self.leaves)))
        return self._ask(fn, (x, self.event_dim), rule=by_reverse_mode)

    def _ask(
        self,
        fn: Callable[..., Any],
        *arguments: tuple[Array, int],
        rule: Callable[[Any], Any] = lambda one: one,
    ) -> Any:
        """Return ``fn(d, *arguments)`` of each distribution, as arrays.

        Each argument comes with the number of its axes that belong to one distribution.
        """
        arrays, ranks = [a for a, _ in arguments], [n for _, n in arguments]
        count = len(arrays)
        dtype = jnp.result_type(*map(_float_of, (*arrays, *self.leaves)))
        leaves = [_in_precision(leaf, dtype) for leaf in self.leaves]

        def one(*arrays: Array) -> Any:
            return fn(self.structure.build(arrays[count:]), *arrays[:count])

        return mapped(rule(one), [*arrays, *leaves], [*ranks, *self.structure.ranks])


def title_of(d: Distribution) -> str:
    """Return the name of a distribution's class, of another library's that of theirs."""
    return d.structure.name if isinstance(d, Outsider) else type(d).__name__


def by_reverse_mode(fn: Callable[..., Reals]) -> Callable[..., Reals]:
    """Let a number, as a function of arrays, differentiate in every mode by its reverse mode.

    Other libraries have rules for that one alone (``custom_vjp`` of JAX).
    """
    ruled = custom_jvp(fn)

    @partial(ruled.defjvp, symbolic_zeros=True)
    def rule(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
        moving = tuple(i for i, t in enumerate(tangents) if not is_zero(t))
        slopes = jax.grad(fn, moving)(*primals)
        change = sum(jnp.sum(s * tangents[i]) for s, i in zip(slopes, moving, strict=True))
        return ruled(*primals), jnp.asarray(change)

    return ruled


def mapped(fn: Callable[..., Any], arrays: Sequence[Array], ranks: Sequence[int]) -> Any:
    """Return ``fn`` of arrays of these ranks, for all axes before, which broadcast."""
    shape = _batch_shape(arrays, ranks)
    if not shape:
        return fn(*arrays)
    full = [pad_left(a, len(shape) + n) for a, n in zip(arrays, ranks, strict=True)]
    axes = [None if a.shape[0] == 1 else 0 for a in full]
    rest = [a[0] if axis is None else a for a, axis in zip(full, axes, strict=True)]
    inner = lambda *arrays: mapped(fn, arrays, ranks)  # noqa: E731
    if all(axis is None for axis in axes):
        return jax.tree.map(lambda t: jnp.asarray(t)[None], inner(*rest))
    return jax.vmap(inner, tuple(axes))(*rest)


def _batch_shape(arrays: Sequence[Array], ranks: Sequence[int]) -> Shape:
    pairs = zip(arrays, ranks, strict=True)
    return lax.broadcast_shapes((), *(a.shape[: a.ndim - n] for a, n in pairs))


def _float_of(a: Array) -> Any:
    """The dtype of an array in a promotion of floats; of anything else it counts for nothing."""
    return a.dtype if jnp.issubdtype(a.dtype, jnp.floating) else jnp.bfloat16


def _in_precision(a: Array, dtype: Any) -> Array:
    return a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a


def _ends(d: Any) -> tuple[Reals, Reals]:
    """The ends of the support of a scalar: the images of those of the line."""
    bijector = d.experimental_default_event_space_bijector()
    ends = [jnp.asarray(bijector.forward(end)) for end in (-math.inf, math.inf)]
    return jnp.minimum(*ends), jnp.maximum(*ends)


def family_of_outsiders(structure: Structure) -> Family:
    """Return the family of distributions of this structure."""
    build = lambda leaves: Outsider(structure, leaves)  # noqa: E731
    rank = len(structure.event_shape)
    family = numpyro_family(Outsider, rank, build, structure.name)
    family = replace(family, log_density=lambda theta, x: _density(build(theta), x))
    if not structure.has_tails:
        return family
    return replace(
        family,
        log_cdf=lambda theta, x: _tail(build(theta), x, upper=False),
        log_survival=lambda theta, x: _tail(build(theta), x, upper=True),
    )


def _density(d: Outsider, x: Value) -> Reals:
    """Their log density, in the support; masses may be at points that are no whole numbers."""
    x = expand_to(x, d.shape())
    inside = jnp.asarray(d.support(x))
    inside = jnp.all(inside, axis=tuple(range(x.ndim - d.event_dim, inside.ndim)))
    if d.structure.space != "own":
        safe = d.support.feasible_like(x)
        x = where(inside.reshape(inside.shape + (1,) * d.event_dim), x, safe).astype(x.dtype)
    return where(inside, d.log_prob(x), -jnp.inf)


def _tail(d: Outsider, x: Value, *, upper: bool) -> Reals:
    """Their log tail between the ends of the support, and what it is beyond."""
    fn = d.log_survival if upper else d.log_cdf
    x, ends = expand_to(x, d.shape()), bounds(d.support)
    if ends is None:
        return fn(x)
    low, high = ends
    below, above = x < low if d.is_discrete else x <= low, x >= high
    inside = ~below & ~above
    safe = where(inside, x, d.support.feasible_like(x)).astype(x.dtype)
    none, everything = (above, below) if upper else (below, above)
    return where(none, -jnp.inf, where(everything, 0.0, fn(safe)))
