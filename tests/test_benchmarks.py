"""The benchmark suite's own logic: what counts as a regression, and as a wrong result."""

import json
import subprocess

import numpy as np
import pytest

from suite import agreement, regression
from suite.cases import ALL, QUICK, Case
from suite.ratios import GOALS, Goal

KEY = "log_prob/normal/N10/K2/E1"


def results(peer=10.0, floor=2.0, key=KEY):
    return {"rows": {key: {"ratios": {"peer": peer, "floor": floor, "compile": 1.0}}}}


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (results(), []),
        (results(peer=20.0, floor=1.0), []),  # a gain
        (results(peer=7.6), []),  # a loss of 24 %
        (results(peer=7.4), ["best peer", "least of all rows"]),  # of 26 %
        (results(floor=2.6), []),  # of 23 %: the floor's ratio is a cost
        (results(floor=2.8), ["floor"]),  # of 29 %
        (results(peer=1.0, floor=9.0), ["best peer", "floor", "least of all rows"]),
        (results(peer=None), []),  # the peer has gone
    ],
)
def test_a_loss_of_more_than_a_quarter_is_found(after, lost):
    found = regression.losses(results(), after)
    assert [loss.what for loss in found] == lost
    assert all(KEY in str(loss) and "%" in str(loss) for loss in found)


def test_a_new_row_that_comes_last_is_a_loss():
    before, after = results(peer=2.0), results(peer=1.4, key="another")
    assert [loss.what for loss in regression.losses(before, after)] == ["least of all rows"]
    assert regression.losses(before, results(peer=1.6, key="another")) == []


def test_a_peer_that_was_not_there_before_is_no_loss():
    assert regression.losses(results(peer=None, floor=None), results(peer=0.1)) == []


def test_the_comparison_is_with_the_last_commit(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    path = tmp_path / "quick.json"
    git("init")
    with pytest.raises(FileNotFoundError, match="Commit a result"):
        regression.committed(path)
    path.write_text(json.dumps(results(peer=3.0)))
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "a result")
    path.write_text(json.dumps(results(peer=1.0)))
    assert regression.committed(path) == results(peer=3.0)


def test_rows_have_names_of_their_own():
    assert len({case.key for case in ALL}) == len(ALL)
    assert {case.key for case in QUICK} <= {case.key for case in ALL}


@pytest.mark.parametrize("wrong", [{"task": "log_porb"}, {"family": "norm"}, {"e": 3}])
def test_a_misspelt_row_raises(wrong):
    with pytest.raises(ValueError, match="expected"):
        Case(**{"task": "log_prob", "family": "normal", "n": 1, "k": 1, **wrong})


def test_wrong_values_are_seen():
    right = {"value": np.array([1.0, -200.0]), "loc": np.array([0.0, 3.0])}
    near = {"value": right["value"] * (1 + 5e-5), "loc": right["loc"] + 2e-3}
    assert agreement.wrong_values(near, right) is None
    for changed in (
        {"value": np.array([1.0, -200.1])},
        {"value": np.array([np.nan, -200.0])},
        {"value": np.ones(3)},
        {"loc": right["loc"] + 4e-3},
    ):
        assert agreement.wrong_values({**right, **changed}, right)
    assert agreement.wrong_values({"value": right["value"]}, right)


def test_wrong_draws_are_seen():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(10_000, 3))
    mean, variance = np.ones(3), np.full(3, 4.0)
    assert agreement.wrong_moments(draws, mean, variance) is None
    assert "mean" in agreement.wrong_moments(draws + np.array([0, 0, 0.2]), mean, variance)
    assert "variance" in agreement.wrong_moments(1 + 1.1 * (draws - 1), mean, variance)
    assert "shape" in agreement.wrong_moments(draws[:, 0], mean, variance)


def estimates(shift, noise=1.0):
    rng = np.random.default_rng(0)
    return [{"value": np.array(5.1), "loc": rng.normal(shift, noise, size=50)} for _ in range(4)]


def test_wrong_estimates_are_seen():
    exact = {"value": np.array(5.0), "loc": np.full(50, 3.0)}
    assert agreement.wrong_expectation(estimates(3.0), exact) is None
    zero = [{**answer, "loc": np.zeros(50)} for answer in estimates(3.0)]
    for wrong in (estimates(0.0), zero, estimates(np.nan), [{**a, "value": 0.0} for a in zero]):
        assert agreement.wrong_expectation(wrong, exact)


def test_goals_speak_of_rows_that_a_quick_run_has():
    keys = {case.key for case in QUICK}
    for goal in GOALS:
        assert goal.key in keys
        assert not goal.other or goal.other in keys


def test_a_goal_between_two_rows():
    def row(median):
        return {"entries": {"pathmix": {"median": median}}, "ratios": {"peer": None}}

    goal = Goal("growth", "large", "over", 4.5, at_least=False, other="small")
    assert goal.measured({"large": row(8.0)}) is None
    assert goal.measured({"large": row(8.0), "small": row(2.0)}) == 4
    assert goal.met(4)
    assert not goal.met(5)
