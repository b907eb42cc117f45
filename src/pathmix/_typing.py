"""Axis-named array types, shared by every module.

The axes of a mixture come in the order ``*sample *batch k *event``. jaxtyping binds one variadic
axis in an annotation, so the sample and batch axes share the name ``*points`` there: an array over
components is ``*points k``. Event axes are variadic as well, so that a value, ``*points *event``,
has a name of its own for all its axes. A ``#`` stands for axes that broadcast against those of the
same name: elementwise functions take parameters with axes of size one where they are shared.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from jaxtyping import Array, Bool, Float, Int, Num, Shaped

Value: TypeAlias = Num[Array, "*#value"]
"""A value of a distribution, ``*points *event``, or what is elementwise over it."""

PointRows: TypeAlias = Num[Array, "*#rows"]
"""A value as rows, ``*event split rest *batch``, or what is elementwise over them."""

Reals: TypeAlias = Float[Array, "*#entries"]
"""Real numbers, elementwise: all of a function broadcast against each other."""

Flags: TypeAlias = Bool[Array, "*#entries"]
"""Truth values, elementwise."""

PerComponent: TypeAlias = Float[Array, "*#points k"]
"""One real number per point and component."""

PerComponentValue: TypeAlias = Num[Array, "*#points_k_event"]
"""A value of each component, ``*points k *event``."""

Table: TypeAlias = Float[Array, "*#batch category"]
"""One real number per category, of a categorical component."""

Matrix: TypeAlias = Float[Array, "*#batch i j"]
"""Matrices, of which mixtures share or stack some."""

ComponentFirst: TypeAlias = Float[Array, "k *#points"]
"""The same with the long axes last, where loops run fast: for the recurrences over an event."""

ComponentFirstValue: TypeAlias = Shaped[Array, "k *#points_event"]
"""Parameters of components, the components first: ``k *points *event``."""

EventFirst: TypeAlias = Float[Array, "event *points"]  # noqa: F821
"""One real number per coordinate and point."""

FreeFirst: TypeAlias = Float[Array, "free *points"]  # noqa: F821
"""The same of those coordinates that are free, where a constraint ties the others to them."""

KPoints: TypeAlias = Float[Array, "k *points"]  # noqa: F821
"""Real numbers of components, of one shape within a function."""

RowsOfK: TypeAlias = Float[Array, "rows k *points"]
OneMoreOfK: TypeAlias = Float[Array, "rows+1 k *points"]
"""Real numbers of components at several coordinates, and at one more."""

Index: TypeAlias = Int[Array, "*#entries"]
"""Component indices, ``*sample *batch``."""

Shape: TypeAlias = tuple[Any, ...]
"""Sizes of axes: numbers, or symbols of ``jax.export``."""

ParameterMap: TypeAlias = Callable[[Any, int], Array]
"""What is done to a parameter, given the parameter and the number of its event axes."""
