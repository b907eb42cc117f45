"""Constraints that NumPyro lacks: intervals with infinite ends, and unions over components."""

from typing import Any

import jax.numpy as jnp
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import SigmoidTransform, Transform, biject_to
from numpyro.distributions.util import array_equiv

from pathmix._numpyro import preimage
from pathmix._typing import Flags, Value
from pathmix._where import where


class _ExtendedInterval(constraints.interval):
    """``low ≤ x ≤ high``, where any entry of the bounds may be infinite, traced ones too."""

    def feasible_like(self, prototype: Any) -> Value:
        low, high = jnp.isfinite(self.lower_bound), jnp.isfinite(self.upper_bound)
        below, above = where(low, self.lower_bound, 0.0), where(high, self.upper_bound, 0.0)
        inside = (below + above) / (1.0 * low + high + (~low & ~high))
        inside = inside + where(low & ~high, 1.0, 0.0) - where(high & ~low, 1.0, 0.0)
        return jnp.broadcast_to(inside, jnp.shape(prototype))


class ToExtendedInterval(Transform):
    """The bijection of the real line onto an interval, by the ends that are finite.

    With both ends it is NumPyro's for intervals, with one that for half-lines, with none the
    identity: entry by entry, decided when the program runs.
    """

    domain = constraints.real

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low, high

    @property
    def codomain(self) -> Constraint:
        return _ExtendedInterval(self.low, self.high)

    def __call__(self, x: Any) -> Value:
        below, above, low, high = self._ends()
        # The exponential of the branches that are not taken must not overflow: 0 · ∞ in gradients.
        step = jnp.exp(where(below != above, x, 0.0))
        between = low + (high - low) * SigmoidTransform()(x)
        half = where(below, low + step, high - step)
        return where(below & above, between, where(below | above, half, x))

    def _inverse(self, y: Any) -> Value:
        below, above, low, high = self._ends()
        both, one = below & above, below != above
        share = where(both, (y - low) / where(both, high - low, 1.0), 0.5)
        step = where(one, where(below, y - low, high - y), 1.0)
        between = preimage(SigmoidTransform(), share)
        return where(both, between, where(one, jnp.log(step), y))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Value:
        del intermediates
        below, above, low, high = self._ends()
        both = below & above
        log_width = jnp.log(where(both, high - low, 1.0))
        between = log_width + SigmoidTransform().log_abs_det_jacobian(x, y)
        return where(both, between, where(below | above, x, 0.0))

    @property
    def sign(self) -> Value:
        below, above, _, _ = self._ends()
        return where(above & ~below, -1.0, 1.0)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return jnp.broadcast_shapes(shape, jnp.shape(self.low), jnp.shape(self.high))

    inverse_shape = forward_shape

    def tree_flatten(self) -> Any:
        return (self.low, self.high), (("low", "high"), {})

    def eq(self, other: object, static: bool = False) -> Any:  # noqa: FBT001, FBT002
        if not isinstance(other, ToExtendedInterval):
            return False
        same_low = array_equiv(self.low, other.low, static=static)
        return same_low & array_equiv(self.high, other.high, static=static)

    def _ends(self) -> tuple[Flags, Flags, Value, Value]:
        """Which ends are finite, and the ends, zero where they are not."""
        below, above = jnp.isfinite(self.low), jnp.isfinite(self.high)
        return below, above, where(below, self.low, 0.0), where(above, self.high, 0.0)


@biject_to.register(_ExtendedInterval)
def _biject_to_extended_interval(constraint: _ExtendedInterval) -> Transform:
    return ToExtendedInterval(constraint.lower_bound, constraint.upper_bound)


class _Union(Constraint):
    """The support of any component that is present.

    ``each`` has parameters ``*batch k *event``, and ``present`` is ``*batch k``.
    """

    def __init__(self, each: Constraint, present: Flags) -> None:
        self.each, self.present = each, present
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return self.each.is_discrete

    @property
    def event_dim(self) -> int:
        return self.each.event_dim

    def __call__(self, x: Any) -> Flags:
        return jnp.any(self.each(self._with_k_axis(x)) & self.present, axis=-1)

    def feasible_like(self, prototype: Any) -> Value:
        """Return a feasible value of the first component that is present."""
        x = self._with_k_axis(prototype)
        shape = x.shape[: x.ndim - self.event_dim - 1]
        present = jnp.broadcast_to(self.present, (*shape, self.present.shape[-1]))
        events = x.shape[x.ndim - self.event_dim :]
        values = self.each.feasible_like(jnp.zeros(present.shape + events, x.dtype))
        first = jnp.argmax(present, axis=-1).reshape((*shape,) + (1,) * (self.event_dim + 1))
        return jnp.take_along_axis(values, first, axis=len(shape)).squeeze(len(shape))

    def tree_flatten(self) -> Any:
        return (self.each, self.present), (("each", "present"), {})

    def eq(self, other: object, static: bool = False) -> Any:  # noqa: FBT001, FBT002
        if not isinstance(other, _Union):
            return False
        same = self.each.eq(other.each, static=static)
        return same & array_equiv(self.present, other.present, static=static)

    def _with_k_axis(self, x: Any) -> Value:
        x = jnp.asarray(x)
        return jnp.expand_dims(x, x.ndim - self.event_dim)


@biject_to.register(_Union)
def _no_bijection(constraint: _Union) -> Transform:
    raise NotImplementedError(
        f"expected components that share one support for a bijection onto it, got {constraint!r}, "
        "which differs from component to component. Give all components the same parameters of "
        "the support, or observe the site."
    )


extended_interval = _ExtendedInterval
union = _Union
