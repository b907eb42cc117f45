"""NumPyro's distributions, and the families that they are.

The table is keyed by the exact type, because a subclass may change a density that its parent's
closed form would ignore. A parametrisation of NumPyro's is a map from its arguments to the
parameters of a family.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution, discrete
from numpyro.distributions.transforms import AffineTransform, ExpTransform, PowerTransform

from pathmix import _families as f
from pathmix._components._point_counts import PointCount
from pathmix._components._pushforward import Pushed, pushforward
from pathmix._typing import Reals
from pathmix._where import where

Make = Callable[..., Distribution]


class Known(NamedTuple):
    """What is known of a class of distributions."""

    family: f.Family
    names: tuple[str, ...]
    """The arguments of its constructor that hold arrays; the attributes have the same names."""
    theta: Callable[..., f.Theta]
    """From these arguments to the parameters of the family."""
    make: Make | None = None
    """How to construct it, where that takes more than its arguments."""
    make_to_draw: Make | None = None
    """How to construct one to draw from, where NumPyro cannot draw at a limit."""


_TABLE: dict[type[Distribution], Known] = {}


def known(kind: type[Distribution] | None) -> Known | None:
    """Return what is known of a class; ``None`` if nothing is."""
    return None if kind is None else _TABLE.get(kind)


def kinds() -> tuple[type[Distribution], ...]:
    """Return the classes that are known."""
    return tuple(_TABLE)


def register(
    kind: type[Distribution],
    family: f.Family,
    parameters: tuple[str, ...] = (),
    theta: Callable[..., f.Theta] | None = None,
    **make: Make,
) -> None:
    """Make ``family`` that of the distributions of exactly this class."""
    theta = theta or family.parameters
    worked_out = None if family.shared is None else family.shared.name
    names = parameters or tuple(n for n in getattr(theta, "_fields", ()) if n != worked_out)
    _TABLE[kind] = Known(family, names, theta, **make)


# ---- continuous ----

for _kind, _family in (
    (dist.Normal, f.normal),
    (dist.Laplace, f.laplace),
    (dist.Logistic, f.logistic),
    (dist.SoftLaplace, f.soft_laplace),
    (dist.Cauchy, f.cauchy),
    (dist.Gumbel, f.gumbel),
    (dist.Levy, f.levy),
    (dist.HalfNormal, f.half_normal),
    (dist.HalfCauchy, f.half_cauchy),
    (dist.Exponential, f.exponential),
    (dist.Weibull, f.weibull),
    (dist.Gamma, f.gamma),
    (dist.Beta, f.beta),
    (dist.Kumaraswamy, f.kumaraswamy),
    (dist.Uniform, f.uniform),
    (dist.LogUniform, f.log_uniform),
    (dist.Gompertz, f.gompertz),
    (dist.Dagum, f.dagum),
    (dist.VonMises, f.von_mises),
    (dist.RelaxedBernoulliLogits, f.relaxed_bernoulli),
    (dist.LowerTruncatedPowerLaw, f.lower_truncated),
    (dist.DoublyTruncatedPowerLaw, f.doubly_truncated),
    (dist.Dirichlet, f.dirichlet),
    (dist.MultivariateNormal, f.multivariate_normal),
    (dist.LowRankMultivariateNormal, f.low_rank),
):
    register(_kind, _family)


def _drawable(df: Any) -> Reals:
    """Degrees of freedom with which NumPyro's chi-square ends, and draws are as good.

    The distributions differ by the order of one rounding error.
    """
    df = jnp.asarray(df)
    return jnp.minimum(df, 1 / jnp.finfo(df.dtype).eps)


def _student_to_draw(df: Any, loc: Any, scale: Any) -> Distribution:
    return dist.StudentT(_drawable(df), loc, scale, validate_args=False)


def _multivariate_student(df: Any, loc: Any, scale_tril: Any) -> Distribution:
    # NumPyro draws one chi-square for each entry of df, so that a shared df must be spread out
    df, loc, factor = map(jnp.asarray, (df, loc, scale_tril))
    shape = jnp.broadcast_shapes(df.shape, loc.shape[:-1], factor.shape[:-2])
    return dist.MultivariateStudentT(jnp.broadcast_to(df, shape), loc, factor, validate_args=False)


def _multivariate_student_to_draw(df: Any, loc: Any, scale_tril: Any) -> Distribution:
    return _multivariate_student(_drawable(df), loc, scale_tril)


register(dist.StudentT, f.student_t, make_to_draw=_student_to_draw)
register(
    dist.MultivariateStudentT,
    f.multivariate_student_t,
    make=_multivariate_student,
    make_to_draw=_multivariate_student_to_draw,
)
register(dist.Chi2, f.gamma, ("df",), lambda df: f.Gamma(0.5 * df, jnp.full_like(df, 0.5)))
register(
    dist.BetaProportion,
    f.beta,
    ("mean", "concentration"),
    lambda mean, size: f.Concentrations(mean * size, (1 - mean) * size),
)
register(
    dist.AsymmetricLaplace, f.asymmetric_laplace, ("loc", "scale", "asymmetry"), f.by_asymmetry
)
register(
    dist.AsymmetricLaplaceQuantile,
    f.asymmetric_laplace,
    ("loc", "scale", "quantile"),
    f.by_quantile,
)

# ---- transformed ----


def _log_normal_variance(theta: Pushed) -> Reals:
    """A product, where the difference of moments would cancel."""
    square = theta.base.scale**2
    return jnp.expm1(square) * jnp.exp(2 * theta.base.loc + square)


class Reciprocal(PowerTransform):
    """The power of −1 without logarithms: faster, and exact where a square would underflow."""

    sign = -1

    def __call__(self, x: Any) -> Any:
        """Return ``1/x``."""
        return 1 / x

    _inverse = __call__

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """Return ``log y²``."""
        return 2 * jnp.log(y)


def _inverse_gamma_moments(theta: Pushed) -> tuple[Reals, Reals]:
    a, rate = theta.base
    mean = where(a > 1, rate / (where(a > 1, a, 2.0) - 1), jnp.inf)
    variance = mean**2 / (where(a > 2, a, 3.0) - 2)
    return mean, where(a > 2, variance, jnp.inf)


def _pareto_moments(theta: Pushed) -> tuple[Reals, Reals]:
    a, scale = theta.base.rate, theta.transforms[-1].scale
    excess = where(a > 1, a, 2.0) - 1
    mean = where(a > 1, scale * (a / excess), jnp.inf)
    more = where(a > 2, a, 3.0) - 2
    return mean, where(a > 2, (scale / excess) ** 2 * (a / more), jnp.inf)


log_normal = replace(
    pushforward(f.normal, elementwise=True, affine=False),
    name="LogNormal",
    mean=lambda theta: jnp.exp(theta.base.loc + theta.base.scale**2 / 2),
    variance=_log_normal_variance,
)
inverse_gamma = replace(
    pushforward(f.gamma, elementwise=True, affine=False),
    name="InverseGamma",
    mean=lambda theta: _inverse_gamma_moments(theta)[0],
    variance=lambda theta: _inverse_gamma_moments(theta)[1],
)
pareto = replace(
    pushforward(f.exponential, elementwise=True, affine=False),
    name="Pareto",
    mean=lambda theta: _pareto_moments(theta)[0],
    variance=lambda theta: _pareto_moments(theta)[1],
)
register(
    dist.LogNormal,
    log_normal,
    ("loc", "scale"),
    lambda loc, scale: Pushed(f.LocScale(loc, scale), (ExpTransform(),)),
)
register(
    dist.InverseGamma,
    inverse_gamma,
    ("concentration", "rate"),
    lambda a, rate: Pushed(f.Gamma(a, rate), (Reciprocal(-1.0),)),
)
register(
    dist.Pareto,
    pareto,
    ("scale", "alpha"),
    lambda scale, alpha: Pushed(
        f.Exponential(alpha), (ExpTransform(), AffineTransform(0.0, scale))
    ),
)

register(dist.Delta, f.point_mass_family, ("v", "log_density"))

# ---- discrete ----

register(dist.Poisson, f.poisson)
register(PointCount, f.point_count_family, ("v", "log_density"))
register(dist.DiscreteUniform, f.discrete_uniform)
register(dist.CategoricalProbs, f.categorical)
register(dist.CategoricalLogits, f.categorical_by_logits)
register(dist.OrderedLogistic, f.ordered_logistic)
register(dist.BetaBinomial, f.beta_binomial)
register(dist.BetaNegativeBinomial, f.beta_negative_binomial)
register(dist.GammaPoisson, f.negative_binomial, ("concentration", "rate"), f.size_and_rate)
register(
    dist.NegativeBinomialProbs,
    f.negative_binomial_by_probs,
    ("total_count", "probs"),
    f.size_and_probs,
)
register(
    dist.NegativeBinomialLogits,
    f.negative_binomial,
    ("total_count", "logits"),
    lambda size, logits: f.size_and_rate(size, jnp.exp(-logits)),
)
register(
    dist.NegativeBinomial2,
    f.negative_binomial,
    ("mean", "concentration"),
    lambda mean, size: f.size_and_rate(size, size / mean),
)
register(
    dist.BinomialProbs,
    f.binomial,
    ("probs", "total_count"),
    lambda probs, total: f.Binomial(f.by_probs(probs), total),
)
register(
    dist.BinomialLogits,
    f.binomial_by_logits,
    ("logits", "total_count"),
    lambda logits, total: f.Binomial(f.by_logits(logits), total),
)
for _kind, _family, _name, _theta, _odds in (
    (dist.BernoulliProbs, f.bernoulli, "probs", f.Bernoulli, f.by_probs),
    (dist.BernoulliLogits, f.bernoulli_by_logits, "logits", f.Bernoulli, f.by_logits),
    (dist.GeometricProbs, f.geometric, "probs", f.Geometric, f.by_probs),
    (dist.GeometricLogits, f.geometric_by_logits, "logits", f.Geometric, f.by_logits),
):
    register(_kind, _family, (_name,), lambda p, theta=_theta, odds=_odds: theta(odds(p)))
register(
    discrete.ZeroInflatedPoisson,
    f.zero_inflated(f.poisson, has_limit=True),
    ("gate", "rate"),
    lambda gate, rate: f.Gated(f.Poisson(rate), f.by_probs(gate)),
)
register(
    discrete.HurdlePoisson,
    f.hurdle(f.poisson, has_limit=True),
    ("gate", "rate"),
    lambda gate, rate: f.Gated(f.Poisson(rate), f.by_probs(gate)),
)
