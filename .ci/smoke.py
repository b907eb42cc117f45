"""A first use of an installed pathmix: `python smoke.py VERSION ENVIRONMENT`, from anywhere."""

import sys
from pathlib import Path

import jax
import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp

import pathmix

expected, environment = sys.argv[1:]
assert pathmix.__version__ == expected, pathmix.__version__
assert Path(environment).resolve() in Path(pathmix.__file__).resolve().parents, pathmix.__file__

waiting = jnp.array([54.0, 51.0, 55.0, 53.0, 79.0, 85.0, 88.0, 81.0, 78.0])
begun = pathmix.start(dist.Normal, waiting, 2, key=jax.random.key(0))
mixture = pathmix.fit(begun, waiting).mixture
means = np.sort(mixture.components_distribution.loc)
np.testing.assert_allclose(means, [waiting[:4].mean(), waiting[4:].mean()], rtol=1e-2)

at = jnp.array([50.0, 65.0, 80.0])
pathmix.save(mixture, "mixture.safetensors")
again = pathmix.load("mixture.safetensors")
np.testing.assert_array_equal(again.log_prob(at), mixture.log_prob(at))
np.testing.assert_allclose(again.cdf(again.icdf(jnp.array(0.3))), 0.3, rtol=1e-4)
unwanted = sys.modules.keys() & {"arviz", "matplotlib", "optax", "pandas", "sklearn"}
assert not unwanted, unwanted
print(f"pathmix {pathmix.__version__} fits, saves and loads with jax {jax.__version__}")
