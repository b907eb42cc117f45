"""Independent values from mpmath, at the exact floating-point numbers that are tested."""

from itertools import pairwise

import mpmath as mp
import numpy as np

DIGITS = 60


def exact(x):
    """Return the floating-point number as it is, not its decimal reading."""
    return mp.mpf(float(x))


def on_points(oracle, arguments):
    """Evaluate an oracle at each point of equally long arrays."""
    with mp.workdps(DIGITS):
        return [oracle(*map(exact, point)) for point in zip(*arguments, strict=True)]


def slopes(oracle, arguments, index):
    """Differentiate an oracle in one argument, by central differences in 40 digits."""

    def slope(*point):
        step = abs(point[index]) * mp.mpf(10) ** -12
        up, down = list(point), list(point)
        up[index] += step
        down[index] -= step
        return (oracle(*up) - oracle(*down)) / (2 * step)

    return on_points(slope, arguments)


def errors(computed, oracle_values, floor):
    """Return |error| / max(floor, |value|); a NaN counts as infinite."""
    with mp.workdps(DIGITS):
        found = [
            float(abs(exact(c) - v) / max(mp.mpf(floor), abs(v)))
            for c, v in zip(np.asarray(computed), oracle_values, strict=True)
        ]
    return np.where(np.isnan(found), np.inf, found)


def log_ndtr(z):
    if z < 0:
        return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2)
    return mp.log1p(-mp.erfc(z / mp.sqrt(2)) / 2)


def log_ndtr_slope(z):
    return mp.exp(-z * z / 2 - mp.log(2 * mp.pi) / 2 - log_ndtr(z))


def log_ndtr_curvature(z):
    slope = log_ndtr_slope(z)
    return -slope * (slope + z)


def stirling_error(n):
    return mp.loggamma(n + 1) - (n + 0.5) * mp.log(n) + n - mp.log(2 * mp.pi) / 2


def deviance(x, m):
    return x * mp.log(x / m) + m - x


def log_poisson_kernel(a, x):
    return a * mp.log(x) - x - mp.loggamma(a + 1)


def log_beta_kernel(a, b, x, y):
    """Take the smaller of x and y as exact: the other one is rounded."""
    x, y = (x, 1 - x) if x <= y else (1 - y, y)
    log_beta = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return a * mp.log(x) + b * mp.log(y) - log_beta


def _sum_of_ratios(ratio):
    term, total, n = mp.mpf(1), mp.mpf(1), 0
    while abs(term) > abs(total) * mp.eps:
        n += 1
        term *= ratio(n)
        total += term
    return total


def gamma_tails(a, x):
    """Return log P and log Q, each without cancellation unless P is itself below the mean."""
    if x < a + 3:
        lower = log_poisson_kernel(a, x) + mp.log(_sum_of_ratios(lambda n: x / (a + n)))
        return lower, mp.log1p(-mp.exp(lower))
    count = 1200
    fraction = x - a + 1 + 2 * count
    for n in range(count, 0, -1):
        fraction = x - a - 1 + 2 * n - n * (n - a) / fraction
    upper = log_poisson_kernel(a, x) + mp.log(a) - mp.log(fraction)
    return mp.log1p(-mp.exp(upper)), upper


def log_gammainc(a, x):
    return gamma_tails(a, x)[0]


def log_gammaincc(a, x):
    return gamma_tails(a, x)[1]


def log_betainc(a, b, x, y):
    """Use the hypergeometric function of DLMF 8.17.8 on the short side of the mean."""
    x, y = (x, 1 - x) if x <= y else (1 - y, y)

    def short_side(a, b, x, y):
        series = mp.hyp2f1(1, a + b, a + 1, x)
        return log_beta_kernel(a, b, x, y) - mp.log(a) + mp.log(series)

    if x * (a + b) < a:
        return short_side(a, b, x, y)
    return mp.log1p(-mp.exp(short_side(b, a, y, x)))


def von_mises_masses(x, loc, concentration):
    """Return the integrals of exp(κ(cos(t-μ)-1)) below and above x, piece by monotone piece."""

    def piece(left, right):
        drop = lambda t: concentration * (mp.cos(t - loc) - 1)  # noqa: E731
        top, sign = (right, -1) if drop(right) > drop(left) else (left, 1)
        reach = right - left
        if concentration > 1:
            angle = mp.acos(mp.cos(top - loc))
            sine = mp.sin(angle / 2) ** 2 + 60 / (2 * concentration)
            reach = min(reach, 2 * mp.asin(mp.sqrt(min(1, sine))) - angle)
        height = drop(top)
        integral = mp.quad(lambda s: mp.exp(drop(top + sign * s) - height), [0, reach / 4, reach])
        return mp.exp(height) * integral

    def mass(left, right):
        turns = [loc + k * mp.pi for k in range(-8, 9)]
        ends = [left, *(t for t in turns if left < t < right), right]
        return sum(piece(p, q) for p, q in pairwise(ends))

    return mass(-mp.pi, x), mass(x, mp.pi)


def log_von_mises_cdf(x, loc, concentration):
    with mp.workdps(24):
        below, above = von_mises_masses(x, loc, concentration)
        return -mp.log1p(above / below)


def log_von_mises_survival(x, loc, concentration):
    with mp.workdps(24):
        below, above = von_mises_masses(x, loc, concentration)
        return -mp.log1p(below / above)


def log_von_mises_cdf_slopes(x, loc, concentration):
    """Return the derivatives of the log cdf in x and in loc, in closed form."""
    with mp.workdps(24):
        below, _ = von_mises_masses(x, loc, concentration)
        at = lambda t: mp.exp(concentration * (mp.cos(t - loc) - 1)) / below  # noqa: E731
        return at(x), at(-mp.pi) - at(x)
