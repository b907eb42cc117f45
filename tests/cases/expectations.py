"""What the tests of expectations share: a statistical check, mixtures and their moments."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits
from pathmix import Pathwise, Score, Stratified, expectation

BOUND = 4
ESTIMATORS = [Stratified(), Pathwise(), Score(), Score("linear"), Score(None)]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
first_of_all = pytest.mark.parametrize(
    "estimator",
    [ESTIMATORS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in ESTIMATORS[1:])],
    ids=repr,
)


def assert_unbiased(estimates, truth):
    """The mean over the leading axis within 4 standard errors (and rounding) of the truth."""
    assert jax.tree.structure(estimates) == jax.tree.structure(truth)

    def check(each, exact):
        each, exact = np.asarray(each, np.float64), np.asarray(exact, np.float64)
        assert each.shape[1:] == exact.shape
        assert np.isfinite(each).all()
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        assert np.all(error < 0.05 * (1 + np.abs(exact).max()))  # or the check would be empty
        assert np.all(np.abs(each.mean(axis=0) - exact) < BOUND * error + 1e-5 * (1 + abs(exact)))

    jax.tree.map(check, estimates, truth)


def independent(fn, parameters, seed=0, keys=200):
    """``fn(parameters, key)`` for independent keys, compiled once."""
    keys = jax.random.split(jax.random.key(seed), keys)
    return jax.jit(lambda p: jax.lax.map(lambda key: fn(p, key), keys))(parameters)


def normals(p):
    return by_logits(p["logits"], dist.Normal(p["loc"], p["scale"]))


NORMALS = {
    "logits": jnp.array([0.3, -0.4]),
    "loc": jnp.array([-0.8, 1.1]),
    "scale": jnp.array([0.9, 1.2]),
}


def functions(x):
    return {"x": x, "more": (x**2, jnp.stack([jnp.sin(1.5 * x), jnp.cos(x)]))}


def exact(p):
    """The expectations of ``functions`` under a mixture of normals."""
    w, m, v = jax.nn.softmax(p["logits"]), p["loc"], p["scale"] ** 2
    sine = jnp.sin(1.5 * m) * jnp.exp(-0.5 * 1.5**2 * v)
    cosine = jnp.cos(m) * jnp.exp(-0.5 * v)
    return {"x": w @ m, "more": (w @ (m**2 + v), jnp.stack([w @ sine, w @ cosine]))}


COUNTS = {"logits": jnp.array([0.3, -0.4]), "rate": jnp.array([2.0, 6.0])}


def poissons(p):
    return by_logits(p["logits"], dist.Poisson(p["rate"]))


def count_moments(p):
    w = jax.nn.softmax(p["logits"])
    return jnp.stack([w @ p["rate"], w @ (p["rate"] ** 2 + p["rate"])])


def moments_of_counts(p, key, estimator, num_samples=1000):
    return expectation(
        lambda n: jnp.stack([1.0 * n, 1.0 * n**2]),
        poissons(p),
        key=key,
        num_samples=num_samples,
        estimator=estimator,
    )


def apart(logits):
    """Two unit normals at ±6."""
    return by_logits(logits, dist.Normal(jnp.array([-6.0, 6.0]), 1.0))
