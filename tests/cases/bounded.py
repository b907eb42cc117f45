"""Rows of the families on an interval, and of truncated and transformed distributions."""

import numpy as np
import numpyro.distributions as dist
from mpmath import mp
from numpyro.distributions import transforms as bijectors
from scipy import stats

from cases import continuous as base
from cases import oracles as exact
from cases.continuous import from_location, quantiles
from cases.row import INF, Oracle, Row


def unit(*_):
    """The unit interval."""
    return mp.mpf(0), mp.mpf(1)


def to_edge(x, *_):
    """Distance to the nearest end of the unit interval."""
    return min(x, 1 - x)


beta = Oracle(
    lambda x, a, b: exact.xlogy(a - 1, x) + exact.xlog1py(b - 1, -x) - mp.log(mp.beta(a, b)),
    lambda x, a, b: exact.beta_tails(a, b, x),
    lambda a, b: a / (a + b),
    lambda a, b: a * b / (a + b) ** 2 / (a + b + 1),
    support=unit,
)


def kumaraswamy_moment(n, a, b):
    return b * mp.beta(1 + n / a, b)


kumaraswamy = Oracle(
    lambda x, a, b: mp.log(a * b) + exact.xlogy(a - 1, x) + exact.xlog1py(b - 1, -(x**a)),
    lambda x, a, b: (-mp.expm1(b * mp.log1p(-(x**a))), (1 - x**a) ** b),
    lambda a, b: kumaraswamy_moment(1, a, b),
    lambda a, b: kumaraswamy_moment(2, a, b) - kumaraswamy_moment(1, a, b) ** 2,
    support=unit,
)


def inside_unit(x):
    """Points pulled inside the unit interval, as far as float32 can hold them apart from 1."""
    return [float(each) for each in np.clip(x, 1e-30, 1 - 2**-24)]


def unit_points(frozen):
    points = quantiles(frozen, edges=[0.0, 1.0], outside=[-0.2, 1.5])
    return points | {kind: inside_unit(points[kind]) for kind in ("body", "tails")}


def kumaraswamy_points(a, b):
    body = [(-np.expm1(np.log1p(-p) / b)) ** (1 / a) for p in (1e-3, 0.2, 0.5, 0.8, 0.999)]
    tails = [(1e-40 / b) ** (1 / a), -np.expm1(np.log(1e-20 ** (1 / b) / a))]
    kinds = {"body": inside_unit(body), "tails": inside_unit(tails)}
    return kinds | {"edges": [0.0, 1.0], "outside": [-0.2, 1.5]}


von_mises = Oracle(
    lambda x, loc, k: k * (mp.cos(x - loc) - 1) - mp.log(2 * mp.pi) - mp.log(mp.besseli(0, k)) + k,
    exact.von_mises_tails,
    lambda loc, k: loc - 2 * mp.pi * mp.floor((loc + mp.pi) / (2 * mp.pi)),
    lambda loc, k: 1 - mp.besseli(1, k) / mp.besseli(0, k),
    support=lambda *_: (-mp.pi, mp.pi),
)


def von_mises_points(loc, concentration):
    width = min(1.0, concentration**-0.5)
    body = loc + width * np.array([-1.7, -0.6, 0.2, 0.9])
    tails = np.array([-3.1, -1.3, 2.2, 3.1])
    return {
        "body": [float((x + np.pi) % (2 * np.pi) - np.pi) for x in body],
        "tails": list(tails),
        "outside": [-4.0, 4.0],
    }


def one_sided(x, loc, scale, *_):
    """Distance to the location."""
    return abs(x - loc)


def truncated_points(ends, far):
    """Points between the truncation limits, an infinite one replaced by far(*theta)."""

    def points(*theta):
        low, high = map(float, ends(*theta))
        first = low if np.isfinite(low) else far(*theta)
        last = high if np.isfinite(high) else far(*theta)
        shares = np.array([0.02, 0.1, 0.3, 0.5])
        body = [float(x) for x in first + (last - first) * shares]
        tails = [float(x) for x in first + (last - first) * np.array([1e-4, 0.8, 0.999])]
        edges = [end for end in (low, high) if np.isfinite(end)]
        outside = [e + s for e, s in ((low, -0.1), (low, -30), (high, 0.1), (high, 30))]
        finite = [float(x) for x in outside if np.isfinite(x)]
        return {"body": body, "tails": tails, "edges": edges, "outside": finite}

    return points


