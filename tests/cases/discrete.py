"""Rows of the discrete families."""

from itertools import pairwise

import numpyro.distributions as dist
from jax import numpy as jnp
from mpmath import mp, mpf

from cases import oracles as exact
from cases.row import INF, Oracle, Row

ONE = mpf(1)
OUTSIDE = (-1.0, -0.5, -7.0, 0.5, 2.25)


def naturals(*_):
    """The natural numbers."""
    return mpf(0), INF


def reach(x, *_):
    """A count and one more."""
    return abs(x) + 1


def reach_and_size(x, size, *_):
    """A count and the exponent of the other probability, by which its rounding is raised."""
    return abs(x) + 1 + size


def odds(logit):
    """Probability and its complement, both accurate relative to themselves."""
    return 1 / (1 + mp.exp(-logit)), 1 / (1 + mp.exp(logit))


def complement(probability):
    """A probability and its complement."""
    return probability, 1 - probability


def poisson_log_prob(k, rate):
    return exact.xlogy(k, rate) - rate - mp.loggamma(k + 1)


poisson = Oracle(
    poisson_log_prob,
    lambda k, rate: exact.gamma_tails(k + 1, rate)[::-1],
    lambda rate: rate,
    lambda rate: rate,
    support=naturals,
    discrete=True,
)


def negative_binomial(split):
    """Oracle of (1 - q)^r q^k choose(k + r - 1, k); `split` gives r, q and 1 - q."""

    def log_prob(k, *theta):
        r, q, p = split(*theta)
        count = mp.loggamma(k + r) - mp.loggamma(r) - mp.loggamma(k + 1)
        return count + r * mp.log(p) + k * mp.log(q)

    def tails(k, *theta):
        r, q, p = split(*theta)
        return exact.beta_lower(r, k + 1, p), exact.beta_lower(k + 1, r, q)

    def mean(*theta):
        r, q, p = split(*theta)
        return r * q / p

    def variance(*theta):
        r, q, p = split(*theta)
        return r * q / p**2

    return Oracle(log_prob, tails, mean, variance, support=naturals, discrete=True)


def binomial(split):
    """Oracle of a count out of n; `split` maps the parameter to p and 1 - p."""

    def log_prob(k, theta, n=ONE):
        p, q = split(theta)
        count = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
        return count + k * mp.log(p) + (n - k) * mp.log(q)

    def tails(k, theta, n=ONE):
        p, q = split(theta)
        return exact.beta_lower(n - k, k + 1, q), exact.beta_lower(k + 1, n - k, p)

    return Oracle(
        log_prob,
        tails,
        lambda theta, n=ONE: n * split(theta)[0],
        lambda theta, n=ONE: n * split(theta)[0] * split(theta)[1],
        support=lambda theta, n=ONE: (mpf(0), n),
        discrete=True,
    )


def geometric(split):
    """Oracle of the failures before a success of probability p."""

    def tails(k, theta):
        p, q = split(theta)
        upper = mp.exp((k + 1) * (mp.log(q) if q < 0.5 else mp.log1p(-p)))
        return 1 - upper, upper

    return Oracle(
        lambda k, theta: mp.log(split(theta)[0]) + k * mp.log(split(theta)[1]),
        tails,
        lambda theta: split(theta)[1] / split(theta)[0],
        lambda theta: split(theta)[1] / split(theta)[0] ** 2,
        support=naturals,
        discrete=True,
    )


def categorical(weights):
    """Oracle of an index; `weights` gives the normalised probabilities."""

    def tails(k, *theta):
        p = weights(*theta)
        cut = int(k) + 1
        return mp.fsum(p[:cut]), mp.fsum(p[cut:])

    def mean(*theta):
        return mp.fsum(k * p for k, p in enumerate(weights(*theta)))

    def variance(*theta):
        centre = mean(*theta)
        return mp.fsum((k - centre) ** 2 * p for k, p in enumerate(weights(*theta)))

    return Oracle(
        lambda k, *theta: mp.log(weights(*theta)[int(mp.nint(k))]),
        tails,
        mean,
        variance,
        support=lambda *theta: (mpf(0), mpf(len(weights(*theta)) - 1)),
        discrete=True,
    )


def softmax(*logits):
    total = mp.fsum(mp.exp(each) for each in logits)
    return [mp.exp(each) / total for each in logits]


