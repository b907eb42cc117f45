"""Exact derivatives where a weight is zero, and posteriors where the density is.

With ``e_k = exp(log p_k)``, ``f = Σ p_k e_k`` and weights by probabilities that need not add up
to one, ``∂ log f = e_k/f − 1/Σp`` and ``∂² log f = −e_j e_k/f² + 1/(Σp)²``, also where p_k = 0.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily

PROBS = np.array([0.0, 0.4, 0.6])
COMPONENTS = {
    "Normal": (
        lambda: dist.Normal(jnp.array([-1.0, 0.5, 2.0]), jnp.array([0.5, 1.0, 2.0])),
        0.3,
        lambda x: stats.norm.pdf(x, [-1.0, 0.5, 2.0], [0.5, 1.0, 2.0]),
    ),
    "Gamma": (
        lambda: dist.Gamma(jnp.array([0.5, 2.0, 5.0]), jnp.array([1.0, 2.0, 3.0])),
        1.3,
        lambda x: stats.gamma.pdf(x, [0.5, 2.0, 5.0], scale=[1, 1 / 2, 1 / 3]),
    ),
    "Uniform, outside the one without weight": (
        lambda: dist.Uniform(jnp.array([5.0, 0.0, 0.0]), jnp.array([6.0, 1.0, 2.0])),
        0.5,
        lambda x: np.array([0.0, 1.0, 0.5]),
    ),
    "Poisson": (
        lambda: dist.Poisson(jnp.array([1.0, 3.0, 9.0])),
        4,
        lambda x: stats.poisson.pmf(x, [1.0, 3.0, 9.0]),
    ),
    "MultivariateNormal": (
        lambda: dist.MultivariateNormal(jnp.array([[0.0, 1], [1, 0], [2, 2]]), jnp.eye(2)),
        np.array([0.5, 0.7]),
        lambda x: np.exp(
            -0.5 * np.sum((x - np.array([[0, 1], [1, 0], [2, 2]])) ** 2, -1) - np.log(2 * np.pi)
        ),
    ),
}
components = pytest.mark.parametrize(
    ("make", "x", "pdf"), COMPONENTS.values(), ids=list(COMPONENTS)
)


def log_prob(probs, make, x):
    return by_probs(probs, make()).log_prob(x)


@components
@pytest.mark.parametrize("mode", [jax.grad, jax.jacfwd])
def test_the_gradient_at_a_zero_weight(make, x, pdf, mode, precision):
    probs = jnp.asarray(PROBS, precision)
    actual = jax.jit(mode(lambda p: log_prob(p, make, x)))(probs)
    tolerance = {"float32": 2e-6, "float64": 1e-13}[precision]
    wanted = pdf(x) / np.sum(PROBS * pdf(x)) - 1
    np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance)


@components
def test_the_gradient_at_unnormalised_weights(make, x, pdf, x64):
    probs = np.array([0.0, 2.0, 3.0])
    actual = jax.grad(lambda p: log_prob(p, make, x))(probs)
    np.testing.assert_allclose(actual, pdf(x) / np.sum(probs * pdf(x)) - 1 / 5, rtol=1e-12)


@components
def test_second_derivatives_at_a_zero_weight(make, x, pdf, precision):
    probs = jnp.asarray(PROBS, precision)
    actual = jax.jit(jax.hessian(lambda p: log_prob(p, make, x)))(probs)
    ratio = pdf(x) / np.sum(PROBS * pdf(x))
    tolerance = {"float32": 1e-5, "float64": 1e-12}[precision]
    np.testing.assert_allclose(actual, 1 - np.outer(ratio, ratio), rtol=tolerance, atol=tolerance)


def parts(theta, x, by=by_probs):
    weights, loc, scale = theta
    return by(weights, dist.Normal(loc, scale)).log_prob(x)


def naive(theta, x):
    """The same without logarithms of the weights, smooth across zero."""
    p, loc, scale = theta
    e = jnp.exp(-0.5 * ((x - loc) / scale) ** 2) / scale / np.sqrt(2 * np.pi)
    return jnp.log(jnp.sum(p * e)) - jnp.log(jnp.sum(p))


NORMALS = (np.array([-1.0, 0.5, 2.0]), np.array([0.5, 1.0, 2.0]))


def test_mixed_second_derivatives(x64):
    """In weights, locations and scales together."""
    theta = (PROBS, *NORMALS)
    actual = jax.jit(jax.hessian(parts))(theta, 0.3)
    wanted = jax.jit(jax.hessian(naive))(theta, 0.3)
    jax.tree.map(
        lambda a, w: np.testing.assert_allclose(a, w, rtol=1e-11, atol=1e-12), actual, wanted
    )


def test_third_derivatives(x64):
    def third(fn):
        hessian = jax.hessian(lambda p: fn((p, *NORMALS), 0.3))
        return jax.jit(jax.jacfwd(hessian))(PROBS)

    np.testing.assert_allclose(third(parts), third(naive), rtol=1e-11)


def test_second_derivatives_against_the_interior_side(x64):
    """Forward differences of the gradient, which err by the step, 1e-7."""
    gradient = jax.jit(jax.grad(lambda p: parts((p, *NORMALS), 0.3)))
    wanted = (gradient(PROBS + np.array([1e-7, 0, 0])) - gradient(PROBS)) / 1e-7
    actual = jax.hessian(lambda p: parts((p, *NORMALS), 0.3))(PROBS)[0]
    np.testing.assert_allclose(actual, wanted, rtol=1e-5)


def test_a_logit_of_minus_infinity_has_no_derivative(precision):
    """The limit of the softmax: e^logit times something finite."""
    theta = (jnp.array([-jnp.inf, 0.0, 0.4]), *map(jnp.asarray, NORMALS))
    gradient = jax.jit(jax.grad(lambda t: parts(t, 0.3, by_logits)))(theta)
    assert not any(each[0] for each in gradient)
    assert all(map(np.all, [each[1:] for each in gradient]))
    hessian = jax.jit(jax.hessian(lambda t: parts(t, 0.3, by_logits)))(theta)
    assert all(np.isfinite(each).all() for each in jax.tree.leaves(hessian))


def test_probabilities_and_logits_agree(x64):
    """Through the map from logits to probabilities."""
    logits = np.array([0.3, -1.0, 0.5])
    by_chain = jax.grad(lambda a: parts((jax.nn.softmax(a), *NORMALS), 0.3))(logits)
    directly = jax.grad(lambda a: parts((a, *NORMALS), 0.3, by_logits))(logits)
    np.testing.assert_allclose(directly, by_chain, rtol=1e-12)


def weights_for(by):
    with np.errstate(divide="ignore"):
        return PROBS if by is by_probs else np.log(PROBS)


@pytest.mark.parametrize("by", [by_probs, by_logits])
def test_posteriors_where_the_density_is_zero_are_the_prior(by, precision):
    """Out of every support, and in a tail where every density underflows."""
    weights = jnp.asarray(weights_for(by), precision)
    outside = by(weights, dist.Exponential(jnp.ones(3)))
    np.testing.assert_allclose(outside.posterior_marginal(-1.0).probs, PROBS, rtol=1e-6)
    assert outside.posterior_mode(-1.0) == 2
    far = by(weights, dist.Normal(jnp.zeros(3), 1e-200 if precision == "float64" else 1e-30))
    np.testing.assert_allclose(far.posterior_marginal(1.0).probs, PROBS, rtol=1e-6)


@pytest.mark.parametrize("by", [by_probs, by_logits])
def test_posteriors(by, precision):
    """Against Bayes' rule by SciPy; a zero weight has no posterior weight."""
    x = np.array([-1.0, 0.3, 4.0])
    mixture = by(jnp.asarray(weights_for(by), precision), dist.Normal(*map(jnp.asarray, NORMALS)))
    joint = PROBS * stats.norm.pdf(x[:, None], *NORMALS)
    wanted = joint / joint.sum(-1, keepdims=True)
    posterior = mixture.posterior_marginal(x)
    assert isinstance(posterior, dist.Distribution)
    assert posterior.batch_shape == (3,)
    np.testing.assert_allclose(posterior.probs, wanted, rtol=1e-5)
    np.testing.assert_array_equal(mixture.posterior_mode(x), wanted.argmax(-1))