def left_normal(name, low, reach):
    """Normal truncated on the left."""
    params = {"loc": (0.0, -1.0, 30.0), "scale": (1.0, 0.4, 20.0), "low": low}
    return Row(
        name,
        lambda loc, scale, low: dist.TruncatedNormal(loc, scale, low=low),
        params,
        exact.truncated(
            base.normal, lambda loc, scale, low: (low, INF, (loc, scale)), moments=True
        ),
        truncated_points(
            lambda loc, scale, low: (low, np.inf),
            lambda loc, scale, low: max(low, loc) + reach * scale,
        ),
        one_sided,
    )


def shifted_exp(loc, scale, shift, factor):
    return dist.TransformedDistribution(
        dist.Normal(loc, scale),
        [bijectors.ExpTransform(), bijectors.AffineTransform(shift, factor)],
    )


def shifted_exp_points(loc, scale, shift, factor):
    z = np.array([-2.0, -0.7, 0.3, 1.2, 3.0, -8.0, 8.0])
    x = [float(each) for each in shift + factor * np.exp(loc + scale * z)]
    outside = [shift - 0.5, shift - 1e4]
    return {"body": x[:5], "tails": x[5:], "outside": outside}


def reflected(loc, scale, shift, factor):
    return dist.TransformedDistribution(
        dist.Normal(loc, scale), bijectors.AffineTransform(shift, factor)
    )


def reflected_points(loc, scale, shift, factor):
    return base.location_scale_points(shift + factor * loc, abs(factor) * scale)


def powered(concentration, rate):
    transform = bijectors.PowerTransform(-1.0)
    return dist.TransformedDistribution(dist.Gamma(concentration, rate), transform)


def squashed(loc, scale):
    return dist.TransformedDistribution(dist.Normal(loc, scale), bijectors.SigmoidTransform())


def squashed_points(loc, scale):
    z = np.array([-2.0, -0.7, 0.3, 1.2, 2.5, -5.0, 5.0])
    x = inside_unit(1 / (1 + np.exp(-(loc + scale * z))))
    return {"body": x[:5], "tails": x[5:], "edges": [0.0, 1.0], "outside": [-0.2, 1.5]}


shifted_log_normal = exact.increasing(
    base.log_normal,
    lambda y, loc, scale, shift, factor: ((y - shift) / factor, loc, scale),
    lambda y, loc, scale, shift, factor: -mp.log(factor),
    lambda loc, scale, shift, factor: (shift, INF),
)
reflected_normal = exact.decreasing(
    base.normal,
    lambda y, loc, scale, shift, factor: ((y - shift) / factor, loc, scale),
    lambda y, loc, scale, shift, factor: -mp.log(-factor),
    lambda *_: (-INF, INF),
)
logit_normal = exact.increasing(
    base.normal,
    lambda y, loc, scale: (mp.log(y) - mp.log1p(-y), loc, scale),
    lambda y, *_: -mp.log(y) - mp.log1p(-y),
    unit,
)
log_uniform = Oracle(
    lambda x, low, high: -mp.log(x) - mp.log(mp.log(high / low)),
    lambda x, low, high: (
        mp.log(x / low) / mp.log(high / low),
        mp.log(high / x) / mp.log(high / low),
    ),
    lambda low, high: (high - low) / mp.log(high / low),
    lambda low, high: (
        (high**2 - low**2) / 2 / mp.log(high / low) - (high - low) ** 2 / mp.log(high / low) ** 2
    ),
    support=lambda low, high: (low, high),
)


def power_integral(r, low, high):
    """The integral of x^(r−1)."""
    return mp.log(high / low) if r == 0 else (high**r - low**r) / r


def power_law_mean(alpha, low, high):
    return power_integral(2 + alpha, low, high) / power_integral(1 + alpha, low, high)


