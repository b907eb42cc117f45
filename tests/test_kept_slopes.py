"""Gradients in parameters are the same whether slopes are kept or worked out again."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily
from pathmix._evaluation import _kept_slopes, _scalar_density

PROBS = np.array([0.2, 0.5, 0.3])
MIXTURES = {
    "Gamma": (lambda p: dist.Gamma(p["a"], p["b"]), PROBS),
    "Beta, with a weight of zero": (
        lambda p: dist.Beta(p["a"], p["b"]),
        np.array([0.4, 0.0, 0.6]),
    ),
    "StudentT": (lambda p: dist.StudentT(p["a"], p["b"], 0.7), PROBS),
    "Normal, which is light": (lambda p: dist.Normal(p["a"], p["b"]), PROBS),
    "Poisson, one of rate zero": (
        lambda p: dist.Poisson(p["a"] * np.array([1.0, 0.0, 2.0])),
        PROBS,
    ),
    "a scale that is shared": (lambda p: dist.Cauchy(p["a"], p["b"][:1]), PROBS),
    "a batch": (lambda p: dist.Weibull(p["a"], jnp.stack([p["b"], 2 * p["b"]])), PROBS),
}
PARAMETERS = {"a": np.array([0.7, 2.0, 5.0]), "b": np.array([1.5, 0.8, 3.0])}


def derivatives(name, by):
    """The value, its gradient, and a Hessian times a vector, in parameters and weights."""
    components, probs = MIXTURES[name]
    x = jnp.array([0.0, 1.0, 2.0, 4.0]) if "Poisson" in name else jnp.array([0.1, 0.4, 0.6, 0.9])
    x = x[:, None] if name == "a batch" else x

    def total(p, w):
        # NumPyro's class does not accept a logit of −inf
        weights = dist.Categorical(**{by: w}, validate_args=False)
        return MixtureSameFamily(weights, components(p)).log_prob(x).sum()

    w = jnp.asarray(probs)
    args = jax.tree.map(jnp.asarray, PARAMETERS), w if by == "probs" else jnp.log(w)
    along = jax.tree.map(lambda t: jnp.linspace(0.3, 1.0, t.size), args)
    gradient = jax.grad(total, argnums=(0, 1))
    return total(*args), gradient(*args), jax.jvp(gradient, args, along)[1]


@pytest.mark.parametrize("by", ["probs", "logits"])
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.slow
def test_as_worked_out_again(name, by, x64, monkeypatch):
    calls = []
    keep = _scalar_density.kept_change
    monkeypatch.setattr(
        _scalar_density, "kept_change", lambda *args: calls.append(0) or keep(*args)
    )
    jax.clear_caches()
    kept = derivatives(name, by)
    assert calls
    calls.clear()
    monkeypatch.setattr(_kept_slopes, "KEPT", 0)
    jax.clear_caches()
    again = derivatives(name, by)
    jax.clear_caches()
    assert not calls
    # sums of a dozen terms in another order
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-12, 1e-13), kept, again)
