"""Families of vectors and matrices."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._outside._libraries import DISTRAX, TFP, given
from pathmix._outside._reading import numpyro_of
from pathmix._outside._table import reads, same, writes
from pathmix._special import lower_factor
from pathmix._typing import Matrix, Reals
from pathmix._where import where

same(dist.Dirichlet, "concentration", tfp="Dirichlet", distrax="Dirichlet")
same(dist.DirichletMultinomial, "concentration total_count", tfp="DirichletMultinomial")
same(dist.MultinomialLogits, "logits total_count", tfp="Multinomial", distrax="Multinomial")
same(dist.MultinomialProbs, "probs total_count", tfp="Multinomial", distrax="Multinomial")


def _one_hot(d: Any) -> Distribution:
    """A multinomial of one draw; theirs takes shares, also in derivatives."""
    probs = given(d, "probs")
    if probs is not None:
        probs = probs / jnp.sum(probs, axis=-1, keepdims=True)
        return dist.MultinomialProbs(probs, 1, validate_args=False)
    return dist.MultinomialLogits(given(d, "logits"), 1, validate_args=False)


reads(TFP, "OneHotCategorical", "Multinomial of one draw")(_one_hot)
reads(DISTRAX, "OneHotCategorical", "Multinomial of one draw")(_one_hot)


@reads(TFP, "FlatDirichlet", "Dirichlet")
def _flat_dirichlet(d: Any) -> Distribution:
    return dist.Dirichlet(jnp.ones(d.concentration_shape, d.dtype), validate_args=False)


# ---- normals and Student t's, by a matrix ----


def _upright(factor: Matrix) -> Matrix:
    """A lower factor with a positive diagonal, of the same product with its transpose."""
    diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)[..., None, :]
    return jnp.tril(where(diagonal < 0, -factor, factor))


def _dense(scale: Any) -> Matrix:
    """TFP's linear operator as a lower factor."""
    lower = type(scale).__name__ == "LinearOperatorLowerTriangular"
    return _upright(scale.to_dense()) if lower else lower_factor(scale.to_dense())


def _diagonal(scale: Any) -> Reals | None:
    """The entries of TFP's diagonal linear operator; ``None`` of any other."""
    name = type(scale).__name__
    is_diagonal = name in ("LinearOperatorDiag", "LinearOperatorScaledIdentity")
    return jnp.abs(scale.diag_part()) if is_diagonal or "OperatorIdentity" in name else None


def _loc(d: Any, scale: Any) -> Reals:
    return jnp.zeros(int(scale.shape[-1]), d.dtype) if d.loc is None else d.loc


def _normal(d: Any) -> Distribution:
    """A multivariate normal of TFP's; of a diagonal scale independent coordinates."""
    diagonal, loc = _diagonal(d.scale), _loc(d, d.scale)
    if diagonal is not None:
        return dist.Normal(loc, diagonal, validate_args=False).to_event(1)
    return dist.MultivariateNormal(loc, scale_tril=_dense(d.scale), validate_args=False)


reads(TFP, "MultivariateNormalDiag", "Normal, to_event(1)")(_normal)
for _name in ("TriL", "FullCovariance", "LinearOperator", "DiagPlusLowRank"):
    reads(TFP, f"MultivariateNormal{_name}", "MultivariateNormal")(_normal)


@writes(dist.MultivariateNormal)
def _write_normal(d: Any, tfp: Any) -> Any:
    return tfp.distributions.MultivariateNormalTriL(d.loc, d.scale_tril)


same(
    dist.LowRankMultivariateNormal,
    "loc cov_factor cov_diag",
    tfp="MultivariateNormalDiagPlusLowRankCovariance loc cov_perturb_factor cov_diag_factor",
)


@reads(TFP, "MultivariateStudentTLinearOperator", "MultivariateStudentT")
def _student(d: Any) -> Distribution:
    df, factor = jnp.asarray(d.df), _dense(d.scale)
    loc = _loc(d, d.scale)
    shape = jnp.broadcast_shapes(df.shape, loc.shape[:-1], factor.shape[:-2])
    return dist.MultivariateStudentT(jnp.broadcast_to(df, shape), loc, factor, validate_args=False)


