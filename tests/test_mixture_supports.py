"""Supports: the hull of those of the components that have weight, and bijections onto it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to, constraints

from cases.mixtures import by_logits, by_probs
from pathmix._components._constraints import extended_interval


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


ONTO = {
    "line": (-np.inf, np.inf, constraints.real),
    "above": (2.0, np.inf, constraints.greater_than_eq(2.0)),
    "below": (-np.inf, 3.0, constraints.less_than_eq(3.0)),
    "between": (2.0, 3.0, constraints.interval(2.0, 3.0)),
}


@pytest.mark.parametrize(("low", "high", "kind"), ONTO.values(), ids=ONTO)
def test_the_bijection_by_traced_ends_is_that_of_each_kind(low, high, kind, precision):
    """Value, inverse, log Jacobian and their gradients are NumPyro's, far out as well."""
    y = jnp.array([-200.0, -3.0, 0.0, 0.7, 200.0])

    def ours(low, high, y):
        transform = biject_to(extended_interval(low, high))
        x = transform(y)
        return x, transform.log_abs_det_jacobian(y, x)

    def wanted(y):
        transform = biject_to(kind)
        x = transform(y)
        return x, transform.log_abs_det_jacobian(y, x) * jnp.ones_like(y)

    def gradients(fn):
        return [jax.grad(lambda y, i=i: fn(y)[i].sum()) for i in range(2)]

    @jax.jit
    def both(low, high):
        def here(y):
            return ours(low, high, y)

        return (here(y), [g(y) for g in gradients(here)]), (
            wanted(y),
            [g(y) for g in gradients(wanted)],
        )

    actual, expected = both(low, high)
    tolerance = 4 * np.finfo(precision).eps
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, w, rtol=tolerance, atol=tolerance)
    transform = biject_to(extended_interval(low, high))
    x = transform(y[1:4])
    np.testing.assert_allclose(transform.inv(x), y[1:4], rtol=64 * tolerance, atol=64 * tolerance)
    inside = extended_interval(low, high).feasible_like(jnp.zeros(3))
    assert extended_interval(low, high)(inside).all()


def test_a_weight_too_small_for_a_float_counts():
    """Its density is exp(−120), and the upper end of the support is its own."""
    mixture = by_logits(jnp.array([0.0, -120.0]), uniform([0.0, 5], [1.0, 6]))
    assert mixture.log_prob(5.5) == -120
    assert mixture.support(jnp.asarray(5.5))
    assert mixture.icdf(1.0) == 6
    absent = by_logits(jnp.array([0.0, -jnp.inf]), uniform([0.0, 5], [1.0, 6]))
    assert not absent.support(jnp.asarray(5.5))


@pytest.mark.parametrize("jit", [False, True])
def test_a_union_of_supports(jit):
    """Multinomials of 3 and of 5 trials: sums of 3 and 5 belong to it, of 4 do not."""
    x = jnp.array([[1, 2, 0], [5, 0, 0], [2, 2, 0], [-1, 4, 0]])

    def inside(total_count, probs):
        components = dist.Multinomial(total_count, jnp.full((2, 3), 1 / 3))
        support = by_probs(probs, components).support
        assert (support.event_dim, support.is_discrete) == (1, True)
        return support(x), support(support.feasible_like(x))

    run = jax.jit(inside) if jit else inside
    held, feasible = run(jnp.array([3, 5]), jnp.array([0.5, 0.5]))
    np.testing.assert_array_equal(held, [True, True, False, False])
    assert feasible.all()
    held, feasible = run(jnp.array([3, 5]), jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(held, [False, True, False, False])
    assert feasible.all()


def test_supports_with_parameters_that_all_components_share():
    components = dist.Multinomial(5, jnp.full((2, 3), 1 / 3))
    support = by_probs([0.5, 0.5], components).support
    np.testing.assert_array_equal(support(jnp.array([[1, 4, 0], [1, 3, 0]])), [True, False])
    zero_sum = by_probs([0.5, 0.5], dist.ZeroSumNormal(1.0, event_shape=(3,)).expand((2,))).support
    assert zero_sum == constraints.zero_sum(1)


def test_a_union_has_no_bijection():
    support = by_probs([0.5, 0.5], dist.Multinomial(jnp.array([3, 5]), jnp.full((2, 3), 1 / 3)))
    with pytest.raises(NotImplementedError, match="expected components that share one support"):
        biject_to(support.support)