def power_law_variance(alpha, low, high):
    second = power_integral(3 + alpha, low, high) / power_integral(1 + alpha, low, high)
    return second - power_law_mean(alpha, low, high) ** 2


def power_law_tails(x, alpha, low, high):
    with mp.workdps(80):
        total = power_integral(1 + alpha, low, high)
        return (
            power_integral(1 + alpha, low, x) / total,
            power_integral(1 + alpha, x, high) / total,
        )


power_law = Oracle(
    lambda x, alpha, low, high: (
        exact.xlogy(alpha, x) - mp.log(power_integral(1 + alpha, low, high))
    ),
    power_law_tails,
    power_law_mean,
    power_law_variance,
    support=lambda _, low, high: (low, high),
)


def to_nearer(x, low, high):
    """Distance to the nearer of two ends."""
    return min(x - low, high - x)


def between_points(low, high):
    """Points between positive ends, evenly on the log scale, close to them, and beyond them."""
    shares = np.array([0.02, 0.3, 0.5, 0.7, 0.98, 1e-4, 1 - 1e-4])
    x = [float(each) for each in low ** (1 - shares) * high**shares]
    beyond = [low * 0.99, high * 1.01, 0.0, -1.0]
    return {"body": x[:5], "tails": x[5:], "edges": [low, high], "outside": beyond}


relaxed = Oracle(
    lambda x, t, logits: (
        mp.log(t)
        - (t * (mp.log(x) - mp.log1p(-x)) - logits)
        - 2 * mp.log1p(mp.exp(-(t * (mp.log(x) - mp.log1p(-x)) - logits)))
        - mp.log(x)
        - mp.log1p(-x)
    ),
    lambda x, t, logits: exact.logistic_tails(t * (mp.log(x) - mp.log1p(-x)) - logits),
    support=unit,
)


def relaxed_log_prob(x, t, logits):
    """The density, and its limits at the ends of the unit interval."""
    if 0 < x < 1:
        return relaxed.log_prob(x, t, logits)
    if t == 1:
        return logits if x else -logits
    return INF if t < 1 else -INF


def relaxed_points(t, logits):
    z = np.array([-2.0, -0.7, 0.3, 1.2, 2.5, -25.0, -9.0, 5.0])
    x = inside_unit(1 / (1 + np.exp(-(z + logits) / t)))
    return {"body": x[:5], "tails": x[5:], "edges": [0.0, 1.0], "outside": [-0.2, 1.5]}


def truncated_gamma_row(name, make, params, limits):
    """A truncated Gamma; its points lie between the bounds, or to where the density is small."""

    def ends(*theta):
        return tuple(float(end) for end in limits(*theta)[:2])

    def far(concentration, rate, *bounds):
        low = bounds[0] if "low" in params else 0.0
        return max(low, concentration / rate) + 20 / rate

    oracle = exact.truncated_gamma(limits)

    def reach(x, *theta):
        low, high = limits(*theta)[:2]
        return min(x - low, high - x) if high < INF else x - low

    return Row(name, make, params, oracle, truncated_points(ends, far), reach, slow=True)


def first(t):
    """The parameters of the first component, if there are several."""
    return t[..., :1] if np.ndim(t) else t


CONCENTRATIONS = {"a": (0.3, 1.0, 2.5, 100.0), "b": (0.7, 3.0, 0.4, 60.0)}

