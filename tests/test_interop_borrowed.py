"""Families of TFP and Distrax that NumPyro lacks, by their own methods."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.special import logsumexp
from numpyro.distributions import biject_to, constraints

from cases.outsider_rows import WARNINGS, tfd
from cases.outsiders_borrowed import BORROWED_DISTRAX, BORROWED_TFP
from pathmix import MixtureSameFamily, interop

pytestmark = pytest.mark.filterwarnings(*WARNINGS)
LOG_WEIGHTS = np.log([0.3, 0.7])
READ = {"tfp": interop.from_tfp, "distrax": interop.from_distrax}
ROWS = [("tfp", row) for row in BORROWED_TFP]
ROWS += [("distrax", row) for row in BORROWED_DISTRAX]
rows = pytest.mark.parametrize(("library", "row"), ROWS, ids=lambda t: str(t))
UNDRAWN = {"MatrixTLinearOperator"}
"""Its own draws cannot be part of a program."""
UNOPTIMISED = {"ExpRelaxedOneHotCategorical", "RelaxedOneHotCategorical"}
"""The compiler makes wrong code of their whole program without optimisation (conftest.py), -inf in
one entry; with its own flags these pass under jit too."""
UNSLOPED = {"Empirical", "MatrixTLinearOperator"}
"""Nothing moves, or components cannot be made within a program."""


def weights():
    return dist.Categorical(logits=jnp.asarray(LOG_WEIGHTS))


def arrays(row):
    return {name: jnp.asarray(value) for name, value in row.parameters.items()}


def ours(row, parameters, x):
    return MixtureSameFamily(weights(), row.make(**parameters)).log_prob(x)


def theirs(row, parameters, x):
    d = row.make(**parameters)
    shape = (*map(int, d.batch_shape), *map(int, d.event_shape))
    full = jnp.broadcast_to(x[:, None], (len(x), *shape))
    full = full.astype(d.dtype) if jnp.issubdtype(x.dtype, jnp.integer) else full
    return logsumexp(d.log_prob(full) + LOG_WEIGHTS, axis=-1)


@rows
def test_densities_shapes_and_draws(x64, library, row):
    d, x = row.make(**arrays(row)), jnp.asarray(row.points())
    found = READ[library](d)
    assert found.batch_shape == tuple(d.batch_shape) == (2,)
    assert found.event_shape == tuple(d.event_shape) == x.shape[1:]
    expected = theirs(row, arrays(row), x)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(ours(row, arrays(row), x), expected, 1e-6, 1e-9)
    mixture = MixtureSameFamily(weights(), d)
    if row.name in UNDRAWN:
        with pytest.raises(NotImplementedError, match=f"can draw in a program, got {row.name}"):
            mixture.sample(jax.random.key(0))
        return
    draws = mixture.sample(jax.random.key(0), (5,))
    assert draws.shape == (5, *d.event_shape)
    assert np.isfinite(mixture.log_prob(draws)).all()
    assert len(np.unique(np.asarray(draws), axis=0)) > 1


@pytest.mark.parametrize(
    "row", [row for _, row in ROWS if row.parameters and row.name not in UNSLOPED], ids=str
)
def test_gradients_reach_their_parameters(x64, row):
    """In a program, mapped over two sets of parameters, beside autodiff of theirs one by one."""
    x = jnp.asarray(row.points())
    both = jax.tree.map(lambda t: jnp.stack([t, t * 1.01]), arrays(row))
    slopes = jax.vmap(jax.grad(lambda p: ours(row, p, x).sum()))
    slopes = slopes(both) if row.name in UNOPTIMISED else jax.jit(slopes)(both)
    for i in range(2):
        one = jax.tree.map(lambda t, i=i: t[i], both)
        expected = jax.grad(lambda p: theirs(row, p, x).sum())(one)
        for name, slope in expected.items():
            size = np.abs(slope).max()
            np.testing.assert_allclose(slopes[name][i], slope, 1e-6, 1e-8 * size, err_msg=name)


def triangular(low, high, peak):
    return MixtureSameFamily(weights(), tfd.Triangular(low, high, peak))


LOW, HIGH, PEAK = jnp.array([-1.0, 0.0]), jnp.array([2.0, 5.0]), jnp.array([0.0, 1.5])


def test_a_mixture_is_a_tree_that_jit_and_vmap_take():
    mixture, x = triangular(LOW, HIGH, PEAK), jnp.array([0.5, 3.0, 9.0])
    np.testing.assert_allclose(
        jax.jit(lambda m, x: m.log_prob(x))(mixture, x), mixture.log_prob(x), 1e-6
    )
    batch = jax.vmap(triangular, (0, None, None))(jnp.stack([LOW, LOW - 1]), HIGH, PEAK)
    assert batch.batch_shape == (2,)
    expected = [triangular(low, HIGH, PEAK).log_prob(x) for low in (LOW, LOW - 1)]
    np.testing.assert_allclose(batch.log_prob(x[:, None]).T, expected, 1e-6)
    np.testing.assert_allclose(batch[1].log_prob(x), expected[1], 1e-6)
    slope = jax.grad(lambda m: m.log_prob(0.5))(mixture)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_a_batch_of_mixtures_is_what_its_members_are():
    low = jnp.array([[-1.0, 0.0], [-3.0, -2.0], [0.0, 0.5]])
    mixture, x = triangular(low, 5.0, PEAK), jnp.array([0.7, 2.0])
    assert mixture.batch_shape == (3,)
    each = jnp.stack([triangular(one, 5.0, PEAK).log_prob(x) for one in low], axis=-1)
    np.testing.assert_allclose(mixture.log_prob(x[:, None]), each, 1e-6)
    assert mixture.sample(jax.random.key(0), (4,)).shape == (4, 3)


def test_supports_and_what_lies_outside():
    mixture = triangular(LOW, HIGH, PEAK)
    assert type(mixture.support) is type(constraints.interval(0.0, 1.0))
    assert (mixture.support.lower_bound, mixture.support.upper_bound) == (-1.0, 5.0)
    np.testing.assert_array_equal(mixture.log_prob(jnp.array([-1.5, 5.5])), -jnp.inf)
    slope = jax.grad(lambda peak: triangular(LOW, HIGH, peak).log_prob(-1.5))(PEAK)
    np.testing.assert_array_equal(slope, 0.0)
    assert np.isnan(mixture.log_prob(jnp.nan))
    moyal = MixtureSameFamily(weights(), tfd.Moyal(LOW, 1.0))
    assert moyal.support is constraints.real
    counts = MixtureSameFamily(weights(), tfd.Zipf(jnp.array([2.0, 3.0])))
    np.testing.assert_array_equal(counts.log_prob(jnp.array([0, -3])), -jnp.inf)


def test_tails_quantiles_and_moments_where_they_have_them():
    mixture, theirs = triangular(LOW, HIGH, PEAK), tfd.Triangular(LOW, HIGH, PEAK)
    x = jnp.array([-1.5, -0.5, 1.0, 4.0, 5.5])
    inside = jnp.clip(x[:, None], LOW, HIGH)
    expected = theirs.cdf(inside) @ np.exp(LOG_WEIGHTS)
    np.testing.assert_allclose(mixture.cdf(x), expected, 1e-5, 1e-7)
    np.testing.assert_allclose(mixture.icdf(mixture.cdf(x[1:4])), x[1:4], 1e-5)
    mean = theirs.mean() @ np.exp(LOG_WEIGHTS)
    np.testing.assert_allclose(mixture.mean, mean, 1e-5)
    horseshoe = MixtureSameFamily(weights(), tfd.Horseshoe(PEAK + 1))
    with pytest.raises(NotImplementedError, match="Horseshoe components have no cumulative"):
        horseshoe.cdf(0.0)
    with pytest.raises(
        NotImplementedError, match="HotCategorical components have no closed-form mean"
    ):
        _ = MixtureSameFamily(
            weights(), tfd.ExpRelaxedOneHotCategorical(1.0, jnp.zeros((2, 3)))
        ).mean


def test_no_bijection_onto_a_support_that_is_not_known():
    mixture = MixtureSameFamily(weights(), tfd.VonMisesFisher(jnp.eye(2), 2.0))
    with pytest.raises(NotImplementedError, match="expected components whose support is known"):
        biject_to(mixture.support)
    assert mixture.support(jnp.ones((3, 2))).shape == (3,)


def test_draws_have_the_distribution():
    mixture = triangular(LOW, HIGH, PEAK)
    draws = mixture.sample(jax.random.key(3), (4000,))
    levels = jnp.sort(mixture.cdf(draws))
    gap = jnp.abs(levels - (jnp.arange(4000) + 0.5) / 4000).max()
    assert gap < 1.95 / 4000**0.5  # Kolmogorov's distance, exceeded one time in a thousand


def test_floats_of_their_own_precision_and_ours(x64):
    d = tfd.Triangular(LOW.astype(jnp.float32), HIGH.astype(jnp.float32), 1.0)
    mixture = MixtureSameFamily(weights(), d)
    assert mixture.log_prob(jnp.float64(0.5)).dtype == jnp.float64
    assert mixture.sample(jax.random.key(0)).dtype == jnp.float32
