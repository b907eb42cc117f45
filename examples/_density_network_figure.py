"""The figure of `density_network.py`: bands by the hour, the law at three hours, calibration."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jax import numpy as jnp
from matplotlib.axes import Axes

from _look import BLUE, GREEN, GREY, INK, ORANGE, PINK, RED, plt, save

MILD = 0.5
"""A temperature in the file's unit: 15 °C."""
HOURS = {8: RED, 13: PINK, 18: GREEN}
TOP = 550
"""Riders up to which is drawn."""


def save_picture(
    path: Path,
    law: Callable,
    data: np.ndarray,
    pits: dict[str, np.ndarray],
) -> None:
    """Draw the three panels and save them.

    Args:
        path: Where to.
        law: From hours and temperatures to mixtures.
        data: All rows, with their hours, temperatures, riders and whether it was a working day.
        pits: By model, the cdf at what came in mornings held out.
    """
    figure, panels = plt.subplots(1, 3, figsize=(10, 4.2), width_ratios=(5, 2, 2.6))
    left, middle, right = panels
    draw_bands(left, law)
    draw_days(left, data[abs(data["temp"] - MILD) < 0.1])
    draw_laws(middle, law)
    draw_levels(right, pits)
    save(figure, path)


def draw_bands(axes: Axes, law: Callable) -> None:
    """What holds a half and nine tenths of the riders, at 15 °C."""
    at = np.linspace(0, 23, 116)
    mixture = law(at, MILD)
    for tail, alpha, label in ((0.05, 0.18, "90 %"), (0.25, 0.3, "half")):
        low, high = mixture.icdf(jnp.array([[tail], [1 - tail]]))
        axes.fill_between(at, low, high, color=BLUE, alpha=alpha, lw=0, label=f"{label} of hours")
    axes.plot(at, mixture.icdf(jnp.array(0.5)), color=BLUE, lw=1.5, label="median")
    axes.set(xlim=(-0.7, 23.7), ylim=(0, TOP), xticks=range(0, 24, 4))
    axes.set(title="Riders in an hour, at 15 °C", xlabel="Hour of the day")


def draw_days(axes: Axes, rows: np.ndarray) -> None:
    """The hours of mild days; the network is not told which of them are working days."""
    shift = np.random.default_rng(0).uniform(-0.25, 0.25, len(rows))
    for working, color, label in ((1, INK, "working day"), (0, ORANGE, "day off")):
        of = rows["workingday"] == working
        at = rows["hour"][of] + shift[of]
        axes.plot(at, rows["riders"][of], "o", color=color, ms=1.8, mew=0, alpha=0.6, label=label)
    axes.legend(loc="upper left", framealpha=0.9, edgecolor="none", fontsize=8, markerscale=2)


def draw_laws(axes: Axes, law: Callable) -> None:
    """The probabilities of each number of riders, at three hours."""
    riders = jnp.arange(TOP + 1.0)
    for hour, color in HOURS.items():
        p = np.exp(law(hour, MILD).log_prob(riders))
        axes.plot(100 * p, riders, color=color, lw=1.5, label=f"{hour} o'clock")
        axes.fill_betweenx(riders, 100 * p, color=color, alpha=0.12, lw=0)
    axes.set(title="Three hours", xlabel="Probability, %", ylim=(0, TOP), xlim=(0, 0.8))
    axes.legend(loc="upper right", fontsize=8)


def draw_levels(axes: Axes, pits: dict[str, np.ndarray]) -> None:
    """How the cdf at what came is spread, on days held out: evenly if probabilities are right."""
    for (name, pit), color in zip(pits.items(), (GREY, BLUE), strict=True):
        share, edges = np.histogram(pit, 10, (0, 1))
        axes.stairs(share / len(pit), edges, color=color, lw=1.8, label=name)
    axes.axhline(0.1, color=INK, lw=1, ls=":")
    axes.set(title="Held out, 7 and 8 o'clock", xlabel="Cdf at what came", xlim=(0, 1))
    axes.set_ylabel("Share of hours")
    axes.legend(loc="upper center", fontsize=8)
