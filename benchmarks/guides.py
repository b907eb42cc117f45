"""Objectives for guides with mixtures: noise of gradients, cost of steps and of first calls.

`python benchmarks/guides.py [noise | cost]` prints tables. Noise is measured at 32 evaluations of
the target for each objective. The cost of a step is compared with that of the value and gradient of
as many log densities as it needs, of a logistic regression, in one array; rounds of all are
interleaved in one process, and medians of ratios within a round are quoted.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal
from numpyro.infer.util import log_density

from pathmix import MixtureSameFamily, Score, expectation
from pathmix.infer import Stratified_ELBO

EVALUATIONS, BATCHES = 32, 4000
D, K = 25, 8
SIZES = ((1_000, 1), (1_000, 16), (10_000, 1), (100_000, 1))
"""Rows of data and draws per component of which steps are timed."""
SHARES = jnp.array([0.3, 0.7])


def posterior(place: float) -> MixtureSameFamily:
    """The target: two unit normals at ± ``place``."""
    return MixtureSameFamily(
        dist.Categorical(probs=SHARES), dist.Normal(jnp.array([-place, place]), 1.0)
    )


def mixture(p: dict[str, jax.Array], **options: Any) -> MixtureSameFamily:
    """The guide's mixture."""
    components = dist.Normal(p["loc"], jnp.exp(p["log_scale"]))
    return MixtureSameFamily(dist.Categorical(logits=p["logits"]), components, **options)


def line_guide() -> None:
    """Two normals."""
    p = {n: numpyro.param(n, jnp.zeros(2)) for n in ("logits", "loc", "log_scale")}
    numpyro.sample("z", mixture(p, reparameterize=True))


def by_score(key: jax.Array, p: Any, model: Callable, guide: Callable) -> jax.Array:
    """The same bound by `Score` of `pathmix.expectation`."""
    q = mixture(p)
    fixed = jax.tree.map(lax.stop_gradient, q)
    ratio = lambda z: log_density(model, (), {}, {"z": z})[0] - fixed.log_prob(z)  # noqa: E731
    return -expectation(ratio, q, key=key, num_samples=EVALUATIONS, estimator=Score())


