"""One look for all pictures: colours that all eyes tell apart, and quiet axes."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe and Ito's palette, told apart by all common kinds of colour vision; neighbours contrast."""
DASHES = ("-", "--", ":")
"""Colours that come again are dashed."""
INK, SHADE = "#222222", "#e2e2e2"
"""Of what all components have together, and of the data."""


def color(k: int) -> str:
    """Return the colour of component ``k``."""
    return COLORS[k % len(COLORS)]


def line(k: int) -> dict[str, Any]:
    """Return the colour and the dashes of component ``k``."""
    return {"color": color(k), "linestyle": DASHES[k // len(COLORS) % len(DASHES)]}


def blend(memberships: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n 3"]:
    """Return the colour of each row: those of the components, as far as it belongs to them."""
    own = np.array([to_rgb(color(k)) for k in range(memberships.shape[1])])
    return np.clip(memberships @ own, 0.0, 1.0)


def axes_or_new(ax: Axes | None) -> Axes:
    """Return ``ax``, or else those of a new figure, without lines that say nothing."""
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def name_axes(ax: Axes, x: str, y: str) -> None:
    """Name the axes, unless they have names."""
    ax.set_xlabel(ax.get_xlabel() or x)
    ax.set_ylabel(ax.get_ylabel() or y)
