"""Results are checked before they are timed: against an oracle, and against each other.

Tolerances, in float32: values 1e-4 (1 + |value|); gradients 1e-3 of an array's largest entry. Draws
must have the mixture's mean and variance, to 6 standard errors. Gradients through draws must have
the exact gradient for their mean, to 5 standard errors, estimated from repeats.
"""

import numpy as np

from suite import inputs, oracle
from suite.cases import Case
from suite.job import Answer, Job
from suite.scalars import SCALARS

VALUE, GRADIENT, MOMENTS, THROUGH = 1e-4, 1e-3, 6.0, 5.0
FEW = 256
"""How many points are compared with the slow float64 oracle."""


def is_estimate(case: Case) -> bool:
    """Whether results are random, with known expectations."""
    return case.task.startswith(("pathwise", "expectation"))


def repeats_to_check(case: Case, job: Job, seconds: float = 3.0) -> int:
    """As many as fit into a few seconds, from 3 to 16."""
    if not is_estimate(case):
        return 1
    return int(np.clip(seconds / job.seconds(), 3, 16))


def disagreement(case: Case, answers: list[Answer], reference: Answer) -> str | None:
    """Say what is wrong with a contestant's answers, or None. The reference is our own."""
    if case.task == "sample":
        return wrong_moments(answers[0]["value"], *oracle.moments(case))
    if is_estimate(case):
        return wrong_expectation(answers, oracle.expected_square(case))
    return wrong_oracle(case, answers[0]) or wrong_values(answers[0], reference)


def wrong_oracle(case: Case, answer: Answer) -> str | None:
    """Compare the first few values with the oracle, where there is one."""
    x = inputs.points(case)[:FEW] if case.task != "nuts" else np.empty(0)
    if case.task in ("log_prob", "eager"):
        return wrong_values({"value": answer["value"][:FEW]}, {"value": oracle.log_prob(case, x)})
    if case.task == "cdf":
        return wrong_values({"value": answer["value"][:FEW]}, {"value": oracle.cdf(case, x)})
    if case.task == "icdf":
        quantiles, q = answer["value"][:FEW], inputs.levels(case)[:FEW]
        back = oracle.cdf(case, quantiles)
        if SCALARS[case.family].discrete:  # the first count that reaches it
            before = oracle.cdf(case, quantiles - 1)
            back = np.clip(q, before - VALUE, back + VALUE)
        return wrong_values({"value": back}, {"value": q})
    return None


def wrong_values(answer: Answer, reference: Answer) -> str | None:
    """Compare arrays: values one by one, gradients by their largest entry."""
    if answer.keys() != reference.keys():
        return f"has {sorted(answer)}, not {sorted(reference)}"
    for name, expected in reference.items():
        got, expected = answer[name].astype(float), expected.astype(float)
        if got.shape != expected.shape:
            return f"{name} has shape {got.shape}, not {expected.shape}"
        size = 1 + np.abs(expected) if name == "value" else np.abs(expected).max()
        error = np.max(np.abs(got - expected) / size)
        if not error <= (VALUE if name == "value" else GRADIENT):
            return f"{name} differs by {error:.1g}"
    return None


def wrong_moments(draws: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> str | None:
    """Compare the draws' mean and variance with the exact ones, in standard errors."""
    draws = draws.astype(float)
    if draws.shape[1:] != mean.shape:
        return f"draws have events of shape {draws.shape[1:]}, not {mean.shape}"
    square = (draws - mean) ** 2
    for what, terms, expected in (("mean", draws, mean), ("variance", square, variance)):
        errors = np.abs(terms.mean(0) - expected) / (terms.std(0) / len(draws) ** 0.5)
        if not np.max(errors) <= MOMENTS:
            return f"the draws' {what} is {np.max(errors):.0f} standard errors off"
    return None


def wrong_expectation(answers: list[Answer], exact: Answer) -> str | None:
    """Compare the mean of several estimates with the exact expectation, array by array.

    The standard error is pooled over an array's entries, since there are few repeats; a lone value
    is compared to 20 %.
    """
    for name, expected in exact.items():
        got = np.stack([answer[name] for answer in answers]).astype(float)
        off = np.sqrt(np.mean((got.mean(0) - expected) ** 2))
        if expected.ndim == 0:
            wrong = not off <= 0.2 * abs(expected)
        else:
            error = np.sqrt(np.mean(got.var(0, ddof=1)) / len(got))
            wrong = not off <= THROUGH * error + VALUE * np.abs(expected).max()
        if wrong and np.isnan(off):
            return f"{name} has NaN"
        if wrong:
            return f"{name} is off its expectation by {off:.2g}"
    return None
