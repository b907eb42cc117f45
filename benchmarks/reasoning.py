"""Mixtures of several families, and what is made of mixtures: conditionals, reductions.

Run with the `bench` extra installed: `python benchmarks/reasoning.py [ROW ...]`. A mixture of two
families is compared with the sum of what the mixtures of either family alone cost, with NumPyro's
`MixtureGeneral` and with TFP's `Mixture`. Rounds of all are interleaved in one process; medians of
ratios within a round are quoted, compile time apart.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from tensorflow_probability.substrates.jax import distributions as tfd

from pathmix import Mixture, MixtureSameFamily, reduce

N, EACH = 100_000, 8
PAIRS = {
    "Normal, StudentT": (
        lambda p: dist.Normal(p["loc"], p["scale"]),
        lambda p: dist.StudentT(4.0, p["loc"], p["scale"]),
        lambda p: tfd.Normal(p["loc"], p["scale"]),
        lambda p: tfd.StudentT(4.0, p["loc"], p["scale"]),
    ),
    "Gamma, LogNormal": (
        lambda p: dist.Gamma(2 + p["scale"], p["scale"]),
        lambda p: dist.LogNormal(p["loc"], p["scale"]),
        lambda p: tfd.Gamma(2 + p["scale"], p["scale"]),
        lambda p: tfd.LogNormal(p["loc"], p["scale"]),
    ),
}
"""Ours and NumPyro's components, and then TFP's."""


class Work(NamedTuple):
    """One function of a mixture, points and a random key."""

    fn: Callable[[Any, jax.Array, jax.Array], jax.Array]
    is_gradient: bool = False
    is_peers: bool = True
    """Whether NumPyro and TFP have it."""


WORK = {
    "log_prob": Work(lambda m, x, _: m.log_prob(x)),
    "log_prob_grad": Work(lambda m, x, _: jnp.mean(m.log_prob(x)), is_gradient=True),
    "cdf": Work(lambda m, x, _: m.cdf(x)),
    "posterior": Work(lambda m, x, _: m.posterior_marginal(x).probs, is_peers=False),
    "icdf": Work(lambda m, x, _: m.icdf(jnp.clip(jax.nn.sigmoid(x), 0.001, 0.999)), is_peers=False),
    "sample": Work(lambda m, x, key: draws(m, x, key)),
}


def draws(mixture: Any, x: jax.Array, key: jax.Array) -> jax.Array:
    """Draw as many values as there are points; TFP's argument is called seed."""
    if isinstance(mixture, dist.Distribution):
        return mixture.sample(key, x.shape)
    return mixture.sample(x.shape, seed=key)


def parameters() -> dict[str, jax.Array]:
    """Parameters of both families' components, ``2 k``."""
    keys = jax.random.split(jax.random.key(0), 3)
    return {
        "logits": jax.random.normal(keys[0], (2, EACH)),
        "loc": 2 * jax.random.normal(keys[1], (2, EACH)),
        "scale": jnp.exp(0.3 * jax.random.normal(keys[2], (2, EACH))),
    }


def listed(p: dict) -> list[dict]:
    """The parameters of each component."""
    return [{n: v[g, i] for n, v in p.items()} for g in range(2) for i in range(EACH)]


