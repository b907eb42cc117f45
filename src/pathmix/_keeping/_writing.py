"""From a mixture to its description and its arrays: what cannot be described is refused."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from numpyro.distributions import Distribution
from numpyro.distributions.transforms import Transform

from pathmix._checks import is_concrete
from pathmix._components import (
    Borrowed,
    Constructed,
    Factorised,
    Opaque,
    Recipe,
    Transformed,
    Wrapped,
    canonical,
    known,
)
from pathmix._keeping._names import class_name, support_name, transform_node, transform_of
from pathmix._keeping._reading import WEIGHTS
from pathmix._keeping._text import Node
from pathmix._mixture import Checks, Mixture, MixtureSameFamily

ASKED = {Checks.NONE: False, Checks.RAISE: True, Checks.WARN: None}
"""By what is done, the argument ``validate_args``."""


class Writer:
    """The arrays of a description, by name, as it is written."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def keep(self, name: str, array: Any) -> None:
        """Take an array into the file."""
        if not is_concrete(array):
            raise ValueError(
                "expected a mixture whose parameters are known, got traced ones. Save outside of "
                "jax.jit, grad and vmap."
            )
        self.arrays[name] = np.asarray(array)

    def mixture(self, d: Any, name: str = "") -> Node:
        """Return the description of a mixture, whose arrays' names begin with ``name``."""
        if type(d) is Mixture:
            return self._options(d, name) | self._several(d, name)
        if type(d) is MixtureSameFamily:
            components = self._plain(d.components_distribution, f"{name}components.")
            return self._options(d, name) | {"components": components}
        names = [n for n in ("low", "high", "width") if getattr(d, n, None) is not None]
        for n in names:
            self.keep(name + n, getattr(d, n))
        of = self.mixture(d.base_dist, f"{name}of.")
        return {"class": type(d).__name__, "of": of, "arguments": names}

    def _options(self, d: MixtureSameFamily, name: str) -> Node:
        weights = self._plain(d.mixture_distribution, f"{name}weights.")
        if weights["class"] not in WEIGHTS:
            raise NotImplementedError(
                f"cannot keep weights by a {type(d.mixture_distribution).__name__}: expected one "
                f"of {sorted(WEIGHTS)}. Make the mixture by dist.Categorical(probs=...)."
            )
        return {
            "class": type(d).__name__,
            "weights": weights,
            "reparameterize": bool(d.reparameterize),
            "validate_args": ASKED[d._checks],
            "allow_nan_stats": bool(d.allow_nan_stats),
            "name": str(d.name),
        }

    def _several(self, d: Mixture, name: str) -> Node:
        each = d.components_distributions
        parts = [self._plain(one, f"{name}components.{i}.") for i, one in enumerate(each)]
        stated = d._stated_support
        return {
            "components": parts,
            "support": None if stated is None else support_name(stated),
        }

    def _plain(self, d: Distribution, name: str) -> Node:
        """Describe weights or components."""
        c = canonical(d)
        if isinstance(c.recipe, Opaque):
            kind, inner = c.recipe.kind.__name__, c.recipe.innermost.__name__
            raise _unknown(kind if kind == inner else f"{kind} of {inner}")
        rest = iter(c.parameters)
        node = self._recipe(c.recipe, rest, name)
        return node | {"batch": list(c.batch_shape)}

    def _recipe(self, recipe: Recipe, rest: Iterator[Any], name: str) -> Node:
        """Describe a recipe, and take its parameters off the ``rest``."""
        if isinstance(recipe, Constructed):
            if known(recipe.kind) is None:
                raise _unknown(recipe.kind.__name__)
            return self._named(recipe, rest, name)
        if isinstance(recipe, Factorised):
            of = self._recipe(recipe.base, rest, f"{name}of.")
            return {"class": "Independent", "of": of, "ndims": recipe.ndims}
        if isinstance(recipe, Wrapped):
            of = self._recipe(recipe.base, rest, f"{name}of.")
            return self._named(recipe, rest, name) | {"of": of}
        if isinstance(recipe, Transformed):
            of = self._recipe(recipe.base, rest, f"{name}of.")
            parts = [self._transform(t, rest, f"{name}{i}.") for i, t in enumerate(recipe.trees)]
            return {"class": "TransformedDistribution", "of": of, "transforms": parts}
        if isinstance(recipe, Borrowed):
            raise _unknown(recipe.family.name)
        raise NotImplementedError(
            "cannot keep a MixtureSameFamily of components of several families. Make a "
            "pathmix.Mixture of their list."
        )

    def _named(self, recipe: Constructed | Wrapped, rest: Iterator[Any], name: str) -> Node:
        for parameter in recipe.names:
            self.keep(name + parameter, next(rest))
        return {"class": class_name(recipe.kind)}

    def _transform(self, tree: Any, rest: Iterator[Any], name: str) -> Node:
        t: Transform = jax.tree.unflatten(tree, [0.0] * tree.num_leaves)
        node = transform_node(t)
        again = transform_of(node, iter([0.0] * tree.num_leaves))
        if jax.tree.structure(again) != tree:
            raise NotImplementedError(
                f"cannot keep components with a {type(t).__name__} of other than its usual "
                "options. Keep the arrays (docs/recipes.md)."
            )
        for i in range(tree.num_leaves):
            self.keep(f"{name}{i}", next(rest))
        return node


def _unknown(family: str) -> NotImplementedError:
    return NotImplementedError(
        f"cannot keep components of the family {family}, whose parameters pathmix does not know: "
        "expected one of the README's table, or one made known by pathmix.families.register. Keep "
        "the arrays (docs/recipes.md)."
    )
