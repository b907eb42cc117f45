"""Observations as a fit takes them: values in full, what is missing, weights, known labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from pathmix._checks import is_concrete, require_of_rows
from pathmix._components import Canonical
from pathmix._typing import Shape, Value
from pathmix._where import where

_GAUSSIAN = ("MultivariateNormal", "LowRankMultivariateNormal")
PerRow = Float[Array, " n"]


class Data(NamedTuple):
    """Rows of observations; a row of weight zero counts for nothing."""

    x: Value
    """``n *event``; a missing entry has the value of another row."""
    observed: Bool[Array, "n *event"] | None  # noqa: F821
    """Which entries are there; ``None`` stands for all."""
    weights: PerRow
    labels: Int[Array, " n"] | None = None
    """The component of each row, −1 where it is not known."""
    shares: Float[Array, "n k"] | None = None
    """Given memberships, in place of those that the mixture implies."""
    noise: Float[Array, "n m m"] | None = None
    """Covariances of measurement errors."""
    projection: Float[Array, "n m d"] | None = None
    """What was measured of each value."""

    @property
    def is_complete(self) -> bool:
        """Whether each row is a value, seen in full and without errors."""
        return self.observed is None and self.noise is None and self.projection is None

    @property
    def size(self) -> Array:
        """The number of observations, each counted by its weight."""
        return jnp.sum(self.weights)


def read_data(
    components: Canonical,
    data: Any,
    weights: Any,
    labels: Any,
    noise: Any,
    projection: Any,
    *,
    missing: bool | None,
    whole: bool = True,
) -> Data:
    """Return observations of such components, checked; what is traced is checked when it runs.

    Data that are not the ``whole`` may be few, or miss a coordinate, or have no weight.
    """
    x, noise, projection = _measured(components, data, noise, projection)
    if whole and len(x) < components.own_shape[-1]:
        raise ValueError(
            f"expected at least as many rows as components, got {len(x)} rows for "
            f"{components.own_shape[-1]} components. Fit fewer components."
        )
    n, k = x.shape[0], components.own_shape[-1]
    events = tuple(range(1, x.ndim))
    if not missing and is_concrete(x) and bool(_all_finite(x)):
        w = _weights(weights, n, x.dtype, whole=whole)
        return _with_labels(Data(x, None, w, None, None, noise, projection), labels, k)
    absent = jnp.isnan(x)
    x = require_of_rows(
        x, ~jnp.isinf(x), _rows(jnp.isinf(x), events, "finite data", "infinite values")
    )
    if missing is None:
        missing = bool(jnp.any(absent)) if is_concrete(absent) else False
    w = _weights(weights, n, x.dtype, whole=whole)
    if not missing:
        text = (
            "expected data without NaN under jit, where it cannot be seen in time, got NaN. Pass "
            "missing=True to have NaN entries marginalised."
        )
        rows = Data(require_of_rows(x, ~absent, text), None, w, None, None, noise, projection)
        return _with_labels(rows, labels, k)
    _check_missing(components, absent, events, whole=whole)
    observed = ~absent
    first = jnp.argmax(observed, axis=0)
    fill = jnp.nan_to_num(jnp.take_along_axis(x, first[None], axis=0))  # nobody knows one: 0
    w = where(jnp.any(observed, axis=events), w, 0.0)  # a row that misses everything
    rows = Data(where(absent, fill, x), observed, w, None, None, noise, projection)
    return _with_labels(rows, labels, k)


@jax.jit
def _all_finite(x: Value) -> Array:
    """Whether there is nothing missing or infinite: mostly so, and seen in one pass."""
    return jnp.all(jnp.isfinite(x))


def _measured(
    components: Canonical, data: Any, noise: Any, projection: Any
) -> tuple[Value, Array | None, Array | None]:
    """The values, the covariances of their errors, and what they are of the components' events."""
    events = components.event_shape
    if noise is None and projection is None:
        return _values(components, data, events), None, None
    if components.family.name not in _GAUSSIAN:
        raise NotImplementedError(
            "expected MultivariateNormal or LowRankMultivariateNormal components for noise and "
            "projection, got "
            f"{components.family.name}."
        )
    dtype = components.dtype
    if projection is not None:
        projection = jnp.asarray(projection, dtype)
        if projection.ndim != 3 or projection.shape[-1] != events[0]:
            raise ValueError(
                f"expected projection of shape (n, m, {events[0]}), got {projection.shape}."
            )
        events = (projection.shape[1],)
    x = _values(components, data, events)
    n, m = x.shape
    if projection is not None and len(projection) != n:
        raise ValueError(f"expected {n} matrices in projection, one a row, got {len(projection)}.")
    if noise is None:
        return x, None, projection
    noise = jnp.asarray(noise, dtype)
    if noise.shape not in ((n, m), (n, m, m)):
        raise ValueError(
            f"expected noise of shape {(n, m)}, standard deviations, or {(n, m, m)}, covariances, "
            f"got {noise.shape}."
        )
    noise = jnp.nan_to_num(noise)  # of what is missing
    if noise.ndim == 2:
        text = "expected standard deviations ≥ 0 in noise, got negative ones."
        noise = jnp.square(require_of_rows(noise, noise >= 0, text))[..., None] * jnp.eye(
            m, dtype=dtype
        )
    return x, noise, projection


