"""`fitting.py`: Three species of iris when a fifth of the measurements was never made.

What is missing is integrated out, exactly: no row is dropped, nothing is filled in. A mixture of
three normals still tells most of the species, which it is not told; without the rows that miss
something too few are left to learn from. Data: R. A. Fisher, Annals of Eugenics 7 (1936).
"""

from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro.distributions as dist
from matplotlib.figure import Figure

from _table import table
from pathmix import MixtureSameFamily, fit, plot, start

SPECIES = ("setosa", "versicolor", "virginica")
NAMES = ("sepal length", "sepal width", "petal length", "petal width")
MISSING = 0.2


class Result(NamedTuple):
    """A way to treat what is missing, and how well it tells the species."""

    title: str
    rows: int
    """How many flowers it learns from."""
    found: Any
    order: list[int]
    """The component of each species."""
    counts: np.ndarray
    """Flowers by species and component, these in the order of the species."""

    def line(self) -> list[str]:
        """The line of the table."""
        agree, index = np.trace(self.counts), adjusted_rand(self.counts)
        return [self.title, str(self.rows), str(agree), f"{index:.3f}"]


def run(folder: Path) -> tuple[str, Figure]:
    """Delete a fifth of the entries, fit with and without the rows that miss some, and compare."""
    flowers = np.loadtxt(folder / "iris.csv", delimiter=",", skiprows=1)
    holes = np.random.default_rng(0).uniform(size=flowers.shape) < MISSING
    seen = np.where(holes, np.nan, flowers)
    results = [
        learn("nothing deleted", flowers, flowers),
        learn("missing entries marginalised", seen, seen),
        learn("incomplete rows dropped", seen[~holes.any(axis=1)], seen),
    ]
    return page(results, holes), picture(results[1], seen)


def learn(title: str, rows: np.ndarray, flowers: np.ndarray) -> Result:
    """Fit to some rows, and ask whose each flower is, given what was seen of it."""
    begun = start(dist.MultivariateNormal, rows, 3, key=jax.random.key(0), num_starts=20)
    found = fit(begun, rows)
    component = memberships(found.mixture, flowers).argmax(axis=1)
    species = np.repeat(np.arange(3), 50)
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (species, component), 1)
    order = best_match(counts)
    return Result(title, len(rows), found, order, counts[:, order])


def memberships(mixture: MixtureSameFamily, rows: np.ndarray) -> np.ndarray:
    """Whose is each row, given what was seen of it? A batch of mixtures, one for each row.

    What was not seen is zero, of mean zero and variance one, and independent of all else: a factor
    that all components have.
    """
    d, seen = mixture.components_distribution, ~np.isnan(rows)[:, None]
    both = seen[..., :, None] & seen[..., None, :]
    covariance = np.where(both, d.covariance_matrix, np.eye(rows.shape[1]))
    margins = dist.MultivariateNormal(np.where(seen, d.loc, 0.0), covariance)
    one_a_row = MixtureSameFamily(mixture.mixture_distribution, margins)
    return np.asarray(one_a_row.posterior_marginal(np.nan_to_num(rows)).probs)


def best_match(counts: np.ndarray) -> list[int]:
    """The order of the components in which most flowers agree with their species."""
    orders = [list(order) for order in permutations(range(3))]
    return max(orders, key=lambda order: np.trace(counts[:, order]))


def adjusted_rand(counts: np.ndarray) -> float:
    """Pairs that are together in both partitions: 1 for all of them, 0 for as many as by chance.

    Hubert and Arabie, "Comparing partitions", Journal of Classification 2 (1985).
    """

    def number_of_pairs(n: np.ndarray) -> float:
        return float((n * (n - 1) / 2).sum())

    both, rows, columns = map(number_of_pairs, (counts, counts.sum(1), counts.sum(0)))
    chance = rows * columns / number_of_pairs(counts.sum())
    return (both - chance) / ((rows + columns) / 2 - chance)


def page(results: list[Result], holes: np.ndarray) -> str:
    """How well each way tells the species, and where the one in question is wrong."""
    counts, few = results[1].counts, results[2]
    rows = [[name, *map(str, row)] for name, row in zip(SPECIES, counts, strict=True)]
    header = ["", "flowers learnt from", "agree, of 150", "adjusted Rand index"]
    return f"""\
# Iris: three species, {holes.mean():.0%} of the measurements deleted at random

A mixture of three normals with full covariances that is told no species. Every flower is then
assigned to its most probable component, given what was seen of it. Without the incomplete rows,
{few.rows} flowers are left for {few.found.num_parameters} parameters: of the components of the most
likely mixture {few.found.degenerate.sum()} is degenerate, made of a few flowers.

{table(header, [result.line() for result in results])}

Missing entries marginalised, flowers by species and component:

{table(["", "1", "2", "3"], rows)}
"""


def picture(result: Result, seen: np.ndarray) -> Figure:
    """All pairs of measurements; ticks are flowers of which the other one is missing."""
    figure = plot.pairs(result.found, seen, names=[f"{name}, cm" for name in NAMES])
    ellipses = figure.axes[4].patches[::2]  # of the first pair, the outer one of each component
    handles = [ellipses[k] for k in result.order]
    figure.legend(handles, SPECIES, loc="upper right", bbox_to_anchor=(0.95, 0.95))
    return figure
