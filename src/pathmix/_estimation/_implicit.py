r"""The derivative of an estimate in the data, by the implicit function theorem.

An estimate is a fixed point of EM's step, :math:`\theta = M(\theta, y)`. So
:math:`d\theta = (I - \partial_\theta M)^{-1} \partial_y M\, dy`, whatever way led there.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from pathmix._estimation._maximise import em_step
from pathmix._estimation._parameters import has_rotations, of_leaf
from pathmix._estimation._sweep import Model, Task
from pathmix._rules import custom_jvp
from pathmix._where import where


@custom_jvp
def at_fixed_point(model: Model, task: Task) -> Model:
    """Return ``model``, which moves with the data as a fixed point does."""
    del task
    return model


@at_fixed_point.defjvp
def _at_fixed_point_jvp(primals: Any, tangents: Any) -> tuple[Model, Model]:
    (model, task), (_, d_task) = primals, tangents
    flat, restore = ravel_pytree(model)
    free = _is_free(model, task)

    def step(flat: Array, task: Task) -> Array:
        new = ravel_pytree(em_step(restore(flat), task)[0])[0]
        return where(free, new, jax.lax.stop_gradient(flat))

    slope = jax.jacfwd(lambda t: step(t, task))(flat)
    push = jax.jvp(lambda t: step(flat, t), (task,), (d_task,))[1]
    left = jnp.eye(flat.size, dtype=flat.dtype) - slope
    solve = _least if has_rotations(model.components) else jnp.linalg.solve
    change = solve(left, push)
    return at_fixed_point(*primals), jax.tree.map(_as_tangent, restore(change), model)


def _least(left: Array, right: Array) -> Array:
    """The least solution: columns of factors may turn together, which changes nothing."""
    rounding = left.shape[0] * jnp.finfo(left.dtype).eps
    return jnp.linalg.pinv(left, rtol=100 * rounding) @ right


def _as_tangent(change: Array, p: Array) -> Any:
    """Whole numbers, as those of trials, do not move."""
    moves = jnp.issubdtype(p.dtype, jnp.inexact)
    return change if moves else np.zeros(p.shape, jax.dtypes.float0)


def _is_free(model: Model, task: Task) -> Array:
    """What is neither held nor a parameter of a component without weight."""
    empty = model.weights == 0
    masks = []
    for held, p in zip(task.held.parameters, model.components.parameters, strict=True):
        gone = (held | empty) if len(p) == len(empty) else held
        masks.append(jnp.broadcast_to(~of_leaf(gone, p), p.shape))
    return ravel_pytree((~task.held.weights, masks))[0].astype(bool)
