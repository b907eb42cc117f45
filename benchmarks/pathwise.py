"""Value and gradient through draws: cost against TFP, against log_prob, and growth with the event.

Run with the `bench` extra installed: `python benchmarks/pathwise.py [--quick]`. Rounds of all
contestants are interleaved; medians of ratios within a round are quoted, compile time apart.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import MixtureSameFamily

warnings.filterwarnings("ignore")
N, K = 1000, 8


def parameters(size: int) -> dict:
    """Logits, locations and scales of K factorised normals in `size` dimensions."""
    keys = jax.random.split(jax.random.key(0), 3)
    return {
        "logits": jax.random.normal(keys[0], (K,)),
        "loc": 3 * jax.random.normal(keys[1], (K, size)),
        "scale": jnp.exp(0.3 * jax.random.normal(keys[2], (K, size))),
    }


def ours(p: dict, *, reparameterize: bool = True) -> MixtureSameFamily:
    """The mixture under test."""
    components = dist.Normal(p["loc"], p["scale"]).to_event(1)
    return MixtureSameFamily(dist.Categorical(logits=p["logits"]), components, reparameterize)


def full(p: dict) -> MixtureSameFamily:
    """A mixture with full covariances whose factors have the given scales."""
    size = p["loc"].shape[-1]
    lower = jnp.tril(jnp.full((size, size), 0.1), -1)
    factor = p["scale"][..., None] * jnp.eye(size) + lower
    components = dist.MultivariateNormal(p["loc"], scale_tril=factor)
    return MixtureSameFamily(dist.Categorical(logits=p["logits"]), components, reparameterize=True)


def through_draws(make: Callable) -> Callable:
    """Value and gradient of the mean square of draws."""

    def loss(p: dict, key: jax.Array) -> jax.Array:
        return jnp.mean(jnp.sum(make(p).sample(key, (N,)) ** 2, axis=-1))

    return jax.jit(jax.value_and_grad(loss))


def of_log_prob(make: Callable) -> Callable:
    """Value and gradient of the mean log density at fixed points."""

    def loss(p: dict, key: jax.Array) -> jax.Array:
        x = jax.random.normal(key, (N, p["loc"].shape[-1]))
        return jnp.mean(make(p).log_prob(x))

    return jax.jit(jax.value_and_grad(loss))


def tfp_through_draws() -> Callable:
    """The same by TensorFlow Probability on JAX."""
    from tensorflow_probability.substrates.jax import distributions as tfd

    def loss(p: dict, key: jax.Array) -> jax.Array:
        mixture = tfd.MixtureSameFamily(
            tfd.Categorical(logits=p["logits"]),
            tfd.Independent(tfd.Normal(p["loc"], p["scale"]), 1),
            reparameterize=True,
        )
        return jnp.mean(jnp.sum(mixture.sample(N, seed=key) ** 2, axis=-1))

    return jax.jit(jax.value_and_grad(loss))


def compare(contestants: dict, repeats: int) -> dict[str, tuple[float, list[float]]]:
    """First call and run times in seconds, interleaved.

    A time is the mean of as many calls in a row as fill 0.2 s, about one call of the slowest: a few
    would be lost in the waking of threads and the filling of caches.
    """
    key, first, times = jax.random.key(1), {}, {name: [] for name in contestants}
    calls = {}

    def seconds(name: str, count: int) -> float:
        fn, p = contestants[name]
        start = time.perf_counter()
        for _ in range(count):
            jax.block_until_ready(fn(p, key))
        return (time.perf_counter() - start) / count

    for name in contestants:
        first[name] = seconds(name, 1)
        calls[name] = max(1, round(0.2 / seconds(name, 1)))
    for _ in range(repeats):
        for name in contestants:
            times[name].append(seconds(name, calls[name]))
    return {name: (first[name], times[name]) for name in contestants}


def ratio(results: dict, above: str, below: str) -> float:
    """Median over rounds of the ratio of two contestants' times."""
    return float(np.median(np.divide(results[above][1], results[below][1])))


def main() -> None:
    """Print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave TFP out")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    small, large, medium = parameters(64), parameters(256), parameters(16)
    contestants = {
        "draws, E=64": (through_draws(ours), small),
        "draws, E=256": (through_draws(ours), large),
        "log_prob, E=64": (of_log_prob(ours), small),
        "draws, full covariance, E=16": (through_draws(full), medium),
        "log_prob, full covariance, E=16": (of_log_prob(full), medium),
    }
    if not options.quick:
        contestants["TFP draws, E=64"] = (tfp_through_draws(), small)
    results = compare(contestants, options.repeats)
    print(f"N = {N}, K = {K}, float32, {options.repeats} rounds\n")
    print("| work | first call, s | median, ms |\n|---|---:|---:|")
    for name, (first, times) in results.items():
        print(f"| {name} | {first:.2f} | {1000 * np.median(times):.2f} |")
    pairs = [
        ("draws, E=256", "draws, E=64"),
        ("draws, E=64", "log_prob, E=64"),
        ("draws, full covariance, E=16", "log_prob, full covariance, E=16"),
    ]
    if not options.quick:
        pairs.append(("TFP draws, E=64", "draws, E=64"))
    print("\n| ratio | median |\n|---|---:|")
    for above, below in pairs:
        print(f"| {above} / {below} | {ratio(results, above, below):.2f} |")


if __name__ == "__main__":
    main()
