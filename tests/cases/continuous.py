"""Rows of the continuous families on the line."""

import numpy as np
import numpyro.distributions as dist
from mpmath import mp, mpf
from scipy import stats

from cases import oracles as exact
from cases.row import INF, NAN, Oracle, Row

LOC = (-3.3, 0.0, 0.7, 1000.0)
SCALE = (0.8, 2.5, 1e-3, 40.0)
BODY = (-2.3, -0.8, 0.4, 1.1, 3.2)
TAILS = (-40.0, -14.0, -6.0, 6.0, 14.0, 40.0)


def location_scale_points(*theta, body=BODY, tails=TAILS):
    """Points at fixed standardised distances."""
    *_, loc, scale = theta
    return {
        "body": [loc + z * scale for z in body],
        "tails": [loc + z * scale for z in tails],
    }


def quantiles(frozen, edges=(), outside=(), depth=1e-80):
    """Points at quantiles of a SciPy distribution, out to a probability `depth` in each tail."""
    return {
        "body": [*frozen.ppf([1e-3, 0.2, 0.5, 0.8]), frozen.isf(1e-3)],
        "tails": [frozen.ppf(depth), frozen.ppf(1e-9), frozen.isf(1e-9), frozen.isf(depth)],
        "edges": list(edges),
        "outside": list(outside),
    }


def from_location(x, *theta):
    """Distance to the location, which comes last but one."""
    return abs(x - theta[-2])


def location_scale_row(name, make, oracle, shape=None, **points):
    """A row of a location-scale family."""
    params = {**(shape or {}), "loc": LOC, "scale": SCALE}

    def place(*theta):
        return location_scale_points(*theta, **points)

    return Row(name, make, params, oracle, place, from_location)


def positive_row(name, make, params, oracle, frozen, **kwargs):
    """A row of a family on the positive half line."""

    def points(*theta):
        return quantiles(frozen(*theta), edges=[0.0], outside=[-0.3, -50.0])

    return Row(name, make, params, oracle, points, **kwargs)


def no_moment():
    return NAN


normal = exact.location_scale(
    exact.normal_log_prob, exact.normal_tails, lambda: mpf(0), lambda: mpf(1)
)
laplace = exact.location_scale(
    lambda z: -abs(z) - mp.log(2), exact.laplace_tails, lambda: mpf(0), lambda: mpf(2)
)
logistic = exact.location_scale(
    lambda z: -z - 2 * mp.log1p(mp.exp(-z)),
    exact.logistic_tails,
    lambda: mpf(0),
    lambda: mp.pi**2 / 3,
)
cauchy = exact.location_scale(
    lambda z: -mp.log(mp.pi) - mp.log1p(z * z), exact.cauchy_tails, no_moment, no_moment
)
gumbel = exact.location_scale(
    lambda z: -z - mp.exp(-z),
    lambda z: (mp.exp(-mp.exp(-z)), -mp.expm1(-mp.exp(-z))),
    lambda: +mp.euler,
    lambda: mp.pi**2 / 6,
)
student = exact.location_scale(
    exact.student_log_prob,
    exact.student_tails,
    lambda df: exact.defined(df > 1, lambda: mpf(0)),
    lambda df: exact.defined(df > 1, lambda: exact.finite(df > 2, lambda: df / (df - 2))),
)


def half(base, lower, mean, variance):
    """Oracle of |x| for a base symmetric about zero; `lower` is P(|z| <= x), accurate near 0."""
    return Oracle(
        lambda x, scale: mp.log(2) + base.log_prob(x, mpf(0), scale),
        lambda x, scale: (lower(x / scale), 2 * base.tails(x, mpf(0), scale)[1]),
        mean,
        variance,
        support=lambda *_: (mpf(0), INF),
    )


half_normal = half(
    normal,
    lambda z: mp.erf(z / mp.sqrt(2)),
    lambda s: s * mp.sqrt(2 / mp.pi),
    lambda s: s * s * (1 - 2 / mp.pi),
)
half_cauchy = half(cauchy, lambda z: 2 / mp.pi * mp.atan(z), lambda s: INF, lambda s: INF)

