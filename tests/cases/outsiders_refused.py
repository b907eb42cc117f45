"""Distributions of TFP and Distrax that can be no components, and why."""

from typing import Any

import distrax
import numpy as np

from cases.outsider_rows import process, regression, tfd

NO_PYTREE = "no pytree, because it holds functions"
BASE = "a base class"
STRUCTURES = "its events are structures"
CLASSES_REFUSED: dict[str, tuple[str, Any]] = {
    "Autoregressive": (
        "its event shape is not known before it is drawn",
        lambda: tfd.Autoregressive(lambda x: tfd.Independent(tfd.Normal(x, 1.0), 1), np.zeros(2)),
    ),
    "BatchConcat": (
        "cannot be indexed",
        lambda: tfd.BatchConcat([tfd.Exponential([1.0]), tfd.Exponential([2.0])], axis=0),
    ),
    "Bates": ("JAX cannot trace its density", lambda: tfd.Bates(4, np.zeros(2), 1.0)),
    "HiddenMarkovModel": (
        NO_PYTREE,
        lambda: tfd.HiddenMarkovModel(
            tfd.Categorical(probs=[0.5, 0.5]),
            tfd.Categorical(probs=[[0.9, 0.1], [0.2, 0.8]]),
            tfd.Normal([[0.0, 1.0], [2.0, 3.0]], 1.0),
            2,
        ),
    ),
    "LinearGaussianStateSpaceModel": (
        "cannot be indexed",
        lambda: tfd.LinearGaussianStateSpaceModel(
            2,
            np.eye(1, dtype=np.float32),
            tfd.MultivariateNormalDiag(scale_diag=np.ones((2, 1), np.float32)),
            np.eye(1, dtype=np.float32),
            tfd.MultivariateNormalDiag(scale_diag=np.ones(1, np.float32)),
            tfd.MultivariateNormalDiag(scale_diag=np.ones(1, np.float32)),
        ),
    ),
    "MarkovChain": (
        NO_PYTREE,
        lambda: tfd.MarkovChain(tfd.Normal([0.0, 1.0], 1.0), lambda _, x: tfd.Normal(x, 1.0), 2),
    ),
    "PoissonLogNormalQuadratureCompound": (
        "cannot be indexed",
        lambda: tfd.PoissonLogNormalQuadratureCompound([0.0, 1.0], [1.0, 1.0]),
    ),
    "SphericalUniform": (
        "its batch is no array of its own",
        lambda: tfd.SphericalUniform(2, batch_shape=[2], dtype=np.float64),
    ),
    "StudentTProcess": (
        "what differs between its members is no array of its own",
        lambda: process(tfd.StudentTProcess, np.ones(2), df=3.0),
    ),
    "StudentTProcessRegressionModel": (
        "what differs between its members is no array of its own",
        lambda: regression(tfd.StudentTProcessRegressionModel, np.ones(2), df=3.0),
    ),
    "JointDistributionSequential": (
        STRUCTURES,
        lambda: tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.0)]),
    ),
    "JointDistributionNamed": (
        STRUCTURES,
        lambda: tfd.JointDistributionNamed({"a": tfd.Normal(0.0, 1.0)}),
    ),
    "Joint": (
        STRUCTURES,
        lambda: distrax.Joint((distrax.Normal(0.0, 1.0), distrax.Normal(0.0, 1.0))),
    ),
}
"""Classes of which a batch of two can be no components, why, and one of each."""
OF_A_KIND = {
    "AutoCompositeTensorDistribution": BASE,
    "Distribution": BASE,
    "JointDistribution": BASE,
    "JointDistributionCoroutine": STRUCTURES,
    "JointDistributionCoroutineAutoBatched": STRUCTURES,
    "JointDistributionNamedAutoBatched": STRUCTURES,
    "JointDistributionSequentialAutoBatched": STRUCTURES,
}
"""Classes that are refused like others, or cannot be made."""
