"""From a description and its arrays to the mixture: only what has a name here is made."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions import (
    Distribution,
    Independent,
    MaskedDistribution,
    TransformedDistribution,
)

from pathmix._components import WRAPPERS, Constructed, known
from pathmix._keeping._names import class_named, support_named, transform_of
from pathmix._keeping._text import DEEPEST, FileError, Node, entries, sizes
from pathmix._mixture import (
    CensoredMixture,
    Mixture,
    MixtureSameFamily,
    QuantizedMixture,
    TruncatedMixture,
)
from pathmix._typing import Shape

WEIGHTS = ("CategoricalProbs", "CategoricalLogits", "BernoulliProbs", "BernoulliLogits")
"""The classes of weights, whose categories are counted by the sizes of arrays."""
DERIVED = {
    "TruncatedMixture": (TruncatedMixture, {"low", "high"}),
    "CensoredMixture": (CensoredMixture, {"low", "high"}),
    "QuantizedMixture": (QuantizedMixture, {"width"}),
}
"""Distributions made from a mixture, and the arrays that they may have."""
OPTIONS: dict[str, Any] = {
    "reparameterize": bool,
    "validate_args": (bool, type(None)),
    "allow_nan_stats": bool,
    "name": str,
}
SUPPORT: dict[str, Any] = {"support": (str, type(None))}
Arrays: TypeAlias = dict[str, Any]


class Reader:
    """The arrays of a file, or their shapes, as a description asks for them."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.rest = arrays, set(arrays)

    def take(self, name: str) -> Any:
        """Return an array by its name; each is used once."""
        if name not in self.rest:
            raise FileError(f"it lacks the array {name!r:.80}")
        self.rest.remove(name)
        return self.arrays[name]

    def whole(self, node: Any) -> Distribution:
        """Return the mixture that a file describes."""
        made = self._mixture(node, "")
        if self.rest:
            raise FileError(f"it has arrays that nothing describes: {sorted(self.rest)!r:.200}")
        return made

    def _mixture(self, node: Any, name: str, depth: int = 0) -> Distribution:
        kind = class_of(node)
        if kind == "MixtureSameFamily":
            return self._of_one_family(node, name)
        if kind == "Mixture":
            return self._several(node, name)
        if kind in DERIVED and not depth:
            return self._derived(node, name)
        raise FileError(f"it describes a {kind!r:.80} where a mixture is expected")

    def _of_one_family(self, node: Any, name: str) -> Distribution:
        kinds = {"class": str, "weights": dict, "components": dict, **OPTIONS}
        _, weights, components, *options = entries(node, kinds)
        return MixtureSameFamily(
            self._weights(weights, name),
            self._expanded(components, f"{name}components."),
            **dict(zip(OPTIONS, options, strict=True)),
        )

    def _several(self, node: Any, name: str) -> Distribution:
        kinds = {"class": str, "weights": dict, "components": list, **SUPPORT, **OPTIONS}
        _, weights, each, stated, *options = entries(node, kinds)
        parts = [self._expanded(one, f"{name}components.{i}.") for i, one in enumerate(each)]
        return Mixture(
            self._weights(weights, name),
            parts,
            support=None if stated is None else support_named(stated),
            **dict(zip(OPTIONS, options, strict=True)),
        )

    def _weights(self, node: Any, name: str) -> Distribution:
        if class_of(node) not in WEIGHTS:
            raise FileError(f"it has weights by {class_of(node)!r:.80}, which is none of {WEIGHTS}")
        return self._expanded(node, f"{name}weights.")

    def _derived(self, node: Any, name: str) -> Distribution:
        kind, of, names = entries(node, {"class": str, "of": dict, "arguments": list})
        make, allowed = DERIVED[kind]
        if any(type(n) is not str for n in names) or not set(names) <= allowed:
            raise FileError(
                f"expected arguments of {kind} among {sorted(allowed)}, got {names!r:.80}"
            )
        base = self._mixture(of, f"{name}of.", 1)
        arrays = {n: self.take(name + n) for n in names}
        for n, array in arrays.items():
            if array.shape != base.batch_shape:
                raise FileError(f"expected {name + n!r} of shape {base.batch_shape}")
        return make(base, **arrays)

    def _independent(self, base: Distribution, ndims: int) -> Distribution:
        if not 0 <= ndims <= len(base.batch_shape):
            raise FileError(
                f"expected at most {len(base.batch_shape)} axes of an event, got {ndims}"
            )
        return Independent(base, ndims, validate_args=False)

    def _expanded(self, node: Any, name: str) -> Distribution:
        """Weights or components, with all of their batch."""
        if type(node) is not dict or type(node.get("batch")) is not list:
            raise FileError("expected weights and components with a `batch`")
        batch = sizes(node["batch"])
        d = self._plain({key: node[key] for key in node if key != "batch"}, name)
        _check_batch(batch, d.batch_shape)
        return d if d.batch_shape == batch else d.expand(batch)

    def _plain(self, node: Any, name: str, depth: int = 0) -> Distribution:
        """A distribution without the expansion of its batch."""
        if depth > DEEPEST:
            raise FileError(f"its distributions are within each other more than {DEEPEST} times")
        if class_of(node) == "Independent":
            _, of, ndims = entries(node, {"class": str, "of": dict, "ndims": int})
            return self._independent(self._plain(of, f"{name}of.", depth + 1), ndims)
        if class_of(node) == "TransformedDistribution":
            _, of, parts = entries(node, {"class": str, "of": dict, "transforms": list})
            base = self._plain(of, f"{name}of.", depth + 1)
            each = [transform_of(t, self._numbered(f"{name}{i}.")) for i, t in enumerate(parts)]
            return TransformedDistribution(base, each, validate_args=False)
        return self._of_class(node, name, depth)

    def _numbered(self, name: str) -> Iterator[Any]:
        """The arrays of a transform."""
        i = 0
        while True:
            yield self.take(f"{name}{i}")
            i += 1

    def _of_class(self, node: Any, name: str, depth: int) -> Distribution:
        kind = class_named(class_of(node))
        if kind in WRAPPERS:
            _, of = entries(node, {"class": str, "of": dict})
            base = self._plain(of, f"{name}of.", depth + 1)
            return self._wrapping(kind, base, name)
        entries(node, {"class": str})
        entry = known(kind)
        assert entry is not None
        arrays = [self._number(name + n) for n in entry.names]
        ranks = (0,) * len(arrays)  # which the construction does not ask for
        return Constructed(kind, entry.names, ranks, 0).build(arrays)

    def _number(self, name: str) -> Any:
        array = self.take(name)
        if array.dtype == bool:
            raise FileError(f"expected numbers in the array {name!r:.80}, got truth values")
        return array

    def _wrapping(self, kind: Any, base: Distribution, name: str) -> Distribution:
        arguments = {n: self.take(name + n) for n in WRAPPERS[kind].attributes}
        if kind is not MaskedDistribution:
            arguments["validate_args"] = False
        made: Distribution = kind(base, **arguments)
        return made


