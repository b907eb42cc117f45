"""The least that a piece of work could cost on this machine, timed like a contestant."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from suite import inputs
from suite.cases import Case
from suite.jax_libraries import Pathmix
from suite.jax_tasks import compiled_job, function_of
from suite.job import Job, UnableError

_UNROLLED = 64
"""Terms of a sum in one pass."""

KINDS = {
    "draws": "N raw standard draws (N × E)",
    "pass": "one fused pass of Σ ((x − loc)/scale)² over N × K × E; full covariances: one matrix "
    "product over N × K × E²",
    "gradient": "our own log density, value and gradient, at the same size",
}
FLOOR_OF = {
    "sample": "draws",
    "log_prob": "pass",
    "log_prob_grad": "pass",
    "log_prob_grad_x": "pass",
    "cdf": "pass",
    "icdf": "pass",
    "posterior": "pass",
    "pathwise": "gradient",
    "pathwise_hvp": "gradient",
    "expectation_stratified": "draws",
    "expectation_pathwise": "draws",
    "expectation_score": "draws",
}


class Floor:
    """The floor of a case."""

    name = "floor"

    def prepare(self, case: Case) -> Job:
        """Return the floor's work; there is none for NUTS."""
        if case.task not in FLOOR_OF:
            raise UnableError("no floor is defined")
        return {"draws": _draws, "pass": _pass, "gradient": _gradient}[FLOOR_OF[case.task]](case)


def _draws(case: Case) -> Job:
    shape, p = (case.n, *case.event_shape), inputs.parameters(case)
    which = jnp.arange(case.n) % case.k
    fn: Callable = lambda key: jax.random.normal(key, shape)  # noqa: E731
    args: tuple = (jax.random.key(0),)
    if case.family == "gamma":
        fn, args = jax.random.gamma, (*args, jnp.asarray(p["concentration"])[which])
    if case.family == "student_t":
        fn, args = jax.random.t, (*args, jnp.asarray(p["df"])[which])
    return compiled_job(fn, [args])


def _pass(case: Case) -> Job:
    x = inputs.levels(case) if case.task == "icdf" else inputs.points(case)
    x = jnp.asarray(x).reshape(case.n, case.e)
    rows = jnp.linspace(-1.0, 1.0, case.k * case.e).reshape(case.k, case.e)
    if case.family == "full":
        matrices = jnp.broadcast_to(jnp.eye(case.e), (case.k, case.e, case.e)) + rows[:, None]
        return compiled_job(_quadratic, [(x, matrices)])
    return compiled_job(_squares, [(x, rows, jnp.exp(rows))])


def _squares(x: jax.Array, loc: jax.Array, scale: jax.Array) -> jax.Array:
    """Row by row, each read once for a run of components, whose sum has no loop."""
    n, (k, e) = len(x), loc.shape
    run = min(k, _UNROLLED)
    runs = [t.T.reshape(e, k // run, run) for t in (loc, scale)]

    def row(total: jax.Array, args: tuple) -> tuple[jax.Array, None]:
        x, *runs = args

        def add(total: jax.Array, theta: tuple) -> tuple[jax.Array, None]:
            terms = (jnp.square((x - loc) * scale) for loc, scale in zip(*theta, strict=True))
            return functools.reduce(jnp.add, terms, total), None

        return jax.lax.scan(add, total, tuple(runs))

    return jax.lax.scan(row, jnp.zeros(n), (x.T, *runs))[0]


def _quadratic(x: jax.Array, matrices: jax.Array) -> jax.Array:
    k, e, _ = matrices.shape
    z = x @ matrices.transpose(1, 0, 2).reshape(e, k * e)
    return jnp.sum(jnp.square(z), axis=-1)


def _gradient(case: Case) -> Job:
    twin = Case("log_prob_grad", case.family, case.n, case.k, case.e)
    fn, data = function_of(Pathmix(), twin)
    p = jax.tree.map(jnp.asarray, inputs.parameters(twin))
    return compiled_job(fn, [(p, data[0])])