@writes(dist.MultivariateStudentT)
def _write_student(d: Any, tfp: Any) -> Any:
    scale = tfp.tf2jax.linalg.LinearOperatorLowerTriangular(d.scale_tril)
    return tfp.distributions.MultivariateStudentTLinearOperator(d.df, d.loc, scale)


def _distrax_normal(d: Any) -> Distribution | None:
    """A multivariate normal of Distrax, by the bijector that scales."""
    scale, loc = d.scale, d.loc
    kind = type(scale).__name__
    if kind == "DiagLinear":
        return dist.Normal(loc, jnp.abs(scale.diag), validate_args=False).to_event(1)
    if not hasattr(scale, "matrix"):
        return None
    lower = kind == "TriangularLinear" and scale.is_lower
    factor = _upright(scale.matrix) if lower else lower_factor(scale.matrix)
    return dist.MultivariateNormal(loc, scale_tril=factor, validate_args=False)


@reads(DISTRAX, "MultivariateNormalDiag", "Normal, to_event(1)")
def _distrax_diagonal(d: Any) -> Distribution:
    return dist.Normal(d.loc, jnp.abs(d.scale_diag), validate_args=False).to_event(1)


for _name in ("Tri", "FullCovariance", "FromBijector", "DiagPlusLowRank"):
    reads(DISTRAX, f"MultivariateNormal{_name}", "MultivariateNormal")(_distrax_normal)

# ---- processes at the points that they are given ----


def _at_points(d: Any) -> Any:
    return numpyro_of(d.get_marginal_distribution())


for _name in ("GaussianProcess", "GaussianProcessRegressionModel", "VariationalGaussianProcess"):
    reads(TFP, _name, "MultivariateNormal at its points")(_at_points)

# ---- matrices ----


@reads(TFP, "MatrixNormalLinearOperator", "MatrixNormal")
def _matrix_normal(d: Any) -> Distribution:
    rows, columns = _dense(d.scale_row), _dense(d.scale_column)
    return dist.MatrixNormal(d.loc, rows, columns, validate_args=False)


@writes(dist.MatrixNormal)
def _write_matrix_normal(d: Any, tfp: Any) -> Any:
    lower = tfp.tf2jax.linalg.LinearOperatorLowerTriangular
    scales = lower(d.scale_tril_row), lower(d.scale_tril_column)
    return tfp.distributions.MatrixNormalLinearOperator(d.loc, *scales)


@reads(TFP, "WishartTriL", "Wishart")
def _wishart(d: Any) -> Distribution | None:
    """Of matrices; of their factors TFP's density is that of the product, NumPyro's its own."""
    if d.input_output_cholesky:
        return None
    factor = _upright(d.scale_tril)
    return dist.Wishart(jnp.asarray(d.df), scale_tril=factor, validate_args=False)


@reads(TFP, "WishartLinearOperator", "Wishart")
def _wishart_by_operator(d: Any) -> Distribution | None:
    if d.input_output_cholesky:
        return None
    return dist.Wishart(jnp.asarray(d.df), scale_tril=_dense(d.scale), validate_args=False)


@writes(dist.Wishart)
def _write_wishart(d: Any, tfp: Any) -> Any:
    return tfp.distributions.WishartTriL(d.concentration, scale_tril=d.scale_tril)


@reads(TFP, "LKJ", "LKJ")
def _lkj(d: Any) -> Distribution | None:
    if d.input_output_cholesky:
        return None
    return dist.LKJ(int(d.dimension), d.concentration, validate_args=False)


@reads(TFP, "CholeskyLKJ", "LKJCholesky")
def _lkj_cholesky(d: Any) -> Distribution:
    return dist.LKJCholesky(int(d.dimension), d.concentration, validate_args=False)


@writes(dist.LKJ)
def _write_lkj(d: Any, tfp: Any) -> Any:
    return tfp.distributions.LKJ(d.dimension, d.concentration)


@writes(dist.LKJCholesky)
def _write_lkj_cholesky(d: Any, tfp: Any) -> Any:
    return tfp.distributions.CholeskyLKJ(d.dimension, d.concentration)
