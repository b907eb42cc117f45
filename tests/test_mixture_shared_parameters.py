"""Components that share a parameter are still drawn independently."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily

N = 100_000
SHARED = {
    "Student t, df": dist.MultivariateStudentT(8.0, jnp.zeros((3, 2)), jnp.eye(2)),
    "normal, factor": dist.MultivariateNormal(jnp.zeros((3, 2)), scale_tril=jnp.eye(2)),
    "everything": dist.Normal(0.0, 1.0).expand([3]),
    "gamma, rate": dist.Gamma(jnp.full(3, 2.0), 1.0),
}


@pytest.mark.parametrize("components", SHARED.values(), ids=SHARED)
def test_draws_have_the_mixtures_variance(components):
    """Five standard errors of a variance; one noise shared by all draws would be far outside.

    The largest kurtosis is that of the Gamma, 3 + 6/2 = 6.
    """
    mixture = MixtureSameFamily(dist.Categorical(logits=jnp.zeros(3)), components)
    draws = mixture.sample(jax.random.key(3), (N,))
    tolerance = 5 * np.sqrt((6.0 - 1) / N)
    np.testing.assert_allclose(draws.var(0), mixture.variance, rtol=tolerance)
