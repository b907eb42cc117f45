"""One fit on one device, and on eight: nothing changes but where the data are.

Resamples of the eruptions of Old Faithful stand for data too many for one device. A mixture of two
bivariate normals is fitted by gradient steps, with the data on one device, then spread over all.
Without an accelerator the eight devices are slices of the host, which shows that it works, not how
fast it is; `docs/scale_out.md` goes on to many hosts.

Run: `python examples/sharded.py`
"""

import os
import time
from pathlib import Path

# devices of the host must be asked for before JAX starts
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} " + (
        "--xla_force_host_platform_device_count=8"
    )

import jax
import numpy as np
import numpyro.distributions as dist
from jax import lax
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from pathmix import MixtureSameFamily

DATA = Path(__file__).parent / "data" / "faithful.csv"
ROWS, STEPS, STEP_SIZE = 80_640, 150, 0.1  # rows that 2 to 10, 12 or 16 devices share evenly
Parameters = dict[str, jax.Array]


def resampled(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The eruptions drawn with replacement, in standard units; their means and deviations."""
    data = np.loadtxt(DATA, skiprows=1, delimiter=",", dtype=np.float32)
    which = np.random.default_rng(0).integers(len(data), size=rows)
    centre, spread = data.mean(axis=0), data.std(axis=0)
    return ((data - centre) / spread)[which], centre, spread


def mixture(p: Parameters) -> MixtureSameFamily:
    """Two bivariate normals, from unconstrained parameters."""
    zero = jnp.zeros(2)
    rows = [jnp.stack([jnp.exp(p["log_scale"][:, 0]), zero], -1)]
    rows += [jnp.stack([p["slope"], jnp.exp(p["log_scale"][:, 1])], -1)]
    components = dist.MultivariateNormal(p["location"], scale_tril=jnp.stack(rows, -2))
    return MixtureSameFamily(dist.Categorical(logits=p["logits"]), components)


def start() -> Parameters:
    """Short eruptions and long ones, in standard units."""
    location = jnp.array([[-1.0, -1.0], [1.0, 1.0]])
    none = jnp.zeros(2)
    return {"logits": none, "location": location, "log_scale": jnp.zeros((2, 2)), "slope": none}


@jax.jit
def fit(p: Parameters, x: jax.Array) -> tuple[Parameters, jax.Array]:
    """Gradient steps with momentum. Where ``x`` is, nothing here needs to know."""
    loss = jax.value_and_grad(lambda p: -jnp.mean(mixture(p).log_prob(x)))

    def step(state: tuple, _: None) -> tuple[tuple, jax.Array]:
        p, speed = state
        value, gradient = loss(p)
        speed = jax.tree.map(lambda s, g: 0.8 * s - STEP_SIZE * g, speed, gradient)
        return (jax.tree.map(jnp.add, p, speed), speed), value

    (p, _), values = lax.scan(step, (p, jax.tree.map(jnp.zeros_like, p)), length=STEPS)
    return p, values[-1]


def fitted_on(devices: list, data: np.ndarray) -> tuple[Parameters, float, float]:
    """Fit with the rows of ``data`` spread over devices; return also the loss and the seconds."""
    mesh = Mesh(np.array(devices), ("data",))
    x = jax.device_put(data, NamedSharding(mesh, P("data")))
    p = jax.device_put(start(), NamedSharding(mesh, P()))
    compiled = fit.lower(p, x).compile()
    begin = time.perf_counter()
    p, loss = jax.block_until_ready(compiled(p, x))
    return jax.device_get(p), float(loss), time.perf_counter() - begin


def main() -> None:
    """Fit twice, print both fits."""
    data, centre, spread = resampled(ROWS)
    devices = jax.devices()
    print(f"{len(devices)} devices: {devices[0].device_kind}; {ROWS} rows, {STEPS} steps\n")
    print("devices  rows on each   −log likelihood   weight of long   its mean, min     seconds")
    for several in ([devices[0]], devices):
        p, loss, seconds = fitted_on(several, data)
        weight = jax.nn.softmax(p["logits"])[1]
        duration, wait = p["location"][1] * spread + centre
        print(
            f"{len(several):7} {ROWS // len(several):13} {loss:17.6f} {weight:16.4f} "
            f"{duration:10.3f} {wait:6.2f} {seconds:10.1f}"
        )


if __name__ == "__main__":
    main()