ROWS = [
    Row(
        "Beta",
        dist.Beta,
        CONCENTRATIONS,
        beta,
        lambda a, b: unit_points(stats.beta(a, b)),
        to_edge,
    ),
    Row(
        "BetaProportion",
        dist.BetaProportion,
        {"mean": (0.3, 0.5, 0.9, 0.02), "concentration": (1.0, 6.0, 12.0, 160.0)},
        Oracle(
            lambda x, m, c: beta.log_prob(x, m * c, (1 - m) * c),
            lambda x, m, c: beta.tails(x, m * c, (1 - m) * c),
            lambda m, c: m,
            lambda m, c: m * (1 - m) / (c + 1),
            support=unit,
        ),
        lambda m, c: unit_points(stats.beta(m * c, (1 - m) * c)),
        to_edge,
        slow=True,
        condition=lambda m, c: 1 / (1 - m),  # NumPyro keeps a and b, and works the mean out again
    ),
    Row(
        "RelaxedBernoulliLogits",
        dist.RelaxedBernoulliLogits,
        {"temperature": (0.3, 1.0, 2.5, 4.0), "logits": (0.7, -1.0, 0.4, 3.0)},
        Oracle(relaxed_log_prob, relaxed.tails, support=unit),
        relaxed_points,
        to_edge,
    ),
    Row(
        "LogUniform",
        dist.LogUniform,
        {"low": (1.0, 1e-3, 5.0, 20.0), "high": (2.5, 1e4, 5.02, 300.0)},
        log_uniform,
        between_points,
        to_nearer,
        # relative errors of two close bounds are magnified in their distance
        condition=lambda low, high: high / (high - low),
    ),
    Row(
        "DoublyTruncatedPowerLaw",
        dist.DoublyTruncatedPowerLaw,
        {
            "alpha": (-1.0, -1.02, 0.5, -2.5, -40.0, 60.0),
            "low": (1.0, 0.5, 0.1, 1e-3, 2.0, 0.3),
            "high": (20.0, 0.75, 7.0, 50.0, 9.0, 3.0),
        },
        power_law,
        lambda _, low, high: between_points(low, high),
        lambda x, _, low, high: to_nearer(x, low, high),
        condition=lambda alpha, low, high: high / (high - low),
    ),
    truncated_gamma_row(
        "LeftTruncatedGamma",
        lambda a, rate, low: dist.LeftTruncatedGamma(dist.Gamma(a, rate), low),
        {
            "concentration": (0.3, 2.7, 100.0),
            "rate": (1.7, 0.2, 30.0),
            "low": (0.1, 200.0, 3.0),
        },
        lambda a, rate, low: (low, INF, (a, rate)),
    ),
    truncated_gamma_row(
        "RightTruncatedGamma",
        lambda a, rate, high: dist.RightTruncatedGamma(dist.Gamma(a, rate), high),
        {
            "concentration": (0.3, 2.7, 100.0),
            "rate": (1.7, 0.2, 30.0),
            "high": (3.0, 0.5, 3.2),
        },
        lambda a, rate, high: (mp.mpf(0), high, (a, rate)),
    ),
    truncated_gamma_row(
        "TwoSidedTruncatedGamma",
        lambda a, rate, low, high: dist.TwoSidedTruncatedGamma(dist.Gamma(a, rate), low, high),
        {
            "concentration": (0.3, 2.7, 100.0),
            "rate": (1.7, 0.2, 30.0),
            "low": (0.01, 60.0, 2.0),
            "high": (3.0, 100.0, 2.1),
        },
        lambda a, rate, low, high: (low, high, (a, rate)),
    ),
    Row(
        "Kumaraswamy",
        dist.Kumaraswamy,
        {"a": (0.3, 1.0, 2.5, 20.0), "b": (0.7, 3.0, 0.4, 60.0)},
        kumaraswamy,
        kumaraswamy_points,
        to_edge,
    ),
    Row(
        "VonMises",
        dist.VonMises,
        {"loc": (0.3, -2.9, 1.5, 5.0), "concentration": (0.1, 2.0, 30.0, 500.0)},
        von_mises,
        von_mises_points,
        lambda x, loc, k: abs(x - loc),
    ),
    left_normal("TruncatedNormal left", (-1.0, 0.2, 25.0), 6.0),
    left_normal("TruncatedNormal far left", (8.0, 2.2, 190.0), 2.0),
    Row(
        "TruncatedNormal right",
        lambda loc, scale, high: dist.TruncatedNormal(loc, scale, high=high),
        {"loc": (0.0, -1.0, 30.0), "scale": (1.0, 0.4, 20.0), "high": (1.0, -4.2, 25.0)},
        exact.truncated(
            base.normal, lambda loc, scale, high: (-INF, high, (loc, scale)), moments=True
        ),
        truncated_points(
            lambda loc, scale, high: (-np.inf, high),
            lambda loc, scale, high: min(high, loc) - 6 * scale,
        ),
        one_sided,
    ),
    Row(
        "TruncatedNormal both",
        lambda loc, scale, low, high: dist.TruncatedNormal(loc, scale, low=low, high=high),
        {
            "loc": (0.0, -1.0, 30.0),
            "scale": (1.0, 0.4, 20.0),
            "low": (-1.0, 2.2, -190.0),
            "high": (2.0, 3.0, -150.0),
        },
        exact.truncated(
            base.normal, lambda loc, scale, low, high: (low, high, (loc, scale)), moments=True
        ),
        truncated_points(lambda loc, scale, low, high: (low, high), None),
        one_sided,
    ),
    Row(
        "Truncated Laplace left",
        lambda loc, scale, low: dist.LeftTruncatedDistribution(dist.Laplace(loc, scale), low),
        {"loc": (0.0, -1.0, 30.0), "scale": (1.0, 0.4, 20.0), "low": (-1.0, 15.0, 25.0)},
        exact.truncated(base.laplace, lambda loc, scale, low: (low, INF, (loc, scale))),
        truncated_points(
            lambda loc, scale, low: (low, np.inf),
            lambda loc, scale, low: max(low, loc) + 20 * scale,
        ),
        one_sided,
    ),
    Row(
        "Truncated StudentT right",
        lambda df, loc, scale, high: dist.RightTruncatedDistribution(
            dist.StudentT(df, loc, scale), high
        ),
        {
            "df": (0.5, 3.0, 50.0),
            "loc": (0.0, -1.0, 30.0),
            "scale": (1.0, 0.4, 20.0),
            "high": (0.7, -9.0, 75.0),
        },
        exact.truncated(base.student, lambda df, loc, scale, high: (-INF, high, (df, loc, scale))),
        truncated_points(
            lambda df, loc, scale, high: (-np.inf, high),
            lambda df, loc, scale, high: min(high, loc) - 20 * scale,
        ),
        lambda x, df, loc, *_: abs(x - loc),
        slow=True,
    ),
    Row(
        "Normal, exp then affine",
        shifted_exp,
        {
            "loc": (0.0, -1.0, 2.0),
            "scale": (1.0, 0.3, 0.6),
            "shift": (0.0, -3.0, 10.0),
            "factor": (1.0, 0.5, 4.0),
        },
        shifted_log_normal,
        shifted_exp_points,
        lambda x, loc, scale, shift, factor: max(abs(x), abs(x - shift)),
    ),
    Row(
        "Normal, affine of negative scale",
        reflected,
        {
            "loc": (0.0, -1.0, 2.0),
            "scale": (1.0, 0.3, 0.6),
            "shift": (0.0, -3.0, 10.0),
            "factor": (-1.0, -0.5, -4.0),
        },
        reflected_normal,
        reflected_points,
        lambda x, loc, scale, shift, factor: abs(x - shift) + abs(factor * loc),
    ),
    Row(
        "Gamma, reciprocal",
        powered,
        {"concentration": (0.3, 2.7, 100.0), "rate": (1.7, 0.2, 30.0)},
        Oracle(
            base.inverse_gamma.log_prob,
            base.inverse_gamma.tails,
            support=base.inverse_gamma.support,
        ),
        lambda a, b: quantiles(stats.invgamma(a, scale=b), outside=[-0.3, -50.0]),
        slow=True,
    ),
    Row(
        "Normal, sigmoid",
        squashed,
        {"loc": (0.0, -1.0, 2.0), "scale": (1.0, 0.3, 1.5)},
        logit_normal,
        squashed_points,
        to_edge,
    ),
    Row(
        "Normal, expanded in place",
        lambda loc, scale: dist.ExpandedDistribution(dist.Normal(loc, scale), np.shape(loc)),
        {"loc": base.LOC, "scale": base.SCALE},
        base.normal,
        base.location_scale_points,
        from_location,
    ),
    Row(
        "Normal, expanded over components",
        lambda loc, scale: dist.Normal(first(loc), first(scale)).expand(np.shape(loc)),
        {"loc": (0.6,) * 3, "scale": (2.5,) * 3},
        base.normal,
        base.location_scale_points,
        from_location,
        smooth=False,
    ),
]
