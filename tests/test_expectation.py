"""Expectations: every estimator against closed forms.

Estimates from independent keys give a mean and its standard error; the mean must lie within 4 of
them of the exact value, gradient or second derivative. Seeds are fixed; a change of the random
stream fails a test with probability below 1 %.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from cases.expectations import (
    NORMALS,
    assert_unbiased,
    every_estimator,
    exact,
    first_of_all,
    functions,
    independent,
    normals,
)
from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily, Pathwise, Score, Stratified, expectation


@first_of_all
def test_value_and_derivatives(estimator):
    """Of a pytree of functions, in the logits and every parameter, to the second order."""

    def all_orders(fn):
        first = jax.jacrev(fn)
        return fn, first, jax.jacrev(first)

    def estimates(p, key):
        fn = lambda p: expectation(  # noqa: E731
            functions, normals(p), key=key, num_samples=1000, estimator=estimator
        )
        return [order(p) for order in all_orders(fn)]

    truth = [order(NORMALS) for order in all_orders(exact)]
    assert_unbiased(independent(estimates, NORMALS), truth)


@every_estimator
def test_few_draws_are_unbiased_too(estimator):
    """Baselines that looked at the draws they correct would show here."""
    few = 6 if estimator == Score("linear") else 2

    def gradient(p, key):
        return jax.grad(
            lambda p: expectation(
                jnp.square, normals(p), key=key, num_samples=few, estimator=estimator
            )
        )(p)

    keys = jax.random.split(jax.random.key(1), 200_000)
    estimates = jax.jit(jax.vmap(gradient, (None, 0)))(NORMALS, keys)
    assert_unbiased(estimates, jax.grad(lambda p: exact(p)["more"][0])(NORMALS))


PAIRS = {
    "logits": jnp.array([0.3, -0.4]),
    "loc": jnp.array([[-0.8, 0.4], [0.7, -0.5]]),
    "tril": jnp.array([[[0.9, 0.0], [0.4, 0.8]], [[1.2, 0.0], [-0.3, 1.0]]]),
}


@first_of_all
def test_vector_events(estimator):
    """The second moments of a mixture of multivariate normals: ``fn`` takes one event."""

    def make(p):
        components = dist.MultivariateNormal(p["loc"], scale_tril=jnp.tril(p["tril"]))
        return by_logits(p["logits"], components)

    def outer(x):
        assert x.shape == (2,)
        return jnp.outer(x, x)

    def second_moments(p):
        each = jax.vmap(jnp.outer)(p["loc"], p["loc"])
        each += jnp.tril(p["tril"]) @ jnp.swapaxes(jnp.tril(p["tril"]), 1, 2)
        return jnp.einsum("k,kij->ij", jax.nn.softmax(p["logits"]), each)

    def estimates(p, key):
        fn = lambda p: expectation(  # noqa: E731
            outer, make(p), key=key, num_samples=1000, estimator=estimator
        )
        return jax.jacrev(fn)(p)

    assert_unbiased(independent(estimates, PAIRS), jax.jacrev(second_moments)(PAIRS))


@first_of_all
def test_batches(estimator):
    """The batch comes in front, and no element's parameters touch another's expectation."""
    loc = jnp.array([[[-1.0, 1.0]], [[0.0, 0.5]], [[2.0, 3.0]]])  # batch (3, 1)

    def estimates(loc, key):
        def fn(loc):
            mixture = by_logits(NORMALS["logits"], dist.Normal(loc, 0.7))
            return expectation(
                lambda x: jnp.stack([x, x**2, 1.0]),
                mixture,
                key=key,
                num_samples=500,
                estimator=estimator,
            )

        return fn(loc), jax.jacrev(fn)(loc)

    w = jax.nn.softmax(NORMALS["logits"])
    exact = lambda loc: jnp.stack([loc @ w, (loc**2 + 0.49) @ w, jnp.ones((3, 1))], axis=-1)  # noqa: E731
    values, gradients = independent(estimates, loc)
    assert values.shape == (200, 3, 1, 3)
    assert_unbiased([values, gradients], [exact(loc), jax.jacrev(exact)(loc)])
    touched = np.any(gradients, axis=(0, 2, 3, 5, 6))
    np.testing.assert_array_equal(touched, np.eye(3, dtype=bool))


@first_of_all
def test_weights_of_exactly_zero(estimator):
    """The gradient says what the absent component would add."""
    probs, loc = jnp.array([0.4, 0.0, 0.6]), jnp.array([-0.5, 0.8, 1.0])

    def estimates(p, key):
        fn = lambda p, loc: expectation(  # noqa: E731
            jnp.square,
            by_probs(p, dist.Normal(loc, 1.0)),
            key=key,
            num_samples=2000,
            estimator=estimator,
        )
        return fn(p, loc), jax.grad(fn, (0, 1))(p, loc)

    exact = lambda p, loc: (p / p.sum()) @ (loc**2 + 1)  # noqa: E731
    assert_unbiased(
        independent(estimates, probs), (exact(probs, loc), jax.grad(exact, (0, 1))(probs, loc))
    )


def test_a_component_without_weight_does_not_spoil_the_sum():
    """``fn`` is not finite where the absent component draws."""

    def mean_log(loc):
        mixture = by_probs(jnp.array([1.0, 0.0]), dist.Normal(loc, 0.1))
        return expectation(jnp.log, mixture, key=jax.random.key(0), num_samples=1000)

    value, gradient = jax.value_and_grad(mean_log)(jnp.array([5.0, -5.0]))
    assert abs(value - np.log(5)) < 0.01
    assert abs(gradient[0] - 0.2) < 0.01
    assert gradient[1] == 0


def test_defaults():
    """Strata, whatever the mixture's own flag says; the same key, the same estimate."""
    p, key = NORMALS, jax.random.key(0)
    flagged = MixtureSameFamily(
        dist.Categorical(logits=p["logits"]), dist.Normal(p["loc"], p["scale"]), reparameterize=True
    )
    default = expectation(jnp.square, normals(p), key=key, num_samples=50)
    for mixture, kwargs in ((normals(p), {"estimator": Stratified()}), (flagged, {})):
        np.testing.assert_array_equal(
            default, expectation(jnp.square, mixture, key=key, num_samples=50, **kwargs)
        )


def test_the_flag_does_not_matter_to_the_gradient():
    """``Score`` and ``Pathwise`` draw from the mixture: its own gradient must not add to theirs."""

    def gradient(estimator, flag):
        def mean(p):
            mixture = by_logits(p["logits"], dist.Normal(p["loc"], p["scale"]), reparameterize=flag)
            return expectation(
                jnp.square, mixture, key=jax.random.key(0), num_samples=50, estimator=estimator
            )

        return jax.jit(jax.grad(mean))(NORMALS)

    for estimator in (Score(), Stratified()):
        for one, other in zip(
            jax.tree.leaves(gradient(estimator, False)),
            jax.tree.leaves(gradient(estimator, True)),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_paths_of_a_reparameterized_mixture():
    """The gradient is not attached twice."""

    def mean(loc, flag):
        mixture = by_logits(jnp.zeros(2), dist.Normal(loc, 1.0), reparameterize=flag)
        return expectation(
            lambda x: x, mixture, key=jax.random.key(0), num_samples=50, estimator=Pathwise()
        )

    for flag in (False, True):
        gradient = jax.jit(jax.grad(mean), static_argnums=1)(jnp.zeros(2), flag)
        np.testing.assert_allclose(gradient, [0.5, 0.5], rtol=1e-5)
