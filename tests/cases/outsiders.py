"""Distributions of TFP on JAX and of Distrax: two components of each family, and points.

Points are in the body of a support and far out in it. Where only the outcome of a class can be
looked at there (it loses its digits, see the row), they end where its values are good.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import distrax
import numpy as np
import tensorflow_probability.substrates.jax as tfp

WARNINGS = (
    "ignore:shape requires ndarray:DeprecationWarning",
    "ignore:The 'warn' function is deprecated:DeprecationWarning",
)
"""Of JAX and absl, about how TFP calls them."""
tfd, tfb = tfp.distributions, tfp.bijectors
linalg = tfp.tf2jax.linalg
LINE = [-60.0, -3.0, -0.4, 0.0, 0.7, 5.0, 80.0]
HALF = [1e-8, 0.03, 0.4, 1.0, 2.5, 30.0]
UNIT = [1e-7, 0.02, 0.3, 0.6, 0.97]
COUNTS = [0, 1, 2, 5, 40]
L2 = np.array([[[1.0, 0.0], [0.5, 2.0]], [[0.7, 0.0], [-1.0, 0.4]]])
VECTORS = [[0.1, -0.2], [3.0, 1.0], [-20.0, 15.0]]
SIMPLEX = [[0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [1e-6, 0.4, 0.6 - 1e-6]]
LOCS = np.array([[0.0, 1.0], [0.5, -1.0]])
PROBS3 = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
LOGITS3 = np.log(PROBS3) + 0.3
A, B = np.array([0.8, 2.5]), np.array([1.5, 0.6])


class Row(NamedTuple):
    """A family, as two components."""

    name: str
    variant: str
    make: Callable[..., Any]
    """From parameters to the distribution."""
    parameters: dict[str, np.ndarray]
    """Those that have derivatives."""
    x: Any
    rtol: float = 1e-6

    def __str__(self) -> str:
        return f"{self.name} {self.variant}".strip()

    def points(self) -> np.ndarray:
        """Values, ``points *event``."""
        return np.asarray(self.x)


def tfp_row(name: str, x: Any, variant: str = "", fixed: Any = None, **parameters: Any) -> Row:
    """A row of a class by its own arguments, of which ``fixed`` ones have no derivatives."""
    kind, fixed = getattr(tfd, name), fixed or {}
    return Row(name, variant, lambda **p: kind(**p, **fixed), _arrays(parameters), x)


def distrax_row(name: str, x: Any, variant: str = "", fixed: Any = None, **parameters: Any) -> Row:
    kind, fixed = getattr(distrax, name), fixed or {}
    return Row(name, variant, lambda **p: kind(**p, **fixed), _arrays(parameters), x)


def made(name: str, variant: str, make: Any, x: Any, **parameters: Any) -> Row:
    """A row of a class that takes distributions, bijectors or linear operators."""
    return Row(name, variant, make, _arrays(parameters), x)


def _arrays(parameters: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in parameters.items()}


def _lower(matrix: Any) -> Any:
    return linalg.LinearOperatorLowerTriangular(matrix)


def _process(kind: Any, amplitude: Any, **more: Any) -> Any:
    kernel = tfp.math.psd_kernels.ExponentiatedQuadratic(amplitude=amplitude)
    points = np.array([[0.0], [0.7]])
    return kind(kernel=kernel, index_points=points, observation_noise_variance=0.1, **more)


def _regression(kind: Any, amplitude: Any, **more: Any) -> Any:
    seen, values = np.array([[0.3], [1.5]]), np.array([0.2, -0.4])
    return _process(kind, amplitude, observation_index_points=seen, observations=values, **more)


def _variational(a: Any) -> Any:
    inducing = np.array([[0.2], [1.0]])
    return _process(
        tfd.VariationalGaussianProcess,
        a,
        inducing_index_points=inducing,
        variational_inducing_observations_loc=np.array([0.3, -0.1]),
        variational_inducing_observations_scale=0.5 * np.eye(2),
    )


MATRICES = [[[2.0, 0.3], [0.3, 1.0]], [[0.5, -0.1], [-0.1, 9.0]]]
CORRELATIONS = [[[1.0, 0.3], [0.3, 1.0]], [[1.0, -0.99], [-0.99, 1.0]]]

TFP: list[Row] = [
    tfp_row("Normal", LINE, loc=A, scale=B),
    tfp_row("Laplace", LINE, loc=A, scale=B),
    tfp_row("Logistic", LINE, loc=A, scale=B),
    tfp_row("Gumbel", [-3.0, -0.4, 0.0, 5.0, 80.0], loc=A, scale=B),
    tfp_row("Cauchy", [-1e6, *LINE], loc=A, scale=B),
    tfp_row("StudentT", [-1e4, *LINE], df=[3.0, 7.0], loc=A, scale=B),
    tfp_row("LogNormal", [*HALF, 1e9], loc=A, scale=B),
    tfp_row("LogitNormal", UNIT, loc=A, scale=B),
    tfp_row("LogLogistic", [*HALF, 1e9], loc=A, scale=B),
    tfp_row("HalfNormal", HALF, scale=B),
    tfp_row("HalfCauchy", [2.6, 3.0, 9.0, 1e6], loc=A, scale=B),
    tfp_row("HalfStudentT", [2.6, 3.0, 9.0, 1e4], df=[3.0, 7.0], loc=A, scale=B),
    tfp_row("Exponential", [*HALF, 1e3], rate=B),
    tfp_row("Gamma", [*HALF, 700.0], concentration=A, rate=B),
    tfp_row("Gamma", HALF, "by log rate", concentration=A, log_rate=B),
    tfp_row("InverseGamma", [1e-2, 0.4, 1.0, 1e6], concentration=A, scale=B),
    tfp_row("Chi2", [*HALF, 700.0], df=[2.5, 7.0]),
    tfp_row("Chi", [0.03, 0.4, 1.0, 2.5, 30.0], df=[2.5, 7.0]),
    tfp_row("Weibull", HALF, concentration=A, scale=B),
    tfp_row("Pareto", [2.0, 9.0, 1e8], concentration=A, scale=B),
    tfp_row("Beta", UNIT, concentration1=A, concentration0=B),
    tfp_row("Kumaraswamy", UNIT, concentration1=A, concentration0=B),
    tfp_row(
        "PERT",
        [0.1, 2.0, 5.0, 8.9],
        low=[0.0, -1.0],
        peak=[3.0, 4.0],
        high=[9.0, 10.0],
        temperature=[4.0, 2.0],
    ),
    tfp_row("Uniform", [0.0, 0.3, 1.9], low=[-1.0, 0.0], high=[2.0, 5.0]),
    tfp_row("VonMises", [-3.1, -1.0, 0.2, 3.0], loc=A, concentration=B),
    tfp_row("RelaxedBernoulli", UNIT, "by logits", temperature=B, logits=A),
    tfp_row("RelaxedBernoulli", UNIT, "by probs", temperature=B, probs=[0.2, 0.6]),
    tfp_row("TruncatedNormal", [-0.9, 0.0, 2.9], loc=A, scale=B, low=[-1.0, -2.0], high=[3.0, 4.0]),
    tfp_row("TruncatedCauchy", [-0.9, 0.0, 2.9], loc=A, scale=B, low=[-1.0, -2.0], high=[3.0, 4.0]),
    tfp_row("Poisson", COUNTS, rate=A),
    tfp_row("Poisson", COUNTS, "by log rate", log_rate=A),
    tfp_row("Geometric", COUNTS, "by logits", logits=A),
    tfp_row("Geometric", COUNTS, "by probs", probs=[0.2, 0.6]),
    tfp_row("Bernoulli", [0, 1], "by logits", logits=[0.8, -40.0]),
    tfp_row("Bernoulli", [0, 1], "by probs", probs=[0.2, 0.6]),
    tfp_row("ProbitBernoulli", [0, 1], "by probits", probits=[0.8, -9.0]),
    tfp_row("ProbitBernoulli", [0, 1], "by probs", probs=[0.2, 0.6]),
    tfp_row("Binomial", [0, 3, 40], "by logits", {"total_count": [40.0, 50.0]}, logits=A),
    tfp_row("Binomial", [0, 3, 40], "by probs", {"total_count": [40.0, 50.0]}, probs=[0.2, 0.6]),
    tfp_row("NegativeBinomial", COUNTS, "by logits", total_count=[3.0, 8.5], logits=-A),
    tfp_row("NegativeBinomial", COUNTS, "by probs", total_count=[3.0, 8.5], probs=[0.2, 0.6]),
    tfp_row(
        "BetaBinomial",
        [0, 3, 40],
        "",
        {"total_count": [40.0, 50.0]},
        concentration1=A,
        concentration0=B,
    ),
    tfp_row("Categorical", [0, 1, 2], "by logits", logits=LOGITS3),
    tfp_row("Categorical", [0, 1, 2], "by probs", probs=PROBS3),
    tfp_row("OrderedLogistic", [0, 1, 2], cutpoints=[[-1.0, 0.5], [0.0, 3.0]], loc=A),
    tfp_row("Deterministic", [0.8, 1.0], loc=[0.8, 2.5]),
    tfp_row("VectorDeterministic", [[0.0, 1.0], [0.0, 2.0]], loc=LOCS),
    tfp_row("Dirichlet", SIMPLEX, concentration=[[1.0, 2.0, 0.5], [3.0, 1.0, 4.0]]),
    made("FlatDirichlet", "", lambda: tfd.FlatDirichlet([2, 3], dtype=np.float64), SIMPLEX),
    tfp_row(
        "DirichletMultinomial",
        [[1, 2, 4], [7, 0, 0]],
        "",
        {"total_count": [7.0, 7.0]},
        concentration=[[1.0, 2.0, 0.5], [3.0, 1.0, 4.0]],
    ),
    tfp_row(
        "Multinomial",
        [[1, 2, 4], [7, 0, 0]],
        "by logits",
        {"total_count": [7.0, 7.0]},
        logits=LOGITS3,
    ),
    tfp_row(
        "Multinomial", [[1, 2, 4], [7, 0, 0]], "by probs", {"total_count": [7.0, 7.0]}, probs=PROBS3
    ),
    tfp_row("OneHotCategorical", np.eye(3, dtype=int), "by logits", logits=LOGITS3),
    tfp_row("OneHotCategorical", np.eye(3, dtype=int), "by probs", probs=PROBS3),
    tfp_row("MultivariateNormalDiag", VECTORS, loc=LOCS, scale_diag=[[1.0, -2.0], [0.3, 4.0]]),
    tfp_row(
        "MultivariateNormalDiag", VECTORS, "without a loc", scale_diag=[[1.0, 2.0], [0.3, 4.0]]
    ),
    tfp_row("MultivariateNormalTriL", VECTORS, loc=LOCS, scale_tril=L2),
    tfp_row("MultivariateNormalTriL", VECTORS, "of another sign", loc=LOCS, scale_tril=-L2),
    tfp_row(
        "MultivariateNormalFullCovariance",
        VECTORS,
        loc=LOCS,
        covariance_matrix=L2 @ L2.swapaxes(-1, -2),
    ),
    tfp_row(
        "MultivariateNormalDiagPlusLowRank",
        VECTORS,
        loc=LOCS,
        scale_diag=np.abs(LOCS) + 1,
        scale_perturb_factor=[[[0.3], [0.6]], [[0.1], [-0.2]]],
    ),
    tfp_row(
        "MultivariateNormalDiagPlusLowRankCovariance",
        VECTORS,
        loc=LOCS,
        cov_diag_factor=np.abs(LOCS) + 1,
        cov_perturb_factor=[[[0.3], [0.6]], [[0.1], [-0.2]]],
    ),
    made(
        "MultivariateNormalLinearOperator",
        "full",
        lambda loc, m: tfd.MultivariateNormalLinearOperator(
            loc, linalg.LinearOperatorFullMatrix(m)
        ),
        VECTORS,
        loc=LOCS,
        m=L2 + 0.3,
    ),
    made(
        "MultivariateNormalLinearOperator",
        "scaled identity",
        lambda loc, s: tfd.MultivariateNormalLinearOperator(
            loc, linalg.LinearOperatorScaledIdentity(2, s)
        ),
        VECTORS,
        loc=LOCS,
        s=B,
    ),
    made(
        "MultivariateStudentTLinearOperator",
        "",
        lambda df, loc, m: tfd.MultivariateStudentTLinearOperator(df, loc, _lower(m)),
        [*VECTORS, [1e4, -1e4]],
        df=[3.0, 7.0],
        loc=LOCS,
        m=L2,
    ),
    made(
        "MatrixNormalLinearOperator",
        "",
        lambda loc, m, n: tfd.MatrixNormalLinearOperator(loc, _lower(m), _lower(n)),
        [np.arange(4.0).reshape(2, 2), 9 * np.eye(2)],
        loc=np.stack([LOCS, -LOCS]),
        m=L2,
        n=L2[::-1],
    ),
    tfp_row("WishartTriL", MATRICES, df=[3.0, 5.0], scale_tril=L2),
    made(
        "WishartLinearOperator",
        "",
        lambda df, m: tfd.WishartLinearOperator(df, _lower(m)),
        MATRICES,
        df=[3.0, 5.0],
        m=L2,
    ),
    tfp_row("LKJ", CORRELATIONS, "", {"dimension": 2}, concentration=A),
    tfp_row("CholeskyLKJ", np.linalg.cholesky(CORRELATIONS), "", {"dimension": 2}, concentration=A),
    made("GaussianProcess", "", lambda a: _process(tfd.GaussianProcess, a), VECTORS, a=A),
    made(
        "GaussianProcessRegressionModel",
        "",
        lambda a: _regression(tfd.GaussianProcessRegressionModel, a),
        VECTORS,
        a=A,
    ),
    made("VariationalGaussianProcess", "", _variational, VECTORS, a=A),
    made(
        "Independent",
        "",
        lambda loc, s: tfd.Independent(tfd.Normal(loc, s), 1),
        VECTORS,
        loc=LOCS,
        s=np.abs(LOCS) + 0.5,
    ),
    made(
        "Independent",
        "of what has no counterpart",
        lambda s: tfd.Independent(tfd.GeneralizedNormal(0.0, s, 3.0), 1),
        VECTORS[:2],
        s=np.abs(LOCS) + 0.5,
    ),
    made(
        "TransformedDistribution",
        "by exp, scale and shift",
        lambda loc, s: tfd.TransformedDistribution(
            tfd.Normal(loc, 1.0), tfb.Chain([tfb.Shift(loc), tfb.Scale(s), tfb.Exp()])
        ),
        [2.6, 5.0, 90.0],
        loc=A,
        s=B,
    ),
    made(
        "TransformedDistribution",
        "by a sigmoid between bounds",
        lambda a, b: tfd.TransformedDistribution(tfd.Normal(0 * a, 1.0), tfb.Sigmoid(a, a + b)),
        [2.6, 2.8, 2.89],
        a=[2.5, 0.8],
        b=[0.4, 2.3],
    ),
    made(
        "TransformedDistribution",
        "by softplus",
        lambda a: tfd.TransformedDistribution(tfd.Logistic(a, 1.0), tfb.Softplus()),
        HALF,
        a=A,
    ),
    made(
        "TransformedDistribution",
        "by tanh",
        lambda a: tfd.TransformedDistribution(tfd.Normal(a, 1.0), tfb.Tanh()),
        [-0.999, 0.1, 0.99],
        a=A,
    ),
    made(
        "TransformedDistribution",
        "by an inverse",
        lambda a: tfd.TransformedDistribution(tfd.LogNormal(a, 1.0), tfb.Invert(tfb.Exp())),
        LINE,
        a=A,
    ),
    made("Sample", "", lambda loc: tfd.Sample(tfd.Normal(loc, 1.0), 2), VECTORS, loc=A),
    made(
        "Sample",
        "of vectors",
        lambda loc: tfd.Sample(tfd.MultivariateNormalDiag(loc, [1.0, 2.0]), [3]),
        [np.arange(6.0).reshape(3, 2)],
        loc=LOCS,
    ),
    made(
        "BatchBroadcast",
        "",
        lambda rate: tfd.BatchBroadcast(tfd.Exponential(rate), [2]),
        HALF,
        rate=2.5,
    ),
    made(
        "BatchReshape",
        "",
        lambda rate: tfd.BatchReshape(tfd.Exponential(rate), [2]),
        HALF,
        rate=[[2.5, 0.7]],
    ),
    made(
        "Masked",
        "",
        lambda loc: tfd.Masked(tfd.Normal(loc, 1.0), np.array([True, False])),
        LINE,
        loc=A,
    ),
    made(
        "Inflated",
        "by probs",
        lambda rate, p: tfd.Inflated(
            tfd.Poisson(rate), inflated_loc_probs=p, inflated_loc=np.zeros(2)
        ),
        COUNTS,
        rate=A,
        p=[0.2, 0.6],
    ),
    made(
        "Inflated",
        "by logits",
        lambda rate, p: tfd.Inflated(
            tfd.Poisson(rate), inflated_loc_logits=p, inflated_loc=np.zeros(2)
        ),
        COUNTS,
        rate=A,
        p=[0.2, -0.6],
    ),
    made(
        "ZeroInflatedNegativeBinomial",
        "",
        lambda n, logits, p: tfd.ZeroInflatedNegativeBinomial(
            inflated_loc_probs=p, total_count=n, logits=logits
        ),
        COUNTS,
        n=[3.0, 8.5],
        logits=-A,
        p=[0.2, 0.6],
    ),
    made(
        "MixtureSameFamily",
        "",
        lambda loc, p: tfd.MixtureSameFamily(tfd.Categorical(probs=p), tfd.Normal(loc, 1.0)),
        LINE,
        loc=LOCS,
        p=[[0.2, 0.8], [0.5, 0.5]],
    ),
    made(
        "Mixture",
        "",
        lambda loc, p: tfd.Mixture(
            tfd.Categorical(probs=p), [tfd.Normal(loc, 1.0), tfd.Cauchy(loc, 1.0)]
        ),
        LINE,
        loc=A,
        p=[[0.2, 0.8], [0.5, 0.5]],
    ),
]

DISTRAX: list[Row] = [
    distrax_row("Normal", LINE, loc=A, scale=B),
    distrax_row("LogStddevNormal", LINE, loc=A, log_scale=B),
    distrax_row("Laplace", LINE, loc=A, scale=B),
    distrax_row("Logistic", LINE, loc=A, scale=B),
    distrax_row("Gumbel", [-3.0, -0.4, 0.0, 5.0, 80.0], loc=A, scale=B),
    distrax_row("Gamma", [*HALF, 700.0], concentration=A, rate=B),
    distrax_row("Beta", UNIT, alpha=A, beta=B),
    distrax_row("Uniform", [0.0, 0.3, 1.9], low=[-1.0, 0.0], high=[2.0, 5.0]),
    distrax_row("VonMises", [-3.1, -1.0, 0.2, 3.0], loc=A, concentration=B),
    distrax_row("Bernoulli", [0, 1], "by logits", logits=[0.8, -40.0]),
    distrax_row("Bernoulli", [0, 1], "by probs", probs=[0.2, 0.6]),
    distrax_row("Categorical", [0, 1, 2], "by logits", logits=LOGITS3),
    distrax_row("Categorical", [0, 1, 2], "by probs", probs=PROBS3),
    distrax_row("Softmax", [0, 1, 2], "", {"temperature": 2.0}, logits=LOGITS3),
    distrax_row("Greedy", [0, 1], preferences=LOGITS3[:, ::-1]),
    distrax_row("EpsilonGreedy", [0, 1, 2], "", {"epsilon": 0.2}, preferences=LOGITS3),
    distrax_row("OneHotCategorical", np.eye(3, dtype=int), "by logits", logits=LOGITS3),
    distrax_row("OneHotCategorical", np.eye(3, dtype=int), "by probs", probs=PROBS3),
    distrax_row(
        "Multinomial", [[1, 2, 4], [7, 0, 0]], "by logits", {"total_count": 7}, logits=LOGITS3
    ),
    distrax_row(
        "Multinomial", [[1, 2, 4], [7, 0, 0]], "by probs", {"total_count": 7}, probs=PROBS3
    ),
    distrax_row("Dirichlet", SIMPLEX, concentration=[[1.0, 2.0, 0.5], [3.0, 1.0, 4.0]]),
    distrax_row("Deterministic", [0.8, 1.0], loc=[0.8, 2.5]),
    distrax_row("MultivariateNormalDiag", VECTORS, loc=LOCS, scale_diag=[[1.0, 2.0], [0.3, 4.0]]),
    distrax_row("MultivariateNormalTri", VECTORS, "lower", loc=LOCS, scale_tri=L2),
    distrax_row(
        "MultivariateNormalTri",
        VECTORS,
        "upper",
        {"is_lower": False},
        loc=LOCS,
        scale_tri=L2.swapaxes(-1, -2),
    ),
    distrax_row(
        "MultivariateNormalFullCovariance",
        VECTORS,
        loc=LOCS,
        covariance_matrix=L2 @ L2.swapaxes(-1, -2),
    ),
    distrax_row(
        "MultivariateNormalDiagPlusLowRank",
        VECTORS,
        loc=LOCS,
        scale_diag=np.abs(LOCS) + 1,
        scale_u_matrix=[[[0.3], [0.6]], [[0.1], [-0.2]]],
    ),
    made(
        "MultivariateNormalFromBijector",
        "",
        lambda loc, m: distrax.MultivariateNormalFromBijector(loc, distrax.TriangularLinear(m)),
        VECTORS,
        loc=LOCS,
        m=L2,
    ),
    made(
        "Independent",
        "",
        lambda loc, s: distrax.Independent(distrax.Normal(loc, s), 1),
        VECTORS,
        loc=LOCS,
        s=np.abs(LOCS) + 0.5,
    ),
    made(
        "Transformed",
        "by a shift and a scale",
        lambda loc, s: distrax.Transformed(
            distrax.Gumbel(np.zeros(2), 1.0), distrax.ScalarAffine(loc, s)
        ),
        [-1.0, 0.3, 60.0],
        loc=A,
        s=B,
    ),
    made(
        "Transformed",
        "by tanh of a sigmoid",
        lambda loc: distrax.Transformed(
            distrax.Normal(loc, 1.0), distrax.Chain([distrax.Tanh(), distrax.Sigmoid()])
        ),
        [0.01, 0.3, 0.75],
        loc=A,
    ),
    made(
        "Transformed",
        "by a bijector of TFP",
        lambda loc: distrax.Transformed(distrax.Normal(loc, 1.0), tfb.Exp()),
        HALF,
        loc=A,
    ),
    made(
        "Transformed",
        "coordinate by coordinate",
        lambda loc: distrax.Transformed(
            distrax.MultivariateNormalDiag(loc, np.ones((2, 2))), distrax.Block(distrax.Tanh(), 1)
        ),
        [[0.1, -0.99], [0.7, 0.2]],
        loc=LOCS,
    ),
    made(
        "MixtureSameFamily",
        "",
        lambda loc, p: distrax.MixtureSameFamily(
            distrax.Categorical(probs=p), distrax.Normal(loc, 1.0)
        ),
        LINE,
        loc=LOCS,
        p=[[0.2, 0.8], [0.5, 0.5]],
    ),
    made(
        "MixtureOfTwo",
        "",
        lambda loc, p: distrax.MixtureOfTwo(p, distrax.Normal(loc, 1.0), distrax.Laplace(loc, 1.0)),
        LINE,
        loc=A,
        p=0.2,
    ),
]

SPHERE = [[0.6, 0.8], [1.0, 0.0], [-0.8, 0.6]]
BORROWED_TFP: list[Row] = [
    tfp_row(
        "BetaQuotient",
        [0.1, 1.0, 3.0],
        concentration1_numerator=A,
        concentration0_numerator=B,
        concentration1_denominator=[3.0, 2.0],
        concentration0_denominator=B,
    ),
    made(
        "Blockwise",
        "",
        lambda loc: tfd.Blockwise([tfd.Normal(loc, 1.0), tfd.Cauchy(loc, 1.0)]),
        VECTORS,
        loc=A,
    ),
    tfp_row("ContinuousBernoulli", UNIT, probs=[0.2, 0.7]),
    tfp_row(
        "DeterminantalPointProcess",
        [[1, 0], [1, 1]],
        eigenvalues=[[0.5, 1.0], [2.0, 0.3]],
        eigenvectors=[np.eye(2), np.eye(2)],
    ),
    tfp_row("DoublesidedMaxwell", [-3.0, 0.7, 5.0], loc=A, scale=B),
    tfp_row("Empirical", [1.0, 2.0], samples=[[1.0, 1.0, 2.0], [2.0, 2.0, 2.0]]),
    tfp_row("ExpGamma", [-200.0, -1.0, 2.0], concentration=A, rate=B),
    tfp_row("ExpInverseGamma", [-2.0, 1.0, 200.0], concentration=A, scale=B),
    tfp_row("ExpRelaxedOneHotCategorical", np.log(SIMPLEX), temperature=B, logits=LOGITS3),
    tfp_row("ExponentiallyModifiedGaussian", [-3.0, 0.7, 9.0], loc=A, scale=B, rate=B),
    tfp_row(
        "FiniteDiscrete", [0.5, 2.0], "", {"outcomes": np.array([0.5, 1.0, 2.0])}, probs=PROBS3
    ),
    tfp_row("GammaGamma", HALF, concentration=A, mixing_concentration=[2.5, 3.0], mixing_rate=B),
    tfp_row("GeneralizedExtremeValue", [0.5, 2.0, 9.0], loc=A, scale=B, concentration=[0.1, 0.2]),
    tfp_row("GeneralizedNormal", LINE[1:-1], loc=A, scale=B, power=[1.5, 3.0]),
    tfp_row("GeneralizedPareto", [2.6, 4.0, 90.0], loc=A, scale=B, concentration=[0.1, 0.5]),
    tfp_row("Horseshoe", [-3.0, 0.7, 9.0], scale=B),
    tfp_row("InverseGaussian", [0.03, 1.0, 30.0], loc=A, concentration=B),
    tfp_row("JohnsonSU", LINE, skewness=A, tailweight=B, loc=A, scale=B),
    made(
        "LambertWDistribution",
        "",
        lambda loc, d: tfd.LambertWDistribution(tfd.Normal(loc, 1.0), loc, 1.0, d),
        [-3.0, 0.7, 5.0],
        loc=A,
        d=[0.1, 0.3],
    ),
    tfp_row("LambertWNormal", [-3.0, 0.7, 5.0], loc=A, scale=B, tailweight=[0.1, 0.3]),
    made(
        "MatrixTLinearOperator",
        "",
        lambda df, loc, m: tfd.MatrixTLinearOperator(df, loc, _lower(m), _lower(m)),
        [np.arange(4.0).reshape(2, 2)],
        df=[3.0, 7.0],
        loc=np.stack([LOCS, -LOCS]),
        m=L2,
    ),
    tfp_row("Moyal", [-1.0, 0.7, 9.0], loc=A, scale=B),
    tfp_row("NoncentralChi2", HALF, df=[2.5, 7.0], noncentrality=A),
    tfp_row(
        "NormalInverseGaussian",
        LINE[1:-1],
        loc=A,
        scale=B,
        tailweight=[2.0, 3.0],
        skewness=[0.1, -0.5],
    ),
    tfp_row("PlackettLuce", [[0, 2, 1], [1, 0, 2]], scores=PROBS3),
    tfp_row("PowerSpherical", SPHERE, mean_direction=SPHERE[:2], concentration=A),
    made(
        "QuantizedDistribution",
        "",
        lambda loc: tfd.QuantizedDistribution(tfd.Normal(loc, 1.0), low=-4.0, high=5.0),
        [-4.0, 0.0, 2.0, 5.0],
        loc=A,
    ),
    tfp_row("RelaxedOneHotCategorical", SIMPLEX, temperature=B, logits=LOGITS3),
    tfp_row("SigmoidBeta", LINE, concentration1=A, concentration0=B),
    tfp_row("SinhArcsinh", LINE[1:-1], loc=A, scale=B, skewness=[0.1, -0.5], tailweight=B),
    tfp_row("Skellam", [-3, 0, 7], rate1=A, rate2=B),
    tfp_row("StoppingRatioLogistic", [0, 1, 2], cutpoints=[[-1.0, 0.5], [0.0, 3.0]], loc=A),
    tfp_row("Triangular", [0.1, 1.0, 1.9], low=[-1.0, 0.0], high=[2.0, 5.0], peak=[0.0, 1.5]),
    tfp_row("TwoPieceNormal", LINE[1:-1], loc=A, scale=B, skewness=[0.7, 2.0]),
    tfp_row("TwoPieceStudentT", LINE, df=[3.0, 7.0], loc=A, scale=B, skewness=[0.7, 2.0]),
    tfp_row("VonMisesFisher", SPHERE, mean_direction=SPHERE[:2], concentration=A),
    tfp_row("Zipf", [1, 2, 9], power=[2.5, 3.5]),
    made(
        "TransformedDistribution",
        "by a bijector without a counterpart",
        lambda loc: tfd.TransformedDistribution(tfd.Normal(loc, 1.0), tfb.Sinh()),
        LINE,
        loc=A,
    ),
    tfp_row(
        "WishartTriL",
        np.linalg.cholesky(MATRICES),
        "of factors",
        {"input_output_cholesky": True},
        df=[3.0, 5.0],
        scale_tril=L2,
    ),
]

BORROWED_DISTRAX: list[Row] = [
    distrax_row(
        "CategoricalUniform", [0.1, 0.5, 0.9], low=[0.0, -0.5], high=[1.0, 1.5], logits=LOGITS3
    ),
    made(
        "Clipped",
        "",
        lambda loc: distrax.Clipped(distrax.Logistic(loc, 1.0), -1.0, 3.0),
        [-1.0, 0.5, 3.0],
        loc=A,
    ),
    distrax_row(
        "ClippedNormal", [-1.0, 0.5, 3.0], "", {"minimum": -1.0, "maximum": 3.0}, loc=A, scale=B
    ),
    distrax_row(
        "ClippedLogistic", [-1.0, 0.5, 3.0], "", {"minimum": -1.0, "maximum": 3.0}, loc=A, scale=B
    ),
    made(
        "Quantized",
        "",
        lambda loc: distrax.Quantized(distrax.Normal(loc, 1.0), -4.0, 5.0),
        [-4.0, 0.0, 2.0, 5.0],
        loc=A,
    ),
    made(
        "Transformed",
        "by a bijector without a counterpart",
        lambda loc: distrax.Transformed(distrax.Normal(loc, 1.0), tfb.Sinh()),
        LINE,
        loc=A,
    ),
]

NO_PYTREE = "no pytree, because it holds functions"
BASE = "a base class"
STRUCTURES = "its events are structures"
REFUSED: dict[str, tuple[str, Any]] = {
    "Autoregressive": (
        "its event shape is not known before it is drawn",
        lambda: tfd.Autoregressive(lambda x: tfd.Independent(tfd.Normal(x, 1.0), 1), np.zeros(2)),
    ),
    "BatchConcat": (
        "cannot be indexed",
        lambda: tfd.BatchConcat([tfd.Exponential([1.0]), tfd.Exponential([2.0])], axis=0),
    ),
    "Bates": ("JAX cannot trace its density", lambda: tfd.Bates(4, np.zeros(2), 1.0)),
    "HiddenMarkovModel": (
        NO_PYTREE,
        lambda: tfd.HiddenMarkovModel(
            tfd.Categorical(probs=[0.5, 0.5]),
            tfd.Categorical(probs=[[0.9, 0.1], [0.2, 0.8]]),
            tfd.Normal([[0.0, 1.0], [2.0, 3.0]], 1.0),
            2,
        ),
    ),
    "LinearGaussianStateSpaceModel": (
        "cannot be indexed",
        lambda: tfd.LinearGaussianStateSpaceModel(
            2,
            np.eye(1, dtype=np.float32),
            tfd.MultivariateNormalDiag(scale_diag=np.ones((2, 1), np.float32)),
            np.eye(1, dtype=np.float32),
            tfd.MultivariateNormalDiag(scale_diag=np.ones(1, np.float32)),
            tfd.MultivariateNormalDiag(scale_diag=np.ones(1, np.float32)),
        ),
    ),
    "MarkovChain": (
        NO_PYTREE,
        lambda: tfd.MarkovChain(tfd.Normal([0.0, 1.0], 1.0), lambda _, x: tfd.Normal(x, 1.0), 2),
    ),
    "PoissonLogNormalQuadratureCompound": (
        "cannot be indexed",
        lambda: tfd.PoissonLogNormalQuadratureCompound([0.0, 1.0], [1.0, 1.0]),
    ),
    "SphericalUniform": (
        "its batch is no array of its own",
        lambda: tfd.SphericalUniform(2, batch_shape=[2], dtype=np.float64),
    ),
    "StudentTProcess": (
        "what differs between its members is no array of its own",
        lambda: _process(tfd.StudentTProcess, np.ones(2), df=3.0),
    ),
    "StudentTProcessRegressionModel": (
        "what differs between its members is no array of its own",
        lambda: _regression(tfd.StudentTProcessRegressionModel, np.ones(2), df=3.0),
    ),
    "JointDistributionSequential": (
        STRUCTURES,
        lambda: tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.0)]),
    ),
    "JointDistributionNamed": (
        STRUCTURES,
        lambda: tfd.JointDistributionNamed({"a": tfd.Normal(0.0, 1.0)}),
    ),
    "Joint": (
        STRUCTURES,
        lambda: distrax.Joint((distrax.Normal(0.0, 1.0), distrax.Normal(0.0, 1.0))),
    ),
}
"""Classes of which a batch of two can be no components, why, and one of each."""
OF_A_KIND = {
    "AutoCompositeTensorDistribution": BASE,
    "Distribution": BASE,
    "JointDistribution": BASE,
    "JointDistributionCoroutine": STRUCTURES,
    "JointDistributionCoroutineAutoBatched": STRUCTURES,
    "JointDistributionNamedAutoBatched": STRUCTURES,
    "JointDistributionSequentialAutoBatched": STRUCTURES,
}
"""Classes that are refused like others, or cannot be made."""
