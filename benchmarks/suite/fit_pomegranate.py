"""pomegranate's GeneralMixtureModel, on torch; of many data sets, in a loop."""

import math

import numpy as np
import torch
from pomegranate.distributions import Normal
from pomegranate.gmm import GeneralMixtureModel

from suite import fit_data
from suite.fit_cases import STARTS, Work
from suite.fit_job import Fitting, Found


class Pomegranate:
    """A fit after the other, in its own words."""

    def prepare(self, work: Work) -> Fitting:
        """Return the work."""
        x = fit_data.rows(work)
        sets = torch.tensor(x if work.is_many else x[None])
        if work.task in ("steps", "many"):
            return _equal(work, x, sets)
        count = STARTS if work.task == "top" else 1
        return Fitting(
            lambda: [_best(work, rows, count) for rows in sets],
            lambda models: _judged(work, models, sets),
        )


def _equal(work: Work, x: np.ndarray, sets: torch.Tensor) -> Fitting:
    begun = fit_data.start(work, x)
    starts = list(zip(*begun, strict=True)) if work.is_many else [tuple(begun)]

    def run(steps: int) -> list[GeneralMixtureModel]:
        models = [_model(work, *each, steps) for each in starts]
        return [model.fit(rows) for model, rows in zip(models, sets, strict=True)]

    def answer(_: list[GeneralMixtureModel]) -> Found:
        before = run(work.steps - 1)  # it tells no log likelihood: one step less has the same
        pairs = zip(before, sets, strict=True)
        values = [float(model.log_probability(rows).mean()) for model, rows in pairs]
        return Found(float(np.mean(values)), np.array(work.steps))

    return Fitting(lambda: run(work.steps), answer)


def _model(
    work: Work, weights: np.ndarray, means: np.ndarray, variances: np.ndarray, steps: int
) -> GeneralMixtureModel:
    """A mixture that takes just so many steps. It writes into its parameters: they are copies."""
    spread = [np.diag(v) if work.kind == "full" else v for v in variances]
    components = [
        Normal(torch.tensor(m), torch.tensor(c), covariance_type=work.kind)
        for m, c in zip(means, spread, strict=True)
    ]
    return GeneralMixtureModel(
        components, priors=torch.tensor(weights), max_iter=steps, tol=-math.inf
    )


def _best(work: Work, rows: torch.Tensor, count: int) -> GeneralMixtureModel:
    models = []
    for i in range(count):
        components = [Normal(covariance_type=work.kind) for _ in range(work.k)]
        models.append(GeneralMixtureModel(components, random_state=i).fit(rows))
    values = [float(model.log_probability(rows).sum()) for model in models]
    return models[int(np.nanargmax(values))]


def _judged(work: Work, models: list[GeneralMixtureModel], sets: torch.Tensor) -> Found:
    values = []
    for rows, model in zip(sets.numpy(), models, strict=True):
        pairs = ((d.means.numpy(), d.covs.numpy()) for d in model.distributions)
        means, spread = zip(*pairs, strict=True)
        values.append(fit_data.log_likelihood(rows, model.priors.numpy(), means, spread))
    return Found(float(np.mean(values)), np.array(0))
