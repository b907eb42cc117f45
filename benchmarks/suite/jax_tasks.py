"""What each task is on JAX, in terms of the few operations that libraries differ in."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from suite import inputs, network
from suite.cases import Case
from suite.job import Job, UnableError, as_answer


class JaxLibrary:
    """The operations of a library; a subclass overrides those it has."""

    name: str

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        """The mixture with the parameters ``p``."""
        raise NotImplementedError

    def sample(self, mixture: Any, key: jax.Array, n: int) -> jax.Array:
        """Draw ``n`` events."""
        return mixture.sample(key, (n,))

    def log_prob(self, mixture: Any, x: jax.Array) -> jax.Array:
        """The log density."""
        return mixture.log_prob(x)

    def cdf(self, mixture: Any, x: jax.Array) -> jax.Array:
        """The cdf."""
        return mixture.cdf(x)

    def icdf(self, mixture: Any, q: jax.Array) -> jax.Array:
        """The quantiles."""
        raise UnableError("no quantiles of mixtures")

    def posterior(self, mixture: Any, x: jax.Array) -> jax.Array:
        """The posterior probabilities, ``n k``."""
        raise UnableError("no posterior of the components")

    def expectation(self, mixture: Any, key: jax.Array, n: int, estimator: str) -> jax.Array:
        """Estimate the expectation of |x|²."""
        raise UnableError("no such estimator")

    def prepare(self, case: Case) -> Job:
        """Compile the task's function and run it once."""
        if case.task == "network":
            layers, *data = jax.tree.map(jnp.asarray, network.data(case))
            return compiled_job(_step(self, case), [(layers, *data)])
        if case.task == "eager":
            return _eager_job(self, case)
        fn, data = function_of(self, case)
        p = jax.tree.map(jnp.asarray, inputs.parameters(case))
        args = [(p, x) for x in data]
        return compiled_job(fn, args)


def function_of(library: JaxLibrary, case: Case) -> tuple[Callable, list[jax.Array]]:
    """The function of parameters and data, and the data: points, or several random keys."""
    keys = [jax.random.key(i) for i in range(16)]
    if case.task == "sample":
        return lambda p, key: library.sample(library.mixture(case, p), key, case.n), keys
    if case.task == "icdf":
        q = jnp.asarray(inputs.levels(case))
        return lambda p, q: library.icdf(library.mixture(case, p), q), [q]
    if case.task.startswith(("pathwise", "expectation")):
        return _through_draws(library, case), keys
    x = jnp.asarray(inputs.points(case))
    return _at_points(library, case), [x]


def square(draws: jax.Array) -> jax.Array:
    """|x|² of events of any shape."""
    return jnp.sum(jnp.square(draws))


def _at_points(library: JaxLibrary, case: Case) -> Callable:
    def log_prob(p: dict, x: jax.Array) -> jax.Array:
        return library.log_prob(library.mixture(case, p), x)

    if case.task == "log_prob":
        return log_prob
    mean = jax.value_and_grad(lambda p, x: jnp.mean(log_prob(p, x)))
    if case.task in ("log_prob_grad", "members"):
        return mean
    if case.task == "vmap":
        return jax.vmap(mean)
    if case.task == "log_prob_grad_x":
        return jax.grad(lambda p, x: jnp.sum(log_prob(p, x)), argnums=1)
    if case.task == "cdf":
        return lambda p, x: library.cdf(library.mixture(case, p), x)
    if case.task == "posterior":
        return lambda p, x: library.posterior(library.mixture(case, p), x)
    raise UnableError(f"no such task on JAX: {case.task}")


def _step(library: JaxLibrary, case: Case) -> Callable:
    def loss(layers: dict, x: jax.Array, y: jax.Array) -> jax.Array:
        mixtures = library.mixture(case, network.parameters(case, layers, x))
        return -jnp.mean(library.log_prob(mixtures, y))

    return jax.value_and_grad(loss)


def _eager_job(library: JaxLibrary, case: Case) -> Job:
    """The mixture is made once, as its users do."""
    jax.clear_caches()
    start = time.perf_counter()
    mixture = library.mixture(case, jax.tree.map(jnp.asarray, inputs.parameters(case)))
    x = jnp.asarray(inputs.points(case))

    def call(i: int) -> Any:
        return jax.block_until_ready(library.log_prob(mixture, x))

    call(0)
    return Job(call, as_answer, time.perf_counter() - start)


def _through_draws(library: JaxLibrary, case: Case) -> Callable:
    def through_draws(p: dict, key: jax.Array) -> jax.Array:
        draws = library.sample(library.mixture(case, p, reparameterize=True), key, case.n)
        return square(draws) / case.n

    def by_estimator(p: dict, key: jax.Array) -> jax.Array:
        estimator = case.task.removeprefix("expectation_")
        return library.expectation(library.mixture(case, p), key, case.n, estimator)

    if case.task == "pathwise":
        return jax.value_and_grad(through_draws)
    if case.task == "pathwise_hvp":
        gradient, v = jax.grad(through_draws), inputs.direction(inputs.parameters(case))
        return lambda p, key: jax.jvp(lambda p: gradient(p, key), (p,), (v,))[1]
    return jax.value_and_grad(by_estimator)


def compiled_job(fn: Callable, args: list, units: Callable = lambda result: 1) -> Job:
    """Compile ``fn`` and run it; the job's random keys or points are those of ``args``, in turn."""
    jax.clear_caches()  # else whoever comes second finds half of it traced
    start = time.perf_counter()
    compiled = jax.jit(lambda *args: fn(*args)).lower(*args[0]).compile()

    def call(i: int) -> Any:
        return jax.block_until_ready(compiled(*args[i % len(args)]))

    first = call(0)
    return Job(call, as_answer, time.perf_counter() - start, units(first))
