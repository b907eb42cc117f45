"""What a selection has compared: a criterion over the number of components."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pathmix._plot._look import INK, axes_or_new, line, name_axes

_ABOVE = 4
"""How far the picture reaches above the best value, in units of what the median is above it."""


def criteria(selection: Any, *, criterion: Any = None, ax: Axes | None = None) -> Axes:
    """Draw a criterion of all that was fitted, a line for each name; the smaller, the better.

    A ring marks the best. Fits of which a component is degenerate are hollow. Lines that come from
    far above run out of the picture, so that the others are told apart.

    Args:
        selection: What :func:`pathmix.select` returns.
        criterion: A column of its table, such as ``"aic"``; by default the one that it chose by.
        ax: Where to draw; by default on the axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: There is no such column.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import plot, select
        >>> waiting = jnp.array([54.0, 51.0, 55.0, 53.0, 79.0, 85.0, 88.0, 81.0, 78.0])
        >>> chosen = select({"normal": dist.Normal}, waiting, k=[1, 2], key=jax.random.key(0))
        >>> plot.criteria(chosen).get_ylabel()
        'BIC (the smaller, the better)'
    """
    table = {name: np.asarray(column) for name, column in selection.table.items()}
    criterion = selection.criterion if criterion is None else criterion
    if criterion not in table:
        raise ValueError(
            f"expected criterion to be one of {', '.join(sorted(table))}, got {criterion!r}."
        )
    ax = axes_or_new(ax)
    for i, name in enumerate(dict.fromkeys(table["name"].tolist())):
        rows = np.flatnonzero(table["name"] == name)
        rows = rows[np.argsort(table["k"][rows])]
        _draw_curve(ax, i, name, *(table[c][rows] for c in ("k", criterion, "degenerate")))
    if (table["degenerate"] > 0).any():
        ax.plot([], [], "o", color=INK, mfc="white", ms=5.5, label="degenerate")
    _mark_best(ax, table, criterion)
    _show_the_good_ones(ax, table[criterion])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_axes(ax, "Number of components", f"{criterion.upper()} (the smaller, the better)")
    ax.legend(frameon=False)
    return ax


def _draw_curve(
    ax: Axes, i: int, name: str, k: np.ndarray, value: np.ndarray, degenerate: np.ndarray
) -> None:
    """A line, with dots on it that are hollow where something is degenerate."""
    style = line(i)
    ax.plot(k, value, **style, lw=1.4, label=name)
    for hollow in (False, True):
        rows = (degenerate > 0) == hollow
        face = "white" if hollow else style["color"]
        ax.plot(k[rows], value[rows], "o", color=style["color"], mfc=face, ms=5.5, zorder=2.5)


def _mark_best(ax: Axes, table: dict[str, np.ndarray], criterion: str) -> None:
    """A ring around the least value of those that are not degenerate, if any is not."""
    value, sound = table[criterion].astype(float), table["degenerate"] == 0
    if sound.any():
        value = np.where(sound, value, np.nan)
    if not np.isfinite(value).any():
        return
    best = int(np.nanargmin(value))
    label = f"best: {table['name'][best]}, k = {table['k'][best]}"
    at = table["k"][best], value[best]
    ax.plot(*at, "o", color=INK, mfc="none", ms=12, mew=1.4, label=label, zorder=3)


def _show_the_good_ones(ax: Axes, values: np.ndarray) -> None:
    values = values[np.isfinite(values)].astype(float)
    if not values.size:
        return
    best, median = values.min(), np.median(values)
    top = best + _ABOVE * (median - best)
    if best < median and top < values.max():
        ax.set_ylim(best - 0.08 * (top - best), top)
