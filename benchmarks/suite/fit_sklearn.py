"""scikit-learn's GaussianMixture; of many data sets, in a loop."""

from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from suite import fit_data
from suite.fit_cases import STARTS, Work
from suite.fit_job import Fitting, Found


class ScikitLearn:
    """With its own tolerance, where fits go to the end."""

    options: dict[str, Any] = {}  # noqa: RUF012

    def prepare(self, work: Work) -> Fitting:
        """Return the work."""
        x = fit_data.rows(work)
        sets = x if work.is_many else x[None]
        if work.task in ("steps", "many"):
            models = _from_starts(work, x)
        else:
            again = {"n_init": STARTS} if work.task == "top" else {}
            plain = {"covariance_type": work.kind, **again, **self.options}
            models = [GaussianMixture(work.k, **plain, random_state=i) for i in range(len(sets))]
        return Fitting(
            lambda: [model.fit(rows) for model, rows in zip(models, sets, strict=True)],
            lambda fitted: _found(work, fitted, sets),
        )


class Exact(ScikitLearn):
    """With a tolerance that leaves as little as ours."""

    options = {"tol": 1e-8, "max_iter": 1000}  # noqa: RUF012


def _from_starts(work: Work, x: np.ndarray) -> list[GaussianMixture]:
    begun = fit_data.start(work, x)
    if not work.is_many:
        begun = fit_data.Start(*(array[None] for array in begun))
    models = []
    for weights, means, variances in zip(*begun, strict=True):
        precisions = 1 / variances
        if work.kind == "full":
            precisions = np.stack([np.diag(p) for p in precisions])
        model = GaussianMixture(
            work.k,
            covariance_type=work.kind,
            max_iter=work.steps,
            tol=0.0,
            weights_init=weights,
            means_init=means,
            precisions_init=precisions,
        )
        models.append(model)
    return models


def _found(work: Work, fitted: list[GaussianMixture], sets: np.ndarray) -> Found:
    steps = np.array([model.n_iter_ for model in fitted])
    if work.task in ("steps", "many"):
        return Found(float(np.mean([model.lower_bound_ for model in fitted])), steps)
    values = [
        fit_data.log_likelihood(rows, model.weights_, model.means_, model.covariances_)
        for model, rows in zip(fitted, sets, strict=True)
    ]
    return Found(float(np.mean(values)), steps)