def class_of(node: Any) -> str:
    """Return the class that a node names."""
    kind = node.get("class") if type(node) is dict else None
    if type(kind) is not str:
        raise FileError(f"expected an object with a `class`, got {node!r:.80}")
    return kind


def _check_batch(batch: Shape, own: Shape) -> None:
    """An expansion is of axes before the last, so that no array is made that is not in the file."""
    fits = len(own) <= len(batch) and batch[len(batch) - 1 :] == own[len(own) - 1 :]
    try:
        fits = fits and lax.broadcast_shapes(batch, own) == batch
    except ValueError:
        fits = False
    if not fits:
        raise FileError(f"expected arrays of the batch shape {batch}, got {tuple(own)}")


def check(node: Node, shapes: dict[str, jax.ShapeDtypeStruct]) -> None:
    """Raise unless a mixture can be made of arrays of these shapes, by making it of none.

    It must not have more numbers than the arrays: what a file holds bounds what is allocated.
    """

    def leaves(arrays: Arrays) -> list[Any]:
        made = Reader(arrays).whole(node)
        return [jnp.asarray(leaf) for leaf in jax.tree.leaves(made)]

    out = jax.eval_shape(leaves, shapes)
    held, made = (sum(t.size for t in ts) for ts in (shapes.values(), out))
    if made > held:
        raise FileError(f"its arrays have {held} numbers, and the mixture would have {made}")
