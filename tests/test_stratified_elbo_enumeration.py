"""Discrete sites of the model: summed out as NumPyro does it, or refused; and texts of errors."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from cases.guides import START, gaussian_model, guide, parameters
from cases.mixtures import by_probs
from pathmix._infer import _log_joint
from pathmix.infer import Stratified_ELBO

DATA = jnp.array([0.3, 2.0, -1.0, 4.0])
KEY = jax.random.key(0)


def enumerated(rows):
    z = numpyro.sample("z", dist.Normal(0.0, 2.0))
    with numpyro.plate("data", 4, subsample_size=rows) as seen:
        kind = numpyro.sample("kind", dist.Bernoulli(0.3), infer={"enumerate": "parallel"})
        numpyro.sample("y", dist.Normal(z + 2.0 * kind, 1.0), obs=DATA[seen])


def by_hand(rows):
    z = numpyro.sample("z", dist.Normal(0.0, 2.0))
    with numpyro.plate("data", 4, subsample_size=rows) as seen:
        components = dist.Normal(z + jnp.array([0.0, 2.0]), 1.0)
        numpyro.sample("y", by_probs(jnp.array([0.7, 0.3]), components), obs=DATA[seen])


def guide_of_rows(rows):
    guide()
    numpyro.plate("data", 4, subsample_size=rows)


def normal_guide(rows):
    p = parameters({"loc": START["loc"][0], "scale": START["scale"][0]})
    numpyro.sample("z", dist.Normal(p["loc"], p["scale"]))


CASES = {
    "whole": (Stratified_ELBO(), guide_of_rows, None),
    "subsampled": (Stratified_ELBO(2), guide_of_rows, 2),
    "importance-weighted": (Stratified_ELBO(2, importance_weighted=True), guide_of_rows, None),
    "without a mixture": (Stratified_ELBO(2), normal_guide, None),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_enumerated_sites_are_summed_out(name):
    """As if the model had been written as a mixture."""
    pytest.importorskip("funsor")
    objective, program, rows = CASES[name]
    values = [
        jax.value_and_grad(lambda p, m=model: objective.loss(KEY, p, m, program, rows))(
            START if program is guide_of_rows else {n: START[n][0] for n in ("loc", "scale")}
        )
        for model in (enumerated, by_hand)
    ]
    for one, other in zip(*map(jax.tree.leaves, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_without_funsor_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(_log_joint.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install funsor.*or sum the sites out by hand"):
        Stratified_ELBO().loss(KEY, START, enumerated, guide_of_rows, None)


@pytest.mark.parametrize("program", [guide, lambda: normal_guide(None)], ids=["mixture", "normal"])
@pytest.mark.filterwarnings("ignore:Found vars in model but not guide")
def test_a_discrete_site_that_no_one_draws(program):
    def model():
        z = numpyro.sample("z", dist.Normal(0.0, 2.0))
        kind = numpyro.sample("kind", dist.Bernoulli(0.3))
        numpyro.sample("y", dist.Normal(z + kind, 1.0), obs=0.7)

    p = START if program is guide else {n: START[n][0] for n in ("loc", "scale")}
    with pytest.raises(ValueError, match=r"draw the discrete site 'kind' of the model.*enumerate"):
        Stratified_ELBO().loss(KEY, p, model, program)


def test_state_beside_enumerated_sites():
    def model(rows):
        state = numpyro.primitives.mutable("state", {"runs": 0})
        state["runs"] += 1
        enumerated(rows)

    with pytest.raises(NotImplementedError, match=r"no mutable state.*\['state'\]"):
        Stratified_ELBO().loss(KEY, {**START, "state": {"runs": 0}}, model, guide_of_rows, None)


def test_guides_of_many_samples_are_refused():
    with pytest.raises(ValueError, match=r"multi_sample_guide=False.*num_particles"):
        Stratified_ELBO(multi_sample_guide=True)


def test_the_importance_weighted_bound_needs_whole_data():
    with pytest.raises(ValueError, match=r"all of plate 'data'.*got 2 of 4"):
        Stratified_ELBO(importance_weighted=True).loss(KEY, START, by_hand, guide_of_rows, 2)


def test_the_importance_weighted_bound_needs_draws_that_move():
    def coin_guide():
        numpyro.sample("coin", dist.Bernoulli(0.5), infer={"is_auxiliary": True})
        guide()

    with pytest.raises(NotImplementedError, match="sites of the guide without: 'coin'"):
        Stratified_ELBO(importance_weighted=True).loss(KEY, START, gaussian_model, coin_guide)


def test_numbers_that_make_no_sense():
    with pytest.raises(ValueError, match="num_particles ≥ 1, got 0"):
        Stratified_ELBO(0)
    with pytest.raises(ValueError, match="max_evaluations ≥ 1, got 0"):
        Stratified_ELBO(max_evaluations=0)
