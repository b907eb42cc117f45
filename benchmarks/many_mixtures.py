"""Many mixtures with one datum each: value and gradient in all parameters, against NumPyro's class.

Run with the `bench` extra installed: `python benchmarks/many_mixtures.py [ROW ...] [--x64]`. Rounds
of both are interleaved in one process; medians of ratios within a round are quoted, compile time
apart.
"""

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import MixtureSameFamily


class Row(NamedTuple):
    """B mixtures of K components in E dimensions; E = 0 stands for scalars."""

    family: str
    b: int
    k: int
    e: int

    def __str__(self) -> str:
        """The row's name in the table."""
        return f"{self.family}, B={self.b}, K={self.k}" + (f", E={self.e}" if self.e else "")


ROWS = (
    Row("full", 128, 6, 4),
    Row("full", 1024, 6, 4),
    Row("full", 256, 5, 10),
    Row("full", 1797, 6, 5),
    Row("full", 150, 3, 4),
    Row("student", 128, 6, 4),
    Row("student", 1024, 6, 4),
    Row("low rank", 128, 6, 4),
    Row("low rank", 1024, 6, 4),
    Row("diagonal", 128, 6, 4),
    Row("diagonal", 1024, 6, 4),
    Row("scalar", 128, 6, 0),
    Row("scalar", 1024, 6, 0),
)


def parameters(row: Row) -> tuple[dict, jax.Array]:
    """Parameters of every mixture, and a datum of each."""
    keys = jax.random.split(jax.random.key(0), 5)
    batch, event = (row.b, row.k), (row.e,) if row.e else ()
    p = {
        "logits": jax.random.normal(keys[0], batch),
        "loc": jax.random.normal(keys[1], batch + event),
        "scale": jnp.exp(0.2 * jax.random.normal(keys[2], batch + event)),
    }
    if row.family in ("full", "student"):
        below = jnp.tril(0.3 * jax.random.normal(keys[3], batch + event * 2), -1)
        p["scale"] = p["scale"][..., None] * jnp.eye(row.e) + below
    if row.family == "student":
        p["df"] = 3 + p["logits"] ** 2
    if row.family == "low rank":
        p["factor"] = jax.random.normal(keys[3], (*batch, row.e, 2))
    return p, jax.random.normal(keys[4], (row.b, *event))


COMPONENTS = {
    "full": lambda p: dist.MultivariateNormal(p["loc"], scale_tril=p["scale"]),
    "student": lambda p: dist.MultivariateStudentT(p["df"], p["loc"], p["scale"]),
    "low rank": lambda p: dist.LowRankMultivariateNormal(p["loc"], p["factor"], p["scale"]),
    "diagonal": lambda p: dist.Normal(p["loc"], p["scale"]).to_event(1),
    "scalar": lambda p: dist.Normal(p["loc"], p["scale"]),
}


def compiled(mixture: Callable, row: Row) -> tuple[Callable, float]:
    """A call of value and gradient, and the seconds it took to compile."""
    p, x = parameters(row)

    def total(p: dict) -> jax.Array:
        weights = dist.Categorical(logits=p["logits"])
        return jnp.sum(mixture(weights, COMPONENTS[row.family](p)).log_prob(x))

    start = time.perf_counter()
    fn = jax.jit(jax.value_and_grad(total)).lower(p).compile()
    return lambda: jax.block_until_ready(fn(p)), time.perf_counter() - start


def seconds(fn: Callable, calls: int) -> float:
    """Mean time of a call, of several in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        fn()
    return (time.perf_counter() - start) / calls


def compare(row: Row, rounds: int) -> str:
    """A line of the table."""
    fns, compiles = zip(
        *(compiled(m, row) for m in (MixtureSameFamily, dist.MixtureSameFamily)), strict=True
    )
    for ours, theirs in zip(*(jax.tree.leaves(fn()) for fn in fns), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    calls = [max(1, round(0.05 / seconds(fn, 2))) for fn in fns]
    times = np.array(
        [[seconds(fn, n) for fn, n in zip(fns, calls, strict=True)] for _ in range(rounds)]
    )
    ours, theirs = 1000 * np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    return (
        f"| {row} | {ours:.3f} | {theirs:.3f} | {ratio:.2f} "
        f"| {compiles[0]:.2f} | {compiles[1]:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="rows by number from 0; all if none")
    parser.add_argument("--x64", action="store_true", help="in float64")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.x64)
    print("| work | ours, ms | NumPyro, ms | NumPyro / ours | compile, s | NumPyro, s |")
    print("|---|---:|---:|---:|---:|---:|")
    for i in options.rows or range(len(ROWS)):
        print(compare(ROWS[i], options.rounds), flush=True)


if __name__ == "__main__":
    main()
