"""All coordinates of a mixture of vectors: each alone, and each pair once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pathmix._mixture import MixtureSameFamily
from pathmix._plot._arguments import rows_of, vectors_of
from pathmix._plot._density import draw_density
from pathmix._plot._ellipses import draw_ellipses, draw_points, outlines
from pathmix._plot._look import axes_or_new, blend
from pathmix._plot._margins import margin, memberships

_SIDE = 2.0
"""Inches of a panel."""


def pairs(mixture: Any, data: Any, *, names: Sequence[str] | None = None) -> Figure:
    """Draw every coordinate of a mixture of vectors, and below these every pair of them.

    On the diagonal are the margins, as :func:`density` draws them; below it what :func:`ellipses`
    draws.

    Args:
        mixture: A mixture of vectors, or a fit.
        data: Rows ``n d``; NaN for a missing entry.
        names: Of the coordinates.

    Returns:
        A new figure.

    Raises:
        TypeError: ``mixture`` is neither a mixture nor a fit.
        ValueError: It is no mixture of vectors, or a batch; the data have another shape; names are
            missing; or a component has no finite covariance.
        NotImplementedError: The margins of its family are not known.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, plot
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.Normal(jnp.array([[0.0, 0.0], [4.0, 4.0]]), 1.0).to_event(1),
        ... )
        >>> figure = plot.pairs(mixture, mixture.mean[None], names=["length", "width"])
        >>> [ax.get_xlabel() for ax in figure.axes if ax.axison]
        ['', 'length', 'width']
    """
    m = vectors_of(mixture)
    rows, d = rows_of(m, data), m.event_shape[0]
    names = _checked_names(names, d)
    margins, shapes = [margin(m, [i]) for i in range(d)], outlines(m)
    colors = blend(memberships(m, rows))
    side = _SIDE * d
    figure, grid = plt.subplots(
        d, d, figsize=(side, side), sharex="col", layout="constrained", squeeze=False
    )
    for i in range(d):
        _draw_margin(grid[i, i], margins[i], rows[:, i])
        for j in range(i):
            ax = axes_or_new(grid[i, j])
            draw_points(ax, rows[:, [j, i]], colors)
            draw_ellipses(ax, shapes, (j, i))
        for ax in grid[i, i + 1 :]:
            ax.set_axis_off()
    _name(grid, names)
    return figure


def _draw_margin(ax: Axes, m: MixtureSameFamily, values: Float[np.ndarray, " n"]) -> None:
    """Draw a density without its axis: its height says nothing here."""
    values = values[~np.isnan(values)]
    draw_density(axes_or_new(ax), m, values, np.ones(len(values)))
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)


def _name(grid: Any, names: Sequence[str]) -> None:
    """Name columns below and rows on the left, and have the panels of a row share their axis."""
    for i, name in enumerate(names):
        grid[-1, i].set_xlabel(name)
        if i:
            grid[i, 0].set_ylabel(name)
        for ax in grid[i, 1:i]:
            ax.sharey(grid[i, 0])
            ax.tick_params(labelleft=False)


def _checked_names(names: Sequence[str] | None, d: int) -> Sequence[str]:
    if names is None:
        return [f"x[{i}]" for i in range(d)]
    if len(names) != d:
        raise ValueError(f"expected {d} names, one a coordinate, got {len(names)}.")
    return names
