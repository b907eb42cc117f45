"""Derivatives through draws are unbiased: closed-form expectations of normal mixtures.

10⁶ draws in independent chunks give a mean and its standard error for every derivative of every
expectation; each must lie within 4 standard errors of the exact one. The same check rejects
estimators that lose or distort the gradient in the weights, which stay here as mutants. Seeds are
fixed; a change of the random stream fails a test with probability below 1 %.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import lax

from pathmix import MixtureSameFamily

DRAWS, CHUNK = 1_000_000, 4_000
BOUND = 4
A = {1: np.array([1.5]), 2: np.array([1.0, -0.7])}

ONE = {"loc": [-1.0, 0.5, 1.5], "scale": [0.8, 1.2, 0.6]}
TWO = {
    "loc": [[-1.0, 0.3], [0.5, -0.6], [1.0, 1.0]],
    "scale": [[0.8, 1.1], [1.2, 0.7], [0.9, 0.9]],
}
FULL = {
    "loc": TWO["loc"],
    "scale_tril": [[[0.8, 0.0], [0.4, 1.0]], [[1.2, 0.0], [-0.5, 0.7]], [[0.9, 0.0], [0.2, 0.8]]],
}
LOGITS = [0.3, -0.4, 0.1]

MAKE = {
    "Normal": lambda p: dist.Normal(p["loc"], p["scale"]),
    "Independent": lambda p: dist.Normal(p["loc"], p["scale"]).to_event(1),
    "MultivariateNormal": lambda p: dist.MultivariateNormal(
        p["loc"], scale_tril=jnp.tril(p["scale_tril"])
    ),
}
PARAMETERS = {"Normal": ONE, "Independent": TWO, "MultivariateNormal": FULL}


def parameters(name):
    return {k: jnp.asarray(v) for k, v in {"logits": LOGITS, **PARAMETERS[name]}.items()}


def functions(x):
    """What the expectations are of, stacked: of a scalar, or of a pair."""
    if x.ndim == 0:
        return jnp.stack([x, x**2, jnp.sin(A[1][0] * x)])
    return jnp.stack([x[0], x[1] ** 2, jnp.sum(x**2), x[0] * x[1], jnp.sin(jnp.dot(A[2], x))])


def exact(p):
    """The expectations of ``functions``, from the moments of each component."""
    loc = p["loc"].reshape(3, -1)
    if "scale" in p:
        covariance = jax.vmap(jnp.diag)(p["scale"].reshape(3, -1) ** 2)
    else:
        tril = jnp.tril(p["scale_tril"])
        covariance = tril @ jnp.swapaxes(tril, -1, -2)
    second = covariance + loc[:, :, None] * loc[:, None, :]
    a = A[loc.shape[1]]
    sine = jnp.sin(loc @ a) * jnp.exp(-0.5 * jnp.einsum("kij,i,j->k", covariance, a, a))
    if loc.shape[1] == 1:
        each = [loc[:, 0], second[:, 0, 0], sine]
    else:
        trace = jnp.trace(second, axis1=1, axis2=2)
        each = [loc[:, 0], second[:, 1, 1], trace, second[:, 0, 1], sine]
    return jnp.stack(each) @ jax.nn.softmax(p["logits"])


def pathwise(name, p, key, categorical=None):
    """Draws of the reparameterized mixture."""
    weights = dist.Categorical(logits=p["logits"]) if categorical is None else categorical
    return MixtureSameFamily(weights, MAKE[name](p), reparameterize=True).sample(key, (CHUNK,))


def zeroed(name, p, key):
    """Mutant: no gradient in the logits."""
    return pathwise(name, {**p, "logits": lax.stop_gradient(p["logits"])}, key)


def ancestral(name, p, key):
    """Mutant: only the selected component moves its draws, and the choice has no gradient."""
    of_index, of_noise = jax.random.split(key)
    index = jax.random.categorical(of_index, p["logits"], shape=(CHUNK,))
    z = jax.random.normal(of_noise, (CHUNK, *p["loc"].shape[1:]))
    if "scale" in p:
        return p["loc"][index] + p["scale"][index] * z
    return p["loc"][index] + jnp.einsum("nij,nj->ni", jnp.tril(p["scale_tril"])[index], z)


def without_softmax(name, p, key):
    """Mutant: the gradient in the weights passed off as that in the logits."""
    logits = p["logits"]
    w = jax.nn.softmax(lax.stop_gradient(logits)) + logits - lax.stop_gradient(logits)
    return pathwise(name, p, key, dist.Categorical(probs=w, validate_args=False))


@cache
def deviations(name, draw, derivative=jax.jacrev, draws=DRAWS):
    """Distances of the averaged derivatives from the exact ones, in standard errors."""
    p = parameters(name)

    @jax.jit
    def run(keys):
        def of_chunk(key):
            mean = lambda p: jnp.mean(jax.vmap(functions)(draw(name, p, key)), axis=0)  # noqa: E731
            return derivative(mean)(p)

        estimates = lax.map(of_chunk, keys)
        return estimates, derivative(exact)(p)

    estimates, truth = run(jax.random.split(jax.random.key(3), draws // CHUNK))

    def standardise(each, truth):
        each, truth = np.asarray(each, np.float64), np.asarray(truth, np.float64)
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        # The rounding of float32, so that a derivative that is exactly constant is not 0/0.
        return (each.mean(axis=0) - truth) / (error + 1e-6 * (1 + np.abs(truth)))

    return jax.tree.map(standardise, estimates, truth)


def hessian(fn):
    return jax.jacrev(jax.jacrev(fn))


def worst(tree):
    return max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    "name", ["Normal", pytest.param("Independent", marks=pytest.mark.slow), "MultivariateNormal"]
)
def test_gradients(name):
    """Of every expectation in the logits and every parameter of every component."""
    found = deviations(name, pathwise)
    assert set(found) == {"logits", *PARAMETERS[name]}
    assert worst(found) < BOUND


def test_the_check_has_power():
    """Standard errors are below 1 % of the largest derivative in each parameter."""
    p = parameters("Normal")
    mean = lambda p, key: jnp.mean(jax.vmap(functions)(pathwise("Normal", p, key)), axis=0)  # noqa: E731
    each = jax.jit(lambda keys: lax.map(lambda k: jax.jacrev(mean)(p, k), keys))(
        jax.random.split(jax.random.key(4), DRAWS // CHUNK // 4)
    )
    for truth, leaf in zip(
        jax.tree.leaves(jax.jacrev(exact)(p)), jax.tree.leaves(each), strict=True
    ):
        assert (np.std(leaf, axis=0) / np.sqrt(DRAWS / CHUNK)).max() < 0.01 * np.abs(truth).max()


@pytest.mark.parametrize("draws", [DRAWS // 4, pytest.param(DRAWS, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_second_derivatives(draws):
    """All blocks of the Hessian: logits, locations, scales and across."""
    found = deviations("Normal", pathwise, hessian, draws)
    assert set(found["logits"]) == {"logits", "loc", "scale"}
    assert worst(found) < BOUND


MUTANTS = {"zeroed": zeroed, "ancestral": ancestral, "softmax dropped": without_softmax}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize(
    "name",
    [
        "Normal",
        pytest.param("Independent", marks=pytest.mark.slow),
        pytest.param("MultivariateNormal", marks=pytest.mark.slow),
    ],
)
def test_mutants_are_rejected(name, mutant):
    """Wrong in the logits for every one of the expectations; right in the components."""
    found = dict(deviations(name, MUTANTS[mutant]))
    by_function = np.abs(found.pop("logits")).max(axis=1)
    assert by_function.min() > 2 * BOUND
    assert worst(found) < BOUND


@pytest.mark.slow
def test_modes_agree_in_second_order():
    """Forward over reverse is reverse over reverse, draw for draw, compiled as a user would."""
    p = parameters("Normal")

    def mean(p):
        draws = pathwise("Normal", p, jax.random.key(5))
        return jnp.mean(jax.vmap(functions)(draws), axis=0)

    forward = jax.jit(jax.jacfwd(jax.jacrev(mean)))(p)
    reverse = jax.jit(hessian(mean))(p)
    for one, other in zip(jax.tree.leaves(forward), jax.tree.leaves(reverse), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected_in_second_order(mutant):
    """The blocks of the Hessian that hold the logits."""
    found = deviations("Normal", MUTANTS[mutant], hessian, DRAWS // 4)
    for block in ("logits", "loc", "scale"):
        assert worst(found["logits"][block]) > 2 * BOUND
