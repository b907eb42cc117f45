"""The most probable component, of more points than are worked out at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits, by_probs
from pathmix._tuning import DENSE_CHANGE

K, N = 40, 20_000
LOC = jnp.linspace(-3.0, 3.0, K)
SCALE = jnp.linspace(0.3, 1.0, K)
COMPONENTS = {
    "scalar": lambda: dist.Normal(LOC, SCALE),
    "factorised": lambda: dist.Normal(LOC[:, None] * jnp.array([1.0, -1.0]), 1.0).to_event(1),
    "full": lambda: dist.MultivariateNormal(
        LOC[:, None] * jnp.array([1.0, -1.0]), scale_tril=SCALE[:, None, None] * jnp.eye(2)
    ),
    "discrete": lambda: dist.Poisson(jnp.exp(LOC)),
    "batch": lambda: dist.Normal(jnp.stack([LOC, LOC + 0.1, -LOC]), SCALE),
    "masked": lambda: dist.Normal(LOC, SCALE).mask(jnp.arange(K) % 2 == 0),
}


@pytest.mark.parametrize("by", [by_probs, by_logits])
@pytest.mark.parametrize("name", COMPONENTS)
def test_it_is_where_the_joint_is_largest(name, by):
    weights = jnp.where(jnp.arange(K) % 7 == 3, 0.0, 1.0 + jnp.arange(K) % 5)
    mixture = by(weights if by is by_probs else jnp.log(weights), COMPONENTS[name]())
    assert N * K > 2 * DENSE_CHANGE  # several stretches
    x = mixture.sample(jax.random.key(0), (N,))
    joint, mode = mixture.component_log_probs(x), mixture.posterior_mode(x)
    assert mode.shape == x.shape[: x.ndim - len(mixture.event_shape)]
    reached = jnp.take_along_axis(joint, mode[..., None], -1)[..., 0]
    np.testing.assert_array_equal(reached, joint.max(-1))
    assert len(np.unique(mode)) > 1


def test_ties_go_to_the_heaviest_and_then_to_the_first():
    equal = by_probs([0.2, 0.4, 0.4], dist.Exponential(jnp.ones(3)))
    x = jnp.array([1.0, -1.0, jnp.nan])
    np.testing.assert_array_equal(equal.posterior_mode(x), [1, 1, -1])
    several = by_probs([0.3, 0.2, 0.5], dist.Gamma(jnp.array([0.5, 0.7, 2.0]), 1.0))
    assert several.posterior_mode(0.0) == 0  # the densities of two are infinite there
    spread = by_probs(jnp.ones(40), dist.Normal(jnp.zeros(40), 1.0))
    assert spread.posterior_mode(0.3) == 0


def test_no_array_over_points_and_components():
    mixture = by_logits(jnp.zeros(K), COMPONENTS["factorised"]())
    x = jnp.zeros((50_000, 2))
    program = jax.jit(mixture.posterior_mode).lower(x).compile()
    assert program.memory_analysis().temp_size_in_bytes < 4 * 50_000 * K
