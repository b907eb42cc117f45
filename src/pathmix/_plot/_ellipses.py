"""Two coordinates of a mixture of vectors: points by membership, and ellipses of components."""

from typing import Any, NamedTuple

import numpy as np
import numpyro.distributions as dist
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse

from pathmix._components import need
from pathmix._mixture import MixtureSameFamily
from pathmix._plot._arguments import rows_of, vectors_of
from pathmix._plot._look import axes_or_new, blend, color, line, name_axes
from pathmix._plot._margins import memberships

_LEVELS = np.array([0.5, 0.95])
"""The probability within the ellipses of a component."""
_TICK = 0.02
"""The length of a tick, of that of an axis."""
Pair = tuple[int, int]


def ellipses(mixture: Any, data: Any = None, *, axes: Any = (0, 1), ax: Axes | None = None) -> Axes:
    """Draw two coordinates of a mixture: its components as ellipses, over points by membership.

    The ellipses of normal and Student t components hold 50 and 95 % of their probability. Those of
    others are of the normal with their mean and covariance. A point has the colours of the
    components, as far as it belongs to them, given all that was seen of its row. Rows of which only
    one of the two coordinates was seen are ticks on its axis; those that miss both are left out.

    Args:
        mixture: A mixture of vectors, or a fit.
        data: Rows ``n d``; NaN for a missing entry.
        axes: Which two coordinates.
        ax: Where to draw; by default on the axes of a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: ``mixture`` is neither a mixture nor a fit.
        ValueError: It is no mixture of vectors, or a batch; there are no such coordinates; the data
            have another shape; or a component has no finite covariance.
        NotImplementedError: The covariance of its family is not known, nor, if entries are missing,
            its margins.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, plot
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.MultivariateNormal(jnp.array([[0.0, 0.0], [4.0, 4.0]]), 2 * jnp.eye(2)),
        ... )
        >>> ax = plot.ellipses(mixture, jnp.array([[0.2, -0.4], [3.8, 4.1], [1.5, jnp.nan]]))
        >>> len(ax.patches)  # two of each component
        4
    """
    m = vectors_of(mixture)
    pair = _checked_pair(axes, m.event_shape[0])
    shapes = outlines(m)
    rows = np.empty((0, *m.event_shape)) if data is None else rows_of(m, data)
    colors = blend(memberships(m, rows))
    ax = axes_or_new(ax)
    if len(rows):
        draw_points(ax, rows[:, pair], colors)
    draw_ellipses(ax, shapes, pair)
    name_axes(ax, f"x[{pair[0]}]", f"x[{pair[1]}]")
    return ax


class Outlines(NamedTuple):
    """Where components are: ``(x − centre)ᵀ matrix⁻¹ (x − centre) ≤ squares`` at each level."""

    present: Bool[np.ndarray, " k"]
    """Those that have weight."""
    centre: Float[np.ndarray, "k d"]
    matrix: Float[np.ndarray, "k d d"]
    squares: Float[np.ndarray, "k level"]


def outlines(m: MixtureSameFamily) -> Outlines:
    """Return the outlines of components in two coordinates, whichever these are.

    In a plane the squared distance from the centre exceeds ``r²`` with probability ``exp(−r²/2)``
    for a normal, and ``(1 + r²/df)^(−df/2)`` for a Student t.
    """
    size, d = (m.num_components, *m.event_shape), m._components.plain
    if isinstance(d, dist.MultivariateStudentT):
        df = np.broadcast_to(d.df, size[:1])[:, None]
        squares = df * np.expm1(-2 / df * np.log1p(-_LEVELS))
        centre, matrix = d.loc, d.covariance_matrix  # NumPyro's name for that of the scale
    else:
        squares = np.broadcast_to(-2 * np.log1p(-_LEVELS), (size[0], len(_LEVELS)))
        centre, matrix = m.component_mean, need(m._components, "covariance")(m._components.theta)
    centre = np.broadcast_to(np.asarray(centre, float), size)
    matrix = np.broadcast_to(np.asarray(matrix, float), (*size, size[1]))
    present = np.asarray(m._weights.values()) > 0
    _check_finite(present, matrix)
    return Outlines(present, centre, matrix, squares)


def draw_ellipses(ax: Axes, shapes: Outlines, pair: Pair) -> None:
    """Draw those of each component that has weight, from the outer to the inner."""
    for k in np.flatnonzero(shapes.present).tolist():
        values, vectors = np.linalg.eigh(shapes.matrix[k][np.ix_(pair, pair)])
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        half = np.sqrt(np.maximum(values[::-1], 0.0))
        face = to_rgba(color(k), 0.1)
        for square in shapes.squares[k][::-1]:
            width, height = 2 * np.sqrt(square) * half
            centre = shapes.centre[k][list(pair)]
            ax.add_patch(
                Ellipse(centre, width, height, angle=angle, fc=face, lw=1.4, zorder=3, **_edge(k))
            )
    ax.autoscale_view()


def draw_points(ax: Axes, points: Float[np.ndarray, "n 2"], colors: np.ndarray) -> None:
    """Draw rows of which both were seen as points, and those of which one was as ticks."""
    seen = ~np.isnan(points)
    both = seen.all(axis=1)
    size = np.clip(3000 / max(both.sum(), 1), 3, 18)
    x, y = points[both].T
    ax.scatter(x, y, c=colors[both], s=size, lw=0, alpha=0.8)
    for axis, transform in enumerate((ax.get_xaxis_transform(), ax.get_yaxis_transform())):
        alone = seen[:, axis] & ~both
        if alone.any():
            ends = np.full((alone.sum(), 2, 2), [[0.0], [_TICK]])
            ends[..., axis] = points[alone, axis, None]
            ticks = LineCollection(
                list(ends), colors=colors[alone], linewidths=1, transform=transform
            )
            ax.add_collection(ticks, autolim=False)
            ax.update_datalim(ends[:, 0], updatex=axis == 0, updatey=axis == 1)
    ax.autoscale_view()


def _edge(k: int) -> dict[str, Any]:
    style = line(k)
    return {"edgecolor": style["color"], "linestyle": style["linestyle"]}


def _checked_pair(axes: Any, size: int) -> Pair:
    pair = tuple(axes) if np.ndim(axes) == 1 else ()
    if len(pair) != 2 or pair[0] == pair[1] or not all(i in range(size) for i in pair):
        raise ValueError(
            f"expected axes to be two different coordinates from 0 to {size - 1}, got {axes!r}."
        )
    return int(pair[0]), int(pair[1])


def _check_finite(present: np.ndarray, matrix: np.ndarray) -> None:
    bad = np.flatnonzero(present & ~np.isfinite(matrix).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(
            "expected components with finite covariances, which ellipses show, got others: "
            f"{', '.join(map(str, bad))}. Draw their margins, or fit MultivariateStudentT."
        )
