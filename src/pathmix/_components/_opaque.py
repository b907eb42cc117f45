"""Distributions that are not known by their parameters: their arrays, in an order of our own.

NumPyro gathers the fields of a distribution through a ``set``, so that their order depends on the
seed of Python's hashes. Here they are sorted by name.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, ExpandedDistribution
from numpyro.distributions.batch_util import promote_batch_shape

from pathmix._numpyro import EXPANSIONS, array_fields, static_fields


@dataclass(frozen=True)
class Opaque:
    """A distribution of unknown structure, as the fields of its pytree, sorted by name."""

    kind: type[Distribution]
    static: tuple[tuple[str, Any], ...]
    fields: tuple[tuple[str, Any], ...]
    """By name, another :class:`Opaque` or the tree of what the field holds."""
    ranks: tuple[int, ...]
    """How many axes each array had when it was read."""

    @property
    def innermost(self) -> type[Distribution]:
        """The class, of wrappers that of what they wrap."""
        base = dict(self.fields).get("base_dist")
        return base.innermost if isinstance(base, Opaque) else self.kind

    def build(self, leaves: Sequence[Any]) -> Distribution:
        """Return the distribution with these arrays."""
        rest, values = list(leaves), {}
        for name, part in self.fields:
            count = len(part.ranks) if isinstance(part, Opaque) else part.num_leaves
            mine, rest = rest[:count], rest[count:]
            values[name] = part.build(mine) if isinstance(part, Opaque) else part.unflatten(mine)
        return _join(self.kind, values, dict(self.static))

    def build_promoted(self, leaves: Sequence[Any]) -> Distribution:
        """Return the same, where axes that the arrays have gained are batch axes."""
        d = self.build(leaves)
        gained = any(jnp.ndim(leaf) > n for leaf, n in zip(leaves, self.ranks, strict=True))
        return promote_batch_shape(d) if gained else d


def opaque(d: Distribution) -> tuple[Opaque, list[Any]]:
    """Return the structure and the arrays of ``d``."""
    values, static = _split(d)
    fields, leaves = [], []
    for name, value in sorted(values.items()):
        if isinstance(value, Distribution):
            part, arrays = opaque(value)
        else:
            arrays, part = jax.tree.flatten(value)
        fields.append((name, part))
        leaves += arrays
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    ranks = tuple(leaf.ndim for leaf in leaves)
    return Opaque(type(d), tuple(sorted(static.items())), tuple(fields), ranks), leaves


def _split(d: Distribution) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that hold arrays and those that do not, by name."""
    data, static = d.tree_flatten()
    names, static_names = _names(type(d))
    # the sizes of an expansion, which must be hashable here
    static = tuple(tuple(v.items()) if isinstance(v, OrderedDict) else v for v in static)
    if (len(data), len(static)) != (len(names), len(static_names)):
        raise NotImplementedError(
            f"expected components whose parameters are fields of their class, got "
            f"{type(d).__name__}. Truncated, censored and rounded mixtures are made of the whole "
            "mixture: MixtureSameFamily(...).truncate(low, high)."
        )
    return dict(zip(names, data, strict=True)), dict(zip(static_names, static, strict=True))


def _join(kind: type[Distribution], values: dict[str, Any], static: dict[str, Any]) -> Distribution:
    names, static_names = _names(kind)
    data = tuple(values[name] for name in names)
    if kind is ExpandedDistribution:
        static |= {name: OrderedDict(static[name]) for name in EXPANSIONS}
    return kind.tree_unflatten(tuple(static[name] for name in static_names), data)


def _names(kind: type[Distribution]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return array_fields(kind), static_fields(kind)
