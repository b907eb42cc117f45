"""Rows of the discrete families."""

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
]
