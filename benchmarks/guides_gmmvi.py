"""Natural-gradient steps against stochastic gradients: how near a guide comes, for how much.

Run: `python benchmarks/guides_gmmvi.py [ROW ...]`. Each row is a target of the literature (Arenz et
al. 2023, "A unified perspective on natural gradient variational inference with Gaussian mixture
models"; Arenz, Zhong & Neumann 2020): `fit_guide`, and `SVI` with `Trace_ELBO` and Adam, fit the
same guide from the same start with as many evaluations of the log density. ELBOs are means of
100,000 draws that no fit has seen.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import logsumexp
from numpyro.infer import SVI, Trace_ELBO

from pathmix.infer import AutoMixture, FromPrior, diagnose, fit_guide

DATA = Path(__file__).parents[1] / "examples" / "data" / "german_credit.csv"
DRAWS, PARTICLES, STEP_SIZES = 100_000, 10, (0.003, 0.03)


def target(log_density: Callable, scale: Any, d: int) -> Callable:
    """A model whose log joint is this function, and whose prior is normal."""

    def model() -> None:
        prior = dist.Normal(jnp.zeros(d), scale).to_event(1)
        x = numpyro.sample("x", prior)
        numpyro.factor("target", log_density(x) - prior.log_prob(x))

    return model


def german_credit() -> Callable:
    """Logistic regression: 24 standardised features and a constant, prior N(0, 10²)."""
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    features = (table[:, :-1] - table[:, :-1].mean(0)) / table[:, :-1].std(0)
    features = jnp.asarray(np.column_stack([features, np.ones(len(table))]))
    is_bad = jnp.asarray(table[:, -1] == 2)

    def model() -> None:
        b = numpyro.sample("b", dist.Normal(0.0, 10.0).expand([25]).to_event(1))
        with numpyro.plate("rows", len(is_bad)):
            numpyro.sample("y", dist.Bernoulli(logits=features @ b), obs=is_bad)

    return model


def forty_normals() -> Callable:
    """Forty modes in the plane; the log evidence is zero."""
    means = 40 * jax.random.uniform(jax.random.PRNGKey(0), (40, 2), minval=-1, maxval=1)

    def log_density(x: jax.Array) -> jax.Array:
        square = jnp.sum((x - means) ** 2, axis=-1)
        return logsumexp(-0.5 * square) - jnp.log(2 * jnp.pi * 40.0)

    return target(log_density, 40.0, 2)


def student_t() -> Callable:
    """Ten Student t's of two degrees of freedom in twenty dimensions; the log evidence is zero."""
    rng, d = np.random.default_rng(0), 20
    loc = jnp.asarray(rng.uniform(-20, 20, (10, d)))
    root = rng.normal(scale=0.1 * d, size=(10, d, d))
    factor = np.linalg.cholesky(np.swapaxes(root, 1, 2) @ root + np.eye(d))
    inverse = jnp.asarray(np.linalg.inv(factor))
    log_det = jnp.asarray(np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1))
    gammas = jax.scipy.special.gammaln((2 + d) / 2)
    constant = gammas - d / 2 * jnp.log(2 * jnp.pi) - jnp.log(10.0)

    def log_density(x: jax.Array) -> jax.Array:
        z = jnp.einsum("kij,kj->ki", inverse, x - loc)
        tails = -(2 + d) / 2 * jnp.log1p(jnp.sum(z**2, axis=-1) / 2)
        return logsumexp(tails - log_det) + constant

    return target(log_density, 20.0, d)


def robot_arm() -> Callable:
    """Angles of ten joints of a planar arm whose hand is at one of four goals."""
    goals = jnp.array([[7.0, 0.0], [0.0, 7.0], [-7.0, 0.0], [0.0, -7.0]])
    prior = dist.Normal(jnp.zeros(10), jnp.array([1.0] + [0.2] * 9)).to_event(1)

    def model() -> None:
        joint = numpyro.sample("joint", prior)
        angle = jnp.cumsum(joint)
        hand = jnp.stack([jnp.cos(angle).sum(), jnp.sin(angle).sum()])
        apart = dist.Normal(goals, 0.01).to_event(1).log_prob(hand)
        numpyro.factor("goal", logsumexp(apart))

    return model


@dataclass(frozen=True)
class Row:
    """A target, and how it is fitted."""

    model: Callable[[], Callable]
    components: int
    evaluations: int


ROWS = {
    "German credit": Row(german_credit, 10, 100_000),
    "German credit, fewer": Row(german_credit, 5, 30_000),
    "forty normals": Row(forty_normals, 64, 100_000),
    "Student t mixture": Row(student_t, 10, 100_000),
    "robot arm": Row(robot_arm, 40, 200_000),
}


def adam(model: Callable, guide: AutoMixture, evaluations: int, step_size: float) -> dict:
    """The parameters that stochastic gradients of as many evaluations lead to."""
    optimiser = numpyro.optim.Adam(step_size)
    svi = SVI(model, guide, optimiser, Trace_ELBO(PARTICLES))
    steps = evaluations // PARTICLES
    return svi.run(jax.random.key(1), steps, progress_bar=False).params


def judged(model: Callable, guide: AutoMixture, params: dict) -> list[str]:
    """ELBO, log evidence, Pareto k̂ and modes of mass above 0.001."""
    found = diagnose(model, guide, params, key=jax.random.key(2), num_samples=DRAWS)
    modes = sum(mass > 1e-3 for mass in found.mode_masses.values())
    numbers = [f"{e.value:.4f} ± {e.standard_error:.4f}" for e in (found.elbo, found.log_evidence)]
    return [*numbers, f"{found.pareto_k:.2f}", str(modes)]


def lines(name: str) -> list[str]:
    """A target's lines of the table."""
    row = ROWS[name]
    model = row.model()
    make = partial(AutoMixture, model, row.components, covariance="full", init=FromPrior())
    guide, start = make(), time.perf_counter()
    fit = fit_guide(
        model, guide, key=jax.random.key(0), max_evaluations=row.evaluations, progress=False
    )
    seconds = f"{time.perf_counter() - start:.0f}"
    out = [[name, "fit_guide", str(fit.evaluations), *judged(model, guide, fit.params), seconds]]
    for step_size in STEP_SIZES:
        guide, start = make(), time.perf_counter()
        params = adam(model, guide, row.evaluations, step_size)
        seconds = f"{time.perf_counter() - start:.0f}"
        method = f"Adam, {step_size}"
        judgement = judged(model, guide, params)
        out.append([name, method, str(row.evaluations), *judgement, seconds])
    return [f"| {' | '.join(cells)} |" for cells in out]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows by name; all if none")
    options = parser.parse_args()
    print("| target | method | evaluations | ELBO | log evidence | k̂ | modes | s |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in options.rows or ROWS:
        print("\n".join(lines(name)), flush=True)


if __name__ == "__main__":
    main()
