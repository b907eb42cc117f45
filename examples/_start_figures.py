"""Old Faithful, built, drawn, moved, fitted and asked: pictures of docs/start.md and docs/index.md.

Run: `python examples/_start_figures.py`; they are saved in docs/images/.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from _look import BLUE, GREEN, INK, ORANGE, RED, SHADE, plt, save
from pathmix import MixtureSameFamily, fit, plot, start

ROOT = Path(__file__).parents[1]
ERUPTION, WAIT = "Duration of the eruption, min", "Wait until the next eruption, min"
DRAWN = (2.0, 3.0, 4.5)
"""Durations of eruptions to ask about, in minutes."""


def by_hand(probs=(0.36, 0.64), **options) -> MixtureSameFamily:
    """Waits of about 55 and about 80 minutes, as one would guess from the histogram."""
    return MixtureSameFamily(
        dist.Categorical(probs=jnp.array(probs), validate_args=False),
        dist.Normal(jnp.array([55.0, 80.0]), jnp.array([6.0, 6.0])),
        **options,
    )


def build(minutes: np.ndarray) -> Figure:
    """The density over the data, and three quantiles."""
    mixture, (figure, ax) = by_hand(), plt.subplots(figsize=(6, 3.4))
    levels = jnp.array([0.05, 0.5, 0.95])
    for level, x in zip(levels, mixture.icdf(levels), strict=True):
        ax.axvline(x, color=INK, lw=0.8, ls=":")
        name = f"{level:.0%}: {x:.0f}"
        ax.annotate(name, (x, 0.052), (3, 0), textcoords="offset points", fontsize=9)
    plot.density(mixture, minutes[:, 1], ax=ax)
    ax.legend(loc="upper left", bbox_to_anchor=(0.16, 0.9))
    ax.set(xlabel=WAIT, ylabel="Density, 1/min", ylim=(0, 0.056))
    return figure


def draw(minutes: np.ndarray) -> Figure:
    """Ten samples as large as the data, as outlines over the histogram of the data."""
    samples = by_hand().sample(jax.random.key(0), (10, len(minutes)))
    bins = np.arange(40.0, 102.0, 4.0)
    figure, ax = plt.subplots(figsize=(6, 3))
    ax.hist(minutes[:, 1], bins, color=SHADE, label=f"{len(minutes)} waits")
    for i, sample in enumerate(np.asarray(samples)):
        label = f"10 samples of {len(minutes)} draws" if i == 0 else None
        style = {"color": BLUE, "lw": 0.7, "alpha": 0.6, "label": label}
        ax.stairs(np.histogram(sample, bins)[0], bins, **style)
    ax.set(xlabel=WAIT, ylabel="Waits")
    ax.legend(loc="upper left")
    return figure


def move(_: np.ndarray) -> Figure:
    """How draws move when a tenth of the weight goes from the short to the long waits."""

    def sample(long):
        mixture = by_hand((1 - long, long), reparameterize=True)
        return mixture.sample(jax.random.key(3), (60,))

    before, velocity = jax.jvp(sample, (jnp.array(0.64),), (jnp.array(1.0),))
    after = np.asarray(before + 0.1 * velocity)
    figure, ax = plt.subplots(figsize=(6, 3.2))
    x = np.linspace(38, 100, 400)
    for probs, color, label in (
        ((0.36, 0.64), INK, "density, 64 % long"),
        ((0.26, 0.74), ORANGE, "density, 74 % long"),
    ):
        ax.plot(x, np.exp(by_hand(probs).log_prob(x)), color=color, label=label)
    style = {"width": 0.002, "color": BLUE, "angles": "xy", "scale_units": "xy", "scale": 1}
    heights = np.linspace(-0.019, -0.002, len(after))
    ax.quiver(np.asarray(before), heights, after - before, 0 * after, **style)
    ax.plot(before, heights, "o", ms=2.2, color=BLUE, label="draws, and where they go")
    ax.set(xlabel=WAIT, ylabel="Density, 1/min", ylim=(-0.02, 0.052), yticks=(0, 0.02, 0.04))
    ax.legend(loc="upper left")
    return figure


def fitted(minutes: np.ndarray) -> MixtureSameFamily:
    """Two normals with full covariances."""
    return fit(start(dist.MultivariateNormal, minutes, 2, key=jax.random.key(0)), minutes).mixture


def found(minutes: np.ndarray) -> Figure:
    """The eruptions by membership, and the components."""
    figure, ax = plt.subplots(figsize=(5, 3.6))
    draw_eruptions(ax, fitted(minutes), minutes)
    return figure


def draw_eruptions(ax: Axes, mixture: MixtureSameFamily, minutes: np.ndarray) -> None:
    """Points in the colours of their components, under ellipses."""
    ax.set(xlabel=ERUPTION, ylabel=WAIT)
    plot.ellipses(mixture, minutes, ax=ax)


def reason(minutes: np.ndarray) -> Figure:
    """The wait after an eruption of any duration: its mean, and the band that holds 90 %."""
    figure, ax = plt.subplots(figsize=(6, 3.6))
    at = jnp.linspace(1.5, 5.2, 150)
    waits = fitted(minutes).conditional(0, at).marginal(0)
    low, high = waits.icdf(jnp.array([[0.05], [0.95]]))
    ax.plot(minutes[:, 0], minutes[:, 1], "o", ms=3, mew=0, alpha=0.5, color=INK)
    ax.plot(at, waits.mean, color=BLUE, lw=2, label="mean given the duration")
    ax.fill_between(at, low, high, color=BLUE, alpha=0.2, lw=0, label="90 % of waits")
    ax.set(xlabel=ERUPTION, ylabel=WAIT)
    ax.legend(loc="upper left")
    return figure


def overview(minutes: np.ndarray) -> Figure:
    """The fit on the left, what it says of the next wait on the right."""
    mixture = fitted(minutes)
    waits = mixture.conditional(0, jnp.array(DRAWN)).marginal(0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.3))
    draw_eruptions(left, mixture, minutes)
    left.set_title("What was seen, and the mixture that was fitted")
    x = np.linspace(38, 100, 400)
    for i, (minute, color) in enumerate(zip(DRAWN, (RED, INK, GREEN), strict=True)):
        density = np.exp(waits[i].log_prob(x))
        right.plot(x, density, color=color)
        top = x[density.argmax()], density.max()
        style = {"color": color, "ha": "center", "textcoords": "offset points"}
        right.annotate(f"after {minute:g} min", top, (0, 5), **style)
        right.fill_between(x, density, color=color, alpha=0.12, lw=0)
        left.axvline(minute, color=color, lw=1, ls=":")
    right.set(xlabel=WAIT, ylabel="Density, 1/min", ylim=(0, 0.08))
    right.set_title("What it says of the wait after an eruption")
    return figure


PICTURES: dict[str, Callable[[np.ndarray], Figure]] = {
    "index": overview,
    "start_build": build,
    "start_draw": draw,
    "start_move": move,
    "start_fit": found,
    "start_reason": reason,
}


def main() -> None:
    """Draw and save them all."""
    path = ROOT / "examples" / "data" / "faithful.csv"
    minutes = np.loadtxt(path, delimiter=",", skiprows=1)
    for name, picture in PICTURES.items():
        save(picture(minutes), ROOT / "docs" / "images" / f"{name}.png")


if __name__ == "__main__":
    main()
