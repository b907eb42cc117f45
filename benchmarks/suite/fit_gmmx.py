"""gmmx, mixtures of normals on JAX; of many data sets in a loop, or by jax.vmap."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gmmx import EMFitter, GaussianMixtureModelJax

from suite import fit_data
from suite.fit_cases import STARTS, Work
from suite.fit_job import Fitting, Found


class Gmmx:
    """A fit after the other."""

    def prepare(self, work: Work) -> Fitting:
        """Return the work, not yet compiled."""
        x = jnp.asarray(fit_data.rows(work))
        sets = x if work.is_many else x[None]
        if work.task in ("steps", "many"):
            fitter = EMFitter(max_iter=work.steps, tol=0.0)
            models = [_model(work, *begun) for begun in _starts(work, x)]
            pairs = list(zip(sets, models, strict=True))
            return Fitting(
                # `fit` returns before it is done: what it waits with is traced away by its jit
                lambda: jax.block_until_ready([fitter.fit(x=rows, gmm=m) for rows, m in pairs]),
                _traced,
            )
        count = STARTS if work.task == "top" else 1
        return Fitting(
            lambda: jax.block_until_ready([_best(work, rows, count) for rows in sets]),
            lambda results: _judged(results, sets),
        )


class Mapped:
    """All fits in one call."""

    def prepare(self, work: Work) -> Fitting:
        """Return the work, not yet compiled."""
        x, fitter = jnp.asarray(fit_data.rows(work)), EMFitter(max_iter=work.steps, tol=0.0)

        @jax.jit
        @jax.vmap
        def each(x: jax.Array, *begun: jax.Array) -> Any:
            result = fitter.fit(x=x, gmm=_model(work, *begun))
            model = result.gmm
            spread = model.covariances.values
            return result.log_likelihood, result.n_iter, model.weights, model.means, spread

        begun = tuple(map(jnp.asarray, fit_data.start(work, np.asarray(x))))
        return Fitting(
            lambda: jax.block_until_ready(each(x, *begun)),
            lambda found: Found(float(np.mean(found[0])), np.asarray(found[1])),
        )


def _starts(work: Work, x: jax.Array) -> list[tuple]:
    begun = fit_data.start(work, np.asarray(x))
    return list(zip(*begun, strict=True)) if work.is_many else [tuple(begun)]


def _model(work: Work, weights: Any, means: Any, variances: Any) -> GaussianMixtureModelJax:
    spread = jnp.asarray(variances)
    if work.kind == "full":
        spread = jax.vmap(jnp.diag)(spread)
    return GaussianMixtureModelJax.from_squeezed(
        means=jnp.asarray(means),
        covariances=spread,
        weights=jnp.asarray(weights),
        covariance_type=work.kind,
    )


def _best(work: Work, x: jax.Array, count: int) -> Any:
    """The best of several starts, each by scikit-learn's k-means, as the library has it."""
    results = []
    for i in range(count):
        begun = GaussianMixtureModelJax.from_k_means(
            x, work.k, covariance_type=work.kind, n_init=1, random_state=i
        )
        results.append(EMFitter().fit(x=x, gmm=begun))
    return max(results, key=lambda result: float(result.log_likelihood))


def _traced(results: list[Any]) -> Found:
    value = np.mean([float(result.log_likelihood) for result in results])
    return Found(float(value), np.array([int(result.n_iter) for result in results]))


def _judged(results: list[Any], sets: jax.Array) -> Found:
    values = []
    for rows, result in zip(np.asarray(sets), results, strict=True):
        model = result.gmm
        parameters = model.weights_numpy, model.means_numpy, model.covariances.values_numpy
        values.append(fit_data.log_likelihood(rows, *parameters))
    return Found(float(np.mean(values)), np.array([int(result.n_iter) for result in results]))
