"""How many components: tables of criteria, which agree with fits one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import Spherical, Tied, fit, select, start

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
CLOUDS = (CENTRES[:, None] + RNG.normal(size=(3, 40, 2))).reshape(-1, 2)
COUNTS = np.concatenate([RNG.poisson(2, 60), RNG.poisson(20, 40)])
KINDS = {
    "full": dist.MultivariateNormal,
    "tied": (dist.MultivariateNormal, Tied()),
    "spherical": (dist.Normal, Spherical()),
}


@pytest.fixture(scope="module")
def chosen():
    with jax.enable_x64(True):
        return select(KINDS, CLOUDS, range(1, 5), key=KEY, num_starts=5)


@pytest.mark.slow
def test_each_row_is_that_of_a_fit(chosen, x64):
    """Components are far apart: up to three the likelihood has one top that starts lead to."""
    for name, entry in KINDS.items():
        family, structure = entry if isinstance(entry, tuple) else (entry, None)
        for k in (1, 3):
            begun = start(family, CLOUDS, k, key=KEY, structure=structure, num_starts=5)
            expected = fit(begun, CLOUDS)
            (i,) = np.flatnonzero((chosen.table["name"] == name) & (chosen.table["k"] == k))
            for column in ("log_likelihood", "num_parameters", "aic", "bic", "icl", "converged"):
                np.testing.assert_allclose(
                    chosen.table[column][i], getattr(expected, column), rtol=1e-7, err_msg=column
                )


@pytest.mark.slow
def test_more_components_are_never_less_likely(chosen):
    likely = chosen.table["log_likelihood"].reshape(len(KINDS), -1)
    assert (np.diff(likely, axis=1) > -1e-6).all()


@pytest.mark.slow
def test_the_best_is_a_fit_of_its_own(chosen, x64):
    best = chosen.best
    assert chosen.row == np.argmin(chosen.table["bic"])
    assert best.mixture.num_components == 3
    np.testing.assert_allclose(best.bic, chosen.table["bic"].min(), rtol=1e-12)
    np.testing.assert_allclose(best.mixture.log_prob(CLOUDS).sum(), best.log_likelihood)
    np.testing.assert_allclose(np.sort(best.counts), [40, 40, 40], atol=1)
    near = best.mixture.components_distribution.mean[:, None] - CENTRES
    assert (jnp.linalg.norm(near, axis=-1).min(axis=0) < 0.6).all()


def test_the_table_is_printed(chosen):
    lines = repr(chosen).splitlines()
    assert len(lines) == 13
    assert " ".join(lines[0].split()) == (
        "name k log likelihood num parameters aic bic icl degenerate"
    )
    assert [i for i, line in enumerate(lines) if line.endswith("best")] == [chosen.row + 1]


def test_counts_of_a_family_alone(x64):
    found = select(dist.Poisson, COUNTS, [1, 2, 4], key=KEY, criterion="aic")
    assert set(found.table["name"]) == {"Poisson"}
    assert found.best.mixture.num_components == 2
    np.testing.assert_array_equal(found.table["num_parameters"], [1, 3, 7])
    one = dist.Poisson(COUNTS.mean()).log_prob(COUNTS).sum()
    np.testing.assert_allclose(found.table["log_likelihood"][0], one, rtol=1e-10)


def test_a_degenerate_fit_is_not_the_best(x64):
    """Two points of ten coincide: components on them have likelihoods without bound."""
    x = np.array([0.3, 0.3, -1.0, 2.0, 1.1, -0.4, 0.9, 1.7, -1.3, 0.1])
    found = select(dist.Normal, x, [1, 6], key=KEY, num_starts=6)
    assert found.table["degenerate"][1] > 0
    assert found.best.mixture.num_components == 1


def test_weights_and_missing_entries(x64):
    x = CLOUDS.copy()
    x[::9, 0] = np.nan
    w = 1 + np.arange(len(x)) % 2
    once = select(dist.Normal, x, [3], key=KEY, weights=w)
    again = fit(once.best.mixture, np.repeat(x, w, axis=0))
    np.testing.assert_allclose(once.best.bic, again.bic, rtol=1e-8)


ERRORS = {
    "criterion": (
        lambda: select(dist.Poisson, COUNTS, key=KEY, criterion="dic"), "one of aic, bic, icl, got",
    ),
    "k": (lambda: select(dist.Poisson, COUNTS, [0], key=KEY), r"integers ≥ 1, in k, got \[0\]"),
    "starts": (
        lambda: select(dist.Poisson, COUNTS, key=KEY, num_starts=0), "num_starts to be an integer",
    ),
    "structure": (
        lambda: select({"a": (dist.Normal, "tied")}, COUNTS, key=KEY), "tuple of one and a struct",
    ),
    "traced": (
        lambda: jax.jit(lambda x: select(dist.Poisson, x, key=KEY))(jnp.asarray(COUNTS)),
        "expected data that are known for select",
    ),
    "impossible": (
        lambda: select(dist.Exponential, -1.0 - COUNTS, [1, 2], key=KEY), "likelihood of zero",
    ),
    "none": (lambda: select({}, COUNTS, key=KEY), "at least one family to select from"),
    "rows": (lambda: select(dist.Poisson, COUNTS[:3], key=KEY), "got 3 rows for 9 components"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, text = ERRORS[name]
    with pytest.raises((ValueError, TypeError), match=text):
        call()
