"""The figure of `galaxies.py`: the density above, who belongs where below."""

from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from _look import BAND, COLORS, INK, SHADE, plt, save
from pathmix import plot


@dataclass(frozen=True)
class Picture:
    """What the figure shows; velocities are in 1000 km/s."""

    velocity: np.ndarray
    """The data, `galaxy`."""
    memberships: np.ndarray
    """Posterior mean probability of membership, `galaxy k`."""
    grid: np.ndarray
    """Velocities, `x`, at which the next two are given."""
    grid_memberships: np.ndarray
    """The probabilities that a galaxy would have at each grid point, `x k`."""
    component_densities: np.ndarray
    """Weight times density of each component, `x draw k`."""
    likeliest: np.ndarray
    """The density at `x` of the most likely mixture, of the size that BIC chooses."""
    chosen: Any
    """The mixtures of maximum likelihood, as `pathmix.select` compares them."""

    def save(self, path: Path) -> None:
        """Draw both panels and save them as `path`."""
        figure, (above, below) = plt.subplots(
            2, sharex=True, figsize=(8, 6.2), height_ratios=(3, 2)
        )
        draw_histogram(above, self.velocity)
        draw_density(above, self.grid, self.component_densities.sum(axis=-1))
        draw_components(above, self.grid, self.component_densities.mean(axis=1))
        draw_likeliest(above, self)
        above.set(ylabel="Density per 1000 km/s", xlim=(self.grid[0], self.grid[-1]))
        above.legend(loc="upper right")
        draw_memberships(below, self)
        figure.align_ylabels()
        save(figure, path)


def draw_histogram(axes: Axes, velocity: np.ndarray) -> None:
    """The data: bars 1000 km/s wide, and below them a tick per galaxy."""
    bins = np.arange(np.floor(velocity.min()), velocity.max() + 1)
    label = f"{len(velocity)} galaxies"
    axes.hist(velocity, bins, density=True, color=SHADE, rwidth=0.94, label=label)
    axes.plot(velocity, np.full_like(velocity, -0.009), "|", color=INK, ms=7, mew=0.6)


def draw_density(axes: Axes, grid: np.ndarray, density: np.ndarray) -> None:
    """The mixture's posterior mean and 90 % band, from `x draw`."""
    low, high = np.quantile(density, [0.05, 0.95], axis=1)
    axes.plot(grid, density.mean(axis=1), color=INK, lw=2.6, label="posterior mean density")
    axes.fill_between(grid, low, high, color=BAND, alpha=0.3, lw=0, label="its 90 % band")


def draw_components(axes: Axes, grid: np.ndarray, densities: np.ndarray) -> None:
    """The posterior mean of each weighted component, `x k`; together they make the mixture."""
    for k, density in enumerate(densities.T):
        visible = np.where(density > 5e-4, density, np.nan)
        label = (
            f"A–{ascii_uppercase[densities.shape[1] - 1]}: weighted components" if k == 0 else None
        )
        axes.plot(grid, visible, color=color(k), lw=1.6, label=label)
        name(axes, k, (grid[density.argmax()], density.max()))


def draw_likeliest(axes: Axes, picture: Picture) -> None:
    """The mixture of maximum likelihood, dashed, and in a corner the BIC that chose its size."""
    size = picture.chosen.best.mixture.num_components
    label = f"most likely with {size} components"
    axes.plot(picture.grid, picture.likeliest, "--", color=INK, lw=1.2, label=label)
    corner = plot.criteria(picture.chosen, ax=axes.inset_axes((0.09, 0.57, 0.27, 0.4)))
    corner.set(xlabel="components (hollow: degenerate)", ylabel="BIC", xticks=range(1, 10, 2))
    corner.get_legend().remove()


def draw_memberships(axes: Axes, picture: Picture) -> None:
    """A dot per galaxy and component, but for those under 1 %, and a line between them."""
    for k, probability in enumerate(picture.memberships.T):
        visible = np.where(probability > 0.01, probability, np.nan)
        axes.plot(picture.grid, picture.grid_memberships[:, k], color=color(k), lw=0.8, alpha=0.6)
        axes.plot(picture.velocity, visible, "o", color=color(k), ms=4, mew=0)
        name(axes, k, (picture.velocity[probability.argmax()], probability.max()))
    axes.set(xlabel="Velocity, 1000 km/s", ylabel="Probability of membership", ylim=(-0.04, 1.14))


def name(axes: Axes, k: int, point: tuple[float, float]) -> None:
    """Write the letter of component k above a point."""
    style = {"color": color(k), "weight": "bold", "ha": "center", "va": "bottom"}
    text = axes.annotate(ascii_uppercase[k], point, (0, 4), textcoords="offset points", **style)
    text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def color(k: int) -> str:
    """The colour of component k."""
    return COLORS[k % len(COLORS)]
