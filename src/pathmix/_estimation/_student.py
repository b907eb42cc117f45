"""Multivariate Student t components: closed maxima, and Newton's method for the degrees of freedom.

Given the unseen precisions of the rows, locations and factors have closed maxima; the degrees of
freedom follow by a step on the likelihood itself (ECME; Liu & Rubin 1995, "ML estimation of the t
distribution using EM and its extensions").
"""

from jax import Array

from pathmix._estimation._gaussian import ellipses, maximise, moments
from pathmix._estimation._newton import newton_step
from pathmix._estimation._prior import Prior
from pathmix._estimation._sweep import Model, Task, sweep
from pathmix._typing import Reals


def student_step(model: Model, task: Task) -> tuple[tuple[Array, ...], Array, Reals]:
    """Return better parameters, the counts of the components, and the likelihood before."""
    components, d = model.components, ellipses(model.components)
    sums, gained = sweep(lambda part: moments(d, part.data, part.shares), model, task)
    moved = maximise(d, sums, task.held, Prior())
    better = Model(model.weights, components.of([components.parameters[0], *moved]))
    (df, *_), _, _ = newton_step(better, task, only=(0,))
    return (df, *moved), sums.counts, gained
