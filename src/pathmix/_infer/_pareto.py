"""Pareto k̂: how heavy the tail of importance weights is."""

import numpy as np
from jaxtyping import Float

_PRIOR_K, _PRIOR_POINTS = 0.5, 10
"""A weak prior: as good as ten points that say one half."""


def pareto_k(log_weights: Float[np.ndarray, " n"], rounding: float = 0.0) -> float:
    """Return the shape of a generalised Pareto distribution of the largest weights.

    Of these there are ``min(n/5, 3√n)``. Estimates by importance sampling are reliable below 0.7;
    from 1 on the weights have no mean.

    Source: Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto smoothed importance sampling";
    NaN where fewer than five weights are in the tail, and −∞ where all of these are the same, but
    for the ``rounding`` error of their logarithms: noise has a shape, too, which means nothing.
    """
    ordered = np.sort(np.asarray(log_weights, np.float64))
    number = int(np.ceil(min(0.2 * len(ordered), 3 * len(ordered) ** 0.5)))
    if number < 5 or not np.isfinite(ordered[-1]):
        return float("nan")
    weights = np.exp(ordered[-number - 1 :] - ordered[-1])
    excess = weights[1:] - weights[0]
    if excess[-1] <= rounding:
        return float("-inf")
    shape = generalised_pareto_shape(excess)
    return (number * shape + _PRIOR_POINTS * _PRIOR_K) / (number + _PRIOR_POINTS)


def generalised_pareto_shape(x: Float[np.ndarray, " n"]) -> float:
    """Estimate the shape ``k`` of ``P(X > x) = (1 + kx/σ)^(−1/k)`` from ordered values.

    For given ``θ = −k/σ`` the most likely shape is the mean of ``log(1 − θx)``, which leaves a
    likelihood of ``θ`` alone. The estimate takes the mean of ``θ`` under it and a prior
    that is wide on the scale of the lower quartile, by quadrature. Source: Zhang & Stephens (2009),
    "A new and efficient estimation method for the generalized Pareto distribution", whose shape is
    ``−k``.
    """
    n = len(x)
    nodes = 30 + int(n**0.5)
    quartile = max(x[int(n / 4 + 0.5) - 1], np.finfo(np.float64).tiny)
    spread = 1 - np.sqrt(nodes / (np.arange(1, nodes + 1) - 0.5))
    theta = 1 / x[-1] + spread / (3 * quartile)
    shape = np.mean(np.log1p(-theta[:, None] * x), axis=1)
    log_likelihood = n * (np.log(-theta / shape) - shape - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    mean = np.sum(theta * posterior) / np.sum(posterior)
    return float(np.mean(np.log1p(-mean * x)))
