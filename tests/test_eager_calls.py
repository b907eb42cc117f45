"""Eager calls: every method compiles its programs once for each kind and shape of mixture."""

from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily

COMPILED = []
"""How long each compilation of this process took, in seconds."""


def _note(event, duration, **_):
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(duration)


jax.monitoring.register_event_duration_secs_listener(_note)


@contextmanager
def compilations():
    """Yield a list that in the end holds one entry for each program compiled within."""
    before, found = len(COMPILED), []
    yield found
    found += COMPILED[before:]


COMPONENTS = {
    "Normal": lambda a: dist.Normal(a, 1 + a),
    "Gamma": lambda a: dist.Gamma(1 + a, 2 + a),
    "StudentT": lambda a: dist.StudentT(3 + a, a, 1 + a),
    "Poisson": lambda a: dist.Poisson(1 + a),
}
METHODS = {
    "log_prob": lambda m, x, q: m.log_prob(x),
    "component_log_probs": lambda m, x, q: m.component_log_probs(x),
    "posterior_marginal": lambda m, x, q: m.posterior_marginal(x).probs,
    "posterior_mode": lambda m, x, q: m.posterior_mode(x),
    "cdf": lambda m, x, q: m.cdf(x),
    "log_cdf": lambda m, x, q: m.log_cdf(x),
    "log_survival_function": lambda m, x, q: m.log_survival_function(x),
    "icdf": lambda m, x, q: m.icdf(q),
    "inverse_log_cdf": lambda m, x, q: m.inverse_log_cdf(-q),
    "inverse_log_survival": lambda m, x, q: m.inverse_log_survival(-q),
    "mean": lambda m, x, q: m.mean,
    "variance": lambda m, x, q: m.variance,
    "sample": lambda m, x, q: m.sample(jax.random.key(0), (5,)),
    "reparameterize_sample": lambda m, x, q: m.reparameterize_sample(x),
    "support": lambda m, x, q: m.support(x),
}
CONTINUOUS_ONLY = {"reparameterize_sample"}


def mixture(family, shift):
    a = jnp.asarray(np.array([0.5, 1.5], np.float32) + shift)
    weights = dist.Categorical(probs=jnp.asarray(np.array([0.3, 0.7], np.float32)))
    return MixtureSameFamily(weights, COMPONENTS[family](a))


def rows():
    for family in COMPONENTS:
        for method in METHODS:
            if family != "Poisson" or method not in CONTINUOUS_ONLY:
                yield pytest.param(family, METHODS[method], id=f"{family}-{method}")


@pytest.mark.parametrize(("family", "method"), list(rows()))
def test_a_second_call_compiles_nothing(family, method):
    """Neither the same call again nor one with other values of the same shapes."""
    x, q = (jnp.asarray(np.array(v, np.float32)) for v in ([1.0, 2, 3], [0.2, 0.5, 0.7]))
    others = x + 1, q / 2
    one, other = mixture(family, np.float32(0)), mixture(family, np.float32(0.25))
    jax.block_until_ready(method(one, x, q))
    with compilations() as found:
        jax.block_until_ready(method(one, x, q))
        jax.block_until_ready(method(other, *others))
    assert not found


def test_compilations_are_counted():
    """The count is of what it claims: a new function compiles, the same one again does not."""
    fn = jax.jit(lambda x: x * 17 + 3)
    x = jnp.asarray(np.ones(3, np.float32))
    with compilations() as first:
        fn(x)
    with compilations() as second:
        fn(x)
    assert (len(first), len(second)) == (1, 0)