def contestants(pair: str) -> dict[str, Callable[[dict], Any]]:
    """How a mixture is made of the parameters; ``first`` and ``second`` are of one family."""
    ours, theirs = PAIRS[pair][:2], PAIRS[pair][2:]

    def components(p: dict, makers: tuple) -> list:
        return [makers[i // EACH](one) for i, one in enumerate(listed(p))]

    def one_family(g: int) -> Callable[[dict], Any]:
        def make(p: dict) -> MixtureSameFamily:
            of_family = {name: value[g] for name, value in p.items()}
            weights = dist.Categorical(logits=of_family["logits"])
            return MixtureSameFamily(weights, ours[g](of_family))

        return make

    categorical = lambda p: dist.Categorical(logits=p["logits"].reshape(-1))  # noqa: E731
    return {
        "pathmix": lambda p: Mixture(categorical(p), components(p, ours)),
        "first": one_family(0),
        "second": one_family(1),
        "NumPyro": lambda p: dist.MixtureGeneral(
            categorical(p), components(p, ours), support=dist.constraints.real
        ),
        "TFP": lambda p: tfd.Mixture(
            tfd.Categorical(logits=p["logits"].reshape(-1)), components(p, theirs)
        ),
    }


def compiled(fn: Callable, *args: Any) -> tuple[Callable, float]:
    """A call of the function with a new key each time, and the seconds it took to compile.

    How long draws by rejection take depends on the key: by half, for as many gamma variates.
    """
    keys = cycle(jax.random.split(jax.random.key(0), 64))
    start = time.perf_counter()
    program = jax.jit(fn).lower(*args, next(keys)).compile()
    taken = time.perf_counter() - start
    return lambda: jax.block_until_ready(program(*args, next(keys))), taken


def seconds(fn: Callable, calls: int) -> float:
    """Mean time of a call, of several in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        fn()
    return (time.perf_counter() - start) / calls


def race(fns: dict[str, Callable], rounds: int) -> dict[str, np.ndarray]:
    """The times of all, round by round."""
    calls = {name: max(1, round(0.05 / seconds(fn, 2))) for name, fn in fns.items()}
    times = [{name: seconds(fn, calls[name]) for name, fn in fns.items()} for _ in range(rounds)]
    return {name: np.array([one[name] for one in times]) for name in fns}


def several(pair: str, name: str, rounds: int) -> str:
    """A line of the table: one piece of work of a mixture of two families."""
    work, p = WORK[name], parameters()
    makers = contestants(pair)
    x = jax.jit(makers["pathmix"](p).sample, static_argnums=1)(jax.random.key(1), (N,))
    made = {}
    for who, make in makers.items():
        if work.is_peers or who in ("pathmix", "first", "second"):
            fn = lambda p, x, key, make=make: work.fn(make(p), x, key)  # noqa: E731
            made[who] = compiled(jax.value_and_grad(fn) if work.is_gradient else fn, p, x)
    times = race({who: call for who, (call, _) in made.items()}, rounds)
    ours = times["pathmix"]
    agree({who: call() for who, (call, _) in made.items()}, name)
    groups = f"{np.median(ours / (times['first'] + times['second'])):.2f}"
    peers = [f"{np.median(times[w] / ours):.2f}" if w in times else "–" for w in ("NumPyro", "TFP")]
    return row(f"{name}, {pair}", np.median(ours), made["pathmix"][1], groups, *peers)


def agree(results: dict[str, Any], name: str) -> None:
    """Hold the peers' results against ours."""
    if name != "sample":
        for who in {"NumPyro", "TFP"} & set(results):
            for mine, other in zip(
                *map(jax.tree.leaves, (results["pathmix"], results[who])), strict=True
            ):
                np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


def alone(name: str, rounds: int) -> str:
    """A line of the table: what no peer has."""
    k, d = (32, 16) if name == "conditional" else (512, 4)
    keys = jax.random.split(jax.random.key(0), 3)
    factor = jnp.eye(d) + jnp.tril(0.2 * jax.random.normal(keys[0], (k, d, d)), -1)
    loc, x = 3 * jax.random.normal(keys[1], (k, d)), jax.random.normal(keys[2], (10_000, d // 2))

    def mixture(loc: jax.Array) -> MixtureSameFamily:
        weights = dist.Categorical(logits=jnp.zeros(k))
        return MixtureSameFamily(weights, dist.MultivariateNormal(loc, scale_tril=factor))

    work = {
        "conditional": lambda loc, _: mixture(loc).conditional(range(d // 2), x).mean,
        "reduce": lambda loc, _: reduce(mixture(loc), 16).mean,
    }
    call, compile_time = compiled(work[name], loc)
    time_of = np.median(race({"pathmix": call}, rounds)["pathmix"])
    return row(f"{name}, K={k}, D={d}", time_of, compile_time, "–", "–", "–")


def row(name: str, run_time: float, compile_time: float, *ratios: str) -> str:
    """A line of the table."""
    cells = [name, f"{1000 * run_time:.2f}", f"{compile_time:.2f}", *ratios]
    return f"| {' | '.join(cells)} |"


def lines() -> Iterator[tuple[str, Callable[[int], str]]]:
    """Every line, by name."""
    for pair in PAIRS:
        for name in WORK:
            yield f"{name}, {pair}", lambda r, pair=pair, name=name: several(pair, name, r)
    for name in ("conditional", "reduce"):
        yield name, lambda r, name=name: alone(name, r)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="rows by number from 0; all if none")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print("| work | ours, ms | compile, s | / sum of groups | NumPyro / ours | TFP / ours |")
    print("|---|---:|---:|---:|---:|---:|")
    every = list(lines())
    for i in options.rows or range(len(every)):
        print(every[i][1](options.rounds), flush=True)


if __name__ == "__main__":
    main()
