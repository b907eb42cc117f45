"""`fitting.py`: Deaths a day are no Poisson variable; are they a mixture of two?

How many women over eighty did The Times announce the deaths of each day? More often none, and more
often many, than one rate would have it; two rates do, and BIC asks for no third. The example of V.
Hasselblad, "Estimation of finite mixtures of distributions from the exponential family", Journal of
the American Statistical Association 64 (1969).
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist
from matplotlib.figure import Figure

from _look import plt
from _table import table
from pathmix import MixtureSameFamily, plot, select


def run(folder: Path) -> tuple[str, Figure]:
    """Choose the number of Poisson components by BIC; each number of deaths counts as its days."""
    deaths, days = np.loadtxt(folder / "death_notices.csv", delimiter=",", skiprows=1).T
    chosen = select(
        {"Poisson": dist.Poisson},
        deaths,
        k=range(1, 5),
        key=jax.random.key(0),
        num_starts=10,
        weights=days,
    )
    return page(chosen, deaths, days), picture(chosen, deaths, days)


def page(chosen: Any, deaths: np.ndarray, days: np.ndarray) -> str:
    """The criterion, and how many days there should be of each kind."""
    columns, mixture = chosen.table, chosen.best.mixture
    rows = [
        [str(k), f"{value:.3f}", f"{bic:.2f}"]
        for k, value, bic in zip(
            columns["k"], columns["log_likelihood"], columns["bic"], strict=True
        )
    ]
    mean = (days @ deaths) / days.sum()
    single, best = (days.sum() * np.exp(d.log_prob(deaths)) for d in (dist.Poisson(mean), mixture))
    fitted = [
        [f"{a:.0f}", f"{b:.0f}", f"{c:.1f}", f"{d:.1f}"]
        for a, b, c, d in zip(deaths, days, single, best, strict=True)
    ]
    return f"""\
# Deaths of women over 80, as The Times announced them on {days.sum():.0f} days

{table(["k", "log likelihood", "BIC"], rows)}

{describe(mixture)}

{table(["deaths", "days", "one Poisson", f"{mixture.num_components} of them"], fitted)}
"""


def describe(mixture: MixtureSameFamily) -> str:
    """Weights and rates, in words."""
    weights, rates = mixture.mixture_distribution.probs, mixture.components_distribution.rate
    order = np.argsort(rates)
    kinds = [f"{rates[k]:.4f} deaths on {weights[k]:.2%} of the days" for k in order]
    return f"The best: {'; '.join(kinds)}."


def picture(chosen: Any, deaths: np.ndarray, days: np.ndarray) -> Figure:
    """The frequencies with the best mixture on the left, the criterion on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(3, 2))
    left.set(xlabel="Deaths in a day", ylabel="Share of the days")
    plot.density(chosen.best, deaths, weights=days, ax=left)
    plot.criteria(chosen, ax=right)
    return figure