gamma = Oracle(
    lambda x, a, b: exact.xlogy(a - 1, x) + a * mp.log(b) - b * x - mp.loggamma(a),
    lambda x, a, b: exact.gamma_tails(a, b * x),
    lambda a, b: a / b,
    lambda a, b: a / b**2,
    support=lambda *_: (mpf(0), INF),
)
chi2 = Oracle(
    lambda x, df: gamma.log_prob(x, df / 2, mpf(1) / 2),
    lambda x, df: exact.gamma_tails(df / 2, x / 2),
    lambda df: df,
    lambda df: 2 * df,
    support=gamma.support,
)
exponential = Oracle(
    lambda x, rate: mp.log(rate) - rate * x,
    lambda x, rate: (-mp.expm1(-rate * x), mp.exp(-rate * x)),
    lambda rate: 1 / rate,
    lambda rate: 1 / rate**2,
    support=gamma.support,
)
inverse_gamma = exact.decreasing(
    gamma,
    lambda y, a, b: (1 / y, a, b),
    lambda y, *_: -2 * mp.log(y),
    gamma.support,
    lambda a, b: exact.finite(a > 1, lambda: b / (a - 1)),
    lambda a, b: exact.finite(a > 2, lambda: b**2 / (a - 1) ** 2 / (a - 2)),
)


def weibull_log_prob(x, scale, c):
    z = (x / scale) ** c
    return mp.log(c / scale) + exact.xlogy(c - 1, x / scale) - z


weibull = Oracle(
    weibull_log_prob,
    lambda x, s, c: (-mp.expm1(-((x / s) ** c)), mp.exp(-((x / s) ** c))),
    lambda s, c: s * mp.gamma(1 + 1 / c),
    lambda s, c: s**2 * (mp.gamma(1 + 2 / c) - mp.gamma(1 + 1 / c) ** 2),
    support=gamma.support,
)
log_normal = exact.increasing(
    normal,
    lambda y, loc, scale: (mp.log(y), loc, scale),
    lambda y, *_: -mp.log(y),
    gamma.support,
    lambda loc, scale: mp.exp(loc + scale**2 / 2),
    lambda loc, scale: mp.expm1(scale**2) * mp.exp(2 * loc + scale**2),
)
pareto = Oracle(
    lambda x, s, a: mp.log(a / s) - (a + 1) * mp.log(x / s),
    lambda x, s, a: (-mp.expm1(-a * mp.log(x / s)), (s / x) ** a),
    lambda s, a: exact.finite(a > 1, lambda: a * s / (a - 1)),
    lambda s, a: exact.finite(a > 2, lambda: s**2 * a / (a - 1) ** 2 / (a - 2)),
    support=lambda s, a: (s, INF),
)
uniform = Oracle(
    lambda x, low, high: -mp.log(high - low),
    lambda x, low, high: ((x - low) / (high - low), (high - x) / (high - low)),
    lambda low, high: (low + high) / 2,
    lambda low, high: (high - low) ** 2 / 12,
    support=lambda low, high: (low, high),
)

levy = exact.location_scale(
    lambda z: -mp.log(2 * mp.pi) / 2 - mpf(3) / 2 * mp.log(z) - 1 / (2 * z) if z > 0 else -INF,
    lambda z: (mp.erfc(1 / mp.sqrt(2 * z)), mp.erf(1 / mp.sqrt(2 * z))),
    lambda: INF,
    lambda: INF,
    support=lambda loc, _: (loc, INF),
)
soft_laplace = exact.location_scale(
    lambda z: mp.log(1 / (mp.pi * mp.cosh(z))),
    lambda z: (2 / mp.pi * mp.atan(mp.exp(z)), 2 / mp.pi * mp.atan(mp.exp(-z))),
    lambda: mpf(0),
    lambda: mp.pi**2 / 4,
)


