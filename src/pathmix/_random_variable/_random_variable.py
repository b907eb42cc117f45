"""A random variable: a distribution and a value of it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from pathmix._checks import is_concrete
from pathmix._random_variable._array import ActsAsArray
from pathmix._random_variable._site import Site, realize


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True, init=False, eq=False, repr=False)
class RandomVariable(ActsAsArray):
    """A distribution together with a value of it, used as that value.

    In arithmetic, indexing, comparison and every function of ``jax.numpy`` and NumPy it is the
    array ``value``, with its dtype; what they return are arrays. It is a pytree of ``distribution``
    and ``value`` and goes through jit, grad, vmap and scan. ``random_variables`` has a constructor
    for each NumPyro family; this one takes any distribution.

    The value comes from the first of these that there is:

    1. ``value``, an observation. Its shape must be ``(*sample, *batch, *event)``.
    2. ``key``, by which it is drawn.
    3. The NumPyro handlers around it, if it has a name. Then it is the sample site of that name,
       also with ``value`` (an observed site) or ``key`` (drawn unless a handler has a value for
       it). ``seed``, ``plate``, ``condition``, NUTS, SVI and ``Predictive`` act on it, and
       ``distribution`` is what they make of it: expanded by plates, masked by masks. A plate takes
       ``sample_shape`` into the batch shape.

    Limits: JAX takes nothing but its arrays as operands of functions of ``jax.lax`` that are single
    primitives (``lax.sin``, ``lax.dot``) and as indices of its own arrays: give it ``x.value``
    there, or it raises. Indexing returns an array, not a random variable. As an argument of
    ``vmap`` or ``scan`` a variable is its pytree, whose leaves all need the mapped axis; to map
    over its entries pass ``x.value``. A variable without a name is no part of a program's joint
    density.

    Args:
        distribution: A NumPyro distribution. Random variables among its parameters stand for their
            values.
        sample_shape: The shape of independent draws, or their number.
        value: The value.
        key: A JAX random key.
        name: The name of the variable, unique in its program.

    Attributes:
        distribution: The distribution.
        value: The value, a JAX array.
        sample_shape: The sample shape, a tuple.
        name: The name, or None.

    Raises:
        ValueError: There is no value, or it has the wrong shape.
        TypeError: ``distribution`` is none, or ``sample_shape`` or ``key`` are of the wrong type.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import RandomVariable
        >>> x = RandomVariable(dist.Normal(0.0, 2.0), sample_shape=3, value=jnp.array([1.0, 2, 3]))
        >>> x
        RandomVariable(Normal, shape=(3,), dtype=float32, value=[1., 2., 3.])
        >>> print(2 * x + 1, jnp.exp(x).shape)
        [3. 5. 7.] (3,)
        >>> print(x.log_prob())
        [-1.737 -2.112 -2.737]
        >>> y = RandomVariable(dist.Gamma(2.0), key=jax.random.key(0))
        >>> bool(y > 0)
        True
    """

    distribution: Distribution
    value: jax.Array
    sample_shape: tuple[int, ...]
    name: str | None

    def __init__(
        self,
        distribution: Distribution,
        sample_shape: int | Sequence[int] = (),
        value: Any = None,
        key: jax.Array | None = None,
        name: str | None = None,
    ) -> None:
        site = realize(distribution, sample_shape, value, key, name)
        self._set(site.distribution, site.value, site.sample_shape, site.name)

    @classmethod
    def of_site(cls, site: Site) -> "RandomVariable":
        """The random variable that a site has become."""
        return cls._of(site.distribution, site.value, site.sample_shape, site.name)

    def log_prob(self) -> jax.Array:
        """Return the log density of the variable's own value, ``*sample *batch``.

        For that of another value, ask ``distribution.log_prob``.
        """
        # Leaving vmap or scan, value and parameters get an axis of which a distribution's own
        # batch shape does not know; without this, they might broadcast against sample axes.
        if self.ndim > len(self.distribution.shape(self.sample_shape)):
            return jax.vmap(RandomVariable.log_prob)(self)
        return self.distribution.log_prob(self.value)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") or name in _FIELDS:
                raise
        hint = f" Use x.distribution.{name}." if name in dir(self.distribution) else ""
        raise AttributeError(
            f"expected an attribute of a random variable or of an array, got {name!r}.{hint}"
        )

    def __repr__(self) -> str:
        parts = [_family_name(self.distribution)]
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        if isinstance(self.value, jax.Array):
            parts += [f"shape={self.shape}", f"dtype={self.dtype}"]
        return f"RandomVariable({', '.join(parts)}, value={_text(self.value)})"

    def tree_flatten_with_keys(self) -> tuple[tuple, tuple]:
        """The data and the static part of the pytree."""
        key = jax.tree_util.GetAttrKey
        children = (key("distribution"), self.distribution), (key("value"), self.value)
        return children, (self.sample_shape, self.name)

    @classmethod
    def tree_unflatten(cls, static: tuple, children: tuple) -> "RandomVariable":
        """The inverse of flattening; the children may be anything that JAX puts in their place."""
        return cls._of(*children, *static)

    @classmethod
    def _of(cls, *fields: Any) -> "RandomVariable":
        new = object.__new__(cls)
        new._set(*fields)
        return new

    def _set(self, distribution: Any, value: Any, sample_shape: Any, name: Any) -> None:
        fields = {"distribution": distribution, "value": value}
        fields |= {"sample_shape": sample_shape, "name": name}
        for field, content in fields.items():
            object.__setattr__(self, field, content)


def _family_name(distribution: Any) -> str:
    """The name of the family inside what plates, masks and `to_event` have wrapped around it."""
    while hasattr(distribution, "base_dist") and type(distribution).__name__ in _WRAPPERS:
        distribution = distribution.base_dist
    return type(distribution).__name__


_FIELDS = tuple(field.name for field in dataclasses.fields(RandomVariable))
_WRAPPERS = ("ExpandedDistribution", "Independent", "MaskedDistribution")


def _text(value: Any) -> str:
    """The value on one line, long arrays abbreviated."""
    if not isinstance(value, jax.Array):
        return repr(value)
    if not is_concrete(value):
        return "<traced>"
    array = np.asarray(jnp.asarray(value))
    text = np.array2string(array, precision=4, threshold=10, edgeitems=2, separator=", ")
    return " ".join(text.split()).replace("[ ", "[")
