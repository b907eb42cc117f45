"""Where log densities are so large that their rounding exceeds one, shares keep their digits.

Components of equal parameters share a point by their weights, however far out it lies, and of two
that are not the same one has nearly all of it: what the mixture moves by is then known from one.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily
from pathmix._evaluation import _blocks, _density, _kept_slopes, _scalars

PROBS = np.array([0.3, 0.7])
FACTOR = np.array([[1.0, 0.0], [0.2, 1.0]])
FAMILIES = {
    # a family of one parameter, this, one that is less likely, and a point of log density < −10⁷
    "Normal": (lambda a: dist.Normal(a, 1.0), 1.0, -100.0, 1e4),
    "StudentT": (lambda a: dist.StudentT(1e7, a, 1.0), 1.0, -1e7, 1e8),
    "Gamma": (lambda a: dist.Gamma(2.0, a), 1.0, 1.1, 3e7),
    "Beta": (lambda a: dist.Beta(a, 3e7), 2e7, 2.2e7, 1e-3),
    "Poisson": (lambda a: dist.Poisson(a), 1.0, 0.9, 1e7),
    "factorised": (lambda a: dist.Normal(a[:, None], jnp.ones(2)).to_event(1), 1.0, -100.0, 1e4),
    "covariances": (
        lambda a: dist.MultivariateNormal(a[:, None] * jnp.ones(2), scale_tril=FACTOR),
        1.0,
        -100.0,
        1e4,
    ),
}
SHARES = {"equal": PROBS, "the first has all": np.array([1.0, 0.0])}
PLANS = {
    "as it is chosen": [],
    "worked out again, in blocks": [
        (_kept_slopes, "KEPT", 0),
        (_scalars, "SHARED_BADLY", (0, 0)),
        (_density, "SMALL", 0),
        (_blocks, "SMALL", 0),
    ],
}


def setting(name, shares, by):
    """The family, its parameters, the weights and the point."""
    family, parameter, less_likely, x = FAMILIES[name]
    a = jnp.array([parameter, parameter if shares == "equal" else less_likely], "float32")
    w = jnp.asarray(PROBS if by == "probs" else np.log(PROBS), "float32")
    return family, a, w, jnp.full(family(a).event_shape, x, "float32")


@pytest.mark.parametrize("by", ["probs", "logits"])
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients(name, plan, shares, by, monkeypatch):
    for constant in PLANS[plan]:
        monkeypatch.setattr(*constant)
    jax.clear_caches()
    expected = SHARES[shares]
    family, a, w, x = setting(name, shares, by)

    def log_prob(a, w, x):
        return MixtureSameFamily(dist.Categorical(**{by: w}), family(a)).log_prob(x)

    out, (d_a, d_w, d_x) = jax.value_and_grad(log_prob, (0, 1, 2))(a, w, x)
    alone = lambda a, x: family(a[None]).log_prob(x)[0]  # noqa: E731
    d_alone, dx_alone = jax.grad(alone, (0, 1))(a[0], x)
    assert out < -1e6
    np.testing.assert_allclose(d_a, expected * float(d_alone), rtol=1e-5)
    change = expected - PROBS if by == "logits" else expected / PROBS - 1
    np.testing.assert_allclose(d_w, change, rtol=1e-5, atol=2e-6)  # where they cancel
    if name != "Poisson":
        np.testing.assert_allclose(d_x, dx_alone, rtol=1e-5)


@pytest.mark.parametrize("by", ["probs", "logits"])
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("name", FAMILIES)
def test_posterior(name, shares, by):
    expected = SHARES[shares]
    family, a, w, x = setting(name, shares, by)
    mixture = MixtureSameFamily(dist.Categorical(**{by: w}), family(a))
    np.testing.assert_allclose(mixture.posterior_marginal(x).probs, expected, rtol=1e-5)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", FAMILIES)
def test_narrow_weight_of_zero_has_a_finite_gradient(name, plan, x64, monkeypatch):
    """The density of a component over one that is nearly zero is larger than float32 holds."""
    for constant in PLANS[plan]:
        monkeypatch.setattr(*constant)
    jax.clear_caches()
    family, *parameters, x = FAMILIES[name]
    a = jnp.array(parameters)

    def log_prob(w, x):
        weights = dist.Categorical(probs=w, validate_args=False)
        return MixtureSameFamily(weights, family(a)).log_prob(x)

    for w in ([0.0, 1.0], [1.0, 0.0]):
        d_w, d_x = jax.grad(log_prob, (0, 1))(
            jnp.asarray(w, "float32"), jnp.full(family(a).event_shape, x)
        )
        assert np.all(np.isfinite(d_w))
        assert np.all(np.isfinite(d_x))
        assert d_w[0] > 1e30 or d_w[1] == -1
