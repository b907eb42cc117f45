"""More components than are written out, against NumPyro, and the posterior's two forms."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import pathmix
from cases.mixtures import by_logits, by_probs
from pathmix._tuning import DENSE, FEW, WRITTEN_OUT

X = jnp.array([-4.0, -0.3, 0.0, 2.5])
UNITS = 200
"""Roundings of both sides: of sums over up to 100 components, and of squares of up to 50."""
COUNTS = [WRITTEN_OUT, WRITTEN_OUT + 1, 2 * WRITTEN_OUT, 100]


def both(k, dtype):
    """A mixture of ours and NumPyro's, as functions of parameters."""
    rng = np.random.default_rng(k)
    p = {
        "logits": jnp.asarray(rng.normal(size=k), dtype),
        "loc": jnp.asarray(rng.normal(size=k), dtype),
        "scale": jnp.asarray(np.exp(0.3 * rng.normal(size=k)), dtype),
    }

    def make(kind, p):
        return kind(dist.Categorical(logits=p["logits"]), dist.Normal(p["loc"], p["scale"]))

    return p, [
        lambda p, kind=kind: make(kind, p)
        for kind in (pathmix.MixtureSameFamily, dist.MixtureSameFamily)
    ]


@pytest.mark.parametrize("k", COUNTS)
def test_densities_and_their_gradients(k, precision):
    p, makers = both(k, precision)
    x = X.astype(precision)
    rtol = UNITS * np.finfo(precision).eps
    found, wanted = (
        jax.value_and_grad(lambda p, x, m=make: m(p).log_prob(x).sum(), argnums=(0, 1))(p, x)
        for make in makers
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol, rtol), found, wanted)


@pytest.mark.parametrize("k", COUNTS)
def test_cdfs_and_posteriors(k, precision):
    p, (ours, theirs) = both(k, precision)
    x = X.astype(precision)
    rtol = UNITS * np.finfo(precision).eps
    mixture, peer = ours(p), theirs(p)
    np.testing.assert_allclose(mixture.cdf(x), peer.cdf(x), rtol)
    np.testing.assert_allclose(mixture.log_cdf(x), jnp.log(peer.cdf(x)), rtol)
    wanted = jax.nn.softmax(peer.component_log_probs(x), axis=-1)
    np.testing.assert_allclose(mixture.posterior_marginal(x).probs, wanted, rtol, rtol)
    by_weights = by_probs(jax.nn.softmax(p["logits"]), dist.Normal(p["loc"], p["scale"]))
    np.testing.assert_allclose(by_weights.posterior_marginal(x).probs, wanted, rtol, rtol)


