"""Draws of mixtures of several families move as they should: at fixed noise, and on average.

In one dimension a draw is the quantile of a fixed number, whose differences are its derivatives. Of
vectors, means over draws are held to the derivatives of closed expectations.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import lax

from pathmix import Mixture

SLOW = pytest.mark.slow

# ---- one dimension: the quantile at fixed probability ----

OTHER = {
    "Logistic": lambda loc, scale: dist.Logistic(loc, scale),
    "StudentT": lambda loc, scale: dist.StudentT(4.0, loc, scale),
}
POINTS = np.array([-2.0, 0.4, 3.0])
STEP = 2e-3


def weights(logits):
    return dist.Categorical(logits=logits)


def detached(logits):
    return dist.Categorical(logits=lax.stop_gradient(logits))


def without_softmax(logits):
    """The gradient in the weights passed off as that in the logits."""
    w = jax.nn.softmax(lax.stop_gradient(logits)) + logits - lax.stop_gradient(logits)
    return dist.Categorical(probs=w, validate_args=False)


def pair(name, t, weights=weights):
    other = OTHER[name](t[4], jnp.exp(t[5]))
    return Mixture(weights(t[:2]), [dist.Normal(t[2], jnp.exp(t[3])), other], reparameterize=True)


def check_quantile(name, weights=weights):
    t = jnp.array([0.4, -0.3, -1.0, -0.2, 1.2, 0.3])
    d = jnp.asarray(np.random.default_rng(1).normal(size=6))
    q = pair(name, t).cdf(POINTS)

    def draw(s):
        return pair(name, t + s * d, weights).reparameterize_sample(POINTS)

    first = lambda s: jax.jvp(draw, (s,), (1.0,))[1]  # noqa: E731
    got = jax.jit(lambda s: jax.jvp(first, (s,), (1.0,)))(0.0)
    steps = STEP * jnp.arange(-3, 4)
    x = jax.jit(jax.vmap(lambda s: pair(name, t + s * d).icdf(q)))(steps)
    slope = np.dot([-1, 9, -45, 0, 45, -9, 1], x) / (60 * STEP)
    curvature = np.dot([2, -27, 270, -490, 270, -27, 2], x) / (180 * STEP**2)
    # quantiles are known to some 10⁻¹⁵, and six steps away the series has ended
    np.testing.assert_allclose(got[0], slope, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got[1], curvature, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["Logistic", pytest.param("StudentT", marks=SLOW)])
def test_a_draw_moves_as_the_quantile_at_fixed_probability(name, x64):
    check_quantile(name)


@pytest.mark.parametrize("mutant", [detached, pytest.param(without_softmax, marks=SLOW)])
def test_the_quantile_check_fails_for_a_wrong_gradient_of_the_logits(mutant, x64):
    with pytest.raises(AssertionError):
        check_quantile("Logistic", mutant)


# ---- vectors: unbiased ----

DRAWS, CHUNK, BOUND = 200_000, 4_000, 4.5
"""Of 75 first derivatives one is so many standard errors off by chance in 2000 runs."""
A = np.array([1.0, -0.7])
P = {
    "logits": [0.3, -0.4, 0.1],
    "loc": [[-1.0, 0.3], [0.5, -0.6], [1.0, 1.0]],
    "scale": [[0.8, 1.1], [0.7, 0.5], [0.9, 0.9]],
}


def vectors(p, weights):
    each = [
        kind(loc, scale).to_event(1)
        for kind, loc, scale in zip(
            (dist.Normal, dist.Logistic, dist.Normal), p["loc"], p["scale"], strict=True
        )
    ]
    return Mixture(weights(p["logits"]), each, reparameterize=True)


def functions(x):
    return jnp.stack([x[0], x[1] ** 2, jnp.sum(x**2), x[0] * x[1], jnp.sin(jnp.dot(A, x))])


def exact(p):
    """By the moments and the characteristic functions of normals and logistic variables."""
    m, s = p["loc"], p["scale"]
    is_logistic, turns = jnp.array([[False], [True], [False]]), jnp.pi * A * s
    squares = m**2 + jnp.where(is_logistic, (jnp.pi * s) ** 2 / 3, s**2)
    shrunk = jnp.where(is_logistic, turns / jnp.sinh(turns), jnp.exp(-((A * s) ** 2) / 2))
    waves = jnp.sin(m @ A) * jnp.prod(shrunk, axis=-1)
    each = [m[:, 0], squares[:, 1], jnp.sum(squares, axis=-1), m[:, 0] * m[:, 1], waves]
    return jnp.stack(each) @ jax.nn.softmax(p["logits"])


@cache
def worst(weights, derivative=jax.jacrev, draws=DRAWS):
    """The largest distance of an averaged derivative from the exact one, in standard errors."""
    p = {name: jnp.asarray(value) for name, value in P.items()}

    def mean(p, key):
        draws = vectors(p, weights).sample(key, (CHUNK,))
        return jnp.mean(jax.vmap(functions)(draws), axis=0)

    of_chunk = lambda key: derivative(lambda p: mean(p, key))(p)  # noqa: E731
    keys = jax.random.split(jax.random.key(3), draws // CHUNK)
    found, truth = jax.jit(lambda keys: (lax.map(of_chunk, keys), derivative(exact)(p)))(keys)

    def off(each, truth):
        each, truth = np.asarray(each, float), np.asarray(truth, float)
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) + 1e-6 * (1 + abs(truth))
        return np.max(np.abs(each.mean(axis=0) - truth) / error)

    return max(jax.tree.leaves(jax.tree.map(off, found, truth)))


@pytest.mark.slow
def test_gradients_of_vectors_are_unbiased():
    assert worst(weights) < BOUND


@pytest.mark.slow
def test_second_derivatives_of_vectors_are_unbiased():
    # of 1125 derivatives, by errors that are estimated from 20 chunks themselves
    assert worst(weights, jax.hessian, 80_000) < 8


@pytest.mark.parametrize("mutant", [detached, pytest.param(without_softmax, marks=SLOW)])
def test_mutants_are_rejected(mutant):
    assert worst(mutant) > 3 * BOUND
