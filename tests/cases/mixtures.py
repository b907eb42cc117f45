"""Mixtures of every scalar family, with component cdfs by SciPy."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints, transforms
from scipy import special, stats

from pathmix import MixtureSameFamily

WEIGHTS = (0.5, 0.3, 0.2)


@dataclass(frozen=True, eq=False)
class Row:
    """A family: `make` takes its parameters in order, `cdf` a point and one component's.

    `fixed` names the parameters without a derivative; `slow` marks programs that take XLA several
    seconds to compile.
    """

    name: str
    make: Callable
    params: dict[str, tuple]
    cdf: Callable
    fixed: tuple[str, ...] = ()
    slow: bool = False

    def __str__(self):
        return self.name

    def arrays(self, dtype):
        """The parameters by name, rounded to the dtype; integers stay integers."""
        return {
            name: np.asarray(value, int if isinstance(value[0], int) else dtype)
            for name, value in self.params.items()
        }

    def mixture(self, dtype, weights=WEIGHTS, order=slice(None)):
        """The mixture with these weights, by probs, of the components in this order."""
        arrays = self.arrays(dtype).values()
        components = self.make(*(jnp.asarray(each[order]) for each in arrays))
        return by_probs(np.asarray(weights, dtype), components)

    def sharing(self, name):
        """The row whose components all have the first one's value of a parameter, as a scalar."""
        params = {**self.params, name: (self.params[name][0],) * len(self.params[name])}

        def make(*theta):
            first = {n: t[0] if n == name else t for n, t in zip(params, theta, strict=True)}
            return self.make(*first.values())

        return replace(self, params=params, make=make)

    def mixture_cdf(self, x, weights=WEIGHTS):
        """The cdf of the mixture by SciPy, in float64."""
        columns = zip(*self.params.values(), strict=True)
        return sum(w * self.cdf(x, *theta) for w, theta in zip(weights, columns, strict=True))


def by_probs(probs, components, **kwargs):
    """The mixture with weights by probabilities."""
    return MixtureSameFamily(
        dist.Categorical(probs=jnp.asarray(probs), validate_args=False), components, **kwargs
    )


def by_logits(logits, components, **kwargs):
    """The mixture with weights by logits."""
    return MixtureSameFamily(
        dist.Categorical(logits=jnp.asarray(logits), validate_args=False), components, **kwargs
    )