OBJECTIVES = {
    "Trace_ELBO": Trace_ELBO(EVALUATIONS).loss,
    "Score": by_score,
    "Stratified_ELBO": Stratified_ELBO(EVALUATIONS // 2).loss,
    "Stratified_ELBO, with score": Stratified_ELBO(
        EVALUATIONS // 2, sticking_the_landing=False
    ).loss,
}


def places(place: float) -> dict[str, dict[str, jax.Array]]:
    """Where gradients are measured."""
    at = jnp.array([-place, place])
    right, zero = jnp.log(SHARES), jnp.zeros(2)
    return {
        "start": {"logits": zero, "loc": at / 2, "log_scale": zero},
        "wrong weights": {"logits": right[::-1], "loc": at, "log_scale": zero},
        "the posterior": {"logits": right, "loc": at, "log_scale": zero},
    }


def noise() -> Iterator[str]:
    """Standard deviations of one step's gradient, root mean squares over entries."""
    yield f"| modes at | guide | {' | '.join(OBJECTIVES)} |"
    yield "|---|---|" + "---:|" * len(OBJECTIVES)
    keys = jax.random.split(jax.random.key(0), BATCHES)
    for place in (1.0, 2.0, 4.0):
        model = lambda place=place: numpyro.sample("z", posterior(place))  # noqa: E731
        for where, p in places(place).items():
            cells = [f"{spread(loss, model, p, keys)}" for loss in OBJECTIVES.values()]
            yield f"| ±{place:.0f} | {where} | {' | '.join(cells)} |"


def spread(loss: Callable, model: Callable, p: Any, keys: jax.Array) -> str:
    """Standard deviations in the logits and, after the comma, in the locations."""
    gradient = jax.grad(lambda p, key: loss(key, p, model, line_guide))
    each = jax.jit(jax.vmap(gradient, (None, 0)))(p, keys)
    return ", ".join(f"{jnp.sqrt(each[n].var(0).mean()):.2g}" for n in ("logits", "loc"))


Data = tuple[jax.Array, jax.Array]


def data(rows: int) -> Data:
    """Rows of a logistic regression."""
    of_x, of_y = jax.random.split(jax.random.key(0))
    x = jax.random.normal(of_x, (rows, D))
    return x, 1.0 * (jax.random.uniform(of_y, (rows,)) < jax.nn.sigmoid(x @ jnp.ones(D) / 5))


def regression(x: jax.Array, y: jax.Array) -> None:
    """Logistic regression."""
    slopes = numpyro.sample("slopes", dist.Normal(0.0, 10.0).expand([D]).to_event(1))
    with numpyro.plate("rows", len(x)):
        numpyro.sample("y", dist.Bernoulli(logits=x @ slopes), obs=y)


def guide(covariance: str) -> Callable:
    """A mixture of eight normals."""

    def program(x: jax.Array, y: jax.Array) -> None:
        logits = numpyro.param("logits", jnp.zeros(K))
        loc = numpyro.param("loc", 0.1 * jax.random.normal(jax.random.key(1), (K, D)))
        if covariance == "full":
            factor = jnp.broadcast_to(0.1 * jnp.eye(D), (K, D, D))
            lower = constraints.scaled_unit_lower_cholesky
            factor = numpyro.param("factor", factor, constraint=lower)
            components = dist.MultivariateNormal(loc, scale_tril=factor)
        else:
            scale = numpyro.param("scale", jnp.full((K, D), 0.1), constraint=constraints.positive)
            components = dist.Normal(loc, scale).to_event(1)
        weights = dist.Categorical(logits=logits)
        numpyro.sample("slopes", MixtureSameFamily(weights, components, reparameterize=True))

    return program


def contestants(particles: int) -> dict[str, SVI]:
    """Ways to learn the regression."""
    stratified, adam = Stratified_ELBO(particles), numpyro.optim.Adam(0.01)
    both = {f"Stratified_ELBO, {kind}": (guide(kind), stratified) for kind in ("diagonal", "full")}
    plain = {
        "Trace_ELBO, diagonal": (guide("diagonal"), Trace_ELBO(K * particles)),
        "AutoMultivariateNormal": (AutoMultivariateNormal(regression), Trace_ELBO(particles)),
    }
    return {n: SVI(regression, g, adam, o) for n, (g, o) in {**both, **plain}.items()}


def first_call(svi: SVI, rows: Data) -> float:
    """Seconds of ``init`` and the first update, from cold caches."""
    jax.clear_caches()
    start = time.perf_counter()
    jax.block_until_ready(jax.jit(svi.update)(svi.init(jax.random.key(0), *rows), *rows))
    return time.perf_counter() - start


def looped(step: Callable, state: Any, steps: int) -> Callable[[], float]:
    """Seconds of a step, of many in one compiled loop."""
    loop = jax.jit(lambda s: lax.scan(lambda s, _: (step(s), None), s, length=steps)[0])
    jax.block_until_ready(loop(state))

    def seconds() -> float:
        start = time.perf_counter()
        jax.block_until_ready(loop(state))
        return (time.perf_counter() - start) / steps

    return seconds


def steps_of(svi: SVI, rows: Data, steps: int) -> Callable[[], float]:
    """Seconds of an update."""
    return looped(lambda s: svi.update(s, *rows)[0], svi.init(jax.random.key(0), *rows), steps)


def floor(particles: int, rows: Data, steps: int) -> Callable[[], float]:
    """Log densities with gradients, as many as a step needs, and nothing else."""
    x, y = rows

    def log_p(slopes: jax.Array) -> jax.Array:
        likelihood = dist.Bernoulli(logits=x @ slopes).log_prob(y).sum()
        return dist.Normal(0.0, 10.0).log_prob(slopes).sum() + likelihood

    def step(carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Both results are carried on, so that the compiler leaves neither out."""
        z, value = carried
        more, gradient = jax.value_and_grad(lambda z: jax.vmap(log_p)(z).sum())(z)
        return z + 1e-6 * gradient, value + more

    start = 0.1 * jax.random.normal(jax.random.key(1), (K * particles, D))
    return looped(step, (start, jnp.zeros(())), steps)


def cost(rounds: int) -> Iterator[str]:
    """Cost of a step and of a first call."""
    heads = "rows", "draws", "learnt by", "step, ms", "/ floor", "first call, s"
    yield f"| {' | '.join(heads)} | / AutoMultivariateNormal |"
    yield "|---:|---:|---|---:|---:|---:|---:|"
    for size, particles in SIZES:
        rows, steps = data(size), max(3, 300_000 // size // particles)
        ways = contestants(particles)
        first = [{n: first_call(svi, rows) for n, svi in ways.items()} for _ in range(2)]
        fns = {n: steps_of(svi, rows, steps) for n, svi in ways.items()}
        fns["floor"] = floor(particles, rows, steps)
        times = [{n: fn() for n, fn in fns.items()} for _ in range(rounds)]
        for name in ways:
            yield f"| {size} | {particles} | {name} | {row(name, times, first)} |"


def row(name: str, times: list[dict], first: list[dict]) -> str:
    """The cells of a line of the table of costs."""
    median = lambda key, over, runs: np.median([r[key] / (r[over] if over else 1) for r in runs])  # noqa: E731
    cells = [f"{1000 * median(name, None, times):.2f}", f"{median(name, 'floor', times):.1f}"]
    cells += [f"{median(name, None, first):.1f}"]
    cells += [f"{median(name, 'AutoMultivariateNormal', first):.2f}"]
    return " | ".join(cells)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=["noise", "cost"])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tables = {"noise": noise, "cost": lambda: cost(options.rounds)}
    for name in [options.table] if options.table else tables:
        for line in tables[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
