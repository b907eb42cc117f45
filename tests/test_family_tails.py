"""Tails as numbers, by the formulas that are cheaper than their logarithms."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions.transforms import AffineTransform, ExpTransform

from pathmix._components import canonical

CHEAP = {
    "Normal": lambda a, b: dist.Normal(a, b),
    "Laplace": lambda a, b: dist.Laplace(a, b),
    "Logistic": lambda a, b: dist.Logistic(a, b),
    "SoftLaplace": lambda a, b: dist.SoftLaplace(a, b),
    "Cauchy": lambda a, b: dist.Cauchy(a, b),
    "LogNormal": lambda a, b: dist.LogNormal(a, b),
    "falling": lambda a, b: dist.TransformedDistribution(
        dist.Logistic(a, b), [AffineTransform(0.5, -2.0), ExpTransform()]
    ),
}


@pytest.mark.parametrize("name", CHEAP)
def test_both_tails(name, precision):
    """Against the exponential of the log tails, which magnifies its roundings by the log."""
    a, b = jnp.array([0.7, -2.0, 0.7], precision), jnp.array([1.3, 0.2, 30.0], precision)
    components = canonical(CHEAP[name](a, b))
    family, theta = components.family, components.theta
    assert family.tail is not None
    x = [-np.inf, -200.0, -20.0, -2.0, -0.6, 0.0, 0.3, 0.7, 1.3, 5.0, 30.0, 300.0, np.inf]
    x = jnp.array(x, precision)[:, None]
    form = jnp.finfo(precision)
    for upper in (False, True):
        upper = jnp.full(x.shape, upper)
        found = jax.jit(family.tail_at)(theta, x, upper)
        log_tail = jax.jit(family.log_tail_at)(theta, x, upper)
        wanted = jnp.exp(log_tail)
        rtol = 64 * form.eps * jnp.maximum(1, jnp.where(jnp.isfinite(log_tail), -log_tail, 1))
        assert jnp.all(jnp.abs(found - wanted) <= rtol * wanted + form.tiny), (found, wanted)
        ends = found[jnp.array([0, -1])]
        assert jnp.all(ends == jnp.array([upper[0], ~upper[0]]))  # all is above −∞, and below ∞