def test_posteriors_in_a_far_tail_do_not_underflow(precision):
    """Both densities are below e^−40000; the nearer component has it all."""
    mixture = by_probs([0.5, 0.5], dist.Normal(jnp.array([0.0, 1.0])))
    np.testing.assert_allclose(mixture.posterior_marginal(300.0).probs, [0, 1], atol=1e-30)


@pytest.mark.parametrize("by", [by_probs, by_logits])
@pytest.mark.parametrize("x", [-1.0, 0.0, 0.5, 1e18])
def test_posteriors_have_no_nan_in_value_or_gradient(by, x, precision):
    """Outside, at an infinite density (with and without weight), inside and far away."""

    def probs(weights, a, x):
        return by(weights, dist.Gamma(a, 1.0)).posterior_marginal(x).probs

    arguments = jnp.asarray(weights_for(by), precision), jnp.array([0.5, 0.7, 2.0]), jnp.asarray(x)
    assert not jnp.isnan(probs(*arguments)).any()
    for gradient in jax.jit(jax.jacrev(probs, (0, 1, 2)))(*arguments):
        assert not jnp.isnan(gradient).any()


def test_the_slope_in_x_moves_with_a_zero_weight(x64):
    """``∂ (∂_x log f) / ∂p_k = (e_k/f) (∂_x log e_k − ∂_x log f)``, also where p_k = 0."""
    loc, x, p = jnp.array([0.0, 1.0, 2.0]), 0.3, jnp.array([0.4, 0.6, 0.0])

    def log_f(p, x):
        weights = dist.Categorical(probs=p, validate_args=False)
        return MixtureSameFamily(weights, dist.Normal(loc, 1.0)).log_prob(x)

    density = stats.norm.pdf(x, loc)
    f = p @ density
    slope = (p * density) @ (loc - x) / f
    found = jax.jacfwd(jax.grad(log_f, 1))(p, x)
    np.testing.assert_allclose(found, density / f * (loc - x - slope), rtol=1e-12)
