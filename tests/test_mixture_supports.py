"""Supports: the hull of those of the components that have weight, and bijections onto it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to, constraints
from numpyro.distributions import transforms as tf

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


def transformed(base, *transforms):
    return dist.TransformedDistribution(base, list(transforms))


def normals():
    return dist.Normal(jnp.zeros(2), 1.0)


def scaled(loc, scale, domain=constraints.positive):
    return tf.AffineTransform(loc, scale, domain=domain)


CHAINS = {
    "softplus, scaled by both signs": (
        lambda p: transformed(normals(), tf.SoftplusTransform(), scaled(0.0, p)),
        [1.0, -1.0],
        (-np.inf, np.inf),
    ),
    "beta and its mirror image": (
        lambda p: transformed(
            dist.Beta(2.0, 3.0).expand((2,)),
            scaled(jnp.array([0.0, 5.0]), p, constraints.unit_interval),
        ),
        [1.0, -1.0],
        (0, 5),
    ),
    "softplus, falling": (
        lambda p: transformed(normals(), tf.SoftplusTransform(), scaled(3.0, p)),
        [-1.0, -2.0],
        (-np.inf, 3),
    ),
    "exponential, scaled": (
        lambda p: transformed(normals(), tf.ExpTransform(), scaled(3.0, p)),
        [1.0, 2.0],
        (3, np.inf),
    ),
    "sigmoid, scaled by both signs": (
        lambda p: transformed(normals(), tf.SigmoidTransform(), scaled(1.0, p)),
        [2.0, -3.0],
        (-2, 3),
    ),
    "powers of both signs": (
        lambda p: transformed(normals(), tf.ExpTransform(), tf.PowerTransform(p)),
        [-1.0, 2.0],
        (0, np.inf),
    ),
    "exponential of an interval": (
        lambda p: transformed(dist.Uniform(0.0, p), tf.ExpTransform()),
        [1.0, 2.0],
        (1, np.exp(2)),
    ),
    "reciprocal of an interval": (
        lambda p: transformed(dist.Uniform(1.0, p), tf.PowerTransform(-1.0)),
        [2.0, 4.0],
        (0.25, 1),
    ),
    "half-normal, shifted on the real line": (
        lambda p: transformed(dist.HalfNormal(jnp.ones(2)), tf.AffineTransform(p, 1.0)),
        [1.0, 2.0],
        (1, np.inf),
    ),
    "composed": (
        lambda p: transformed(
            normals(), tf.ComposeTransform([tf.ExpTransform(), scaled(0.0, p)]).inv.inv
        ),
        [-1.0, -2.0],
        (-np.inf, 0),
    ),
    "logit": (
        lambda p: transformed(dist.Uniform(0.5, p), tf.SigmoidTransform().inv),
        [0.8, 0.9],
        (0, np.log(9)),
    ),
    "absolute value": (
        lambda p: transformed(dist.Uniform(-1.0, p), tf.AbsTransform()),
        [2.0, 3.0],
        (0, 3),
    ),
    "truncated, mirrored": (
        lambda p: transformed(
            dist.TruncatedNormal(jnp.zeros(2), 1.0, low=p), tf.AffineTransform(0.0, -1.0)
        ),
        [-1.0, 2.0],
        (-np.inf, 1),
    ),
}
chains = pytest.mark.parametrize(("make", "parameter", "ends"), CHAINS.values(), ids=CHAINS)


@chains
def test_transformed_components(make, parameter, ends, precision):
    """With known parameters and with traced ones, whose signs no program can know beforehand.

    The support holds every draw and ends where it should; the bijection onto it returns draws.
    """

    def checks(p, x, beyond):
        support = by_probs([0.4, 0.6], make(p)).support
        transform = biject_to(support)
        y = transform.inv(x)
        jacobian = transform.log_abs_det_jacobian(y, x)
        return support(x), support(beyond), transform(y), jacobian

    p = jnp.asarray(parameter, precision)
    x = by_probs([0.4, 0.6], make(p)).sample(jax.random.key(0), (200,))
    beyond = np.asarray([e + s for e, s in zip(ends, (-1e-2, 1e-2), strict=True) if np.isfinite(e)])
    for run in (checks, jax.jit(checks)):
        inside, outside, returned, jacobian = run(p, x, beyond.astype(precision))
        assert inside.all()
        assert not outside.any()
        # a draw within eps of an end is returned from a finite point only if it is not the end
        clear = np.isfinite(jacobian)
        assert clear.mean() > 0.98
        scale = 1 + np.abs(x) + np.max(np.abs(ends), initial=0, where=np.isfinite(ends))
        error = np.abs(returned - x) / scale
        # the unconstrained point is a log of up to 40, so that its rounding counts 40 fold
        assert (error[clear] <= 64 * np.finfo(precision).eps).all()


@chains
def test_the_kind_of_the_hull_follows_from_its_ends(make, parameter, ends):
    support = by_probs([0.4, 0.6], make(jnp.asarray(parameter))).support
    kinds = {
        (False, False): type(constraints.real),
        (True, False): constraints.greater_than,
        (False, True): constraints.less_than,
        (True, True): constraints.interval,
    }
    assert isinstance(support, kinds[tuple(np.isfinite(ends))])
    # NumPyro's own bijections serve wherever the ends are known
    assert "Extended" not in type(support).__name__


def test_each_coordinate_has_its_own_kind(precision):
    """The first may have either sign, the second is positive; validation accepts every draw."""

    def checks(scale):
        components = transformed(
            dist.Normal(jnp.zeros((2, 2)), 1.0), tf.SoftplusTransform(), scaled(0.0, scale)
        ).to_event(1)
        mixture = by_probs([0.4, 0.6], components)
        x = mixture.sample(jax.random.key(0), (500,))
        points = jnp.array([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
        transform = biject_to(mixture.support)
        y = transform.inv(x)
        round_trip = transform(y) - x, transform.log_abs_det_jacobian(y, x)
        return mixture.support(points), mixture.support(x), *round_trip

    scale = jnp.array([[1.0, 1.0], [-1.0, 1.0]])
    for run in (checks, jax.jit(checks)):
        inside, held, error, jacobian = run(scale)
        np.testing.assert_array_equal(inside, [True, True, False, False])
        assert held.all()
        np.testing.assert_allclose(error, 0, atol=16 * np.finfo(precision).eps)
        assert np.isfinite(jacobian).all()


@pytest.mark.parametrize("name", ["softplus, scaled by both signs", "beta and its mirror image"])
def test_validation_accepts_own_draws(name, precision):
    make, parameter, _ = CHAINS[name]

    def log_prob(p):
        mixture = by_probs([0.4, 0.6], make(p))
        mixture._validate_args = True
        return mixture.log_prob(mixture.sample(jax.random.key(3), (300,)))

    p = jnp.asarray(parameter)
    assert np.isfinite(log_prob(p)).all()
    assert np.isfinite(jax.jit(log_prob)(p)).all()


@pytest.mark.parametrize("traced", [False, True])
def test_an_unconstrained_site_has_all_of_the_mass(traced, x64):
    """What samplers see, ``f(t(y)) |t'(y)|``, integrates to 0.6 below zero and to 1 in all.

    The trapezoidal rule in steps of 1e-3: the integrand is smooth but at zero, where it falls
    from one finite value to another, which costs a step times that value.
    """
    make, parameter, _ = CHAINS["softplus, scaled by both signs"]
    y = jnp.linspace(-40.0, 40.0, 80_001)

    def mass(p):
        mixture = by_probs([0.4, 0.6], make(p))
        transform = biject_to(mixture.support)
        x = transform(y)
        density = jnp.exp(mixture.log_prob(x) + transform.log_abs_det_jacobian(y, x))
        return jnp.sum(jnp.where(x < 0, density, 0)) * 1e-3, jnp.sum(density) * 1e-3

    p = jnp.asarray(parameter)
    below, total = jax.jit(mass)(p) if traced else jax.jit(lambda: mass(p))()
    np.testing.assert_allclose([below, total], [0.6, 1.0], atol=2e-3)


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
