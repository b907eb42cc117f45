"""Random variables of every family: a constructor for each, named as in NumPyro.

A constructor takes the arguments of the distribution, positional or by keyword, and four more by
keyword: ``sample_shape``, ``value``, ``key`` and ``name``. It returns a
:class:`pathmix.RandomVariable`, whose docstring says where the value comes from. The random
variable of a mixture is :func:`MixtureSameFamily`, of one of several families :func:`Mixture`.

Distributions that are made from other distributions or from functions (``Independent``,
``TransformedDistribution``, truncation of any base, …) have no constructor here: build the
distribution and pass it to ``RandomVariable``.

Example:
    >>> from jax import numpy as jnp, random
    >>> from numpyro import handlers
    >>> from pathmix import random_variables as rv
    >>> rv.Normal(loc=0.0, scale=1.0, sample_shape=3, key=random.key(0)).shape
    (3,)
    >>> def program():
    ...     loc = rv.Normal(0.0, 10.0, name="loc")
    ...     return rv.StudentT(4.0, loc, value=jnp.array([1.0, 2.0, 9.0]), sample_shape=3, name="x")
    >>> handlers.seed(program, random.key(0))()
    RandomVariable(StudentT, name='x', shape=(3,), dtype=float32, value=[1., 2., 9.])
"""

from typing import Any

from pathmix._random_variable import Mixture as Mixture
from pathmix._random_variable import MixtureSameFamily as MixtureSameFamily
from pathmix._random_variable import constructor

# A table, not a scan of NumPyro's namespace, so that our names do not change with its version. A
# test holds it against `numpyro.distributions.__all__`.
_FAMILIES = (
    "AsymmetricLaplace",
    "AsymmetricLaplaceQuantile",
    "Bernoulli",
    "BernoulliLogits",
    "BernoulliProbs",
    "Beta",
    "BetaBinomial",
    "BetaNegativeBinomial",
    "BetaProportion",
    "Binomial",
    "BinomialLogits",
    "BinomialProbs",
    "CAR",
    "Categorical",
    "CategoricalLogits",
    "CategoricalProbs",
    "Cauchy",
    "Chi2",
    "CirculantNormal",
    "Dagum",
    "Delta",
    "Dirichlet",
    "DirichletMultinomial",
    "DiscreteUniform",
    "DoublyTruncatedPowerLaw",
    "Exponential",
    "Gamma",
    "GammaPoisson",
    "GaussianCopulaBeta",
    "GaussianRandomWalk",
    "GaussianStateSpace",
    "Geometric",
    "GeometricLogits",
    "GeometricProbs",
    "Gompertz",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "HurdleGamma",
    "HurdleLogNormal",
    "HurdleNegativeBinomial2",
    "HurdlePoisson",
    "InverseGamma",
    "InverseWishart",
    "InverseWishartCholesky",
    "Kumaraswamy",
    "LKJ",
    "LKJCholesky",
    "Laplace",
    "Levy",
    "LogNormal",
    "LogUniform",
    "Logistic",
    "LowRankMultivariateNormal",
    "LowerTruncatedPowerLaw",
    "MatrixNormal",
    "Multinomial",
    "MultinomialLogits",
    "MultinomialProbs",
    "MultivariateNormal",
    "MultivariateStudentT",
    "NegativeBinomial",
    "NegativeBinomial2",
    "NegativeBinomialLogits",
    "NegativeBinomialProbs",
    "Normal",
    "OrderedLogistic",
    "Pareto",
    "Poisson",
    "ProjectedNormal",
    "RelaxedBernoulli",
    "RelaxedBernoulliLogits",
    "SineBivariateVonMises",
    "SoftLaplace",
    "StudentT",
    "TruncatedCauchy",
    "TruncatedGamma",
    "TruncatedNormal",
    "TruncatedPolyaGamma",
    "Uniform",
    "Unit",
    "VonMises",
    "Weibull",
    "Wishart",
    "WishartCholesky",
    "ZeroInflatedNegativeBinomial2",
    "ZeroInflatedPoisson",
    "ZeroSumNormal",
)

_WITHOUT_CONSTRUCTOR = {
    "is made from a base distribution": (
        "ExpandedDistribution",
        "FoldedDistribution",
        "GaussianCopula",
        "HurdleDistribution",
        "HurdleLogits",
        "HurdleProbs",
        "Independent",
        "IntervalCensoredDistribution",
        "LeftCensoredDistribution",
        "LeftTruncatedDistribution",
        "LeftTruncatedGamma",
        "MaskedDistribution",
        "RightCensoredDistribution",
        "RightTruncatedDistribution",
        "RightTruncatedGamma",
        "SineSkewed",
        "TransformedDistribution",
        "TruncatedDistribution",
        "TwoSidedTruncatedDistribution",
        "TwoSidedTruncatedGamma",
        "ZeroInflatedDistribution",
        "ZeroInflatedLogits",
        "ZeroInflatedProbs",
    ),
    "is a mixture of separate distributions, which Mixture is": ("MixtureGeneral",),
    "is made from a function": ("EulerMaruyama",),
    "is made from a constraint": ("ImproperUniform",),
    "is the base class": ("Distribution",),
}

__all__ = ["Mixture", "MixtureSameFamily", *_FAMILIES]


def __getattr__(name: str) -> Any:
    # Made on first use: a hundred signatures and docstrings would slow the import down.
    if name in _FAMILIES:
        return constructor(name)
    for reason, names in _WITHOUT_CONSTRUCTOR.items():
        if name in names:
            raise AttributeError(
                f"expected a family that is constructed from arrays, got {name}, which {reason}. "
                f"Use pathmix.RandomVariable(numpyro.distributions.{name}(...), name=...)."
            )
    raise AttributeError(
        f"expected one of the families in dir(pathmix.random_variables), got {name!r}. Any NumPyro "
        "distribution can be passed to pathmix.RandomVariable."
    )


def __dir__() -> list[str]:
    return sorted(__all__)
