"""NUTS on the galaxies: a leapfrog step with our mixture, and with NumPyro's own."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpyro.infer import NUTS, init_to_value

import pathmix
from suite.cases import Case
from suite.jax_tasks import compiled_job
from suite.job import Job, UnableError

MIXTURES = {"pathmix": pathmix.MixtureSameFamily, "NumPyro": dist.MixtureSameFamily}
DRAWS, DEPTH, STEP_SIZE = 20, 6, 0.05


def velocities() -> np.ndarray:
    """The velocities of 82 galaxies, in 1000 km/s."""
    data = Path(__file__).parents[2] / "examples" / "data" / "galaxies.csv"
    return np.loadtxt(data, skiprows=1, dtype=np.float32) / 1000


def prepare(name: str, case: Case) -> Job:
    """A short chain of fixed step size from a fixed start; timed per leapfrog step.

    With nothing adapted, and so short, all contestants take the same steps.
    """
    if name not in MIXTURES:
        raise UnableError("not timed: its steps would not be those of NumPyro's NUTS")
    kernel = NUTS(
        _model,
        step_size=STEP_SIZE,
        adapt_step_size=False,
        adapt_mass_matrix=False,
        max_tree_depth=DEPTH,
        init_strategy=init_to_value(values=_start(case.k)),
    )
    args = (MIXTURES[name], jnp.asarray(velocities()), case.k)
    state = kernel.init(jax.random.key(0), 0, None, args, {})

    def chain(state: Any) -> tuple[jax.Array, dict]:
        def step(state: Any, _: None) -> tuple[Any, tuple]:
            state = kernel.sample(state, args, {})
            return state, (state.potential_energy, state.num_steps)

        energy, steps = lax.scan(step, state, length=DRAWS)[1]
        return energy, {"steps": steps}

    return compiled_job(chain, [(state,)], lambda out: int(out[1]["steps"].sum()))


def _start(k: int) -> dict[str, jax.Array]:
    low, high = velocities().min(), velocities().max()
    return {
        "weight": jnp.full(k, 1 / k),
        "location": jnp.linspace(low, high, k),
        "scale": jnp.ones(k),
    }


def _model(mixture: type, velocity: jax.Array, k: int) -> None:
    low, high = velocity.min(), velocity.max()
    weight = numpyro.sample("weight", dist.Dirichlet(jnp.ones(k)))
    with numpyro.plate("component", k):
        location = numpyro.sample("location", dist.Normal((low + high) / 2, (high - low) / 2))
        scale = numpyro.sample("scale", dist.LogNormal(0.0, 0.5))
    with numpyro.plate("galaxy", len(velocity)):
        components = dist.Normal(location, scale)
        numpyro.sample(
            "velocity", mixture(dist.Categorical(probs=weight), components), obs=velocity
        )