def asymmetric_laplace(lengths):
    """Oracle of a Laplace whose sides have `lengths` of the shape parameter."""

    def log_prob(z, shape):
        left, right = lengths(shape)
        return (z / left if z < 0 else -z / right) - mp.log(left + right)

    def tails(z, shape):
        left, right = lengths(shape)
        if z < 0:
            half = left / (left + right) * mp.exp(z / left)
            return half, 1 - half
        half = right / (left + right) * mp.exp(-z / right)
        return 1 - half, half

    return exact.location_scale(
        log_prob,
        tails,
        lambda shape: lengths(shape)[1] - lengths(shape)[0],
        lambda shape: lengths(shape)[0] ** 2 + lengths(shape)[1] ** 2,
    )


def gompertz_moment(n, c, rate):
    """E[X^n] = n ∫ x^(n−1) P(X > x) dx."""
    ends = [0, *(mp.log1p(u / c) / rate for u in (0.01, 0.3, 1, 3, 10, 40, 100))]
    with mp.workdps(30):
        return n * mp.quad(lambda x: x ** (n - 1) * mp.exp(-c * mp.expm1(rate * x)), ends)


gompertz = Oracle(
    lambda x, c, rate: mp.log(c * rate) + rate * x - c * mp.expm1(rate * x),
    lambda x, c, rate: (
        -mp.expm1(-c * mp.expm1(rate * x)),
        mp.exp(-c * mp.expm1(rate * x)),
    ),
    lambda c, rate: gompertz_moment(1, c, rate),
    lambda c, rate: gompertz_moment(2, c, rate) - gompertz_moment(1, c, rate) ** 2,
    support=gamma.support,
)


def dagum_moment(n, p, a, b):
    return b**n * mp.gamma(1 - n / a) * mp.gamma(p + n / a) / mp.gamma(p)


def dagum_log_prob(x, p, a, b):
    power = (x / b) ** a
    return mp.log(a * p / b) + exact.xlogy(a * p - 1, x / b) - (p + 1) * mp.log1p(power)


dagum = Oracle(
    dagum_log_prob,
    lambda x, p, a, b: (
        mp.exp(-p * mp.log1p((x / b) ** -a)),
        -mp.expm1(-p * mp.log1p((x / b) ** -a)),
    ),
    lambda p, a, b: exact.finite(a > 1, lambda: dagum_moment(1, p, a, b)),
    lambda p, a, b: exact.finite(
        a > 2, lambda: dagum_moment(2, p, a, b) - dagum_moment(1, p, a, b) ** 2
    ),
    support=gamma.support,
)
lower_power_law = Oracle(
    lambda x, alpha, low: mp.log(-1 - alpha) + (1 + alpha) * mp.log(x / low) - mp.log(x),
    lambda x, alpha, low: (
        -mp.expm1((1 + alpha) * mp.log(x / low)),
        mp.exp((1 + alpha) * mp.log(x / low)),
    ),
    lambda alpha, low: pareto.mean(low, -1 - alpha),
    lambda alpha, low: pareto.variance(low, -1 - alpha),
    support=lambda _, low: (low, INF),
)
folded_normal = exact.folded(
    normal,
    lambda m, s: (
        s * mp.sqrt(2 / mp.pi) * mp.exp(-((m / s) ** 2) / 2) + m * mp.erf(m / s / mp.sqrt(2))
    ),
    lambda m, s: m**2 + s**2 - folded_normal.mean(m, s) ** 2,
)


def log_normal_points(loc, scale):
    z = np.array([-2.3, -0.8, 0.4, 1.1, 3.2, -20.0, -6.0, 6.0, 20.0])
    x = list(np.exp(loc + scale * z))
    return {"body": x[:5], "tails": x[5:], "edges": [0.0], "outside": [-0.5, -7.0]}


def pareto_points(scale, alpha):
    points = quantiles(stats.pareto(alpha, scale=scale), depth=1e-12)
    points["body"] = points["body"][1:]
    points["tails"] = points["tails"][2:]
    return {**points, "edges": [scale], "outside": [scale * 0.999, 0.0, -scale]}


