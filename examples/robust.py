"""A line through points of which some are bad: a normal and a Student t as one likelihood.

Least squares believes every point. Here a point is either measured as well as it is said to be, or
it is bad: the mixture's second component, a Student t, is as wide as the data want. NUTS averages
over which points are bad, and the posterior of each point says how likely it is one of them. The
data are those of D. W. Hogg, J. Bovy and D. Lang (2010, arXiv:1008.4686), table 1.

Run: `python examples/robust.py`
"""

import argparse
from pathlib import Path

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import numpy as jnp
from matplotlib.figure import Figure
from numpyro.infer import MCMC, NUTS

from _look import BLUE, GREY, RED, plt, save
from _table import table
from pathmix import Mixture

HERE = Path(__file__).parent
GOOD, BAD, PLAIN = BLUE, RED, GREY


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="posterior draws")
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    return parser.parse_args()


def likelihood(slope, intercept, share, spread, x, error):
    """Good points scatter by their errors, bad ones by a Student t, widely."""
    line = intercept + slope * x
    weights = dist.Categorical(probs=jnp.stack([1 - share, share]))
    return Mixture(weights, [dist.Normal(line, error), dist.StudentT(2.0, line, spread)])


def model(x, y, error):
    """A line, the share of bad points, and how far off these are."""
    slope = numpyro.sample("slope", dist.Normal(0.0, 10.0))
    intercept = numpyro.sample("intercept", dist.Normal(0.0, 500.0))
    share = numpyro.sample("share", dist.Beta(1.0, 3.0))
    spread = numpyro.sample("spread", dist.LogNormal(jnp.log(100.0), 1.0))
    with numpyro.plate("points", len(x)):
        d = likelihood(slope, intercept, share, spread, x, error)
        numpyro.sample("y", d, obs=y)


def posterior(x, y, error, draws: int):
    """Draws of the line, and how likely each point is bad."""
    sampler = MCMC(NUTS(model), num_warmup=1000, num_samples=draws, progress_bar=False)
    sampler.run(jax.random.key(0), x, y, error)
    found = sampler.get_samples()

    def bad(draw):
        d = likelihood(**draw, x=x, error=error)
        return d.posterior_marginal(y).probs[:, 1]

    return found, jax.vmap(bad)(found).mean(axis=0)


def least_squares(x, y, error):
    """Slope and intercept that believe every error, and their standard errors."""
    (slope, intercept), covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    return (slope, intercept), np.sqrt(np.diag(covariance))


def page(found, bad, plain) -> str:
    """What was found, as a table."""
    (slope, intercept), errors = plain
    mean, sd = ({n: fn(found[n]) for n in ("slope", "intercept")} for fn in (np.mean, np.std))
    outliers = ", ".join(str(i + 1) for i in np.flatnonzero(bad > 0.5))
    return "\n\n".join(
        [
            "# A line through points of which some are bad",
            table(
                ["", "slope", "intercept"],
                [
                    [
                        "least squares",
                        f"{slope:.2f} ± {errors[0]:.2f}",
                        f"{intercept:.0f} ± {errors[1]:.0f}",
                    ],
                    [
                        "normal and Student t",
                        f"{mean['slope']:.2f} ± {sd['slope']:.2f}",
                        f"{mean['intercept']:.0f} ± {sd['intercept']:.0f}",
                    ],
                ],
            ),
            f"Bad with a probability above one half: points {outliers}.",
        ]
    )


def picture(x, y, error, found, bad, plain) -> Figure:
    """The points, coloured by how likely they are bad, and both lines with bands."""
    figure, ax = plt.subplots(figsize=(7, 5))
    at = np.linspace(0, 300, 100)
    lines = found["intercept"][:, None] + found["slope"][:, None] * at
    low, middle, high = np.quantile(lines, [0.025, 0.5, 0.975], axis=0)
    ax.fill_between(at, low, high, color=GOOD, alpha=0.2, linewidth=0)
    ax.plot(at, middle, color=GOOD, label="normal and Student t, with 95 % band")
    (slope, intercept), _ = plain
    ax.plot(at, intercept + slope * at, color=PLAIN, linestyle="--", label="least squares")
    for label, which, color in (
        ("probably good", bad <= 0.5, GOOD),
        ("probably bad", bad > 0.5, BAD),
    ):
        ax.errorbar(
            x[which], y[which], error[which], fmt="o", color=color, markersize=4, label=label
        )
    ax.set(xlim=(0, 300), ylim=(0, 700), xlabel="x", ylabel="y")
    ax.legend(loc="lower right")
    return figure


def main() -> None:
    """Fit, print the table, and save it with the picture."""
    options = arguments()
    numpyro.enable_x64()
    data = np.genfromtxt(HERE / "data" / "straight_line.csv", delimiter=",", names=True)
    x, y, error = (np.asarray(data[name]) for name in ("x", "y", "y_err"))
    plain = least_squares(x, y, error)
    found, bad = posterior(x, y, error, options.draws)
    text = page(found, np.asarray(bad), plain)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "robust.md").write_text(text)
    save(picture(x, y, error, found, np.asarray(bad), plain), options.output / "robust.png")
    print(f"\nTable and picture: {options.output}/robust.md, robust.png")


if __name__ == "__main__":
    main()
