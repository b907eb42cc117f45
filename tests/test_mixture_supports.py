"""Supports: the hull of those of the components that have weight, and bijections onto it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to, constraints

from cases.mixtures import by_logits, by_probs


def uniform(low, high):
    return dist.Uniform(jnp.asarray(low), jnp.asarray(high))


HULLS = {
    "Uniform": (lambda: uniform([0.0, 2, 4], [1.0, 3, 5]), (0, 5)),
    "Uniform, nested": (lambda: uniform([0.0, 1, 2], [9.0, 3, 3]), (0, 9)),
    "Uniform, one shared bound": (lambda: dist.Uniform(-1.0, jnp.array([1.0, 3, 2])), (-1, 3)),
    "Pareto": (lambda: dist.Pareto(jnp.array([2.0, 1, 3]), 2.0), (1, np.inf)),
    "TruncatedNormal": (
        lambda: dist.TruncatedNormal(0.0, 1.0, low=jnp.array([-1.0, 0, 1]), high=2.0),
        (-1, 2),
    ),
    "TruncatedNormal, left": (
        lambda: dist.TruncatedNormal(jnp.zeros(3), 1.0, low=jnp.array([-1.0, 0, 1])),
        (-1, np.inf),
    ),
    "TruncatedNormal, right": (
        lambda: dist.TruncatedNormal(jnp.zeros(3), 1.0, high=jnp.array([-1.0, 0, 1])),
        (-np.inf, 1),
    ),
    "Binomial": (lambda: dist.Binomial(jnp.array([3, 9, 5]), probs=0.5), (0, 9)),
}
hulls = pytest.mark.parametrize(("make", "ends"), HULLS.values(), ids=HULLS)


@hulls
def test_the_hull(make, ends, precision):
    """Points just inside its ends belong to it, points beyond do not."""
    mixture = by_logits(jnp.zeros(3), make())
    step = 1.0 if mixture.is_discrete else 1e-3
    sides = [(e, s) for e, s in zip(ends, (-step, step), strict=True) if np.isfinite(e)]
    assert all(mixture.support(jnp.asarray(float(e - s))) for e, s in sides)
    assert not any(mixture.support(jnp.asarray(float(e + s))) for e, s in sides)


@hulls
def test_the_hull_holds_every_draw(make, ends):
    mixture = by_logits(jnp.zeros(3), make())
    assert mixture.support(mixture.sample(jax.random.key(0), (1000,))).all()


def test_components_without_weight_do_not_count():
    support = by_probs([0.0, 0.5, 0.5], uniform([-9.0, 2, 4], [9.0, 3, 5])).support
    assert (support.lower_bound, support.upper_bound) == (2, 5)


def test_the_hull_of_a_batch():
    """One hull for each batch element."""
    low = jnp.array([[0.0, 2.0], [10.0, 12.0]])
    support = by_logits(jnp.zeros(2), dist.Uniform(low, low + 1)).support
    np.testing.assert_array_equal(support.lower_bound, [0, 10])
    np.testing.assert_array_equal(support.upper_bound, [3, 13])
    np.testing.assert_array_equal(support(jnp.array([[1.5, 1.5], [12.5, 12.5]])), [[1, 0], [0, 1]])


def test_the_hull_of_vectors():
    """One interval for each coordinate."""
    low = jnp.array([[0.0, 10.0], [2.0, 5.0]])
    support = by_logits(jnp.zeros(2), dist.Uniform(low, low + 1).to_event(1)).support
    assert support.event_dim == 1
    values = jnp.array([[1.5, 7.0], [3.5, 7.0], [1.5, 4.0]])
    np.testing.assert_array_equal(support(values), [True, False, False])


FIXED = {
    "Normal": (lambda: dist.Normal(jnp.zeros(3)), constraints.real),
    "Gamma": (lambda: dist.Gamma(jnp.ones(3)), constraints.positive),
    "Beta": (lambda: dist.Beta(jnp.ones(3), 1.0), constraints.unit_interval),
    "VonMises": (lambda: dist.VonMises(jnp.zeros(3), 1.0), constraints.circular),
    "Poisson": (lambda: dist.Poisson(jnp.ones(3)), constraints.nonnegative_integer),
    "Bernoulli": (lambda: dist.Bernoulli(jnp.full(3, 0.5)), constraints.boolean),
    "Dirichlet": (lambda: dist.Dirichlet(jnp.ones((3, 4))), constraints.simplex),
    "MultivariateNormal": (
        lambda: dist.MultivariateNormal(jnp.zeros((3, 4)), jnp.eye(4)),
        constraints.real_vector,
    ),
}


@pytest.mark.parametrize(("make", "wanted"), FIXED.values(), ids=FIXED)
def test_supports_that_all_components_share(make, wanted):
    assert by_logits(jnp.zeros(3), make()).support == wanted


BIJECTED = {
    "Uniform": lambda: uniform([0.0, 2, 4], [1.0, 3, 5]),
    "Pareto": HULLS["Pareto"][0],
    "TruncatedNormal": HULLS["TruncatedNormal"][0],
    "Normal": FIXED["Normal"][0],
    "Gamma": FIXED["Gamma"][0],
    "Dirichlet": FIXED["Dirichlet"][0],
    "Independent Uniform": lambda: dist.Uniform(
        jnp.array([[0.0, 10], [2, 5], [3, 3]]), jnp.array([[1.0, 11], [3, 6], [4, 4]])
    ).to_event(1),
    "batched Uniform": lambda: dist.Uniform(jnp.arange(6.0).reshape(2, 3), 9.0),
}


@pytest.mark.parametrize("make", BIJECTED.values(), ids=BIJECTED)
def test_bijections_onto_the_support(make, x64):
    """Draws pull back to the unconstrained space and return."""
    mixture = by_logits(jnp.zeros(3), make())
    transform = biject_to(mixture.support)
    x = mixture.sample(jax.random.key(1), (50,))
    y = transform.inv(x)
    assert jnp.isfinite(y).all()
    np.testing.assert_allclose(transform(y), x, rtol=1e-6, atol=1e-9)
    onto = transform(10 * jax.random.normal(jax.random.key(2), y.shape))
    assert mixture.support(onto).all()
    assert jnp.isfinite(transform.log_abs_det_jacobian(y, x)).all()


def test_the_support_under_jit():
    """Bounds are traced; so is the check."""

    @jax.jit
    def inside(low, x):
        return by_logits(jnp.zeros(2), dist.Uniform(low, low + 1)).support(x)

    np.testing.assert_array_equal(
        inside(jnp.array([0.0, 5.0]), jnp.array([-1.0, 3.0, 7.0])), [False, True, False]
    )
