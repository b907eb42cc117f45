"""`fitting.py`: The line through galaxies that are measured with errors along both axes.

Brighter galaxies turn faster: the Tully-Fisher relation. The true values are one normal, of which
each galaxy is seen with errors of its own; the line is the normal's longest axis, after J. Bovy,
D. W. Hogg and S. T. Roweis, "Extreme deconvolution", Annals of Applied Statistics 5 (2011).
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from _look import BLUE, INK, RED, plt
from _table import table
from pathmix import EM, MixtureSameFamily, fit, plot

BANDS = ("B", "I")
CENTRE = 2.5  # of the logarithm of the width, where the line's height is given
LINE, PLAIN = BLUE, RED


class Band(NamedTuple):
    """What was measured of galaxies in one band, and the line of it."""

    name: str
    x: np.ndarray
    """Logarithm of the width and magnitude, `galaxy 2`."""
    errors: np.ndarray
    """Their standard errors."""
    found: Any

    @property
    def line(self) -> tuple[float, float]:
        """The slope of the longest axis, and its height at the centre."""
        d = self.found.mixture.components_distribution
        axis = np.linalg.eigh(d.covariance_matrix[0])[1][:, 1]
        slope = axis[1] / axis[0]
        return float(slope), float(d.loc[0, 1] + slope * (CENTRE - d.loc[0, 0]))

    @property
    def least_squares(self) -> tuple[float, float]:
        """The line that takes the widths for exact."""
        slope, height = np.polyfit(self.x[:, 0] - CENTRE, self.x[:, 1], 1)
        return float(slope), float(height)


def run(folder: Path) -> tuple[str, Figure]:
    """Fit a line in each band."""
    columns = np.genfromtxt(folder / "tully_fisher.csv", delimiter=",", names=True)
    bands = [measure(columns, name) for name in BANDS]
    return page(bands), picture(bands)


def measure(columns: np.ndarray, name: str) -> Band:
    """Fit one normal to the galaxies that were measured in a band.

    The errors explain nearly all of the scatter: its covariance ends flat, which EM approaches by
    small steps, hence so many.
    """
    columns = columns[~np.isnan(columns[name])]
    x = np.stack([columns["log_width"], columns[name]], axis=1)
    errors = np.stack([columns["log_width_err"], columns[f"{name}_err"]], axis=1)
    start = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([1.0])),
        dist.MultivariateNormal(jnp.asarray(x.mean(axis=0))[None], jnp.asarray(np.cov(x.T))[None]),
    )
    found = fit(
        start,
        x,
        noise=errors,
        method=EM(memory=0),
        tolerance=1e-15,
        max_steps=50_000,
        progress=False,
    )
    return Band(name, x, errors, found)


def page(bands: list[Band]) -> str:
    """Both lines in each band."""
    rows = []
    for band in bands:
        numbers = [*band.line, *band.least_squares]
        rows.append([band.name, str(len(band.x)), *(f"{number:.4f}" for number in numbers)])
    header = ["band", "galaxies", "slope", f"height at {CENTRE}", "least squares: slope", "height"]
    return f"""\
# The Tully-Fisher relation: magnitude by the logarithm of the line's width

Errors along both axes taken into account, beside least squares, which takes the widths for exact
and so makes the line too flat.

{table(header, rows)}
"""


def picture(bands: list[Band]) -> Figure:
    """Each band with its measurements, their errors, and both lines; bright galaxies are above."""
    figure, panels = plt.subplots(1, len(bands), figsize=(10, 4.4))
    for ax, band in zip(panels, bands, strict=True):
        draw(ax, band)
    panels[0].legend()
    return figure


def draw(ax: Axes, band: Band) -> None:
    """One band."""
    ax.set(xlabel="Logarithm of the line's width", ylabel=f"Magnitude in {band.name}")
    plot.ellipses(band.found, ax=ax).patches[0].set_label("50 and 95 % of the true values")
    bars = {"fmt": "o", "color": INK, "ms": 3.5, "lw": 0.8}
    ax.errorbar(*band.x.T, band.errors[:, 1], band.errors[:, 0], **bars, label="measured")
    ends = np.array([band.x[:, 0].min() - 0.05, band.x[:, 0].max() + 0.05])
    for (slope, height), color, dashes, label in (
        (band.line, LINE, "-", "with the errors of both"),
        (band.least_squares, PLAIN, "--", "least squares"),
    ):
        ax.plot(ends, height + slope * (ends - CENTRE), dashes, color=color, label=label)
    ax.invert_yaxis()
