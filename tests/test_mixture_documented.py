"""The documented examples, and what a mixture says of itself."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints

from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def scalar(**kwargs):
    components = dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5]))
    return by_probs([0.3, 0.7], components, **kwargs)


def bivariate():
    loc = jnp.array([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    scale = jnp.array([[0.3, 0.3], [0.6, 0.6], [0.7, 0.7]])
    return by_probs([0.2, 0.4, 0.4], dist.Independent(dist.Normal(loc, scale), 1))


def test_the_scalar_example(precision):
    mixture, tolerance = scalar(), TOLERANCE[precision]
    assert mixture.mean == pytest.approx(0.4, rel=tolerance)
    assert mixture.variance == pytest.approx(1.018, rel=tolerance)
    assert mixture.stddev == pytest.approx(np.sqrt(1.018), rel=tolerance)


def test_the_bivariate_example(precision):
    mixture, tolerance = bivariate(), TOLERANCE[precision]
    np.testing.assert_allclose(mixture.mean, [0.6, 0.2], rtol=tolerance)
    np.testing.assert_allclose(mixture.variance, [0.998, 1.318], rtol=tolerance)
    wanted = [[0.998, -0.32], [-0.32, 1.318]]
    np.testing.assert_allclose(mixture.covariance, wanted, rtol=tolerance)


def test_the_bivariate_example_by_full_covariances(precision):
    factor = jnp.array([0.3, 0.6, 0.7])[:, None, None] * jnp.eye(2)
    loc = jnp.array([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    mixture = by_probs([0.2, 0.4, 0.4], dist.MultivariateNormal(loc, scale_tril=factor))
    wanted = [[0.998, -0.32], [-0.32, 1.318]]
    np.testing.assert_allclose(mixture.covariance, wanted, rtol=TOLERANCE[precision])


def test_a_variance_far_from_the_origin(precision):
    """E[x²] − E[x]² would lose 8 of float32's 7 digits here."""
    components = dist.Normal(jnp.array([9999.0, 10001.0]), jnp.array([0.125, 0.125]))
    variance = by_probs([0.5, 0.5], components).variance
    assert variance == pytest.approx(1 + 0.125**2, rel=TOLERANCE[precision])


ATTRIBUTES = {
    "scalar": (
        scalar,
        {
            "num_components": 2,
            "batch_shape": (),
            "event_shape": (),
            "event_dim": 0,
            "name": "MixtureSameFamily",
            "reparameterize": False,
            "allow_nan_stats": True,
            "has_rsample": False,
            "is_discrete": False,
            "support": constraints.real,
        },
    ),
    "named": (lambda: scalar(name="prices", allow_nan_stats=False), {"name": "prices"}),
    "NaN statistics refused": (lambda: scalar(allow_nan_stats=False), {"allow_nan_stats": False}),
    "bivariate": (
        bivariate,
        {"num_components": 3, "batch_shape": (), "event_shape": (2,), "event_dim": 1},
    ),
    "batched": (
        lambda: by_logits(jnp.zeros((4, 5, 3)), dist.Normal(jnp.zeros((4, 5, 3)))),
        {"num_components": 3, "batch_shape": (4, 5), "event_shape": (), "event_dim": 0},
    ),
    "one mixture distribution for a batch": (
        lambda: by_logits(jnp.zeros(3), dist.Normal(jnp.zeros((4, 5, 3)))),
        {"num_components": 3, "batch_shape": (4, 5), "event_shape": ()},
    ),
    "matrices": (
        lambda: by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((2, 4, 5))).to_event(2)),
        {"num_components": 2, "batch_shape": (), "event_shape": (4, 5), "event_dim": 2},
    ),
    "counts": (
        lambda: by_logits(jnp.zeros(2), dist.Poisson(jnp.array([1.0, 2.0]))),
        {"is_discrete": True, "support": constraints.nonnegative_integer, "has_rsample": False},
    ),
}


@pytest.mark.parametrize(("make", "wanted"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes(make, wanted):
    mixture = make()
    assert {name: getattr(mixture, name) for name in wanted} == wanted


def test_the_constructor_follows_the_reference_by_position():
    weights = dist.Categorical(logits=jnp.array([0.0, 1.0]))
    components = dist.Normal(jnp.array([2.0, 3.0]))
    mixture = MixtureSameFamily(weights, components, False, True, False, "prices")
    assert mixture.mixture_distribution.logits.tolist() == [0, 1]
    assert mixture.components_distribution.loc.tolist() == [2, 3]
    assert not mixture.reparameterize
    assert (mixture._validate_args, mixture.allow_nan_stats, mixture.name) == (
        True,
        False,
        "prices",
    )


def test_the_arguments_are_kept():
    """Their kinds and parameters, if not the very objects."""
    weights, components = dist.Categorical(logits=jnp.zeros(2)), dist.Normal(jnp.arange(2.0))
    mixture = MixtureSameFamily(weights, components)
    assert type(mixture.mixture_distribution) is type(weights)
    assert type(mixture.components_distribution) is dist.Normal
    np.testing.assert_array_equal(mixture.components_distribution.loc, [0, 1])


def test_a_draw_has_the_dtype_and_shape_that_are_announced(precision):
    mixture = bivariate()
    draw = mixture.sample(jax.random.key(0), (7,))
    assert mixture.dtype == draw.dtype == precision
    assert draw.shape == (7, *mixture.batch_shape, *mixture.event_shape)


def test_a_draw_of_counts_is_an_integer(precision):
    mixture = by_probs([0.3, 0.7], dist.Poisson(jnp.array([1.0, 2.0])))
    draw = mixture.sample(jax.random.key(0))
    assert mixture.dtype == draw.dtype
    assert jnp.issubdtype(mixture.dtype, jnp.integer)


def test_integer_values_become_the_default_float(precision):
    log_p = scalar().log_prob(1)
    assert log_p.dtype == precision
    np.testing.assert_array_equal(log_p, scalar().log_prob(1.0))


@pytest.mark.parametrize("name", ["log_prob", "component_log_probs", "cdf", "log_cdf", "icdf"])
def test_no_float64_creeps_into_float32(name):
    with jax.enable_x64(True):
        components = dist.Normal(np.zeros(2, "float32"), np.ones(2, "float32"))
        mixture = by_probs(np.array([0.3, 0.7], "float32"), components)
        assert getattr(mixture, name)(np.float32(0.5)).dtype == "float32"
