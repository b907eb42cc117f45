"""The tables of `galaxies.py`: the posterior, whether to trust it, and how well it predicts."""

import warnings
from string import ascii_uppercase
from typing import Any

import numpy as np

from _table import table

with warnings.catch_warnings():  # ArviZ announces its next version when it is imported
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az


def posterior_table(draws: dict[str, np.ndarray]) -> str:
    """Per component: each parameter, and the diagnostics of the worst of them."""
    data = az.convert_to_dataset(draws)
    rhat = _over_parameters(np.max, az.rhat(data))
    bulk = _over_parameters(np.min, az.ess(data, method="bulk"))
    tail = _over_parameters(np.min, az.ess(data, method="tail"))
    rows = []
    for k, letter in zip(range(len(rhat)), ascii_uppercase, strict=False):
        intervals = [_interval(value[..., k]) for value in draws.values()]
        rows.append([letter, *intervals, f"{rhat[k]:.3f}", f"{bulk[k]:.0f}", f"{tail[k]:.0f}"])
    return table(["component", *draws, "R-hat", "bulk ESS", "tail ESS"], rows)


def held_out(draws: dict[str, np.ndarray], log_density: np.ndarray) -> az.ELPDData:
    """Estimate each galaxy's log density given the others, by PSIS leave-one-out.

    Pareto-smoothed importance sampling (Vehtari, Gelman and Gabry, Statistics and Computing 27,
    2017) reweights the draws as if the galaxy had not been seen. Where its Pareto k exceeds 0.7 it
    may be off; we count those galaxies instead of warning about them.

    Args:
        draws: The posterior, `chain draw k`.
        log_density: `galaxy chain draw`.
    """
    parameters = {name: draws[name] for name in ("location", "scale")}
    log_likelihood = {"velocity": np.moveaxis(log_density, 0, 2)}
    data = az.from_dict(posterior=parameters, log_likelihood=log_likelihood)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return az.loo(data, pointwise=True)


def held_out_table(results: dict[int, az.ELPDData], best: int) -> str:
    """Per number of components the held-out log density, and the loss against `best` of them."""
    rows = []
    for components, result in sorted(results.items()):
        loss = result.loo_i.values - results[best].loo_i.values
        bad = int((result.pareto_k.values > 0.7).sum())
        rows.append(
            [
                str(components),
                f"{result.elpd_loo:.1f} ± {result.se:.1f}",
                f"{loss.sum():.1f} ± {np.sqrt(len(loss)) * loss.std():.1f}",
                f"{bad} of {len(loss)}",
            ]
        )
    return table(["components", "log density", f"against {best}", "Pareto k > 0.7"], rows)


def likelihood_table(chosen: Any) -> str:
    """Per number of components the most likely mixture, with a star beside the least BIC."""
    rows, least = [], chosen.best.mixture.num_components
    columns = (chosen.table[name] for name in ("k", "log_likelihood", "bic", "degenerate"))
    for k, log_likelihood, bic, degenerate in zip(*columns, strict=True):
        star = "*" if k == least else " "
        rows.append([str(k), f"{log_likelihood:.1f}", f"{bic:.1f}{star}", str(degenerate)])
    return table(["components", "log likelihood", "BIC ", "degenerate"], rows)


def report(
    draws: dict[str, np.ndarray],
    divergences: int,
    log_density: np.ndarray,
    results: dict[int, az.ELPDData],
    chosen: Any,
) -> str:
    """All of it, as one page of Markdown."""
    chains, length, components = draws["weight"].shape
    log_likelihood = log_density.sum(axis=0)
    return f"""\
# A mixture of normals for the velocities of galaxies

Posterior median [90 % interval]; locations and scales in 1000 km/s.
R-hat and effective sample size (ESS) are those of the worst of the three parameters.

{posterior_table(draws)}

{chains} chains of {length} draws, {divergences} divergent transitions.
The log likelihood, which labels do not affect: R-hat {az.rhat(log_likelihood):.3f}, \
bulk ESS {az.ess(log_likelihood):.0f}.

## Held-out log density

Sum over the galaxies of the log density of each given all others (PSIS-LOO) ± standard error.
With Pareto k > 0.7 the estimate for a galaxy is uncertain.

{held_out_table(results, components)}

## Maximum likelihood

The most likely mixture of each size, of 20 starts each; the smaller BIC, the better. A degenerate
component has shrunk to a few galaxies: its likelihood has no bound, which a prior rules out.

{likelihood_table(chosen)}
"""


def _interval(value: np.ndarray) -> str:
    low, middle, high = np.quantile(value, [0.05, 0.5, 0.95])
    return f"{middle:5.2f} [{low:5.2f}, {high:5.2f}]"


def _over_parameters(reduce: np.ufunc, statistics: az.InferenceData) -> np.ndarray:
    """Reduce a statistic of several parameters to one value per component."""
    return reduce([statistics[name].values for name in statistics], axis=0)
