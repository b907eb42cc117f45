"""The figure of `edward_program.py`: the galaxies above; tastes and attendance below."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from _look import BAND, COLORS, INK, SHADE, plt, save
from pathmix import MixtureSameFamily


def save_picture(
    path: Path,
    velocity: np.ndarray,
    mixture: MixtureSameFamily,
    women: list[str],
    attendance: np.ndarray,
    draws: dict[str, np.ndarray],
) -> None:
    """Draw the three panels and save them."""
    order = np.argsort(np.median(draws["taste"], axis=0))
    events = np.argsort(np.median(draws["appeal"], axis=0))[::-1]
    circle = draws["taste_component"].mean(axis=0)[order]
    figure = plt.figure(figsize=(9, 8.4))
    grid = figure.add_gridspec(2, 2, height_ratios=(2, 3), width_ratios=(3, 4))
    draw_galaxies(figure.add_subplot(grid[0, :]), velocity, mixture)
    left = figure.add_subplot(grid[1, 0])
    draw_tastes(left, draws["taste"][:, order], circle, [women[i] for i in order])
    right = figure.add_subplot(grid[1, 1], sharey=left)
    draw_attendance(right, attendance[order][:, events], circle, events)
    save(figure, path)


def draw_galaxies(axes: Axes, velocity: np.ndarray, mixture: MixtureSameFamily) -> None:
    """Histogram, posterior density and its components, and a tick per galaxy."""
    x = np.linspace(velocity.min() - 2, velocity.max() + 2, 300)
    terms = np.exp(mixture.component_log_probs(x[:, None]))  # x draw k
    density = terms.sum(axis=-1)
    low, high = np.quantile(density, [0.05, 0.95], axis=1)
    bins = np.arange(np.floor(velocity.min()), velocity.max() + 1)
    axes.hist(velocity, bins, density=True, color=SHADE, rwidth=0.94, label="82 galaxies")
    axes.fill_between(x, low, high, color=BAND, alpha=0.3, lw=0, label="90 % band")
    axes.plot(x, density.mean(axis=1), color=INK, lw=2.4, label="posterior mean density")
    for k, color in enumerate(COLORS[:3]):
        axes.plot(
            x,
            terms[..., k].mean(axis=1),
            color=color,
            lw=1.8,
            ls="--",
            label=f"component {'ABC'[k]}",
        )
    assigned = np.asarray(mixture.posterior_mode(velocity[:, None]))  # galaxy draw
    for value, modes in zip(velocity, assigned, strict=True):
        color = COLORS[np.bincount(modes, minlength=3).argmax()]
        axes.plot(value, -0.012, "|", color=color, ms=7, mew=0.9)
    axes.set(xlabel="Velocity, 1000 km/s", ylabel="Density", title="Galaxies, by their component")
    axes.legend()


def draw_tastes(axes: Axes, taste: np.ndarray, circle: np.ndarray, women: list[str]) -> None:
    """Median and 90 % interval of each woman's taste, coloured by her circle."""
    low, middle, high = np.quantile(taste, [0.05, 0.5, 0.95], axis=0)
    rows, colors = np.arange(len(women)), plt.cm.cividis(circle)
    axes.hlines(rows, low, high, colors=colors, lw=2)
    axes.scatter(middle, rows, color=colors, s=30, zorder=2)
    axes.set(xlabel="Taste: median, 90 % interval", title="Whose circle?")
    axes.set_yticks(rows, women)
    scale = plt.cm.ScalarMappable(cmap="cividis", norm=plt.Normalize(0, 1))
    label = "Probability of the first circle"
    axes.figure.colorbar(scale, ax=axes, location="bottom", label=label, aspect=30)


def draw_attendance(
    axes: Axes, attendance: np.ndarray, circle: np.ndarray, events: np.ndarray
) -> None:
    """A dot for each woman at each event, in order of taste and appeal."""
    rows, columns = np.nonzero(attendance)
    axes.scatter(columns, rows, color=plt.cm.cividis(circle[rows]), marker="s", s=70)
    axes.set_xticks(np.arange(len(events)), [f"E{j + 1}" for j in events], fontsize=9)
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.spines["left"].set_visible(False)
    axes.set(xlabel="Event, by appeal to the first circle", title="Who came?")
