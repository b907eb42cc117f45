"""Known mixtures are found again from many draws, as near as the draws can tell.

Starts are away from the truth, so that a fit that does not move is found out.
"""

import numpy as np
import pytest

from cases.fits import FAMILIES, KINKED, problem
from cases.recovery import in_errors, observed_information, parts
from pathmix import fit
from pathmix._estimation._parameters import leaves

DRAWS = 100_000
QUICK = {"Normal", "Poisson", "MultivariateNormal", "Laplace", "one covariance"}
UNKNOWABLE = ["ZeroInflatedPoisson"]
"""Zeros of two components are one number."""
SMOOTH = [name for name in FAMILIES if name not in KINKED + UNKNOWABLE]
CORNERED = ["Laplace", "AsymmetricLaplace", "AsymmetricLaplaceQuantile"]
"""Whose densities have a corner inside: scores are right on either side of it."""


def quick(names):
    marks = lambda n: () if n in QUICK else (pytest.mark.slow,)  # noqa: E731
    return [pytest.param(n, marks=marks(n)) for n in names]


@pytest.mark.parametrize("name", quick(SMOOTH + CORNERED))
@pytest.mark.slow
def test_within_four_standard_errors(name, x64):
    """Of 300 parameters one is off by more with a probability of 2 %; draws are always the same."""
    mixture, x = problem(name, DRAWS)
    truth, of = parts(mixture)
    away = truth + 0.1 * np.resize([1.0, -1.0, -1.0], len(truth))
    found = fit(of(away), x, tolerance=1e-10, progress=False)
    assert found.converged
    estimate, _ = parts(found.mixture)
    information = observed_information(estimate, lambda v: of(v).log_prob(x))
    free = 6 if name == "CategoricalLogits" else 0  # one constant for each component and coordinate
    assert np.max(in_errors(away - truth, information, free)) > 4  # where the fit began
    off = in_errors(estimate - truth, information, free)
    assert np.max(off) < 4, off


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINKED if name not in CORNERED])
def test_ends_are_those_of_the_draws(name, x64):
    """The outermost of m draws is off by `e` widths with a probability of `exp(−m e)`."""
    mixture, x = problem(name, DRAWS)
    found = fit(mixture, x, tolerance=1e-10, progress=False)
    near = 30 / DRAWS
    components = mixture._components
    pairs = zip(found.mixture._components.parameters, components.parameters, strict=True)
    for leaf, (actual, true) in zip(leaves(components), pairs, strict=True):
        # exponents have standard errors of 1 / √(draws of the component), relatively
        error = 4 / np.sqrt(0.4 * DRAWS) if leaf.name == "alpha" else near
        np.testing.assert_allclose(actual, true, rtol=error, atol=near)
