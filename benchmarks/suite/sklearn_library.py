"""scikit-learn's GaussianMixture: no gradients, but densities, posteriors and draws."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from suite import inputs
from suite.cases import Case
from suite.job import Job, UnableError, as_answer

_KIND = {"normal": "diag", "independent": "diag", "full": "full"}


class ScikitLearn:
    """A GaussianMixture with the given parameters."""

    name = "scikit-learn"

    def prepare(self, case: Case) -> Job:
        """Run the task once."""
        fn = _task(case)
        start = time.perf_counter()
        fn(0)
        return Job(fn, as_answer, time.perf_counter() - start)


def _task(case: Case) -> Callable[[int], Any]:
    if case.family not in _KIND:
        raise UnableError("no such family")
    if case.batch_shape:
        raise UnableError("no batches of mixtures")
    mixture, shape = _mixture(case), (case.n, *case.event_shape)
    x = inputs.points(case).reshape(case.n, case.e)
    if case.task in ("log_prob", "eager"):
        return lambda i: mixture.score_samples(x)
    if case.task == "posterior":
        return lambda i: mixture.predict_proba(x)
    if case.task == "sample":
        return lambda i: mixture.set_params(random_state=i).sample(case.n)[0].reshape(shape)
    raise UnableError("no gradients, cdf or quantiles")


def _mixture(case: Case) -> GaussianMixture:
    p = inputs.parameters(case)
    weights = np.exp(p["logits"].astype(float))
    mixture = GaussianMixture(case.k, covariance_type=_KIND[case.family])
    mixture.weights_ = weights / weights.sum()
    mixture.means_ = p["loc"].reshape(case.k, case.e)
    if case.family == "full":
        factor = p["scale_tril"].astype(float)
        mixture.covariances_ = factor @ factor.transpose(0, 2, 1)
        precision = np.linalg.inv(factor).transpose(0, 2, 1)
    else:
        scale = p["scale"].reshape(case.k, case.e)
        mixture.covariances_, precision = scale**2, 1 / scale
    mixture.precisions_cholesky_ = precision.astype(np.float32)
    return mixture
