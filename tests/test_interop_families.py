"""Families of TFP and Distrax that NumPyro has: values, slopes and shapes beside their own.

Points are where both are accurate; there they agree to 1e-13 on most rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.special import logsumexp

from cases.outsider_rows import WARNINGS
from cases.outsiders_distrax import DISTRAX
from cases.outsiders_tfp import TFP
from pathmix import MixtureSameFamily, interop

pytestmark = pytest.mark.filterwarnings(*WARNINGS)
LOG_WEIGHTS = np.log([0.3, 0.7])
READ = {"tfp": interop.from_tfp, "distrax": interop.from_distrax}
ROWS = [("tfp", row) for row in TFP] + [("distrax", row) for row in DISTRAX]
MIXTURES = ("Mixture", "MixtureSameFamily", "MixtureOfTwo")
SINGLE = {"FlatDirichlet"}
"""TFP works its log densities out in float32."""
BACK = {
    "Chi": "TransformedDistribution",
    "FlatDirichlet": "Dirichlet",
    "LogLogistic": "TransformedDistribution",
    "LogitNormal": "TransformedDistribution",
    "HalfCauchy": "TransformedDistribution",
    "PERT": "TransformedDistribution",
    "ProbitBernoulli": "Bernoulli",
    "OneHotCategorical": "Multinomial",
    "MultivariateNormalDiag": "Independent",
    "MultivariateNormalFullCovariance": "MultivariateNormalTriL",
    "MultivariateNormalDiagPlusLowRank": "MultivariateNormalTriL",
    "GaussianProcess": "MultivariateNormalTriL",
    "GaussianProcessRegressionModel": "MultivariateNormalTriL",
    "VariationalGaussianProcess": "MultivariateNormalTriL",
    "VectorDeterministic": "Independent",
    "ZeroInflatedNegativeBinomial": "Inflated",
    "Sample": "Independent",
    "BatchBroadcast": "Exponential",
    "BatchReshape": "Exponential",
    "MultivariateNormalLinearOperator": "MultivariateNormalTriL",
    "WishartLinearOperator": "WishartTriL",
}
"""Classes that come back as another one, of the same distribution."""

rows = pytest.mark.parametrize(("library", "row"), ROWS, ids=lambda t: str(t))


def arrays(row):
    return {name: jnp.asarray(value) for name, value in row.parameters.items()}


def weights():
    return dist.Categorical(logits=jnp.asarray(LOG_WEIGHTS))


def ours(library, row, parameters, x):
    d = row.make(**parameters)
    if row.name in MIXTURES:
        return READ[library](d).log_prob(x[:, None])
    return MixtureSameFamily(weights(), d).log_prob(x)


def theirs(row, parameters, x):
    """The same by their own methods, which want values of their dtype and shape."""
    d = row.make(**parameters)
    shape = (*map(int, d.batch_shape), *map(int, d.event_shape))
    kind = d.dtype if jnp.issubdtype(x.dtype, jnp.integer) else x.dtype
    each = d.log_prob(jnp.broadcast_to(x[:, None], (len(x), *shape)).astype(kind))
    return each if row.name in MIXTURES else logsumexp(each + LOG_WEIGHTS, axis=-1)


@rows
def test_values_and_shapes(x64, library, row):
    d, x = row.make(**arrays(row)), jnp.asarray(row.points())
    read = READ[library](d)
    assert read.batch_shape == tuple(d.batch_shape) == (2,)
    assert read.event_shape == tuple(d.event_shape) == x.shape[1:]
    rtol = 1e-6 if row.name in SINGLE else 1e-7
    expected = theirs(row, arrays(row), x)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(ours(library, row, arrays(row), x), expected, rtol, 1e-9)


SLOPED = [
    (library, row)
    for library, row in ROWS
    if row.parameters and row.name not in ("Deterministic", "VectorDeterministic", "Greedy")
]


@pytest.mark.parametrize(("library", "row"), SLOPED, ids=lambda t: str(t))
def test_gradients_reach_their_parameters(x64, library, row):
    """In a program, mapped over two sets of parameters, beside autodiff of theirs one by one."""
    x = jnp.asarray(row.points())
    both = jax.tree.map(lambda t: jnp.stack([t, t * 1.01]), arrays(row))
    slopes = jax.jit(jax.vmap(jax.grad(lambda p: ours(library, row, p, x).sum())))(both)
    for i in range(2):
        one = jax.tree.map(lambda t, i=i: t[i], both)
        expected = jax.grad(lambda p: theirs(row, p, x).sum())(one)
        for name, slope in expected.items():
            size = np.abs(slope).max()
            np.testing.assert_allclose(slopes[name][i], slope, 1e-6, 1e-8 * size, err_msg=name)


WRITTEN = [row for row in TFP if row.name not in MIXTURES]


@pytest.mark.parametrize("row", WRITTEN, ids=str)
def test_there_and_back(x64, row):
    mixture = MixtureSameFamily(weights(), row.make(**arrays(row)))
    back, x = interop.as_tfp(mixture), jnp.asarray(row.points())
    kind = type(back.components_distribution).__name__
    expected = BACK.get(row.name, row.name)
    assert kind == expected or (row.variant == "scaled identity" and kind == "Independent")
    assert tuple(back.batch_shape) == mixture.batch_shape == ()
    assert tuple(back.event_shape) == mixture.event_shape
    x = x.astype(back.dtype) if jnp.issubdtype(x.dtype, jnp.integer) else x
    np.testing.assert_allclose(back.log_prob(x), mixture.log_prob(x), 1e-6, 1e-9)
