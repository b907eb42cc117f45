"""A mixture density network: how many bikes are out, given the hour and the temperature?

At eight in the morning many people ride to work, or few, if it is a Saturday. The network is told
the hour and the temperature only; its mixture of negative binomials finds both. Days are held out:
some say when training stops, others whether the probabilities are right. Beside it, the same
network with one component, and the same training with the loss written by hand. Data: H. Fanaee-T
and J. Gama, Progress in Artificial Intelligence 2 (2014).

Run: `python examples/density_network.py`
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
import numpyro.distributions as dist
import optax
from jax import numpy as jnp
from jax.scipy.special import gammaln, logsumexp

from _density_network_figure import save_picture
from _density_network_scores import levels, scores
from pathmix import families, start

HERE = Path(__file__).parent
OPTIMISER = optax.adam(2e-3)
BATCH, PATIENCE = 256, 15
MORNING = (7, 8)
"""Hours at which calibration is drawn."""


class Rows(NamedTuple):
    """Hours of several days: what the network is told, and how many people rode."""

    hour: jax.Array
    inputs: jax.Array
    riders: jax.Array


def read() -> tuple[np.ndarray, list[Rows]]:
    """All rows as they are, and those of 60, 20 and 20 % of the days, by chance."""
    data = np.genfromtxt(HERE / "data" / "bikes.csv", delimiter=",", names=True)
    days = np.random.default_rng(0).permutation(365)[data["day"].astype(int) - 1] / 365
    told, riders = inputs(data["hour"], data["temp"]), jnp.asarray(data["riders"], jnp.float32)
    rows = Rows(jnp.asarray(data["hour"]), told, riders)
    parts = (days < 0.6, (days >= 0.6) & (days < 0.8), days >= 0.8)
    return data, [jax.tree.map(lambda t, part=part: t[part], rows) for part in parts]


def inputs(hour: Any, temperature: Any) -> jax.Array:
    """Hours on a circle, so that midnight is near 23 o'clock, and the temperature."""
    turns = 2 * np.pi * np.atleast_1d(hour)[:, None] / 24 * np.arange(1, 4)
    warm = 4 * np.broadcast_to(temperature, turns.shape[:-1])[..., None] - 2
    return jnp.asarray(np.concatenate([np.cos(turns), np.sin(turns), warm], -1), jnp.float32)


class Network(eqx.Module):
    """What a network adds to the numbers of a mixture that knows no inputs."""

    layers: eqx.nn.MLP
    begin: jax.Array

    def __init__(self, begin: jax.Array, key: jax.Array) -> None:
        self.layers = eqx.nn.MLP(7, begin.size, 64, 2, jax.nn.silu, key=key)
        self.begin = begin

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """The numbers for each row."""
        return self.begin + jax.vmap(self.layers)(inputs)


def by_hand(numbers: jax.Array, x: jax.Array) -> jax.Array:
    """The log density as one writes it without a library: logits, log means, log concentrations."""
    logits, log_mean, log_c = jnp.split(numbers, 3, axis=-1)
    mean, c, x = jnp.exp(log_mean), jnp.exp(log_c), x[:, None]
    terms = gammaln(x + c) - gammaln(c) - gammaln(x + 1)
    terms += c * (log_c - jnp.log(mean + c)) + x * (log_mean - jnp.log(mean + c))
    return logsumexp(jax.nn.log_softmax(logits) + terms, axis=-1)


def train(network: Network, log_density: Callable, rows: Rows, others: Rows) -> tuple:
    """The network that was best on the other rows, the losses there, and seconds per epoch."""
    arrays, static = eqx.partition(network, eqx.is_array)
    count = len(rows.riders) // BATCH

    def loss(arrays: Network, rows: Rows) -> jax.Array:
        return -log_density(eqx.combine(arrays, static)(rows.inputs), rows.riders).mean()

    def step(state: tuple, chosen: jax.Array) -> tuple:
        slope = jax.grad(loss)(state[0], jax.tree.map(lambda t: t[chosen], rows))
        change, memory = OPTIMISER.update(slope, state[1])
        return (optax.apply_updates(state[0], change), memory), None

    @jax.jit
    def epoch(state: tuple, key: jax.Array) -> tuple:
        order = jax.random.permutation(key, len(rows.riders))[: count * BATCH]
        state, _ = jax.lax.scan(step, state, order.reshape(count, BATCH))
        return state, loss(state[0], others)

    state, best, losses, seconds = (arrays, OPTIMISER.init(arrays)), arrays, [], []
    while len(losses) - np.argmin([*losses, np.inf]) < PATIENCE:
        began = time.process_time()
        state, now = jax.block_until_ready(epoch(state, jax.random.key(len(losses))))
        seconds.append(time.process_time() - began)
        best = state[0] if now < min(losses, default=np.inf) else best
        losses.append(float(now))
    return eqx.combine(best, static), losses, np.median(seconds[1:])


def learn(k: int, parts: list[Rows]) -> tuple:
    """The network before training; after it, from inputs to mixtures; and how it went."""
    rough = start(dist.NegativeBinomial2, parts[0].riders, k, key=jax.random.key(0))
    begin, build = families.unconstrained(rough)
    network = Network(begin, jax.random.key(1))
    trained, *report = train(network, lambda z, x: build(z).log_prob(x), *parts[:2])
    return network, lambda inputs: build(trained(inputs)), report


def main() -> None:
    """Train, judge, and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--components", type=int, default=4, help="of the mixture")
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    options = parser.parse_args()
    data, parts = read()
    *_, test = parts
    _, one, _ = learn(1, parts)
    network, law, (losses, seconds) = learn(options.components, parts)
    laws = {"one": one(test.inputs), f"mixture of {options.components}": law(test.inputs)}
    print(scores(laws, test.riders))
    _, hand, by_hand_seconds = train(network, by_hand, *parts[:2])
    print("\nLoss on the days that say when training stops, and processor time:")
    print(f"pathmix  {min(losses):.5f}, {len(losses)} epochs of {1e3 * seconds:.1f} ms")
    print(f"by hand  {min(hand):.5f}, {len(hand)} epochs of {1e3 * by_hand_seconds:.1f} ms")
    morning = np.isin(test.hour, MORNING)
    pits = {name: levels(d, test.riders)[morning] for name, d in laws.items()}
    path = options.output / "density_network.png"
    save_picture(path, lambda hour, warm: law(inputs(hour, warm)), data, pits)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    main()
