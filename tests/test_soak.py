"""Long runs of what has stopped for ever: a factor per point, in value and gradient."""

import subprocess
import sys

import pytest

LIMIT = 600
"""Seconds; the calls take a second or two, the compilation a few."""

PROGRAM = """
import jax, jax.numpy as jnp, numpyro.distributions as dist
from pathmix import MixtureSameFamily

N, K, E, CALLS = 1797, 6, 5, 300
keys = jax.random.split(jax.random.key(0), 3)
lower = jnp.tril(0.3 * jax.random.normal(keys[0], (N, K, E, E)), -1) + jnp.eye(E)
loc, x = jax.random.normal(keys[1], (N, K, E)), jax.random.normal(keys[2], (N, E))

@jax.jit
@jax.value_and_grad
def step(parameters):
    logits, loc, factor = parameters
    components = dist.MultivariateNormal(loc, scale_tril=factor)
    return jnp.sum(MixtureSameFamily(dist.Categorical(logits=logits), components).log_prob(x))

parameters = jnp.zeros((N, K)), loc, lower
for _ in range(CALLS):
    value, _ = jax.block_until_ready(step(parameters))
print("done", bool(jnp.isfinite(value)))
"""


@pytest.mark.slow
def test_many_calls_with_a_factor_per_point_end():
    command = [sys.executable, "-c", PROGRAM]
    try:
        run = subprocess.run(command, timeout=LIMIT, capture_output=True, text=True, check=True)
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"300 calls of value and gradient have not ended after {LIMIT} s: a call has stopped, "
            "as two batched LAPACK solves at once can on few cores. Look for `lapack` in the "
            "program (tests/test_multivariate_programs.py)."
        )
    assert run.stdout.strip() == "done True", run.stderr
