"""How good the probabilities of `density_network.py` are, on days held out."""

import jax
import numpy as np
from jax import numpy as jnp

from _table import table
from pathmix import MixtureSameFamily

BANDS = jnp.array([[0.25], [0.75], [0.05], [0.95]])


def levels(mixture: MixtureSameFamily, x: jax.Array) -> np.ndarray:
    """The cdf at what came, uniform if the mixture is right; of counts, by chance between steps."""
    low, high = mixture.cdf(x - 1), mixture.cdf(x)
    return np.asarray(low + (high - low) * jax.random.uniform(jax.random.key(0), x.shape))


def crps(mixture: MixtureSameFamily, x: jax.Array, n: int = 200) -> jax.Array:
    """The mean score by n draws of each: E|X − x| − E|X − X'| / 2, by ranks, without bias."""
    draws = jnp.sort(mixture.sample(jax.random.key(0), (n,)), axis=0)
    rank = (2 * jnp.arange(1, n + 1) - n - 1)[:, None] / (n * (n - 1))
    return jnp.mean(jnp.mean(jnp.abs(draws - x), axis=0) - jnp.sum(rank * draws, axis=0))


def judged(name: str, mixture: MixtureSameFamily, x: jax.Array) -> list[str]:
    """Scores on days held out, how many hours the bands hold, and how wide the wider one is."""
    edges = mixture.icdf(BANDS)
    held = jnp.mean((edges[::2] <= x) & (x <= edges[1::2]), axis=1)
    width, score = jnp.mean(edges[3] - edges[2]), jnp.mean(mixture.log_prob(x))
    return [
        name,
        f"{score:.3f}",
        f"{crps(mixture, x):.1f}",
        *map("{:.1%}".format, held),
        f"{width:.0f}",
    ]


def scores(laws: dict[str, MixtureSameFamily], x: jax.Array) -> str:
    """A table with a row for each model."""
    header = ["negative binomials", "log score", "CRPS", "half held", "90 % held", "width of 90 %"]
    return table(header, [judged(name, d, x) for name, d in laws.items()])