def uniform_points(low, high):
    at = low + (high - low) * np.array([0.01, 0.3, 0.5, 0.7, 0.99])
    return {"body": list(at), "edges": [low, high], "outside": [low - 1, high + 0.5]}


def levy_points(loc, scale):
    z = np.array([0.12, 0.4, 1.3, 6.0, 60.0, 0.004, 0.02, 1e5, 1e12])
    x = list(loc + scale * z)
    return {"body": x[:5], "tails": x[5:], "edges": [loc], "outside": [loc - 0.3, loc - 50]}


def gompertz_points(c, rate):
    hazards = np.array([1e-3, 0.3, 0.8, 2.0, 7.0, 1e-30, 1e-9, 20.0, 300.0])
    x = list(np.log1p(hazards / c) / rate)
    return {"body": x[:5], "tails": x[5:], "edges": [0.0], "outside": [-0.3, -50.0]}


def dagum_points(p, a, b):
    t = np.array([-3.0, -0.8, 0.3, 1.5, 4.0, -30.0, -9.0, 12.0, 25.0, 60.0])
    x = list(b * np.exp(t / a))
    return {"body": x[:5], "tails": x[5:], "edges": [0.0], "outside": [-0.3, -50.0]}


def lower_power_law_points(alpha, low):
    y = -np.array([1e-3, 0.1, 0.6, 1.5, 4.0, 20.0, 40.0]) / (1 + alpha)
    x = list(low * np.exp(y))
    return {"body": x[:5], "tails": x[5:], "edges": [low], "outside": [low * 0.999, 0.0, -low]}


def folded_points(loc, scale):
    ends = {"edges": [0.0], "outside": [-0.5, -40.0]}
    z = np.array([0.1, 0.7, 1.6, 2.5]) if loc == 0 else np.array([-1.6, -0.4, 0.3, 2.1])
    body = np.abs(abs(loc) + scale * z)
    tails = [1e-9 * scale, 1e-3 * scale, *(abs(loc) + scale * np.array([6.0, 14.0, 30.0]))]
    return {"body": list(body), "tails": tails, **ends}


CONCENTRATION = (0.3, 1.0, 2.7, 100.0)
RATE = (1.7, 0.2, 30.0, 5.0)

