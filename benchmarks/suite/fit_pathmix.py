"""The library under test: `pathmix.fit`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import EM, Fit, MixtureSameFamily, fit, start
from suite import fit_data
from suite.fit_cases import MANY, STARTS, Work
from suite.fit_job import Fitting, Found

PLAIN = {"method": EM(memory=0), "tolerance": 0.0}
FAMILIES = {"full": dist.MultivariateNormal, "diag": dist.Normal}


class Pathmix:
    """Fits as a user calls them; many in one call, by jax.vmap."""

    def prepare(self, work: Work) -> Fitting:
        """Return the work, not yet compiled."""
        x = jnp.asarray(fit_data.rows(work))
        return {"steps": _steps, "top": _top, "many": _many, "many_tops": _many_tops}[work.task](
            work, x
        )


def _mixture(kind: str, weights: Any, means: Any, variances: Any) -> MixtureSameFamily:
    scale = jnp.sqrt(variances)
    if kind == "full":
        components = dist.MultivariateNormal(means, scale_tril=jax.vmap(jnp.diag)(scale))
    else:
        components = dist.Normal(means, scale).to_event(1)
    return MixtureSameFamily(dist.Categorical(probs=weights), components)


def _steps(work: Work, x: jax.Array) -> Fitting:
    mixture = _mixture(work.kind, *map(jnp.asarray, fit_data.start(work, np.asarray(x))))
    plain = {**PLAIN, "max_steps": work.steps, "progress": False}
    return Fitting(lambda: jax.block_until_ready(fit(mixture, x, **plain)), _traced)


def _many(work: Work, x: jax.Array) -> Fitting:
    @jax.jit
    @jax.vmap
    def each(x: jax.Array, *begun: jax.Array) -> Fit:
        return fit(_mixture(work.kind, *begun), x, **PLAIN, max_steps=work.steps)

    begun = tuple(map(jnp.asarray, fit_data.start(work, np.asarray(x))))
    return Fitting(lambda: jax.block_until_ready(each(x, *begun)), _traced)


def _traced(found: Fit) -> Found:
    """The log likelihood that the last step started from, which every library tells."""
    steps = np.asarray(found.steps)
    last = np.take_along_axis(np.asarray(found.history), steps[..., None] - 1, -1)[..., 0]
    return Found(float(np.mean(last / np.asarray(found.num_observations))), steps)


def _top(work: Work, x: jax.Array) -> Fitting:
    key, family = jax.random.key(0), FAMILIES[work.kind]

    def call() -> Fit:
        begun = start(family, x, work.k, key=key, num_starts=STARTS)
        return jax.block_until_ready(fit(begun, x, progress=False))

    return Fitting(call, lambda found: _judged(work, x[None], [found]))


def _many_tops(work: Work, x: jax.Array) -> Fitting:
    @jax.jit
    @jax.vmap
    def each(key: jax.Array, x: jax.Array) -> Fit:
        return fit(start(FAMILIES[work.kind], x, work.k, key=key), x)

    def answer(found: Fit) -> Found:
        leaves, structure = jax.tree.flatten(jax.device_get(found))
        each = [structure.unflatten(t[i] for t in leaves) for i in range(MANY)]
        return _judged(work, x, each)

    keys = jax.random.split(jax.random.key(0), MANY)
    return Fitting(lambda: jax.block_until_ready(each(keys, x)), answer)


def _judged(work: Work, x: jax.Array, fits: list[Fit]) -> Found:
    values = []
    for rows, found in zip(np.asarray(x), fits, strict=True):
        components = found.mixture.components_distribution
        full = work.kind == "full"
        spread = components.covariance_matrix if full else components.variance
        parameters = found.mixture.mixing_distribution.probs, components.mean, spread
        values.append(fit_data.log_likelihood(rows, *map(np.asarray, parameters)))
    return Found(float(np.mean(values)), np.array([int(found.steps) for found in fits]))
