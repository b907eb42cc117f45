"""`fitting.py`: How many kinds of eruption, and do they share a covariance?

Mixtures of one to six normals with full, shared or diagonal covariances, fitted to the eruptions of
Old Faithful and compared by BIC: three that share a covariance. The long eruptions are skewed, and
two normals of equal shape stand for them. Data: A. Azzalini and A. W. Bowman, Applied Statistics 39
(1990).
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist
from matplotlib.figure import Figure

from _look import plt
from _table import table
from pathmix import MixtureSameFamily, Tied, plot, select

FAMILIES = {
    "full": dist.MultivariateNormal,
    "tied": (dist.MultivariateNormal, Tied()),
    "diagonal": dist.Normal,
}
LARGEST = 6


def run(folder: Path) -> tuple[str, Figure]:
    """Fit every structure with one to six components, and choose by BIC."""
    minutes = np.loadtxt(folder / "faithful.csv", delimiter=",", skiprows=1)
    chosen = select(
        FAMILIES, minutes, k=range(1, LARGEST + 1), key=jax.random.key(0), num_starts=10
    )
    return page(chosen, len(minutes)), picture(chosen, minutes)


def page(chosen: Any, eruptions: int) -> str:
    """The criterion of each fit; a star where a component is degenerate."""
    rows = []
    for k in range(1, LARGEST + 1):
        bics = [_bic(chosen.table, name, k) for name in FAMILIES]
        rows.append([str(k), *bics])
    best = chosen.best
    return f"""\
# Old Faithful: {eruptions} eruptions, their length and the wait until the next

BIC by the number of components and the structure of covariances; the smaller, the better. A star
marks fits of which a component is degenerate: it sits on a few points.

{table(["k", *FAMILIES], rows)}

The best has {best.mixture.num_components} components, log likelihood {best.log_likelihood:.3f}:

{components_table(best.mixture)}
"""


def _bic(columns: dict[str, np.ndarray], name: str, k: int) -> str:
    row = (columns["name"] == name) & (columns["k"] == k)
    star = "*" if columns["degenerate"][row].item() else " "
    return f"{columns['bic'][row].item():.1f}{star}"


def components_table(mixture: MixtureSameFamily) -> str:
    """Weight, means and standard deviations of each component, from short to long eruptions."""
    mean, spread = mixture.component_mean, np.sqrt(mixture.component_variance)
    weight = mixture.mixture_distribution.probs
    rows = []
    for k in np.argsort(mean[:, 0]):
        minutes = [f"{m:.2f} ± {s:.2f}" for m, s in zip(mean[k], spread[k], strict=True)]
        rows.append([f"{weight[k]:.2f}", *minutes])
    return table(["weight", "eruption, min", "wait, min"], rows)


def picture(chosen: Any, minutes: np.ndarray) -> Figure:
    """The criterion on the left, the best mixture on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4))
    plot.criteria(chosen, ax=left)
    right.set(xlabel="Duration of the eruption, min", ylabel="Wait until the next, min")
    plot.ellipses(chosen.best, minutes, ax=right)
    return figure
