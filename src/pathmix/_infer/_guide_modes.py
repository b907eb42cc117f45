"""Components of a guide that share a mode, and the mass of each mode."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from pathmix._mixture import MixtureSameFamily

_BETWEEN = 9
"""At how many points between two components the density is looked at."""
_VALLEY = 0.5
"""How deep a valley between two modes is, in logarithms of the density."""


def modes_of_components(posterior: MixtureSameFamily) -> Int[np.ndarray, " k"]:
    """Return the mode of each component, by the component that is highest there; −1 without weight.

    From the top down, a component is a mode of its own if the density on each way to a higher mode
    falls below its own height by more than a factor ``e^(1/2)``. Ways lead along straight lines
    from component to component; that which falls least counts, so that components along a curved
    ridge are one mode, and a broad one between two modes does not join these.
    """
    heights, passes = (np.asarray(t, np.float64) for t in jax.jit(_heights)(posterior))
    held = np.asarray(posterior.mixture_distribution.probs) > 0
    heights = np.where(held, heights, -np.inf)
    passes = np.where(held[:, None] & held, passes, -np.inf)
    for through in range(len(heights)):
        way = np.minimum(passes[:, through, None], passes[through])
        passes = np.maximum(passes, way)
    modes = np.full(len(heights), -1)
    for i in np.argsort(-heights, kind="stable"):
        tops = np.flatnonzero(modes == np.arange(len(modes)))
        reached = tops[passes[i, tops] >= heights[i] - _VALLEY]
        if held[i]:
            modes[i] = reached[np.argmax(passes[i, reached])] if len(reached) else i
    return modes


def _heights(posterior: MixtureSameFamily) -> tuple[Float[Array, " k"], Float[Array, "k k"]]:
    """The log density at each location, and the lowest one between every two."""
    locs = posterior.components_distribution.mean
    along = jnp.linspace(0, 1, _BETWEEN + 2, dtype=locs.dtype)[1:-1, None, None, None]
    between = locs[:, None] + along * (locs - locs[:, None])
    heights = posterior.log_prob(locs)
    lowest = jnp.min(posterior.log_prob(between), axis=0)
    return heights, jnp.minimum(lowest, jnp.minimum(heights[:, None], heights))


def masses_of_modes(
    weights: Float[np.ndarray, " k"], modes: Int[np.ndarray, " k"]
) -> dict[int, float]:
    """Return the mass of each mode by its highest component, the heaviest first."""
    masses = {int(i): float(weights[modes == i].sum()) for i in np.unique(modes[modes >= 0])}
    return dict(sorted(masses.items(), key=lambda item: -item[1]))
