"""Draws at an exact weight of zero: derivatives of both orders are one-sided, and not zero."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.stats import norm

from cases.mixtures import by_logits, by_probs

PROBS = np.array([0.4, 0.6, 0.0])
LOC, SCALE = np.array([-1.0, 1.0, 2.0]), np.array([0.5, 1.0, 0.7])
ATTACHED = 0.4
KEY = jax.random.key(0)

pytestmark = pytest.mark.usefixtures("x64")


def scalar(probs, loc, scale):
    mixture = by_probs(probs, dist.Normal(loc, scale), reparameterize=True)
    return mixture.reparameterize_sample(ATTACHED)


def quantile(probs, loc, scale):
    """Two Newton steps from a root: right in two derivatives, and smooth across zero."""
    w = probs / jnp.sum(probs)
    level = jax.lax.stop_gradient(jnp.sum(w * norm.cdf(ATTACHED, loc, scale)))
    x = ATTACHED
    for _ in range(2):
        excess = jnp.sum(w * norm.cdf(x, loc, scale)) - level
        x = x - excess / jnp.sum(w * norm.pdf(x, loc, scale))
    return x


@pytest.mark.parametrize("order", [jax.grad, jax.hessian])
def test_derivatives_are_those_of_the_quantile(order):
    theta = (PROBS, LOC, SCALE)
    actual, wanted = (jax.jit(order(fn, (0, 1, 2)))(*theta) for fn in (scalar, quantile))
    assert np.all(wanted[0] != 0)
    jax.tree.map(
        lambda a, w: np.testing.assert_allclose(a, w, rtol=1e-10, atol=1e-12), actual, wanted
    )


def normals(loc):
    return dist.Normal(loc, jnp.array([0.8, 1.2])).to_event(1)


def full(loc):
    return dist.MultivariateNormal(loc, scale_tril=jnp.array([[1.0, 0.0], [0.4, 0.9]]))


@pytest.mark.parametrize("make", [normals, full])
def test_second_derivatives_are_the_limit_of_small_weights(make):
    x = jnp.array([0.3, -0.2])

    def loss(weight, loc):
        mixture = by_probs(jnp.append(PROBS[:2], weight), make(loc), reparameterize=True)
        return jnp.sum(jnp.sin(mixture.reparameterize_sample(x)))

    @jax.jit
    def derivatives(weight):
        loc = jnp.array([[-1.0, 0.0], [1.0, 0.5], [0.5, 1.5]])
        return jax.hessian(loss, (0, 1))(weight, loc)

    step = 1e-5  # the limit is taken to first order: what is left is about its square
    near, far = derivatives(step), derivatives(2 * step)
    jax.tree.map(
        lambda a, b, c: np.testing.assert_allclose(a, 2 * b - c, rtol=1e-7, atol=1e-7),
        derivatives(0.0),
        near,
        far,
    )


@pytest.mark.parametrize("by", [by_probs, by_logits])
def test_an_undefined_component_without_weight_changes_nothing(by):
    with np.errstate(divide="ignore"):
        weights = PROBS if by is by_probs else np.log(PROBS)

    def slope(k):
        def loss(weights, loc):
            components = dist.Normal(loc, SCALE[:k], validate_args=False)
            return by(weights, components, reparameterize=True).reparameterize_sample(ATTACHED)

        return jax.grad(loss, (0, 1))(weights[:k], jnp.array([-1.0, 1.0, jnp.nan])[:k])

    for actual, wanted in zip(slope(3), slope(2), strict=True):
        np.testing.assert_allclose(actual[:2], wanted, rtol=1e-13)


def test_no_draws_have_no_gradient():
    def loss(loc):
        return jnp.sum(by_probs(PROBS, normals(loc), reparameterize=True).sample(KEY, (0,)))

    gradient = jax.grad(loss)(jnp.zeros((3, 2)))
    np.testing.assert_array_equal(gradient, np.zeros((3, 2)))
