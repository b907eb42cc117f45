"""Regression by a joint mixture: how long was an eruption, given the wait that followed it?

Old Faithful erupts for two minutes or for four. Where the wait does not tell which, a line runs
between both, and its band, as wide everywhere, holds too few there and too many elsewhere. Normals
fitted to the pairs make a mixture for each wait, whose mean, quantiles and probabilities answer.
Bands are judged by eruptions left out: that of each comes from a fit to all others. Data: A.
Azzalini and A. W. Bowman, Applied Statistics 39 (1990).

Run: `python examples/regression.py`
"""

import argparse
from pathlib import Path

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import numpy as jnp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from _look import BLUE, GREEN, GREY, INK, ORANGE, PINK, plt, save
from _table import table
from pathmix import MixtureSameFamily, fit, start

HERE = Path(__file__).parent
MIXTURE, LINE = BLUE, GREY
WAITS = {55.0: ORANGE, 67.0: GREEN, 80.0: PINK}
"""Waits to look at, in minutes, and their colours."""
BAND = jnp.array([[0.05], [0.95]])
LONG = 3.0
"""Minutes that no short eruption lasts."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--components", type=int, default=2, help="of the mixture")
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    return parser.parse_args()


def joint(data, k: int) -> MixtureSameFamily:
    """The mixture of eruptions and waits; with one component, regression is a straight line."""
    return fit(start(dist.MultivariateNormal, data, k, key=jax.random.key(0)), data).mixture


def given(mixture: MixtureSameFamily, wait) -> MixtureSameFamily:
    """The mixture of eruptions for each wait, which is the second coordinate."""
    return mixture.conditional(1, wait).marginal(0)


def left_out(mixture: MixtureSameFamily, data) -> MixtureSameFamily:
    """The mixture of each eruption, by a fit to all others: as many fits as rows, in one call."""
    others = 1 - jnp.eye(len(data))
    return given(jax.vmap(lambda w: fit(mixture, data, weights=w).mixture)(others), data[:, 1])


def judged(name: str, mixture: MixtureSameFamily, data) -> list[str]:
    """How many eruptions their bands hold, by wait, how wide bands are, and the log density."""
    eruption, wait = data.T
    d = left_out(mixture, data)
    low, high = d.icdf(BAND)
    held = np.asarray((low <= eruption) & (eruption <= high))
    shares = [held, *(held[quarter] for quarter in quarters(wait))]
    width, score = jnp.mean(high - low), jnp.mean(d.log_prob(eruption))
    return [name, *(f"{s.mean():.0%}" for s in shares), f"{width:.2f}", f"{score:.2f}"]


def quarters(wait) -> list[np.ndarray]:
    """Which rows have the shortest waits, and so on."""
    of = np.digitize(wait, np.quantile(wait, [0.25, 0.5, 0.75]))
    return [of == i for i in range(4)]


def page(line: MixtureSameFamily, mixture: MixtureSameFamily, data) -> str:
    """How well the bands of both do, and what the mixture says of a few waits."""
    ends = [data[rows, 1] for rows in quarters(data[:, 1])]
    header = ["90 % band", "holds of all", *(f"{w.min():.0f}–{w.max():.0f} min" for w in ends)]
    name = f"mixture of {mixture.num_components}"
    rows = [judged("straight line", line, data), judged(name, mixture, data)]
    d = given(mixture, jnp.array(list(WAITS)))
    columns = (*d.icdf(BAND), d.mean, jnp.exp(d.log_survival_function(LONG)))
    said = [
        [f"{wait:.0f} min", f"{mean:.2f}", f"{low:.2f} to {high:.2f}", f"{long:.0%}"]
        for wait, low, high, mean, long in zip(WAITS, *columns, strict=True)
    ]
    return "\n\n".join(
        [
            f"# How long were {len(data)} eruptions of Old Faithful, given the waits after them?",
            "Each band is by a fit without its eruption; shares by wait, in quarters of the data.",
            table([*header, "width, min", "log density"], rows),
            "What the mixture says of an eruption, in minutes:",
            table(["wait after it", "mean", "90 % band", "longer than 3"], said),
        ]
    )


def picture(line: MixtureSameFamily, mixture: MixtureSameFamily, data) -> Figure:
    """The eruptions with bands on the left, the densities for a few waits on the right."""
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(10, 4.8), width_ratios=(5, 2))
    at = jnp.linspace(40, 100, 241)
    draw_bands(left, at, given(line, at), given(mixture, at))
    left.plot(data[:, 1], data[:, 0], "o", color=INK, markersize=3, alpha=0.5, markeredgewidth=0)
    draw_densities(right, left, given(mixture, jnp.array(list(WAITS))))
    left.set(xlim=(40, 100), ylim=(0.5, 6), xlabel="Wait until the next eruption, min")
    left.set_ylabel("Duration of the eruption, min")
    left.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    right.set(xlim=(0, 2.4), xticks=(0, 1, 2), xlabel="Density given the wait, 1/min")
    return figure


def draw_bands(ax: Axes, at, line: MixtureSameFamily, mixture: MixtureSameFamily) -> None:
    """The mixture's mean and the bands that hold a half and nine tenths; the line's, dashed."""
    ax.plot(at, mixture.mean, color=MIXTURE, linewidth=2, label="mixture: mean")
    for tail, alpha, label in ((0.25, 0.3, "half"), (0.05, 0.18, "90 %")):
        low, high = mixture.icdf(jnp.array([[tail], [1 - tail]]))
        look = {"color": MIXTURE, "alpha": alpha, "linewidth": 0}
        ax.fill_between(at, low, high, **look, label=f"mixture: {label} of eruptions")
    ax.plot(at, line.mean, "--", color=LINE, linewidth=1.4, label="straight line")
    for edge, label in zip(line.icdf(BAND), ("straight line: 90 %", None), strict=True):
        ax.plot(at, edge, "--", color=LINE, linewidth=0.8, label=label)


def draw_densities(ax: Axes, beside: Axes, d: MixtureSameFamily) -> None:
    """The density for each wait, named at its mean; the wait is marked on the axes beside."""
    y = jnp.linspace(0.5, 6, 551)
    densities, at_mean = np.exp(d.log_prob(y[:, None])).T, np.exp(d.log_prob(d.mean))
    for i, (density, (wait, color)) in enumerate(zip(densities, WAITS.items(), strict=True)):
        ax.plot(density, y, color=color)
        ax.fill_betweenx(y, density, color=color, alpha=0.12, linewidth=0)
        style = {"color": color, "textcoords": "offset points", "va": "center"}
        ax.annotate(f"after {wait:.0f} min", (at_mean[i], d.mean[i]), (6, 0), **style)
        beside.axvline(wait, color=color, linewidth=1)


def main() -> None:
    """Fit, print the tables, and save them with the picture."""
    options = arguments()
    numpyro.enable_x64()
    data = np.loadtxt(HERE / "data" / "faithful.csv", delimiter=",", skiprows=1)
    line, mixture = joint(data, 1), joint(data, options.components)
    text = page(line, mixture, data)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "regression.md").write_text(text)
    save(picture(line, mixture, data), options.output / "regression.png")
    print(f"\nTables and picture: {options.output}/regression.md, regression.png")


if __name__ == "__main__":
    main()
