"""The quantile of a row of the pathwise tests, solved and differentiated without the package."""

import numpy as np
from scipy import optimize


def moved(theta, tangent, step):
    return {name: theta[name] + step * tangent[name] for name in theta}


def solved(row, theta, q, x):
    """The quantile near ``x``, by Brent's method, then two steps of Newton's."""
    excess = lambda t: row.mixture_cdf(theta, t) - q  # noqa: E731
    width = 1e-3 * abs(x)
    while excess(x - width) > 0 or excess(x + width) < 0:
        width *= 2
    root = optimize.brentq(excess, x - width, x + width, xtol=1e-13)
    for _ in range(2):
        root -= excess(root) / row.mixture_pdf(theta, root)
    return root


def quantile_differences(row, tangent, x, step=2e-3):
    """First and second derivatives of the quantile, by differences of sixth order."""
    theta = row.theta()
    q = row.mixture_cdf(theta, x)
    at = [
        solved(row, moved(theta, tangent, n * step), q, x) - x if n else 0.0 for n in range(-3, 4)
    ]
    first = np.dot([-1, 9, -45, 0, 45, -9, 1], at) / (60 * step)
    return first, np.dot([2, -27, 270, -490, 270, -27, 2], at) / (180 * step**2)