def _values(components: Canonical, data: Any, events: Shape) -> Value:
    """``data`` as an array ``n *event`` of real numbers in the type of the parameters."""
    raw = data if hasattr(data, "dtype") else np.asarray(data)
    if raw.ndim != 1 + len(events) or raw.shape[1:] != events:
        raise ValueError(
            f"expected data of shape {_shape_text(events)}, rows of events of the mixture, got "
            f"shape {tuple(raw.shape)}. Reshape the data, or make a mixture of that event shape."
        )
    if raw.shape[0] == 0:
        raise ValueError("expected at least one row of data, got none.")
    return jnp.asarray(raw, components.dtype)


def _shape_text(events: Shape) -> str:
    return "(" + ", ".join(["n", *map(str, events)]) + ("," if not events else "") + ")"


def _rows(bad: Array, events: Shape, expected: str, got: str) -> str:
    """A text that names the first rows that are bad, where they are known."""
    text = f"expected {expected}, got {got}"
    if is_concrete(bad):
        rows = np.flatnonzero(np.any(np.asarray(bad), axis=events))
        more = ", …" if len(rows) > 5 else ""
        text += f" in rows {', '.join(map(str, rows[:5]))}{more}"
    return text + "."


def _weights(weights: Any, n: int, dtype: Any, *, whole: bool) -> PerRow:
    if weights is None:
        return jnp.ones(n, dtype)
    w = jnp.asarray(weights, dtype)
    if w.shape != (n,):
        raise ValueError(
            f"expected one weight for each row, shape ({n},), got shape {tuple(w.shape)}."
        )
    valid = (w >= 0) & jnp.isfinite(w)
    w = require_of_rows(
        w, valid, "expected finite weights ≥ 0, got negative, infinite or NaN ones."
    )
    valid = (jnp.sum(w) > 0) | (not whole)
    return require_of_rows(w, valid, "expected some weight above zero, got zeros alone.")


def _check_missing(components: Canonical, absent: Array, events: Shape, *, whole: bool) -> None:
    """Refuse what cannot be marginalised, and columns of which nothing is known."""
    if not marginalises(components):
        raise NotImplementedError(
            f"expected data without NaN for {components.family.name} components, whose margins are "
            "not known, got NaN. Missing entries are marginalised for scalar and factorised "
            "components, (LowRank)MultivariateNormal and MultivariateStudentT. Drop those rows."
        )
    if whole and is_concrete(absent):
        gone = np.all(np.asarray(absent), axis=0)
        if np.any(gone):
            columns = (
                ", ".join(str(i) for i in np.argwhere(gone).squeeze(-1).tolist())
                if (events)
                else "the only one"
            )
            raise ValueError(
                f"expected something observed of each coordinate, got only NaN in {columns}. "
                "Leave such coordinates out."
            )


def marginalises(components: Canonical) -> bool:
    """Whether entries of an event may be missing."""
    names = (*_GAUSSIAN, "MultivariateStudentT")
    return components.factors() is not None or components.family.name in names


def _with_labels(data: Data, labels: Any, k: int) -> Data:
    if labels is None:
        return data
    n, given = len(data.weights), jnp.asarray(labels)
    if given.shape != (n,) or not jnp.issubdtype(given.dtype, jnp.integer):
        raise ValueError(
            f"expected one integer label for each row, shape ({n},), −1 where it is not known, got "
            f"{given.dtype} of shape {tuple(given.shape)}."
        )
    valid = (given >= -1) & (given < k)
    given = require_of_rows(given, valid, f"expected labels from −1 to {k - 1}, got others.")
    return data._replace(labels=given)
