"""The edge table: what a density is where something is zero, infinite or far away.

Every row runs with positive weights and with a zero first weight, by probs and by −inf logits, in
both precisions: the value is as required, and no derivative, in either mode, is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import by_logits, by_probs

INF = np.inf


@dataclass(frozen=True)
class Edge:
    """Components of parameters, a value, and the log densities of the three components there."""

    make: Callable
    params: tuple
    value: object
    log_p: tuple | Callable


def out(make, params, value):
    """A row outside the support of every component."""
    return Edge(make, params, value, (-INF, -INF, -INF))


def normals(value):
    return Edge(dist.Normal, ((-1.0, 0.5, 2.0), (0.1, 1.0, 2.0)), value, stats.norm.logpdf)


def binomial(probs):
    return dist.Binomial(np.array([3, 5, 9]), probs=probs)


def vectors(make):
    return lambda *theta: make(*theta).to_event(1)


def truncated(loc, low):
    return dist.TruncatedNormal(loc, 1.0, low=low, high=low + 2)


SAME = ((1.0, 1.0, 1.0),)
THREE = ((0.5, 1.0, 2.0),)
BOXES = ((0.0, 2.0, 4.0), (1.0, 3.0, 5.0))
BOX_VECTORS = (((0.0, 0.0), (2.0, 2.0), (4.0, 4.0)), ((1.0, 1.0), (3.0, 3.0), (5.0, 5.0)))
SHAPES = ((0.5, 2.0, 3.0), (1.0, 2.0, 3.0))
HALVES = ((0.5, 0.5, 3.0), (1.0, 2.0, 3.0))
FAR = ((-1.0, 0.5, 2.0), (0.5, 1.0, 2.0))

EDGES = {
    "in the body": normals(0.3),
    "on a location": normals(0.5),
    "below the exponentials": out(dist.Exponential, THREE, -1.0),
    "below the gammas": out(dist.Gamma, SHAPES, -1.0),
    "below the half normals": out(dist.HalfNormal, THREE, -1.0),
    "below the log-normals": out(dist.LogNormal, SHAPES, -1.0),
    "at zero, the log-normals": out(dist.LogNormal, SHAPES, 0.0),
    "at zero, the inverse gammas": out(dist.InverseGamma, SHAPES, 0.0),
    "below the Weibulls": out(dist.Weibull, SHAPES, -1.0),
    "above the betas": out(dist.Beta, SHAPES, 1.5),
    "above the Kumaraswamys": out(dist.Kumaraswamy, SHAPES, 1.5),
    "below the Paretos": out(dist.Pareto, SHAPES, 0.1),
    "above the uniforms": out(dist.Uniform, BOXES, 9.0),
    "between the uniforms": out(dist.Uniform, BOXES, 1.5),
    "above the truncated": out(truncated, BOXES, 9.0),
    "beyond the circle": out(dist.VonMises, SHAPES, 4.0),
    "no count, Poisson": out(dist.Poisson, THREE, 1.5),
    "a negative count, Poisson": out(dist.Poisson, THREE, -1.0),
    "no count, negative binomial": out(dist.GammaPoisson, SHAPES, 0.5),
    "more than the trials": out(binomial, ((0.1, 0.5, 0.7),), 10.0),
    "no category": out(lambda p: dist.Categorical(probs=p), (np.full((3, 2), 0.5),), 2.0),
    "no coin": out(lambda p: dist.Bernoulli(probs=p), ((0.1, 0.5, 0.7),), 2.0),
    "off the simplex": out(dist.Dirichlet, (np.full((3, 2), 2.0),), (0.7, 0.7)),
    "a negative coordinate": out(
        vectors(dist.Exponential), (((1.0, 2.0), (1.0, 1.0), (2.0, 2.0)),), (1.0, -1.0)
    ),
    "coordinates of two boxes": out(vectors(dist.Uniform), BOX_VECTORS, (0.5, 2.5)),
    "in one of the uniforms": Edge(dist.Uniform, BOXES, 2.5, (-INF, 0.0, -INF)),
    "in one of the boxes": Edge(vectors(dist.Uniform), BOX_VECTORS, (2.5, 2.1), (-INF, 0.0, -INF)),
    "at an end of a uniform": Edge(dist.Uniform, BOXES, 3.0, (-INF, 0.0, -INF)),
    "above two of the Paretos": Edge(
        dist.Pareto,
        ((0.5, 1.0, 3.0), (2.0, 2.0, 2.0)),
        2.0,
        lambda x, s, a: stats.pareto.logpdf(x, a, scale=s),
    ),
    "in one of the truncated": Edge(
        truncated,
        BOXES,
        2.5,
        lambda x, m, low: stats.truncnorm.logpdf(x, low - m, low + 2 - m, loc=m),
    ),
    "more than one's trials": Edge(
        binomial, ((0.1, 0.5, 0.7),), 4.0, lambda x, p: stats.binom.logpmf(x, [3, 5, 9], p)
    ),
    "no success possible": Edge(
        binomial, ((0.0, 0.5, 1.0),), 3.0, lambda x, p: stats.binom.logpmf(x, [3, 5, 9], p)
    ),
    "infinite density, gamma": Edge(dist.Gamma, SHAPES, 0.0, (INF, -INF, -INF)),
    "infinite density, two gammas": Edge(dist.Gamma, HALVES, 0.0, (INF, INF, -INF)),
    "infinite density, chi2": Edge(dist.Chi2, ((1.0, 2.0, 3.0),), 0.0, (INF, np.log(0.5), -INF)),
    "infinite density, Weibull": Edge(
        lambda c: dist.Weibull(2.0, c), THREE, 0.0, (INF, np.log(0.5), -INF)
    ),
    "infinite density, beta at 0": Edge(dist.Beta, SHAPES, 0.0, (INF, -INF, -INF)),
    "infinite density, beta at 1": Edge(dist.Beta, SHAPES[::-1], 1.0, (INF, -INF, -INF)),
    "infinite density, arcsine at 1": Edge(
        dist.Beta, (HALVES[0], HALVES[0]), 1.0, (INF, INF, -INF)
    ),
    "infinite density, Kumaraswamy": Edge(dist.Kumaraswamy, SHAPES, 0.0, (INF, -INF, -INF)),
    "infinite density, Dirichlet": Edge(
        dist.Dirichlet, (((0.5, 2.0), (2.0, 2.0), (3.0, 1.0)),), (0.0, 1.0), (INF, -INF, -INF)
    ),
    "zero shape, gamma": Edge(
        dist.Gamma, ((1.0, 1.0, 2.0), (1.0, 2.0, 3.0)), 0.0, (0.0, np.log(2), -INF)
    ),
    "far, normal 1e3": normals(1e3),
    "far, normal -1e3": normals(-1e3),
    "far, normal 1e8": normals(1e8),
    "far, normal 1e18": normals(1e18),
    "far, Laplace 1e18": Edge(
        dist.Laplace, FAR, 1e18, lambda x, m, s: -np.abs(x - m) / s - np.log(2 * s)
    ),
    "far, logistic 1e18": Edge(dist.Logistic, FAR, -1e18, stats.logistic.logpdf),
    "far, Cauchy 1e18": Edge(dist.Cauchy, FAR, 1e18, stats.cauchy.logpdf),
    "far, Student t 1e18": Edge(
        lambda m, s: dist.StudentT(3.0, m, s), FAR, 1e18, lambda x, m, s: stats.t.logpdf(x, 3, m, s)
    ),
    "far, Gumbel 1e3": Edge(dist.Gumbel, FAR, 1e3, stats.gumbel_r.logpdf),
    "far, Gumbel below": Edge(dist.Gumbel, FAR, -1e3, stats.gumbel_r.logpdf),
    "far, gamma 1e18": Edge(
        dist.Gamma, SHAPES, 1e18, lambda x, a, b: stats.gamma.logpdf(x, a, scale=1 / b)
    ),
    "far, gamma 1e-30": Edge(
        dist.Gamma, SHAPES, 1e-30, lambda x, a, b: stats.gamma.logpdf(x, a, scale=1 / b)
    ),
    "far, beta 1e-30": Edge(dist.Beta, SHAPES, 1e-30, stats.beta.logpdf),
    "far, log-normal 1e30": Edge(
        dist.LogNormal, FAR, 1e30, lambda x, m, s: stats.lognorm.logpdf(x, s, scale=np.exp(m))
    ),
    "far, Poisson 1e6": Edge(dist.Poisson, THREE, 1e6, stats.poisson.logpmf),
    "same, but for the weights": Edge(
        dist.Exponential, SAME, 1.0, lambda x, rate: stats.expon.logpdf(x, scale=1 / rate)
    ),
}
WEIGHTS = {"positive": (0.2, 0.3, 0.5), "first zero": (0.0, 0.4, 0.6)}
table = pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)


def expected(edge, w):
    """The log density, in float64; a zero weight beats an infinite density."""
    log_p = edge.log_p
    if callable(log_p):
        with np.errstate(all="ignore"):
            log_p = log_p(edge.value, *(np.array(p, float) for p in edge.params))
    log_p = np.where(np.array(w) > 0, log_p, -INF)
    with np.errstate(divide="ignore"):
        return np.logaddexp.reduce(log_p + np.log(np.where(np.array(w) > 0, w, 1)))


def program(edge, by):
    """The log density, its gradient in everything, and its derivative in every direction."""

    def log_prob(arguments):
        x, weights, *theta = arguments
        return by(weights, edge.make(*theta)).log_prob(x)

    def run(arguments, tangents):
        _, tangent = jax.jvp(log_prob, (arguments,), (tangents,))
        return *jax.value_and_grad(log_prob)(arguments), tangent

    return jax.jit(run)


def arguments_of(edge, by, w, dtype):
    """The value, the weights and the parameters; and tangents, one where there is a derivative."""
    with np.errstate(divide="ignore"):
        weights = w if by is by_probs else np.log(w)
    arguments = [np.asarray(each, dtype) for each in (edge.value, weights, *edge.params)]
    return arguments, [np.where(np.isinf(a), 0, np.ones_like(a)) for a in arguments]


def rounded(value, dtype):
    """As the dtype can hold it: overflow to infinity."""
    return value if abs(value) <= np.finfo(dtype).max else np.copysign(INF, value)


slow = pytest.mark.slow
WAYS = [
    pytest.param(by_probs, "float32", id="probs-float32"),
    pytest.param(by_logits, "float64", id="logits-float64"),
    pytest.param(by_probs, "float64", id="probs-float64", marks=slow),
    pytest.param(by_logits, "float32", id="logits-float32", marks=slow),
]


@table
@pytest.mark.parametrize(("by", "precision"), WAYS, indirect=["precision"])
def test_edge(edge, by, precision):
    run, tolerance = program(edge, by), {"float32": 1e-5, "float64": 1e-10}[precision]
    for name, w in WEIGHTS.items():
        value, gradient, tangent = run(*arguments_of(edge, by, w, precision))
        wanted = rounded(expected(edge, w), precision)
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance, err_msg=name)
        nan = [i for i, each in enumerate(gradient) if np.isnan(each).any()]
        assert not nan, f"{name}: NaN in the gradient in argument {nan} (value, weights, …)"
        assert not np.isnan(tangent), f"{name}: NaN in the derivative forward"
        if edge.log_p == (-INF, -INF, -INF):
            assert not gradient[0].any(), f"{name}: not zero outside the support"
