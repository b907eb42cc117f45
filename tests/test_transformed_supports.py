"""Supports of transformed components: ends that transforms carry along, traced or known."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to, constraints
from numpyro.distributions import transforms as tf

from cases.mixtures import by_probs


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


def test_the_inverse_of_a_transform(x64):
    """The logarithm of a gamma: density, both tails and quantiles, by the gamma's own."""
    gamma = dist.Gamma(jnp.array([1.5, 3.0]), 2.0)
    logs = dist.TransformedDistribution(gamma, tf.ExpTransform().inv)
    mixture, plain = by_probs([0.3, 0.7], logs), by_probs([0.3, 0.7], gamma)
    y = jnp.array([-4.0, 0.3, 2.0])
    np.testing.assert_allclose(mixture.log_prob(y), plain.log_prob(jnp.exp(y)) + y, 1e-12)
    np.testing.assert_allclose(mixture.cdf(y), plain.cdf(jnp.exp(y)), 1e-12)
    upper = plain.log_survival_function(jnp.exp(y))
    np.testing.assert_allclose(mixture.log_survival_function(y), upper, 1e-12)
    np.testing.assert_allclose(mixture.icdf(0.2), jnp.log(plain.icdf(0.2)), 1e-12)
