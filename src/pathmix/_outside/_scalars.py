"""Families of scalars and counts: those that differ in names alone, and those made of others."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import log_ndtr
from numpyro.distributions import Distribution
from numpyro.distributions.transforms import (
    AffineTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    Transform,
)

from pathmix._checks import is_concrete
from pathmix._outside._libraries import DISTRAX, TFP, as_given
from pathmix._outside._table import reads, same, writes

# ---- the same arrays, perhaps by other names ----

same(dist.Normal, "loc scale", tfp="Normal", distrax="Normal")
same(dist.Laplace, "loc scale", tfp="Laplace", distrax="Laplace")
same(dist.Logistic, "loc scale", tfp="Logistic", distrax="Logistic")
same(dist.Gumbel, "loc scale", tfp="Gumbel", distrax="Gumbel")
same(dist.Cauchy, "loc scale", tfp="Cauchy")
same(dist.StudentT, "df loc scale", tfp="StudentT")
same(dist.LogNormal, "loc scale", tfp="LogNormal")
same(dist.HalfNormal, "scale", tfp="HalfNormal")
same(dist.Exponential, "rate", tfp="Exponential")
same(dist.Gamma, "concentration rate", tfp="Gamma", distrax="Gamma")
same(dist.InverseGamma, "concentration rate", tfp="InverseGamma concentration scale")
same(dist.Chi2, "df", tfp="Chi2")
same(dist.Weibull, "scale concentration", tfp="Weibull")
same(dist.Pareto, "scale alpha", tfp="Pareto scale concentration")
same(dist.Beta, "concentration1 concentration0", tfp="Beta", distrax="Beta alpha beta")
same(dist.Kumaraswamy, "concentration1 concentration0", tfp="Kumaraswamy")
same(dist.Uniform, "low high", tfp="Uniform", distrax="Uniform")
same(dist.VonMises, "loc concentration", tfp="VonMises", distrax="VonMises")
same(dist.RelaxedBernoulliLogits, "temperature logits", tfp="RelaxedBernoulli")
same(dist.Poisson, "rate", tfp="Poisson")
same(dist.GeometricLogits, "logits", tfp="Geometric")
same(dist.GeometricProbs, "probs", tfp="Geometric")
same(dist.BernoulliLogits, "logits", tfp="Bernoulli", distrax="Bernoulli")
same(dist.BernoulliProbs, "probs", tfp="Bernoulli", distrax="Bernoulli")
same(dist.BinomialLogits, "logits total_count", tfp="Binomial")
same(dist.BinomialProbs, "probs total_count", tfp="Binomial")
same(dist.NegativeBinomialLogits, "total_count logits", tfp="NegativeBinomial")
same(dist.NegativeBinomialProbs, "total_count probs", tfp="NegativeBinomial")
same(dist.BetaBinomial, "concentration1 concentration0 total_count", tfp="BetaBinomial")
same(dist.CategoricalLogits, "logits", tfp="Categorical", distrax="Categorical")
same(dist.CategoricalProbs, "probs", tfp="Categorical", distrax="Categorical")
same(dist.OrderedLogistic, "predictor cutpoints", tfp="OrderedLogistic loc cutpoints")

# ---- by a logarithm that was given in place of a rate, and by odds ----


@reads(TFP, "Gamma", "Gamma")
def _gamma(d: Any) -> Distribution:
    return dist.Gamma(d.concentration, jnp.exp(d.log_rate), validate_args=False)


@reads(TFP, "Poisson", "Poisson")
def _poisson(d: Any) -> Distribution:
    return dist.Poisson(jnp.exp(d.log_rate), validate_args=False)


@reads(TFP, "RelaxedBernoulli", "RelaxedBernoulliLogits")
def _relaxed_bernoulli(d: Any) -> Distribution:
    logits = jnp.log(d.probs) - jnp.log1p(-d.probs)
    return dist.RelaxedBernoulliLogits(d.temperature, logits, validate_args=False)


@reads(TFP, "ProbitBernoulli", "BernoulliProbs, BernoulliLogits")
def _probit_bernoulli(d: Any) -> Distribution:
    if d.probs is not None:
        return dist.BernoulliProbs(d.probs, validate_args=False)
    logits = log_ndtr(d.probits) - log_ndtr(-d.probits)
    return dist.BernoulliLogits(logits, validate_args=False)


for _name in ("EpsilonGreedy", "Greedy", "Softmax"):
    same(dist.CategoricalLogits, "logits", distrax=_name)
    same(dist.CategoricalProbs, "probs", distrax=_name)


@reads(DISTRAX, "LogStddevNormal", "Normal")
def _log_stddev_normal(d: Any) -> Distribution:
    return dist.Normal(d.loc, d.scale, validate_args=False)


# ---- transformed, folded, truncated ----


def moved(base: Distribution, *transforms: Transform) -> Distribution:
    """Return the distribution of a transformed draw."""
    return dist.TransformedDistribution(base, list(transforms), validate_args=False)


def _shifted(base: Distribution, loc: Any) -> Distribution:
    return moved(base, AffineTransform(loc, jnp.ones_like(loc)))


@reads(TFP, "HalfCauchy", "HalfCauchy, shifted")
def _half_cauchy(d: Any) -> Distribution:
    return _shifted(dist.HalfCauchy(d.scale, validate_args=False), d.loc)


@writes(dist.HalfCauchy)
def _write_half_cauchy(d: Any, tfp: Any) -> Any:
    return tfp.distributions.HalfCauchy(jnp.zeros_like(d.scale), d.scale)


@reads(TFP, "HalfStudentT", "StudentT, truncated at its location")
def _half_student_t(d: Any) -> Distribution:
    base = dist.StudentT(d.df, d.loc, d.scale, validate_args=False)
    return dist.LeftTruncatedDistribution(base, d.loc, validate_args=False)


@reads(TFP, "Chi", "the root of a Chi2")
def _chi(d: Any) -> Distribution:
    return moved(dist.Chi2(d.df, validate_args=False), PowerTransform(0.5))


@reads(TFP, "LogLogistic", "the exponential of a Logistic")
def _log_logistic(d: Any) -> Distribution:
    return moved(dist.Logistic(d.loc, d.scale, validate_args=False), ExpTransform())


@reads(TFP, "LogitNormal", "the sigmoid of a Normal")
def _logit_normal(d: Any) -> Distribution:
    return moved(dist.Normal(d.loc, d.scale, validate_args=False), SigmoidTransform())


@reads(TFP, "PERT", "Beta, scaled and shifted")
def _pert(d: Any) -> Distribution:
    width = d.high - d.low
    a = 1 + d.temperature * (d.peak - d.low) / width
    b = 1 + d.temperature * (d.high - d.peak) / width
    return moved(dist.Beta(a, b, validate_args=False), AffineTransform(d.low, width))


def _between(kind: type[Distribution], d: Any) -> Distribution:
    base = kind(d.loc, d.scale, validate_args=False)
    return dist.TwoSidedTruncatedDistribution(base, d.low, d.high, validate_args=False)


reads(TFP, "TruncatedNormal", "Normal, truncated")(lambda d: _between(dist.Normal, d))
reads(TFP, "TruncatedCauchy", "Cauchy, truncated")(lambda d: _between(dist.Cauchy, d))

# ---- point masses, and families with a share of zeros ----


def is_zero(*arrays: Any) -> bool:
    """Whether arrays are known to be zero."""
    return all(a is None or (is_concrete(a) and not np.any(np.asarray(a))) for a in arrays)


def _point_mass(d: Any) -> Distribution:
    if not is_zero(as_given(d, "atol"), as_given(d, "rtol")):
        raise NotImplementedError(
            f"expected a point mass without tolerances, got {type(d).__name__} with atol or rtol, "
            "which may also be traced: with them it has neither a density nor a mass. Make it "
            "outside of jax.jit, or take numpyro.distributions.Delta(loc)."
        )
    return dist.Delta(d.loc, validate_args=False)


reads(TFP, "Deterministic", "Delta")(_point_mass)
reads(DISTRAX, "Deterministic", "Delta")(_point_mass)


@reads(TFP, "VectorDeterministic", "Delta, to_event(1)")
def _vector_of_masses(d: Any) -> Distribution:
    return _point_mass(d).to_event(1)


@writes(dist.Delta)
def _write_delta(d: Any, tfp: Any) -> Any:
    return tfp.distributions.Deterministic(d.v)
