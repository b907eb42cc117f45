"""The figure of `multimodal_vi.py`: the posterior with its guides, and the weights as learnt."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from _look import BLUE, INK, PINK, RED, plt, save

STRATIFIED, TRACE, SINGLE = BLUE, RED, PINK
LEVELS = (0.001, 0.01, 0.1, 0.5, 1.0)
"""Shades of the posterior, in shares of its height."""


def save_picture(
    path: Path,
    minutes: np.ndarray,
    posterior: np.ndarray,
    locations: Any,
    scales: np.ndarray,
    weights: dict[str, np.ndarray],
) -> None:
    """Draw both panels and save them.

    Args:
        path: Where to.
        minutes: Either axis of the plane of locations.
        posterior: The density there, in shares of its height, `minutes minutes`.
        locations: Those of the guide's two components, then that of one normal, in minutes.
        scales: Their standard deviations.
        weights: The second component's by objective, `seed step`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8))
    figure.get_layout_engine().set(w_pad=0.12)
    left.contourf(minutes, minutes, posterior.T, LEVELS, cmap="Greys", alpha=0.6)
    labels = [f"mixture,\nweight {w:.2f}" for w in shares(weights["Stratified_ELBO"])]
    for at, scale, label in zip(locations, scales, [*labels, ""], strict=True):
        draw_normal(left, at, scale, label)
    write(left, locations[2], "one normal", SINGLE, xytext=(0, -48), ha="center")
    name_plane(left)
    draw_weights(right, weights)
    save(figure, path)


def shares(weights: np.ndarray) -> tuple[float, float]:
    """The weights of both components in the first run, which is the one shown."""
    return 1 - weights[0, -1], weights[0, -1]


def draw_normal(axes: Axes, at: np.ndarray, scale: np.ndarray, label: str) -> None:
    """Ellipses that hold 50 and 90 %: of a component, with its name; or dashed, of one normal."""
    color, style = (STRATIFIED, "-") if label else (SINGLE, "--")
    for share in (0.5, 0.9):
        size = 2 * scale * np.sqrt(-2 * np.log1p(-share))
        axes.add_patch(Ellipse(at, *size, fill=False, color=color, ls=style, lw=1.6))
    write(axes, at, label, color, xytext=(0, 40), ha="center")


def name_plane(axes: Axes) -> None:
    """Titles of the left panel."""
    axes.set(title="The posterior, in grey, and two guides", xlim=(40, 98), ylim=(40, 98))
    axes.set(xlabel="First location, minutes of waiting", ylabel="Second location, minutes")
    axes.set_aspect("equal")


def draw_weights(axes: Axes, weights: dict[str, np.ndarray]) -> None:
    """The weight in each run, step by step, and where it should end."""
    for name, color in (("Trace_ELBO", TRACE), ("Stratified_ELBO", STRATIFIED)):
        axes.plot(weights[name].T, color=color, lw=0.9, alpha=0.8)
    runs, steps = weights["Trace_ELBO"].shape
    axes.axhline(0.5, color=INK, lw=1, ls=":")
    write(axes, (steps, 0.5), "0.5", INK, xytext=(4, 0), va="center", annotation_clip=False)
    write(axes, (0.12 * steps, 0.59), "Stratified_ELBO", STRATIFIED)
    write(axes, (0.98 * steps, 0.9), "Trace_ELBO", TRACE, ha="right")
    axes.set(title=f"The mixture's weight, as {runs} runs learn it", xlabel="Step")
    axes.set(ylabel="Weight of the lower right mode", xlim=(0, steps), ylim=(0, 1))


def write(axes: Axes, at: Any, text: str, color: str, **style: Any) -> None:
    """Label something where it is, in its colour."""
    style = {"xytext": (0, 0), "textcoords": "offset points", "fontsize": 9} | style
    axes.annotate(text, at, color=color, weight="bold", **style)
