"""Mixtures of two components of every kind of family that fits treat alike, and draws from them."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily

A = np.array
FACTORS = A([[[1.0, 0], [0.5, 0.7]], [[0.6, 0], [-0.4, 1.0]]])
SIDES = A([[0.1, 0.8, 0.3, 0.9], [0.9, 0.2, 0.8, 0.3]])
THIRDS = A(
    [
        [[0.1, 0.2, 0.7], [0.6, 0.2, 0.2], [0.7, 0.2, 0.1]],
        [[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.2, 0.1, 0.7]],
    ]
)
APART = A([[0.0, 0], [3, 1]])
SIZES = A([[[0.3]], [[3]]])
FAMILIES = {
    # closed maxima of sums
    "Normal": lambda: dist.Normal(A([-2.0, 1.5]), A([0.7, 1.0])),
    "LogNormal": lambda: dist.LogNormal(A([-1.0, 1.5]), A([0.4, 0.5])),
    "HalfNormal": lambda: dist.HalfNormal(A([0.3, 5.0])),
    "Exponential": lambda: dist.Exponential(A([0.2, 6.0])),
    "Poisson": lambda: dist.Poisson(A([2.0, 12.0])),
    "Bernoulli": lambda: dist.Bernoulli(SIDES).to_event(1),
    "BernoulliLogits": lambda: dist.Bernoulli(logits=np.log(SIDES / (1 - SIDES))).to_event(1),
    "Geometric": lambda: dist.Geometric(A([0.7, 0.05])),
    "GeometricLogits": lambda: dist.Geometric(logits=A([1.0, -3.0])),
    "Binomial": lambda: dist.Binomial(20, probs=A([0.1, 0.7])),
    "BinomialLogits": lambda: dist.Binomial(20, logits=A([-2.0, 1.0])),
    "Categorical": lambda: dist.Categorical(THIRDS).to_event(1),
    "CategoricalLogits": lambda: dist.Categorical(logits=np.log(THIRDS) + 1).to_event(1),
    "MultivariateNormal": lambda: dist.MultivariateNormal(APART, scale_tril=FACTORS),
    # what is shared
    "diagonal": lambda: dist.Normal(APART, A([[1.0, 0.5], [0.7, 1.4]])).to_event(1),
    "spherical": lambda: dist.Normal(APART, A([[1.0], [0.7]])).to_event(1),
    "one scale": lambda: dist.Normal(A([-2.0, 1.5]), A([0.7])),
    "one location": lambda: dist.Normal(A([0.5]), A([0.3, 3.0])),
    "one covariance": lambda: dist.MultivariateNormal(APART, scale_tril=FACTORS[0]),
    "one centre": lambda: dist.MultivariateNormal(APART[1], scale_tril=FACTORS / SIZES),
    "one rate": lambda: dist.Gamma(A([3.0, 20.0]), A([2.0])),
    # maxima that see all rows
    "Laplace": lambda: dist.Laplace(A([-3.0, 2.0]), A([0.6, 1.0])),
    "Uniform": lambda: dist.Uniform(A([0.0, 1.5]), A([1.0, 4.0])),
    "Pareto": lambda: dist.Pareto(A([1.0, 3.0]), A([9.0, 3.0])),
    "AsymmetricLaplace": lambda: dist.AsymmetricLaplace(
        A([-6.0, 6.0]), A([0.6, 1.0]), A([0.8, 1.3])
    ),
    "AsymmetricLaplaceQuantile": lambda: dist.AsymmetricLaplaceQuantile(
        A([-6.0, 6.0]), A([0.6, 1.0]), A([0.4, 0.7])
    ),
    "DiscreteUniform": lambda: dist.DiscreteUniform(A([0, 5]), A([6, 20])),
    "LogUniform": lambda: dist.LogUniform(A([0.2, 3.0]), A([2.0, 40.0])),
    "LowerTruncatedPowerLaw": lambda: dist.LowerTruncatedPowerLaw(A([-9.0, -4.0]), A([1.0, 3.0])),
    # Newton's method
    "Gamma": lambda: dist.Gamma(A([3.0, 20.0]), A([3.0, 2.0])),
    "two Gammas": lambda: dist.Gamma(A([[3.0, 9], [9, 2]]), A([[1.0, 9], [2, 2]])).to_event(1),
    "Beta": lambda: dist.Beta(A([2.0, 9.0]), A([8.0, 2.0])),
    "Weibull": lambda: dist.Weibull(A([1.0, 6.0]), A([1.5, 5.0])),
    "InverseGamma": lambda: dist.InverseGamma(A([5.0, 9.0]), A([2.0, 50.0])),
    "Gumbel": lambda: dist.Gumbel(A([-2.0, 6.0]), A([0.7, 1.2])),
    "Logistic": lambda: dist.Logistic(A([-4.0, 4.0]), A([0.6, 1.0])),
    "Cauchy": lambda: dist.Cauchy(A([-9.0, 9.0]), A([0.6, 1.0])),
    "StudentT": lambda: dist.StudentT(A([4.0, 8.0]), A([-4.0, 4.0]), A([0.6, 1.0])),
    "VonMises": lambda: dist.VonMises(A([-1.5, 1.5]), A([4.0, 9.0])),
    "NegativeBinomial2": lambda: dist.NegativeBinomial2(A([2.0, 40.0]), A([5.0, 12.0])),
    "BetaBinomial": lambda: dist.BetaBinomial(A([2.0, 20.0]), A([12.0, 4.0]), 20),
    "Dirichlet": lambda: dist.Dirichlet(A([[2.0, 5, 9], [9, 3, 2]])),
    "MultivariateStudentT": lambda: dist.MultivariateStudentT(
        A([5.0, 12.0]), 2 * APART, scale_tril=FACTORS
    ),
    "LowRank": lambda: dist.LowRankMultivariateNormal(
        A([[0.0, 0, 0], [4, 1, 2]]), A([[[1.0], [0.5], [0.2]], [[0.3], [0.9], [-0.3]]]),
        A([[0.3, 0.4, 0.5], [0.2, 0.6, 0.3]]),
    ),
    "ZeroInflatedPoisson": lambda: dist.ZeroInflatedPoisson(A([0.3, 0.1]), A([2.0, 12.0])),
    "truncated": lambda: dist.TruncatedNormal(A([0.5, 4.0]), A([1.0, 0.5]), low=0.0),
}  # fmt: skip
SLOW = {
    "BernoulliLogits", "GeometricLogits", "BinomialLogits", "LogNormal", "HalfNormal", "Geometric",
    "Binomial", "Weibull", "InverseGamma", "Gumbel", "Logistic", "Cauchy", "VonMises", "LowRank",
    "BetaBinomial", "Beta", "AsymmetricLaplaceQuantile", "truncated", "NegativeBinomial2",
}  # fmt: skip
"""Left to `make test-all`: the same code as that of others."""
KINKED = [
    "Uniform", "LogUniform", "Laplace", "Pareto", "LowerTruncatedPowerLaw", "AsymmetricLaplace",
    "AsymmetricLaplaceQuantile", "DiscreteUniform",
]  # fmt: skip
"""Whose likelihood has corners at its maximum."""


FEW = {"Binomial", "Gumbel"}
"""A closed maximum, with whole numbers among the parameters, and Newton's method."""


def rows(names, usual=frozenset(FAMILIES) - SLOW):
    marks = {name: () if name in usual else (pytest.mark.slow,) for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def problem(name, n=400):
    """A mixture and draws from it."""
    mixture = MixtureSameFamily(dist.Categorical(jnp.array([0.4, 0.6])), FAMILIES[name]())
    return mixture, mixture.sample(jax.random.key(1), (n,))
