"""Counts with many zeros: zero inflation as a mixture with a point mass, against its rivals.

How many spells of fever, cough or a running nose had each of 602 preschool children in north-east
Thailand? 120 had none. One Poisson rate does not do. D. Böhning, P. Schlattmann and B. Lindsay
(Biometrics 48, 1992) find four: .143, 2.817, 8.164 and 16.156, with weights .197, .480, .269 and
.054. Or some children have no spells for reasons of their own, a point mass at zero, and the others
one rate (a Poisson), or each a rate (a negative binomial). BIC chooses; and how many children are
of the point mass depends on what the others are taken to be.

Run: `python examples/zero_inflated.py`
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import numpy as jnp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from _look import BLUE, GREEN, GREY, INK, ORANGE, PINK, SHADE, plt, save
from _table import table
from pathmix import Mixture, fit

HERE = Path(__file__).parent
COLORS = {
    "Poisson": GREY,
    "zeros + Poisson": ORANGE,
    "negative binomial": PINK,
    "zeros + negative binomial": BLUE,
    "four Poissons": GREEN,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    return parser.parse_args()


def mixture(*components) -> Mixture:
    """A start for `fit`: all components alike in weight."""
    return Mixture(dist.Categorical(probs=jnp.ones(len(components)) / len(components)), components)


def models(mean: float) -> dict[str, Mixture]:
    """The models, with rates about the mean of the data; `Delta` is not estimated."""
    zeros, poisson = dist.Delta(0), dist.Poisson(mean)
    spread = dist.NegativeBinomial2(mean, 1.0)
    each = [
        mixture(poisson),
        mixture(zeros, poisson),
        mixture(spread),
        mixture(zeros, spread),
        mixture(*(dist.Poisson(mean * factor) for factor in (0.1, 0.5, 2.0, 4.0))),
    ]
    return dict(zip(COLORS, each, strict=True))


def expected(found: Any, spells, total: float) -> np.ndarray:
    """How many children should have each number of spells."""
    return total * np.exp(found.mixture.log_prob(spells))


def page(fits: dict[str, Any], spells, children) -> str:
    """The criteria with expected numbers of children, and what the best model says of zeros."""
    rows = [["seen", "", "", "", *(f"{n:.0f}" for n in cells(children))]]
    for name, found in fits.items():
        fitted = cells(expected(found, spells, children.sum()))
        numbers = f"{found.num_parameters}", f"{found.log_likelihood:.2f}", f"{found.bic:.1f}"
        rows.append([name, *numbers, *(f"{n:.1f}" for n in fitted)])
    header = ["model", "numbers", "log likelihood", "BIC", "0", "1", "2", "3–9", "10–24"]
    return "\n\n".join(
        [
            f"# Spells of illness of {children.sum():.0f} children",
            "How many children have so many spells, seen and by model; the least BIC is best:",
            table(header, rows),
            never(fits["zeros + Poisson"], fits["zeros + negative binomial"]),
            four(fits["four Poissons"].mixture),
        ]
    )


def cells(numbers) -> list[float]:
    """Numbers of children with no spell, one, two, three to nine, and more."""
    return [*numbers[:3], numbers[3:10].sum(), numbers[10:].sum()]


def never(poisson: Any, spread: Any) -> str:
    """The share of the point mass, of all children and of those without a spell."""
    first, second = (f.mixture.mixture_distribution.probs[0] for f in (poisson, spread))
    of_zeros = spread.mixture.posterior_marginal(0).probs[0]
    return (
        f"{first:.1%} of the children are of the point mass if the others share one rate, and "
        f"{second:.1%} if these differ: {of_zeros:.0%} of the children without a spell."
    )


def four(mixture: Mixture) -> str:
    """Weights and rates, to compare with those that were published."""
    rates = [d.rate for d in mixture.components_distributions]
    weights = mixture.mixture_distribution.probs
    kinds = [f"{rates[k]:.3f} (weight {weights[k]:.3f})" for k in np.argsort(rates)]
    return f"The four rates: {', '.join(kinds)}."


def picture(fits: dict[str, Any], spells, children) -> Figure:
    """Observed and expected numbers on the left; differences, added up, on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(3, 2))
    fitted = {name: expected(f, spells, children.sum()) for name, f in fits.items()}
    left.bar(spells, children, color=SHADE, width=0.9, label="observed")
    for name in COLORS:
        if name != "negative binomial":
            draw(left, name, spells, fitted[name])
    left.set(xlabel="Spells of illness", ylabel="Children", xlim=(-0.7, 24.7))
    left.legend()
    right.axhline(0, color=INK, linewidth=0.8)
    for name in ("negative binomial", "zeros + negative binomial", "four Poissons"):
        draw(right, name, spells, np.cumsum(children - fitted[name]))
    right.set(xlabel="Spells of illness, at most", ylabel="Children, observed less expected")
    right.legend()
    return figure


def draw(ax: Axes, name: str, x, y) -> None:
    """One model: a dot for each count, and a thin line to guide the eye."""
    ax.plot(x, y, "o-", color=COLORS[name], markersize=3.5, linewidth=1, label=name)


def main() -> None:
    """Fit, print the table, and save it with the picture."""
    options = arguments()
    numpyro.enable_x64()
    path = HERE / "data" / "illness_spells.csv"
    spells, children = np.loadtxt(path, delimiter=",", skiprows=1).T
    mean = children @ spells / children.sum()
    fits = {
        name: fit(m, spells, weights=children, tolerance=1e-12) for name, m in models(mean).items()
    }
    text = page(fits, spells, children)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "zero_inflated.md").write_text(text)
    save(picture(fits, spells, children), options.output / "zero_inflated.png")
    print(f"\nTable and picture: {options.output}/zero_inflated.md, zero_inflated.png")


if __name__ == "__main__":
    main()