def equations(jaxpr):
    """The equations of a jaxpr and of all inside it."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    for equation in jaxpr.eqns:
        yield equation
        for each in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr"),
        ):
            if hasattr(each, "eqns") or hasattr(each, "jaxpr"):
                yield from equations(each)


FEWER = [
    pytest.param("float32", id="float32"),
    pytest.param("float64", id="float64", marks=pytest.mark.slow),
]
mostly_float32 = pytest.mark.parametrize("precision", FEWER, indirect=True)
"""For a test whose float64 run adds little: it is slow."""


def rows(table):
    """Parametrise a test by a table, its slow rows marked as slow."""
    marked = [pytest.param(r, marks=pytest.mark.slow) if r.slow else r for r in table]
    return pytest.mark.parametrize("row", marked, ids=str)


def all_rows(table):
    """Parametrise a test by a table, for programs that compile fast for every row."""
    return pytest.mark.parametrize("row", table, ids=str)


def location_scale(name, make, standard, slow=False):
    """A row of a location-scale family by its SciPy counterpart."""
    params = {"loc": (-2.0, 0.5, 4.0), "scale": (0.5, 1.0, 2.0)}
    return Row(name, make, params, lambda x, m, s: standard.cdf(x, m, s), slow=slow)


def truncated(standard, low=-np.inf, high=np.inf):
    """The cdf of a SciPy location-scale family cut to an interval."""

    def cdf(x, loc, scale, *bounds):
        a, b = standard.cdf(bounds or (low, high), loc, scale)
        return np.clip((standard.cdf(x, loc, scale) - a) / (b - a), 0, 1)

    return cdf


def von_mises(x, loc, concentration):
    """The cdf measured from −π."""
    return stats.vonmises.cdf(x, concentration, loc) - stats.vonmises.cdf(
        -np.pi, concentration, loc
    )


CONTINUOUS = [
    location_scale("Normal", dist.Normal, stats.norm),
    location_scale("Laplace", dist.Laplace, stats.laplace),
    location_scale("Logistic", dist.Logistic, stats.logistic),
    location_scale("Cauchy", dist.Cauchy, stats.cauchy),
    location_scale("Gumbel", dist.Gumbel, stats.gumbel_r),
    Row(
        "StudentT",
        dist.StudentT,
        {"df": (1.5, 4.0, 30.0), "loc": (-2.0, 0.5, 4.0), "scale": (0.5, 1.0, 2.0)},
        stats.t.cdf,
        slow=True,
    ),
    Row(
        "LogNormal",
        dist.LogNormal,
        {"loc": (-1.0, 0.0, 1.0), "scale": (0.3, 0.5, 0.8)},
        lambda x, m, s: stats.lognorm.cdf(x, s, scale=np.exp(m)),
    ),
    Row(
        "HalfNormal",
        dist.HalfNormal,
        {"scale": (0.3, 1.0, 4.0)},
        lambda x, s: stats.halfnorm.cdf(x, scale=s),
    ),
    Row(
        "HalfCauchy",
        dist.HalfCauchy,
        {"scale": (0.3, 1.0, 4.0)},
        lambda x, s: stats.halfcauchy.cdf(x, scale=s),
    ),
    Row(
        "Exponential",
        dist.Exponential,
        {"rate": (4.0, 1.0, 0.2)},
        lambda x, rate: stats.expon.cdf(x, scale=1 / rate),
    ),
    Row(
        "Weibull",
        lambda scale, c: dist.Weibull(scale, c),
        {"scale": (0.5, 1.0, 4.0), "concentration": (0.7, 1.5, 3.0)},
        lambda x, scale, c: stats.weibull_min.cdf(x, c, scale=scale),
    ),
    Row(
        "Gamma",
        dist.Gamma,
        {"concentration": (0.6, 3.0, 20.0), "rate": (2.0, 1.0, 3.0)},
        lambda x, a, b: stats.gamma.cdf(x, a, scale=1 / b),
        slow=True,
    ),
    Row(
        "InverseGamma",
        dist.InverseGamma,
        {"concentration": (1.5, 3.0, 9.0), "rate": (0.5, 3.0, 40.0)},
        lambda x, a, b: stats.invgamma.cdf(x, a, scale=b),
        slow=True,
    ),
    Row("Chi2", dist.Chi2, {"df": (1.0, 4.0, 20.0)}, stats.chi2.cdf, slow=True),
    Row(
        "Beta",
        dist.Beta,
        {"concentration1": (0.7, 3.0, 20.0), "concentration0": (4.0, 3.0, 2.0)},
        stats.beta.cdf,
        slow=True,
    ),
    Row(
        "Kumaraswamy",
        dist.Kumaraswamy,
        {"concentration1": (0.7, 2.0, 9.0), "concentration0": (4.0, 3.0, 0.8)},
        lambda x, a, b: 1 - (1 - np.asarray(x, float) ** a) ** b,
    ),
    Row(
        "Pareto",
        dist.Pareto,
        {"scale": (0.5, 1.0, 3.0), "alpha": (3.0, 2.0, 1.5)},
        lambda x, scale, alpha: stats.pareto.cdf(x, alpha, scale=scale),
    ),
    Row(
        "Uniform",
        dist.Uniform,
        {"low": (-1.0, 0.5, 1.0), "high": (1.5, 2.5, 4.0)},
        lambda x, a, b: stats.uniform.cdf(x, a, b - a),
    ),
    Row(
        "TruncatedNormal",
        lambda loc, scale, low, high: dist.TruncatedNormal(loc, scale, low=low, high=high),
        {
            "loc": (-2.0, 0.5, 2.0),
            "scale": (0.5, 1.0, 2.0),
            "low": (-2.5, -1.0, -0.5),
            "high": (0.0, 1.0, 5.0),
        },
        truncated(stats.norm),
        slow=True,
    ),
    Row(
        "TruncatedNormal, from the left",
        lambda loc, scale: dist.TruncatedNormal(loc, scale, low=-1.0),
        {"loc": (-2.0, 0.5, 2.0), "scale": (0.5, 1.0, 2.0)},
        truncated(stats.norm, low=-1.0),
    ),
    Row(
        "TruncatedCauchy, from the right",
        lambda loc, scale: dist.TruncatedCauchy(loc, scale, high=3.0),
        {"loc": (-2.0, 0.5, 2.0), "scale": (0.5, 1.0, 2.0)},
        truncated(stats.cauchy, high=3.0),
    ),
    Row(
        "VonMises",
        dist.VonMises,
        {"loc": (-2.0, 0.5, 2.0), "concentration": (0.5, 4.0, 30.0)},
        von_mises,
        slow=True,
    ),
    Row(
        "Normal, exponentiated and shifted",
        lambda loc, scale: dist.TransformedDistribution(
            dist.Normal(loc, scale),
            [
                transforms.ExpTransform(),
                transforms.AffineTransform(1.0, -2.0, domain=constraints.positive),
            ],
        ),
        {"loc": (-1.0, 0.0, 1.0), "scale": (0.3, 0.5, 0.8)},
        lambda x, m, s: stats.lognorm.sf((1 - x) / 2, s, scale=np.exp(m)),
    ),
    Row(
        "Normal, expanded",
        lambda loc: dist.Normal(loc, 0.5).expand(jnp.shape(loc)),
        {"loc": (-2.0, 0.5, 4.0)},
        lambda x, m: stats.norm.cdf(x, m, 0.5),
    ),
]

DISCRETE = [
    Row("Poisson", dist.Poisson, {"rate": (0.5, 4.0, 15.0)}, stats.poisson.cdf),
    Row(
        "GammaPoisson",
        dist.GammaPoisson,
        {"concentration": (2.0, 5.0, 20.0), "rate": (4.0, 1.0, 2.0)},
        lambda n, a, b: stats.nbinom.cdf(n, a, b / (1 + b)),
    ),
    Row(
        "NegativeBinomial2",
        dist.NegativeBinomial2,
        {"mean": (0.5, 5.0, 10.0), "concentration": (2.0, 5.0, 20.0)},
        lambda n, m, a: stats.nbinom.cdf(n, a, a / (a + m)),
    ),
    Row(
        "Binomial",
        lambda p, n: dist.Binomial(n, probs=p),
        {"probs": (0.1, 0.5, 0.7), "total_count": (5, 10, 20)},
        lambda x, p, n: stats.binom.cdf(x, n, p),
    ),
    Row(
        "Bernoulli, by logits",
        lambda logits: dist.Bernoulli(logits=logits),
        {"logits": (-3.0, 0.0, 2.0)},
        lambda x, logits: stats.bernoulli.cdf(x, special.expit(logits)),
    ),
    Row(
        "Geometric",
        lambda p: dist.Geometric(probs=p),
        {"probs": (0.9, 0.5, 0.15)},
        lambda n, p: stats.geom.cdf(np.asarray(n) + 1, p),
    ),
    Row(
        "Categorical",
        lambda p: dist.Categorical(probs=p),
        {"probs": ((0.7, 0.2, 0.1, 0.0), (0.1, 0.1, 0.2, 0.6), (0.25, 0.25, 0.25, 0.25))},
        lambda n, p: np.cumsum(p)[np.clip(np.asarray(n, int), 0, 3)] * (np.asarray(n) >= 0),
    ),
]