def test_by_parts_nothing_changes():
    """Of more points than are worked out at a time."""
    k = 64
    p, (ours, _) = both(k, "float32")
    x = jnp.linspace(-3, 3, 2 * DENSE // k + 11)
    few = x[:: len(x) // 7]
    for of in (
        lambda m, x: m.cdf(x),
        lambda m, x: m.log_survival_function(x),
        lambda m, x: m.posterior_marginal(x).probs,
        lambda m, x: m.posterior_marginal(x).logits,
    ):
        whole, part = of(ours(p), x)[:: len(x) // 7], of(ours(p), few)
        np.testing.assert_allclose(whole, part, 1e-5, 1e-6)


def test_posteriors_sum_to_one_far_out(precision):
    """Where logs are so large that their sum is rounded by thousands of units."""
    mixture = by_logits([0.0, 0.1, 0.2], dist.Normal(jnp.array([0.0, 1e-4, 2e-4], precision), 1.0))
    posterior = mixture.posterior_marginal(jnp.asarray(3e3, precision))
    np.testing.assert_allclose(posterior.probs.sum(), 1, rtol=4 * np.finfo(precision).eps)
    np.testing.assert_allclose(posterior.probs, jnp.exp(posterior.logits), rtol=1e-6)


def test_infinite_densities_share_by_weights_too_small_for_a_float():
    shape = jnp.array([0.5, 0.7, 2.0])
    posterior = by_logits([-200.0, -200.0, 0.0], dist.Gamma(shape, 1.0)).posterior_marginal(0.0)
    np.testing.assert_allclose(posterior.probs, [0.5, 0.5, 0.0])


@pytest.mark.parametrize("of", ["probs", "logits"])
def test_both_forms_of_a_posterior_move(of, precision):
    """To second order, against the softmax of the joint by NumPyro's mixture.

    Slopes in a scale have z², second derivatives z⁴: roundings of 1 become those of some thousands.
    """
    p, (ours, theirs) = both(4, precision)
    x = X.astype(precision)

    def direct(p):
        joint = theirs(p).component_log_probs(x)
        return getattr(jax.nn, "softmax" if of == "probs" else "log_softmax")(joint, axis=-1)

    def found(p):
        return getattr(ours(p).posterior_marginal(x), of)

    v = jax.tree.map(jnp.ones_like, p)
    tolerance = 1e4 * float(np.finfo(precision).eps)
    for fn in (lambda f: f, lambda f: lambda p: jax.jvp(f, (p,), (v,))[1]):
        slope, wanted = (jax.jacrev(fn(f))(p) for f in (found, direct))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance), slope, wanted
        )


def test_a_posterior_is_a_pytree():
    p, (ours, _) = both(4, "float32")
    posterior = jax.jit(lambda p: ours(p).posterior_marginal(X))(p)
    assert isinstance(posterior, type(dist.Categorical(logits=p["logits"])))
    one = jax.tree.map(lambda t: t[0], posterior)
    np.testing.assert_allclose(one.probs, posterior.probs[0])
    np.testing.assert_allclose(posterior.log_prob(2), jnp.log(posterior.probs[:, 2]), rtol=1e-5)
    assert posterior.expand((3, 4)).batch_shape == (3, 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: dist.Gamma(a, 2.0),
        lambda a: dist.Beta(a, 2.0),
        lambda a: dist.StudentT(a, 0.3, 1.0),
    ],
)
@pytest.mark.slow
def test_second_derivatives_of_few_components(x64, make):
    """Each shape's own curvature too, in the parameters and in x."""
    weights, a = dist.Categorical(probs=jnp.array([0.2, 0.3, 0.5])), jnp.array([2.0, 3.0, 4.0])
    x = jnp.array([0.3, 0.7])

    def total(kind):
        return lambda a, x: kind(weights, make(a)).log_prob(x).sum()

    kinds = pathmix.MixtureSameFamily, dist.MixtureSameFamily
    found, wanted = (jax.hessian(total(kind), argnums=(0, 1))(a, x) for kind in kinds)
    # sums of some ten terms of order one, of which trigammas are good to some hundred roundings
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-11, 1e-11), found, wanted)


@pytest.mark.parametrize(
    ("make", "points"),
    [
        (dist.Gamma, [-1.0, 0.0, 1e-30, 0.7, 40.0, 1e30, np.inf, np.nan]),
        (dist.Beta, [-1.0, 0.0, 1e-30, 0.4, 1 - 1e-6, 1.0, 2.0, np.nan]),
        (lambda rate, _: dist.Poisson(rate), [-1.0, 0.0, 1.0, 1.5, 3.0, 90.0, np.inf, np.nan]),
    ],
    ids=["Gamma", "Beta", "Poisson"],
)
def test_many_components_are_as_few_at_every_edge(make, points, precision):
    """A mixture of two and one of eight copies of each are one mixture, by two plans."""
    x = jnp.asarray(points, precision)
    p = [jnp.asarray(t, precision) for t in ([0.3, 0.7], [0.5, 30.0], [2.0, 1.0])]

    def log_prob(p, x, copies):
        weights, first, second = (jnp.tile(t, copies) for t in p)
        return by_probs(weights / weights.sum(), make(first, second)).log_prob(x)

    def slopes(copies):
        # all points at once: of single ones, as under vmap, there is one plan
        ones = jnp.ones_like(x)
        value, along_x = jax.jvp(lambda x: log_prob(p, x, copies), (x,), (ones,))
        return value, along_x, jax.jacrev(log_prob)(p, x, copies)

    few, many = slopes(1), slopes(FEW)
    # sums of 2 or 16 terms; slopes a/x at 1e-30, and the logs' difference of terms up to 1e30
    tolerance = 64 * float(np.finfo(precision).eps)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance), many, few)
