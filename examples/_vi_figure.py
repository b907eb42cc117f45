"""The figure of `multimodal_vi.py`: both targets with their guides, and the gradients' errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from _galaxies_figure import COLORS, INK, STYLE, plt

PATHMIX, NUMPYRO, SINGLE = COLORS[0], COLORS[5], COLORS[3]
GUIDES = {"Trace_ELBO, pathmix guide": PATHMIX, "Trace_ELBO, NumPyro guide": NUMPYRO}
SHADE = "#dddddd"


@dataclass(frozen=True)
class Picture:
    """What the figure shows."""

    x: np.ndarray
    """Where the first target and its guides are given."""
    target: np.ndarray
    guides: dict[str, np.ndarray]
    """Densities of the mixture guides, `seed x`."""
    single: np.ndarray
    """The density of the guide of one normal."""
    weights: dict[str, np.ndarray]
    """The weight of the second component as it is learnt, `seed step`."""
    minutes: np.ndarray
    """Either axis of the second target's plane."""
    posterior: np.ndarray
    """Its density, `minutes minutes`."""
    locations: np.ndarray
    """Of the guide's two components, then of the single normal, in minutes."""
    scales: np.ndarray
    shares: np.ndarray
    """Their weights."""
    errors: dict[str, list[float]]
    """Standard errors of the gradient in the weight's logit, for both targets."""
    missed: dict[str, list[bool]]
    """Whether the mean of these gradients is wrong."""

    def save(self, path: Path) -> None:
        """Draw the four panels and save them as `path`."""
        with plt.rc_context(STYLE | {"axes.titlelocation": "left", "axes.titlesize": 11}):
            figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
            draw_target(axes[0, 0], self)
            draw_weights(axes[0, 1], self)
            draw_posterior(axes[1, 0], self)
            draw_errors(axes[1, 1], self)
            figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
            figure.savefig(path)
            plt.close(figure)


def write(axes: Axes, point: tuple[float, float], text: str, color: str, **style: object) -> None:
    """Label a line or a dot where it is, in its colour."""
    axes.annotate(text, point, color=color, weight="bold", fontsize=9, **style)


def draw_target(axes: Axes, picture: Picture) -> None:
    """The first target as a shade, each run's guide as a line."""
    axes.fill_between(picture.x, picture.target, color=SHADE, lw=0)
    for name, densities in reversed(picture.guides.items()):
        axes.plot(picture.x, densities.T, color=GUIDES[name], lw=0.9, alpha=0.8)
    axes.plot(picture.x, picture.single, "--", color=SINGLE, lw=1.6)
    write(axes, (1.4, 0.03), "target", "#666666")
    for height, (name, densities) in zip((0.3, 0.24), picture.guides.items(), strict=True):
        owner = name.split()[1]
        write(axes, (-5.8, height), f"{owner}'s mixture,\n{len(densities)} runs", GUIDES[name])
    write(axes, (3.4, 0.28), "one normal", SINGLE)
    axes.set(title="(a) A target of overlapping modes", xlabel="x", ylabel="Density")
    axes.set(xlim=(-6, 6), ylim=(0, None))


def draw_weights(axes: Axes, picture: Picture) -> None:
    """The weight in each run, step by step, and where it should end."""
    for name, weights in reversed(picture.weights.items()):
        axes.plot(weights.T, color=GUIDES[name], lw=0.9, alpha=0.8)
    steps = next(iter(picture.weights.values())).shape[1]
    axes.axhline(0.8, color=INK, lw=1, ls=":")
    write(axes, (steps * 1.01, 0.8), "0.8", INK, va="center", annotation_clip=False)
    write(axes, (steps * 0.98, 0.9), "pathmix", PATHMIX, ha="right")
    write(axes, (steps * 0.98, 0.05), "NumPyro: no direction", NUMPYRO, ha="right")
    axes.set(title="(b) Its weight as Trace_ELBO learns it", xlabel="Step", xlim=(0, steps))
    axes.set(ylabel="Weight of the right mode", ylim=(0, 1))


def draw_posterior(axes: Axes, picture: Picture) -> None:
    """The second target as shades; ellipses hold 50 and 90 % of each component of the guides."""
    levels = picture.posterior.max() * np.array([0.001, 0.01, 0.1, 0.5, 1.0])
    axes.contourf(
        picture.minutes, picture.minutes, picture.posterior.T, levels, cmap="Greys", alpha=0.6
    )
    colors = (PATHMIX, PATHMIX, SINGLE)
    for at, scale, color in zip(picture.locations, picture.scales, colors, strict=True):
        for share in (0.5, 0.9):
            width, height = 2 * scale * np.sqrt(-2 * np.log1p(-share))
            style = "--" if color == SINGLE else "-"
            axes.add_patch(Ellipse(at, width, height, fill=False, color=color, ls=style, lw=1.6))
    for at, share in zip(picture.locations[:2], picture.shares, strict=False):
        label = f"pathmix's mixture,\nweight {share:.2f}"
        write(axes, at, label, PATHMIX, xytext=(0, 36), textcoords="offset points", ha="center")
    below = {"xytext": (0, -46), "textcoords": "offset points", "ha": "center"}
    write(axes, picture.locations[2], "one normal", SINGLE, **below)
    axes.set(title="(c) A posterior of separate modes: Old Faithful", xlim=(40, 98), ylim=(40, 98))
    axes.set(xlabel="First location, minutes of waiting", ylabel="Second location, minutes")
    axes.set_aspect("equal")


def draw_errors(axes: Axes, picture: Picture) -> None:
    """A dot for each way to learn and each target; hollow if the gradient has the wrong mean."""
    y = -np.arange(len(picture.errors))
    errors, missed = np.array(list(picture.errors.values())), np.array([*picture.missed.values()])
    for column, (marker, color, label) in enumerate(
        (("o", COLORS[2], "overlapping"), ("s", INK, "separate"))
    ):
        for at, hollow in ((errors[:, column], False), (errors[:, column], True)):
            shown = np.where(missed[:, column] == hollow, at, np.nan)
            face = "white" if hollow else color
            axes.plot(shown, y, marker, color=color, mfc=face, mew=1.6, ms=7)
        write(axes, (errors[0, column], 0.22), label, color, ha="center")
    axes.text(0.03, 0.03, "hollow: the mean is wrong as well", transform=axes.transAxes, fontsize=9)
    names = [name.replace(", ", ",\n") for name in picture.errors]
    axes.set(xscale="log", xlim=(5e-5, 2), yticks=y, yticklabels=names, ylim=(y[-1] - 0.7, 0.6))
    axes.set(
        title="(d) Noise of the weight's gradient", xlabel="Standard error of one step, d/d logit"
    )
    axes.grid(axis="x", color=SHADE, lw=0.6)
