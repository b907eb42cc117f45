"""A mixture density network (Bishop 1994): a layer of 64 units makes the mixture of each datum."""

import jax
import jax.numpy as jnp
import numpy as np

from suite import inputs
from suite.cases import Case

INPUTS, UNITS = 8, 64


def data(case: Case) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The network's weights, its inputs ``n inputs``, and the data ``n *event``, in float32."""
    rng = np.random.default_rng(0)
    outputs = case.k * (1 + 2 * case.e)
    sizes = {
        "hidden": (INPUTS, UNITS),
        "hidden_bias": UNITS,
        "out": (UNITS, outputs),
        "bias": outputs,
    }
    layers = {name: 0.3 * rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    return layers, rng.normal(size=(case.n, INPUTS)).astype(np.float32), inputs.points(case)


def parameters(case: Case, layers: dict, x: jax.Array) -> dict:
    """The mixtures' parameters, ``n k *event``."""
    hidden = jnp.tanh(x @ layers["hidden"] + layers["hidden_bias"])
    out = (hidden @ layers["out"] + layers["bias"]).reshape(case.n, case.k, 1 + 2 * case.e)
    loc, log_scale = jnp.split(out[..., 1:], 2, axis=-1)
    return {"logits": out[..., 0], "loc": loc, "scale": jnp.exp(log_scale)}
