"""Axis-named array types, shared by every module.

The axes of a mixture come in the order ``*sample *batch k *event``. jaxtyping binds one variadic
axis in an annotation, so the sample and batch axes share the name ``*points`` there: an array over
components is ``*points k``. A value, whose event axes are variadic as well, is ``...``, and the
docstring gives its shape.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from jaxtyping import Array, Bool, Float, Int, Num

Value: TypeAlias = Num[Array, "..."]
"""A value of a distribution, ``*points *event``."""

Reals: TypeAlias = Float[Array, "..."]
"""Real numbers whose shape the docstring gives."""

Flags: TypeAlias = Bool[Array, "..."]
"""Truth values, elementwise."""

PerComponent: TypeAlias = Float[Array, "*points k"]
"""One real number per point and component."""

ComponentFirst: TypeAlias = Float[Array, "k *points"]  # noqa: F821  (no multiplication)
"""The same with the long axes last, where loops run fast: for the recurrences over an event."""

Index: TypeAlias = Int[Array, "..."]
"""Component indices, ``*sample *batch``."""

Shape: TypeAlias = tuple[Any, ...]
"""Sizes of axes: numbers, or symbols of ``jax.export``."""

ParameterMap: TypeAlias = Callable[[Any, int], Array]
"""What is done to a parameter, given the parameter and the number of its event axes."""
