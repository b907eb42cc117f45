"""Type stub, written by tests/cases/stubs.py: the signatures of the constructors."""

from collections.abc import Sequence
from typing import Any

import jax

from pathmix._random_variable import Mixture as Mixture
from pathmix._random_variable import MixtureSameFamily as MixtureSameFamily
from pathmix._random_variable import RandomVariable

def AsymmetricLaplace(
    loc: Any = ...,
    scale: Any = ...,
    asymmetry: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def AsymmetricLaplaceQuantile(
    loc: Any = ...,
    scale: Any = ...,
    quantile: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Bernoulli(
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BernoulliLogits(
    logits: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BernoulliProbs(
    probs: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Beta(
    concentration1: Any,
    concentration0: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BetaBinomial(
    concentration1: Any,
    concentration0: Any,
    total_count: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BetaNegativeBinomial(
    concentration1: Any,
    concentration0: Any,
    n: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BetaProportion(
    mean: Any,
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Binomial(
    total_count: Any = ...,
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BinomialLogits(
    logits: Any,
    total_count: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def BinomialProbs(
    probs: Any,
    total_count: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def CAR(
    loc: Any,
    correlation: Any,
    conditional_precision: Any,
    adj_matrix: Any,
    *,
    is_sparse: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Categorical(
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def CategoricalLogits(
    logits: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def CategoricalProbs(
    probs: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Cauchy(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Chi2(
    df: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def CirculantNormal(
    loc: Any,
    covariance_row: Any = ...,
    covariance_rfft: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Dagum(
    concentration: Any,
    sharpness: Any,
    scale: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Delta(
    v: Any = ...,
    log_density: Any = ...,
    event_dim: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Dirichlet(
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def DirichletMultinomial(
    concentration: Any,
    total_count: Any = ...,
    *,
    total_count_max: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def DiscreteUniform(
    low: Any = ...,
    high: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def DoublyTruncatedPowerLaw(
    alpha: Any,
    low: Any,
    high: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Exponential(
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Gamma(
    concentration: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GammaPoisson(
    concentration: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GaussianCopulaBeta(
    concentration1: Any,
    concentration0: Any,
    correlation_matrix: Any = ...,
    correlation_cholesky: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GaussianRandomWalk(
    scale: Any = ...,
    num_steps: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GaussianStateSpace(
    num_steps: Any,
    transition_matrix: Any,
    covariance_matrix: Any = ...,
    precision_matrix: Any = ...,
    scale_tril: Any = ...,
    initial_value: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Geometric(
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GeometricLogits(
    logits: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def GeometricProbs(
    probs: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Gompertz(
    concentration: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Gumbel(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HalfCauchy(
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HalfNormal(
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HurdleGamma(
    gate: Any,
    concentration: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HurdleLogNormal(
    gate: Any,
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HurdleNegativeBinomial2(
    gate: Any,
    mean: Any,
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def HurdlePoisson(
    gate: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def InverseGamma(
    concentration: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def InverseWishart(
    concentration: Any,
    scale_matrix: Any = ...,
    rate_matrix: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def InverseWishartCholesky(
    concentration: Any,
    scale_matrix: Any = ...,
    rate_matrix: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Kumaraswamy(
    concentration1: Any,
    concentration0: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LKJ(
    dimension: Any,
    concentration: Any = ...,
    sample_method: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LKJCholesky(
    dimension: Any,
    concentration: Any = ...,
    sample_method: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Laplace(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Levy(
    loc: Any,
    scale: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LogNormal(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LogUniform(
    low: Any,
    high: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Logistic(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LowRankMultivariateNormal(
    loc: Any,
    cov_factor: Any,
    cov_diag: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def LowerTruncatedPowerLaw(
    alpha: Any,
    low: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def MatrixNormal(
    loc: Any,
    scale_tril_row: Any,
    scale_tril_column: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Multinomial(
    total_count: Any = ...,
    probs: Any = ...,
    logits: Any = ...,
    *,
    total_count_max: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def MultinomialLogits(
    logits: Any,
    total_count: Any = ...,
    *,
    total_count_max: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def MultinomialProbs(
    probs: Any,
    total_count: Any = ...,
    *,
    total_count_max: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def MultivariateNormal(
    loc: Any = ...,
    covariance_matrix: Any = ...,
    precision_matrix: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def MultivariateStudentT(
    df: Any,
    loc: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def NegativeBinomial(
    total_count: Any,
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def NegativeBinomial2(
    mean: Any,
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def NegativeBinomialLogits(
    total_count: Any,
    logits: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def NegativeBinomialProbs(
    total_count: Any,
    probs: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Normal(
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def OrderedLogistic(
    predictor: Any,
    cutpoints: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Pareto(
    scale: Any,
    alpha: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Poisson(
    rate: Any,
    *,
    is_sparse: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def ProjectedNormal(
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def RelaxedBernoulli(
    temperature: Any,
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def RelaxedBernoulliLogits(
    temperature: Any,
    logits: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def SineBivariateVonMises(
    phi_loc: Any,
    psi_loc: Any,
    phi_concentration: Any,
    psi_concentration: Any,
    correlation: Any = ...,
    weighted_correlation: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def SoftLaplace(
    loc: Any,
    scale: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def StudentT(
    df: Any,
    loc: Any = ...,
    scale: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def TruncatedCauchy(
    loc: Any = ...,
    scale: Any = ...,
    *,
    low: Any = ...,
    high: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def TruncatedGamma(
    concentration: Any = ...,
    rate: Any = ...,
    *,
    low: Any = ...,
    high: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def TruncatedNormal(
    loc: Any = ...,
    scale: Any = ...,
    *,
    low: Any = ...,
    high: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def TruncatedPolyaGamma(
    batch_shape: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Uniform(
    low: Any = ...,
    high: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Unit(
    log_factor: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def VonMises(
    loc: Any,
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Weibull(
    scale: Any,
    concentration: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def Wishart(
    concentration: Any,
    scale_matrix: Any = ...,
    rate_matrix: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def WishartCholesky(
    concentration: Any,
    scale_matrix: Any = ...,
    rate_matrix: Any = ...,
    scale_tril: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def ZeroInflatedNegativeBinomial2(
    mean: Any,
    concentration: Any,
    *,
    gate: Any = ...,
    gate_logits: Any = ...,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def ZeroInflatedPoisson(
    gate: Any,
    rate: Any = ...,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
def ZeroSumNormal(
    scale: Any,
    event_shape: Any,
    *,
    validate_args: Any = ...,
    sample_shape: int | Sequence[int] = ...,
    value: Any = ...,
    key: jax.Array | None = ...,
    name: str | None = ...,
) -> RandomVariable: ...