ROWS = [
    location_scale_row("Normal", dist.Normal, normal),
    location_scale_row("Laplace", dist.Laplace, laplace),
    location_scale_row("Logistic", dist.Logistic, logistic),
    location_scale_row("Cauchy", dist.Cauchy, cauchy, tails=(*TAILS, -1e12, 1e12)),
    location_scale_row("Gumbel", dist.Gumbel, gumbel, tails=(-6.0, -5.0, 6.0, 14.0, 40.0)),
    location_scale_row(
        "StudentT", dist.StudentT, student, {"df": (0.5, 1.5, 4.0, 200.0)}, tails=(*TAILS, 1e6)
    ),
    positive_row(
        "HalfNormal",
        dist.HalfNormal,
        {"scale": (0.3, 1.0, 50.0)},
        half_normal,
        lambda s: stats.halfnorm(scale=s),
    ),
    positive_row(
        "HalfCauchy",
        dist.HalfCauchy,
        {"scale": (0.3, 1.0, 50.0)},
        half_cauchy,
        lambda s: stats.halfcauchy(scale=s),
    ),
    positive_row(
        "Exponential",
        dist.Exponential,
        {"rate": (0.01, 1.0, 70.0)},
        exponential,
        lambda rate: stats.expon(scale=1 / rate),
    ),
    positive_row(
        "Gamma",
        dist.Gamma,
        {
            "concentration": (*CONCENTRATION, 300.0, 1000.0),
            "rate": (*RATE, 3.0, 1.0),
        },
        gamma,
        lambda a, b: stats.gamma(a, scale=1 / b),
    ),
    positive_row(
        "Chi2",
        dist.Chi2,
        {"df": (0.6, 2.0, 5.0, 200.0)},
        chi2,
        lambda df: stats.chi2(df),
    ),
    positive_row(
        "InverseGamma",
        dist.InverseGamma,
        {"concentration": (0.3, 1.5, 2.7, 100.0), "rate": RATE},
        inverse_gamma,
        lambda a, b: stats.invgamma(a, scale=b),
    ),
    positive_row(
        "Weibull",
        dist.Weibull,
        {"scale": (0.3, 1.0, 20.0, 5.0), "concentration": (0.5, 1.0, 3.3, 100.0)},
        weibull,
        lambda s, c: stats.weibull_min(c, scale=s),
    ),
    Row(
        "LogNormal",
        dist.LogNormal,
        {"loc": (-3.0, 0.0, 2.0), "scale": (0.1, 1.0, 1.8)},
        log_normal,
        log_normal_points,
    ),
    Row(
        "Pareto",
        dist.Pareto,
        {"scale": (0.1, 1.0, 7.0, 3.0), "alpha": (0.7, 1.6, 2.5, 40.0)},
        pareto,
        pareto_points,
    ),
    Row(
        "Uniform",
        dist.Uniform,
        {"low": (-1.0, 0.0, 100.0), "high": (0.5, 1e-3, 1e4)},
        uniform,
        uniform_points,
        lambda x, low, high: min(x - low, high - x),
    ),
    Row("Levy", dist.Levy, {"loc": LOC, "scale": SCALE}, levy, levy_points, from_location),
    location_scale_row("SoftLaplace", dist.SoftLaplace, soft_laplace),
    location_scale_row(
        "AsymmetricLaplace",
        lambda asymmetry, loc, scale: dist.AsymmetricLaplace(loc, scale, asymmetry),
        asymmetric_laplace(lambda k: (k, 1 / k)),
        {"asymmetry": (0.2, 3.0, 0.7, 1.5)},
    ),
    location_scale_row(
        "AsymmetricLaplaceQuantile",
        lambda quantile, loc, scale: dist.AsymmetricLaplaceQuantile(loc, scale, quantile),
        asymmetric_laplace(lambda q: (1 / (1 - q), 1 / q)),
        {"quantile": (0.02, 0.3, 0.7, 0.95)},
    ),
    Row(
        "Gompertz",
        dist.Gompertz,
        {"concentration": (1e-4, 0.5, 3.0, 1000.0), "rate": (1.0, 0.2, 30.0, 5.0)},
        gompertz,
        gompertz_points,
        # e^(rate x) turns a relative error of x into one of rate x
        condition=lambda c, rate: 10.0,
    ),
    Row(
        "Dagum",
        dist.Dagum,
        {
            "concentration": (0.5, 1.0, 3.0, 200.0),
            "sharpness": (0.8, 1.7, 2.5, 40.0),
            "scale": (2.0, 0.1, 30.0, 5.0),
        },
        dagum,
        dagum_points,
    ),
    Row(
        "LowerTruncatedPowerLaw",
        dist.LowerTruncatedPowerLaw,
        {"alpha": (-1.7, -2.6, -3.5, -41.0), "low": (0.1, 1.0, 7.0, 3.0)},
        lower_power_law,
        lower_power_law_points,
        lambda x, alpha, low: x - low,
    ),
    Row(
        "FoldedDistribution of Normal",
        lambda loc, scale: dist.FoldedDistribution(dist.Normal(loc, scale)),
        {"loc": (0.0, 0.6, -3.0, 40.0), "scale": (1.3, 0.5, 2.0, 8.0)},
        folded_normal,
        folded_points,
        lambda x, loc, scale: abs(x) + abs(loc),
    ),
    Row(
        "FoldedDistribution of Laplace",
        lambda loc, scale: dist.FoldedDistribution(dist.Laplace(loc, scale)),
        {"loc": (0.01, 0.6, -3.0), "scale": (1.3, 0.5, 2.0)},
        exact.folded(laplace),
        folded_points,
        lambda x, loc, scale: abs(x) + abs(loc),
    ),
]