def with_rest(*probs):
    return [*probs, 1 - mp.fsum(probs)]


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def by_sums(log_prob, mean, variance, support):
    """Oracle of a count whose lower tail is added up, to twice the digits of the others."""

    def tails(k, *theta):
        with mp.workdps(2 * mp.dps):
            lower = mp.fsum(mp.exp(log_prob(mpf(n), *theta)) for n in range(int(k) + 1))
            return lower, 1 - lower

    return Oracle(log_prob, tails, mean, variance, support=support, discrete=True)


beta_binomial = by_sums(
    lambda k, a, b, n: (
        log_beta(a + k, b + n - k) - log_beta(a, b) - log_beta(k + 1, n - k + 1) - mp.log(n + 1)
    ),
    lambda a, b, n: n * a / (a + b),
    lambda a, b, n: n * a * b * (a + b + n) / ((a + b) ** 2 * (a + b + 1)),
    lambda a, b, n: (mpf(0), n),
)

beta_negative_binomial = by_sums(
    lambda k, a, b, r: log_beta(a + k, b + r) - log_beta(a, b) - log_beta(k + 1, r) - mp.log(k + r),
    lambda a, b, r: r * a / (b - 1) if b > 1 else INF,
    lambda a, b, r: r * a * (r + b - 1) * (a + b - 1) / ((b - 1) ** 2 * (b - 2)) if b > 2 else INF,
    naturals,
)


def inflated(base, split):
    """Oracle of a base with additional zeros; `split` maps the gate to its share and the rest."""

    def log_prob(k, gate, *theta):
        zeros, rest = split(gate)
        if k >= 0.5:
            return mp.log(rest) + base.log_prob(k, *theta)
        return mp.log(zeros + rest * mp.exp(base.log_prob(k, *theta)))

    def tails(k, gate, *theta):
        (zeros, rest), (lower, upper) = split(gate), base.tails(k, *theta)
        return zeros + rest * lower, rest * upper

    def variance(gate, *theta):
        rest, mean = split(gate)[1], base.mean(*theta)
        return rest * (base.variance(*theta) + mean**2) - (rest * mean) ** 2

    return Oracle(
        log_prob,
        tails,
        lambda gate, *theta: split(gate)[1] * base.mean(*theta),
        variance,
        support=lambda _, *theta: base.support(*theta),
        discrete=True,
    )


def hurdle(base, split):
    """Oracle of a base whose zeros are replaced by others."""

    def zero(*theta):
        return mp.exp(base.log_prob(mpf(0), *theta))

    def log_prob(k, gate, *theta):
        zeros, rest = split(gate)
        if k < 0.5:
            return mp.log(zeros)
        return mp.log(rest) + base.log_prob(k, *theta) - mp.log(1 - zero(*theta))

    def tails(k, gate, *theta):
        (zeros, rest), (lower, upper) = split(gate), base.tails(k, *theta)
        kept = rest / (1 - zero(*theta))
        return zeros + (kept * (lower - zero(*theta)) if k > 0 else 0), kept * upper

    def mean(gate, *theta):
        return split(gate)[1] * base.mean(*theta) / (1 - zero(*theta))

    def variance(gate, *theta):
        square = base.variance(*theta) + base.mean(*theta) ** 2
        return split(gate)[1] * square / (1 - zero(*theta)) - mean(gate, *theta) ** 2

    return Oracle(
        log_prob,
        tails,
        mean,
        variance,
        support=lambda _, *theta: base.support(*theta),
        discrete=True,
    )


def between_cutpoints(predictor, *cutpoints):
    """Probabilities of an ordered logistic model, by differences of the smaller tails."""
    sides = [(mpf(0), mpf(1)), *(odds(c - predictor) for c in cutpoints), (mpf(1), mpf(0))]
    return [
        high - low if high < 0.5 else rest - beyond
        for (low, rest), (high, beyond) in pairwise(sides)
    ]


discrete_uniform = Oracle(
    lambda k, low, high: -mp.log(high - low + 1),
    lambda k, low, high: ((k - low + 1) / (high - low + 1), (high - k) / (high - low + 1)),
    lambda low, high: (low + high) / 2,
    lambda low, high: ((high - low + 1) ** 2 - 1) / 12,
    support=lambda low, high: (low, high),
    discrete=True,
)


