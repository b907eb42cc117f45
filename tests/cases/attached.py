"""Attached gradients along tangents, compiled once, and wrong ones that tests must reject."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from cases import pathwise as cases

FIRST, SECOND, MODES = 1e-7, 1e-5, 1e-12
NORMAL = cases.SCALARS[0]
APART = {"Beta", "StudentT"}
"""Rows whose derivatives hold the same few loops many times over: these are compiled once each if
the whole is not."""


def attach(row, theta, x, by="logits"):
    return row.mixture(theta, by).reparameterize_sample(x)


def zeroed(row, theta, x):
    """Draws without a gradient to the weights."""
    return attach(row, {**theta, "weights": jax.lax.stop_gradient(theta["weights"])}, x)


def no_softmax_jacobian(row, theta, x):
    """Tangents of the logits taken for tangents of the probabilities."""
    fixed = jax.lax.stop_gradient(theta["weights"])
    probs = jax.nn.softmax(fixed) + theta["weights"] - fixed
    return attach(row, {**theta, "weights": probs}, x, "probs")


def selected_only(row, theta, x):
    """Component 0 takes all of the responsibility."""
    hard = jnp.where(jnp.arange(row.num_components) == 0, 0.0, -jnp.inf)
    return attach(row, {**theta, "weights": hard}, x)


def along(row, attach, tangents, *, second=True):
    """First and second derivatives along each tangent at each point, in one compilation.

    Parameters without a tangent stay where they are, which is quicker to compile.
    """

    def derivatives(theta, x, tangent):
        draw = lambda moving: attach(row, {**theta, **moving}, x)  # noqa: E731
        first = lambda moving: jax.jvp(draw, (moving,), (tangent,))[1]  # noqa: E731
        moving = {name: theta[name] for name in tangent}
        return jax.jvp(first, (moving,), (tangent,)) if second else first(moving)

    def every(theta, points, tangents):
        over_points = jax.vmap(derivatives, (None, 0, None))
        return jax.vmap(over_points, (None, None, 0))(theta, points, tangents)

    fn = every if row.name in APART else jax.jit(every)
    return jax.tree.map(np.asarray, fn(row.theta(), row.points, tangents))


def close(actual, wanted, tolerance, what):
    """Relative to the larger of the entry and the typical entry of its row."""
    size = np.maximum(np.abs(wanted), 0.1 * np.mean(np.abs(wanted), axis=-1, keepdims=True))
    error = np.abs(actual - wanted) / np.where(size > 0, size, 1)
    assert error.max() <= tolerance, f"{what}: {error}\ngot {actual}\nexpected {wanted}"


def with_steps(rows):
    slow = pytest.mark.slow
    return [
        pytest.param(
            row,
            steps,
            id=str(row),
            marks=[] if row.quick and row is not cases.DIRICHLET else [slow],
        )
        for row, steps in rows
    ]
