"""Affine maps, sums, products and reductions against dense linear algebra and identities."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.test_util import check_grads
from scipy import integrate, stats

from pathmix import MixtureSameFamily, product, reduce

pytestmark = pytest.mark.usefixtures("x64")
RNG = np.random.default_rng(5)
LOC = RNG.normal(size=(3, 3))
ROOT = RNG.normal(size=(3, 3, 3))
SIGMA = ROOT @ np.swapaxes(ROOT, -1, -2) + 0.3 * np.eye(3)
WEIGHTS = np.array([0.3, 0.7, 0.0])


def families():
    return {
        "full": dist.MultivariateNormal(jnp.array(LOC), jnp.array(SIGMA)),
        "factorised": dist.Normal(jnp.array(LOC), jnp.array([1.0, 2.0, 0.5])).to_event(1),
        "low rank": dist.LowRankMultivariateNormal(
            jnp.array(LOC), jnp.array(ROOT[..., :2]), jnp.full((3, 3), 0.5)
        ),
    }


def mixture_of(components, weights=WEIGHTS):
    probs = dist.Categorical(probs=jnp.array(weights), validate_args=False)
    return MixtureSameFamily(probs, components)


def moments(mixture):
    """Means and covariances of the components, by NumPyro."""
    d = mixture.components_distribution
    if isinstance(d, dist.Independent):
        return np.asarray(d.mean), np.asarray(d.variance)[..., None] * np.eye(3)
    return np.asarray(d.mean), np.asarray(d.covariance_matrix)


def dense(x, weights, means, covariances):
    parts = [
        w * stats.multivariate_normal.pdf(x, m, c)
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    return np.log(sum(parts))


@pytest.mark.parametrize("name", ["full", "factorised", "low rank"])
def test_affine_is_that_of_dense_algebra(name):
    mixture = mixture_of(families()[name])
    matrix, shift = RNG.normal(size=(2, 3)), RNG.normal(size=2)
    means, covariances = moments(mixture)
    x = RNG.normal(size=(4, 2))
    want = dense(x, WEIGHTS, means @ matrix.T + shift, matrix @ covariances @ matrix.T)
    found = mixture.affine(matrix, shift)
    np.testing.assert_allclose(found.log_prob(x), want, rtol=1e-10)


def test_student_affine_keeps_df():
    d = dist.MultivariateStudentT(jnp.array([3.0, 4.0, 5.0]), LOC, np.linalg.cholesky(SIGMA))
    matrix = RNG.normal(size=(3, 3))
    mixture = mixture_of(d)
    x = RNG.normal(size=3)
    volume = np.log(abs(np.linalg.det(matrix)))
    found = mixture.affine(matrix).log_prob(matrix @ x)
    np.testing.assert_allclose(found, mixture.log_prob(x) - volume, rtol=1e-10)


@pytest.mark.parametrize("name", ["full", "factorised", "low rank"])
@pytest.mark.parametrize("full_noise", [True, False])
def test_noise_adds_up(name, full_noise):
    mixture = mixture_of(families()[name])
    noise = (
        dist.MultivariateNormal(jnp.ones(3), jnp.array(SIGMA[0]))
        if full_noise
        else dist.Normal(jnp.ones(3), 0.5).to_event(1)
    )
    more = SIGMA[0] if full_noise else 0.25 * np.eye(3)
    means, covariances = moments(mixture)
    x = RNG.normal(size=(4, 3))
    found = mixture.convolve(noise).log_prob(x)
    np.testing.assert_allclose(found, dense(x, WEIGHTS, means + 1, covariances + more), rtol=1e-10)


def test_scalar_noise_by_quadrature():
    mixture = mixture_of(dist.Normal(jnp.array([0.0, 2.0, 1.0]), jnp.array([0.5, 1.0, 1.0])))
    found = float(mixture.convolve(dist.Normal(0.3, 0.8)).log_prob(0.7))
    f = lambda y: np.exp(mixture.log_prob(y)) * stats.norm.pdf(0.7 - y, 0.3, 0.8)  # noqa: E731
    np.testing.assert_allclose(np.exp(found), integrate.quad(f, -9, 9, epsabs=1e-12)[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["full", "factorised", "low rank"])
def test_product_and_normaliser(name):
    p, q = mixture_of(families()[name]), mixture_of(families()["full"], [0.2, 0.3, 0.5])
    found, x = product(p, q), RNG.normal(size=(5, 3))
    total = p.log_prob(x) + q.log_prob(x)
    got = found.log_normaliser + found.mixture.log_prob(x)
    np.testing.assert_allclose(got, total, rtol=1e-10)


@pytest.mark.slow
def test_scalar_normaliser_by_quadrature_and_batches():
    p = mixture_of(dist.Normal(jnp.array([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]]), 0.5))
    q = mixture_of(dist.Normal(jnp.array([1.0, -1.0, 2.0]), 0.7), [0.5, 0.5, 0.0])
    found = product(p, q)
    assert found.mixture.batch_shape == (2,)
    for i in range(2):
        f = lambda y, i=i: np.exp(p[i].log_prob(y) + q.log_prob(y))  # noqa: E731
        want = np.log(integrate.quad(f, -9, 9, epsabs=1e-12)[0])
        np.testing.assert_allclose(found.log_normaliser[i], want, rtol=1e-9)


@pytest.mark.parametrize("name", ["full", "factorised", "low rank"])
@pytest.mark.parametrize("k", [1, 2])
def test_reduction_keeps_mean_and_covariance(name, k):
    mixture = mixture_of(families()[name], [0.2, 0.3, 0.5])
    found = jax.jit(reduce, static_argnums=1)(mixture, k)
    assert found.num_components == k
    np.testing.assert_allclose(found.mean, mixture.mean, atol=1e-12)
    np.testing.assert_allclose(found.covariance, mixture.covariance, atol=1e-12)


def test_the_pair_that_is_merged_has_the_least_bound():
    mixture = mixture_of(families()["full"], [0.2, 0.3, 0.5])
    w, (m, c) = [0.2, 0.3, 0.5], moments(mixture)
    log_det = lambda a: np.linalg.slogdet(a)[1]  # noqa: E731

    def bound(i, j):
        a, away = w[i] / (w[i] + w[j]), m[i] - m[j]
        both = a * c[i] + (1 - a) * c[j] + a * (1 - a) * np.outer(away, away)
        return (w[i] + w[j]) * log_det(both) - w[i] * log_det(c[i]) - w[j] * log_det(c[j])

    i, j = min([(0, 1), (0, 2), (1, 2)], key=lambda pair: bound(*pair))
    got = np.sort(np.asarray(reduce(mixture, 2)._weights.values()))
    np.testing.assert_allclose(got, np.sort([w[i] + w[j], 1 - w[i] - w[j]]), rtol=1e-12)


def test_derivatives_are_finite_and_right():
    def value(loc, scale):
        mixture = mixture_of(dist.Normal(loc, scale).to_event(1), [0.2, 0.3, 0.5])
        small = reduce(mixture.affine(jnp.eye(3)[:2]), 2)
        return small.log_prob(jnp.ones(2)) + product(mixture, mixture).log_normaliser

    args = jnp.array(LOC), jnp.full((3, 3), 0.8)
    check_grads(value, args, order=1, modes=["fwd", "rev"], rtol=1e-6, atol=1e-6)


def test_zero_weights_have_finite_derivatives():
    def value(w):
        mixture = MixtureSameFamily(
            dist.Categorical(probs=w, validate_args=False), families()["full"]
        )
        return product(mixture, mixture).log_normaliser + reduce(mixture, 2).log_prob(jnp.ones(3))

    grad = jax.grad(value)(jnp.array(WEIGHTS))
    assert np.all(np.isfinite(grad))
    w, h = jnp.array(WEIGHTS), 1e-6
    normaliser = lambda w: product(mixture_of(families()["full"], w), P).log_normaliser  # noqa: E731
    P = mixture_of(families()["full"], [0.2, 0.3, 0.5])
    step = (normaliser(w.at[2].set(h)) - normaliser(w)) / h
    np.testing.assert_allclose(jax.grad(normaliser)(w)[2], step, rtol=1e-4)


ERRORS = [
    (lambda m: m.affine(jnp.ones(3)), ValueError, r"matrix\[None\]"),
    (lambda m: m.affine(jnp.ones((4, 3))), ValueError, "1 to 3 rows"),
    (lambda m: m.affine(jnp.eye(3), jnp.ones(2)), ValueError, r"shift of shape \(\*batch, 3\)"),
    (lambda m: m.convolve(1.0), TypeError, "expected noise to be"),
    (lambda m: m.convolve(dist.Normal(jnp.zeros(3), 1.0)), ValueError, "to_event"),
    (lambda m: m.convolve(dist.Gamma(jnp.ones(3)).to_event(1)), NotImplementedError, "Gaussian no"),
    (lambda m: m.marginal(0).affine(jnp.eye(1)), NotImplementedError, "vector events for `affine`"),
    (lambda m: reduce(m, 4), ValueError, "integer from 1 to 3"),
    (lambda m: reduce(m, 0), ValueError, "integer from 1 to 3"),
    (lambda m: product(m, m.marginal(0)), ValueError, "one event shape"),
    (lambda m: product(m, 3), TypeError, "from_numpyro"),
    (lambda m: product(m, gammas()), NotImplementedError, "for `product`, got Gamma"),
    (lambda m: gammas().affine(jnp.eye(3)), NotImplementedError, "for `affine`, got Gamma"),
    (lambda m: gammas().convolve(dist.Normal(0.0, 1.0)), NotImplementedError, "for `convolve`"),
]


def gammas():
    return mixture_of(dist.Gamma(jnp.ones((3, 3))).to_event(1))


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call(mixture_of(families()["full"]))
    with pytest.raises(kind, match=text):
        jax.jit(call)(mixture_of(families()["full"]))


def test_dependent_rows():
    matrix = jnp.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    found = mixture_of(families()["full"]).affine(matrix)
    assert np.isnan(found.log_prob(jnp.ones(2)))
    checked = MixtureSameFamily(
        dist.Categorical(probs=jnp.ones(3) / 3), families()["full"], validate_args=True
    )
    with pytest.raises(ValueError, match="linearly independent rows"):
        checked.affine(matrix)
    with pytest.raises(Exception, match="linearly independent rows"):
        jax.block_until_ready(jax.jit(lambda a: checked.affine(a).log_prob(jnp.ones(2)))(matrix))
