"""A mixture of scalars: its density over a histogram, or probabilities over frequencies."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pathmix._mixture import MixtureSameFamily
from pathmix._plot._arguments import rows_of, scalars_of
from pathmix._plot._look import INK, SHADE, axes_or_new, line, name_axes

_POINTS, _NEAR, _BINS = 400, 81, 100
"""How many points a line has, more about each component, and the most bars of a histogram."""
_TAIL, _BEYOND = 0.005, 0.05
"""What is left out on either side without data, and what is drawn beyond the data, of its range."""
Numbers = Float[np.ndarray, " n"]
Points = Float[np.ndarray, " points"]


def density(mixture: Any, data: Any = None, *, weights: Any = None, ax: Axes | None = None) -> Axes:
    """Draw the density of a mixture of scalars, and below it those of its weighted components.

    Discrete components have probabilities, as dots; the data then are bars of relative frequencies
    rather than a histogram. Without data the picture reaches from the quantile 0.005 to 0.995.

    Args:
        mixture: A mixture of scalars, or a fit.
        data: Numbers ``n``; NaN are left out.
        weights: How often each counts, ``n``.
        ax: Where to draw; by default on the axes of a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: ``mixture`` is neither a mixture nor a fit.
        ValueError: It is one of vectors, or a batch; or the data are no numbers ``n``.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, fit, plot
        >>> counts = jnp.array([0, 1, 1, 2, 0, 1, 9, 11, 10, 12])
        >>> start = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> ax = plot.density(fit(start, counts), counts)
        >>> [f"{bar.get_height():.1f}" for bar in ax.patches][:3]
        ['0.2', '0.3', '0.1']
    """
    m = scalars_of(mixture)
    values, counts = _seen(m, data, weights)
    ax = axes_or_new(ax)
    draw_density(ax, m, values, counts)
    name_axes(ax, "x", "Probability" if m.is_discrete else "Density")
    ax.legend(frameon=False)
    return ax


def draw_density(ax: Axes, m: MixtureSameFamily, values: Numbers, counts: Numbers) -> None:
    """Draw the data and the mixture, without names."""
    if values.size:
        (_draw_frequencies if m.is_discrete else _draw_histogram)(ax, values, counts)
    x = _integers(m, values) if m.is_discrete else _points(m, values)
    marker = "o" if m.is_discrete else None
    ax.plot(x, np.exp(m.log_prob(x)), color=INK, marker=marker, lw=2, ms=5, label="mixture")
    for k, part in enumerate(np.exp(m.component_log_probs(x)).T):
        label = "its components" if k == 0 else None
        ax.plot(x, part, **line(k), marker=marker, lw=1.2, ms=3, label=label)
    ax.set_ylim(bottom=0)
    if m.is_discrete:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _seen(m: MixtureSameFamily, data: Any, weights: Any) -> tuple[Numbers, Numbers]:
    """The numbers that are there, and how often each counts."""
    if data is None:
        return np.empty(0), np.empty(0)
    values = rows_of(m, data)
    counts = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    if counts.shape != values.shape:
        raise ValueError(
            f"expected one weight for each number, shape {values.shape}, got shape {counts.shape}."
        )
    there = ~np.isnan(values)
    return values[there], counts[there]


def _draw_histogram(ax: Axes, values: Numbers, counts: Numbers) -> None:
    edges = np.histogram_bin_edges(values, "auto")
    if len(edges) > _BINS + 1:  # far outliers make bars by the thousand
        edges = np.linspace(edges[0], edges[-1], _BINS + 1)
    ax.hist(values, edges.tolist(), weights=counts, density=True, color=SHADE, label="data")


def _draw_frequencies(ax: Axes, values: Numbers, counts: Numbers) -> None:
    at, which = np.unique(values, return_inverse=True)
    share = np.bincount(which, counts) / counts.sum()
    ax.bar(at, share, width=0.8, color=SHADE, label="data")


def _points(m: MixtureSameFamily, values: Numbers) -> Points:
    """Where a density is drawn: evenly, and closer about the components, which may be narrow."""
    low, high = _range(m, values)
    moments = np.stack([m.component_mean, np.sqrt(m.component_variance)]).astype(float)
    mean, spread = moments[:, np.isfinite(moments).all(axis=0)]
    near = mean[:, None] + spread[:, None] * np.linspace(-4, 4, _NEAR)
    x = np.concatenate([np.linspace(low, high, _POINTS), near.ravel()])
    return np.unique(x[(x >= low) & (x <= high)])


def _integers(m: MixtureSameFamily, values: Numbers) -> Points:
    low, high = (values.min(), values.max()) if values.size else _quantiles(m)
    return np.arange(low, high + 1)


def _range(m: MixtureSameFamily, values: Numbers) -> tuple[float, float]:
    if not values.size:
        return _quantiles(m)
    beyond = _BEYOND * (np.ptp(values) or 1.0)
    return values.min() - beyond, values.max() + beyond


def _quantiles(m: MixtureSameFamily) -> tuple[float, float]:
    low, high = np.asarray(m.icdf(np.array([_TAIL, 1 - _TAIL])), float)
    return low, high