def counts(mean, deviation):
    """Points of an unbounded count at multiples of its deviation."""

    def points(*theta):
        centre, spread = float(mean(*theta)), float(deviation(*theta)) ** 0.5
        body = [max(0.0, round(centre + z * spread)) for z in (-1.5, -0.4, 0.6, 1.8)]
        tails = [0.0, *(round(centre + z * (spread + 1)) for z in (5, 12, 30))]
        return {
            "body": [float(x) for x in body],
            "tails": [float(x) for x in tails],
            "outside": list(OUTSIDE),
        }

    return points


def binomial_points(_, n=1):
    shares = (0.3, 0.6, 0.8)
    body = [float(round(n * share)) for share in shares]
    return {"body": body, "tails": [0.0, float(n)], "outside": [*OUTSIDE, n + 0.5, n + 1.0]}


def category_points(*_):
    return {"body": [0.0, 1.0, 2.0, 3.0], "outside": [*OUTSIDE, 3.5, 4.0, 9.0]}


def range_points(low, high):
    inside = [low, (low + high) // 2, high]
    beyond = [low - 1, low - 0.5, low + 0.5, high + 0.5, high + 1]
    return {"body": [float(x) for x in inside], "outside": [float(x) for x in beyond]}


def heavy_points(*_):
    """Points of a count whose tail is a power."""
    return {"body": [0.0, 1.0, 4.0, 15.0], "tails": [50.0, 300.0], "outside": list(OUTSIDE)}


def count_row(name, make, params, oracle, reach=reach):
    """A row of an unbounded count."""
    return Row(name, make, params, oracle, counts(oracle.mean, oracle.variance), reach)


def split_row(name, make, params, oracle):
    """A row of a binomial, its number of trials an integer."""
    return Row(name, make, params, oracle, binomial_points, reach, integers=("total_count",))


def category_row(name, make, params, oracle):
    return Row(name, make, params, oracle, category_points, reach)


NEAR_ONE = 1 - 2**-16
PROBS = {"probs": (1e-6, 0.3, 0.8, NEAR_ONE)}
LOGITS = {"logits": (-18.0, -0.7, 1.5, 12.0)}
TRIALS = {"total_count": (7, 20, 100, 3)}
SIZES = {"total_count": (0.3, 2.0, 30.0, 100.0)}
SOME_PROBS = {"probs": (1e-4, 0.3, 0.8, 0.99)}
SOME_LOGITS = {"logits": (-9.0, -0.7, 1.5, 4.0)}


ROWS = [
    count_row("Poisson", dist.Poisson, {"rate": (0.01, 1.3, 12.0, 150.0)}, poisson),
    count_row(
        "GammaPoisson",
        dist.GammaPoisson,
        {"concentration": (0.3, 2.0, 50.0), "rate": (0.1, 1.0, 7.0)},
        negative_binomial(lambda a, b: (a, 1 / (1 + b), b / (1 + b))),
        reach_and_size,
    ),
    count_row(
        "NegativeBinomial2",
        dist.NegativeBinomial2,
        {"mean": (0.1, 5.0, 60.0), "concentration": (0.5, 3.0, 100.0)},
        negative_binomial(lambda m, a: (a, m / (a + m), a / (a + m))),
        lambda k, mean, size: reach_and_size(k, size),
    ),
    count_row(
        "NegativeBinomialProbs",
        dist.NegativeBinomialProbs,
        SIZES | SOME_PROBS,
        negative_binomial(lambda r, p: (r, *complement(p))),
        reach_and_size,
    ),
    count_row(
        "NegativeBinomialLogits",
        dist.NegativeBinomialLogits,
        SIZES | SOME_LOGITS,
        negative_binomial(lambda r, logit: (r, *odds(logit))),
        reach_and_size,
    ),
    split_row("BinomialProbs", dist.BinomialProbs, PROBS | TRIALS, binomial(complement)),
    split_row("BinomialLogits", dist.BinomialLogits, LOGITS | TRIALS, binomial(odds)),
    split_row("BernoulliProbs", dist.BernoulliProbs, PROBS, binomial(complement)),
    split_row("BernoulliLogits", dist.BernoulliLogits, LOGITS, binomial(odds)),
    count_row("GeometricProbs", dist.GeometricProbs, SOME_PROBS, geometric(complement)),
    count_row("GeometricLogits", dist.GeometricLogits, SOME_LOGITS, geometric(odds)),
    category_row(
        "CategoricalProbs",
        lambda *p: dist.CategoricalProbs(jnp.stack([*p, 1 - sum(p)], -1)),
        {"p0": (0.1, 1e-6, 0.25), "p1": (0.2, 0.5, 0.25), "p2": (0.3, 0.25, 2**-16)},
        categorical(with_rest),
    ),
    category_row(
        "CategoricalLogits",
        lambda *logits: dist.CategoricalLogits(jnp.stack(logits, -1)),
        {
            "l0": (0.1, -30.0, 500.0),
            "l1": (0.2, 0.5, 510.0),
            "l2": (1.3, 2.5, 470.0),
            "l3": (-2.0, 3.0, 505.0),
        },
        categorical(softmax),
    ),
    Row(
        "DiscreteUniform",
        dist.DiscreteUniform,
        {"low": (0, -5, 100), "high": (3, 9, 1000)},
        discrete_uniform,
        range_points,
        reach,
        integers=("low", "high"),
    ),
    Row(
        "BetaBinomial",
        dist.BetaBinomial,
        {
            "concentration1": (0.3, 2.0, 40.0, 300.0),
            "concentration0": (0.7, 5.0, 10.0, 200.0),
            "total_count": (7, 20, 100, 50),
        },
        beta_binomial,
        lambda a, b, n: binomial_points(a, n),
        reach,
        integers=("total_count",),
    ),
    Row(
        "BetaNegativeBinomial",
        dist.BetaNegativeBinomial,
        {
            "concentration1": (0.5, 3.0, 20.0),
            "concentration0": (1.5, 4.0, 30.0),
            "n": (2.0, 5.5, 10.0),
        },
        beta_negative_binomial,
        heavy_points,
        reach,
    ),
    Row(
        "ZeroInflatedProbs",
        lambda gate, p, n: dist.ZeroInflatedDistribution(dist.BinomialProbs(p, n), gate=gate),
        {"gate": (1e-4, 0.3, 0.9), "probs": (0.1, 0.4, 0.8), "total_count": (7, 20, 100)},
        inflated(binomial(complement), complement),
        lambda gate, p, n: binomial_points(p, n),
        reach,
        integers=("total_count",),
    ),
    count_row(
        "ZeroInflatedLogits",
        lambda gate, a, b: dist.ZeroInflatedDistribution(dist.GammaPoisson(a, b), gate_logits=gate),
        {"gate": (-12.0, 0.3, 7.0), "concentration": (0.3, 2.0, 50.0), "rate": (0.1, 1.0, 7.0)},
        inflated(negative_binomial(lambda a, b: (a, 1 / (1 + b), b / (1 + b))), odds),
        lambda k, gate, *theta: reach_and_size(k, *theta),
    ),
    count_row(
        "ZeroInflatedPoisson",
        dist.ZeroInflatedPoisson,
        {"gate": (1e-4, 0.3, 0.9), "rate": (0.5, 30.0, 2.0)},
        inflated(poisson, complement),
    ),
    count_row(
        "HurdlePoisson",
        dist.HurdlePoisson,
        {"gate": (1e-4, 0.3, 0.9), "rate": (0.5, 30.0, 2.0)},
        hurdle(poisson, complement),
    ),
    count_row(
        "HurdleProbs",
        lambda gate, p: dist.HurdleProbs(dist.GeometricProbs(p), gate),
        {"gate": (1e-4, 0.3, 0.9), "probs": (0.6, 0.3, 0.1)},
        hurdle(geometric(complement), complement),
    ),
    Row(
        "HurdleLogits",
        lambda gate, p, n: dist.HurdleLogits(dist.BinomialProbs(p, n), gate),
        {"gate": (-12.0, 0.3, 7.0), "probs": (0.2, 0.4, 0.8), "total_count": (7, 20, 100)},
        hurdle(binomial(complement), odds),
        lambda gate, p, n: binomial_points(p, n),
        reach,
        integers=("total_count",),
    ),
    category_row(
        "OrderedLogistic",
        lambda predictor, *cuts: dist.OrderedLogistic(predictor, jnp.stack(cuts, -1)),
        {
            "predictor": (-1.0, 30.0, 2.0),
            "c0": (0.0, -5.0, 2.0),
            "c1": (1.0, 7.0, 2.001),
            "c2": (3.0, 8.0, 60.0),
        },
        categorical(between_cutpoints),
    ),
]
