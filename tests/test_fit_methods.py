"""Other ways to a fit than EM: slopes, blocks of data, and sums that others add up."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import optax
import pytest

from pathmix import (
    EM,
    Gradient,
    MixtureSameFamily,
    OnlineEM,
    Statistics,
    fit,
    start,
    statistics,
    update,
)
from pathmix._estimation._closed import CLOSED

A = jnp.array


def two(*components):
    return MixtureSameFamily(dist.Categorical(probs=A([0.5, 0.5])), *components)


def normals():
    return two(dist.Normal(A([-1.0, 2.0]), A([2.0, 1.0])))


def clouds(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) + 4 * (rng.uniform(size=(n, 1)) < 0.4)


# ---- slopes ----


@pytest.mark.parametrize(
    "optimiser", [optax.adam(0.05), optax.lbfgs()], ids=["adam", "line search"]
)
@pytest.mark.parametrize("family", [dist.Normal, dist.Gamma, dist.MultivariateNormal])
def test_slopes_lead_where_em_does(family, optimiser, x64):
    x = np.exp(0.3 * clouds(120)) if family is dist.Gamma else clouds(120)
    begun = start(family, x, 2, key=jax.random.key(0))
    expected = fit(begun, x, tolerance=1e-12)
    found = fit(begun, x, method=Gradient(optimiser), tolerance=1e-12, max_steps=3000)
    assert found.converged
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, atol=1e-4)


@pytest.mark.slow
def test_slopes_take_everything_into_account(x64):
    """Weights, labels, priors, missing entries and what is held: the end is EM's."""
    x = clouds(80)
    x[::7, 0] = np.nan
    begun = start(dist.Normal, x, 2, key=jax.random.key(0))
    given = {
        "weights": np.arange(80) % 3,
        "labels": np.where(np.arange(80) % 9 == 0, 1, -1),
        "prior": {"weights": dist.Dirichlet(A([3.0, 2.0])), "loc": dist.Normal(0.0, 2.0)},
        "fixed": {"scale": [True, False]},
        "tolerance": 1e-12,
        "max_steps": 4000,
    }
    expected = fit(begun, x, **given)
    found = fit(begun, x, method=Gradient(optax.adam(0.03)), **given)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, atol=1e-4)
    held = begun.components_distribution.base_dist.scale[0]
    np.testing.assert_array_equal(found.mixture.components_distribution.base_dist.scale[0], held)


@pytest.mark.slow
def test_batches_come_close(x64):
    """Steps of 1 % in unconstrained numbers end within a few of them: some .01 per observation."""
    x = clouds(2000)
    begun = start(dist.Normal, x, 2, key=jax.random.key(0))
    expected = fit(begun, x)
    far = two(dist.Normal(A([[-3.0, 0.0], [6.0, 3.0]]), 3.0 * jnp.ones((2, 2))).to_event(1))
    found = fit(far, x, method=Gradient(optax.adam(0.02), batch_size=100), max_steps=800)
    assert not found.converged
    assert found.steps == 800
    short = (expected.log_likelihood - found.log_likelihood) / len(x)
    assert short < 0.01
    before = fit(far, x, method=Gradient(optax.adam(0.02), batch_size=100), max_steps=1)
    assert (expected.log_likelihood - before.log_likelihood) / len(x) > 1


def test_slopes_under_jit_and_vmap(x64):
    x = jnp.stack([clouds(60, 1)[:, 0], clouds(60, 2)[:, 0]])
    method = Gradient(optax.adam(0.05))
    run = lambda x: fit(normals(), x, method=method, max_steps=50).log_likelihood  # noqa: E731
    np.testing.assert_allclose(jax.jit(jax.vmap(run))(x), [run(x[0]), run(x[1])], rtol=1e-12)


# ---- statistics ----


TABLES = jnp.tile(A([[[0.5, 0.3, 0.2]], [[0.2, 0.2, 0.6]]]), (1, 4, 1))
SUMMED = {
    "Normal": normals,
    "factorised": lambda: two(dist.Normal(A([[-1.0, 0], [3, 4]]), jnp.ones((2, 2))).to_event(1)),
    "spherical": lambda: two(dist.Normal(A([[-1.0, 0], [3, 4]]), jnp.ones((2, 1))).to_event(1)),
    "full": lambda: two(dist.MultivariateNormal(A([[-1.0, 0], [3, 4]]), jnp.eye(2))),
    "Poisson": lambda: two(dist.Poisson(A([2.0, 6.0]))),
    "LogNormal": lambda: two(dist.LogNormal(A([-1.0, 1.0]), A([1.0, 1.0]))),
    "Categorical": lambda: two(dist.Categorical(probs=TABLES).to_event(1)),
}


def draws(name, n):
    rng = np.random.default_rng(3)
    one = {"Poisson": rng.poisson(3, n), "LogNormal": np.exp(clouds(n)[:, 0])}
    own = np.where(rng.uniform(size=(n, 1)) < 0.3, rng.integers(0, 2, (n, 4)), 2)
    one |= {"Categorical": own, "Normal": clouds(n)[:, 0]}
    return one.get(name, clouds(n))


@pytest.mark.parametrize("name", SUMMED)
def test_sums_of_blocks_make_a_step_of_em(name, x64):
    mixture, x, w = SUMMED[name](), draws(name, 90), np.arange(90) % 4
    blocks = [slice(0, 20), slice(20, 33), slice(33, 90)]
    total = sum(statistics(mixture, x[b], weights=w[b]) for b in blocks)
    found = update(mixture, total)
    expected = fit(mixture, x, weights=w, method=EM(memory=0), max_steps=2, tolerance=0.0)
    np.testing.assert_allclose(total.num_observations, w.sum())
    np.testing.assert_allclose(total.log_likelihood, expected.history[0], rtol=1e-12)
    np.testing.assert_allclose(
        found.log_prob(x), expected.mixture.log_prob(x), rtol=1e-9, atol=1e-9
    )


def test_statistics_of_families_without_sums():
    gammas = two(dist.Gamma(A([1.0, 2.0]), A([1.0, 2.0])))
    with pytest.raises(NotImplementedError, match=r"function of sums over rows .* got Gamma"):
        statistics(gammas, jnp.ones(5))
    with pytest.raises(TypeError, match=r"expected the Statistics of .*, got int"):
        update(normals(), 3)
    with pytest.raises(TypeError, match="unsupported operand"):
        Statistics(1, 2, 3) + 4


# ---- blocks ----


@pytest.mark.slow
@pytest.mark.parametrize("name", SUMMED)
def test_blocks_that_are_all_alike_lead_where_em_does(name, x64):
    """With each block the whole data, a step is one of EM's, damped: it ends where EM does."""
    mixture, x = SUMMED[name](), draws(name, 90)
    expected = fit(mixture, x, tolerance=1e-13, max_steps=3000)
    found = fit(mixture, [x], method=OnlineEM(passes=1500, power=0.51), progress=False)
    likely = expected.log_likelihood
    np.testing.assert_allclose(found.log_likelihood, likely, rtol=1e-5)
    assert likely - fit(mixture, [x], method=OnlineEM()).log_likelihood > 2e-5 * abs(likely)


@pytest.mark.slow
def test_one_pass_over_a_file_comes_close(tmp_path):
    """A last share of 79^-.6 leaves three times the variance of the estimate from all, and more
    where components overlap: 12 standard errors are some five of its own."""
    n = 40_000
    rows = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(n, 2))
    rows[:] = clouds(n)
    begun = start(dist.MultivariateNormal, rows[:2000], 2, key=jax.random.key(0))
    found = fit(begun, rows, method=OnlineEM(block_size=512), progress=False)
    expected = fit(begun, rows)
    loc, best = (f.mixture.components_distribution.loc for f in (found, expected))
    error = 1 / np.sqrt(0.4 * n)
    np.testing.assert_allclose(loc, best, atol=12 * error)
    assert np.max(np.abs(begun.components_distribution.loc - best)) > 12 * error
    assert found.steps == 79
    assert found.num_observations == n
    # twice the log likelihood that is lost is chi-square with 11 degrees of freedom, times ~ 15
    assert 0 <= expected.log_likelihood - found.log_likelihood < 200


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units")
def test_ten_million_rows_of_a_file_take_little_memory(tmp_path):
    """The rows alone are .3 GiB, memberships of them would be .15, with a bar all the way."""
    script = Path(__file__).parent / "cases" / "streamed.py"
    run = [sys.executable, script, tmp_path / "rows"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=900, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["gib"] < 2
    assert found["steps"] == -(-(10**7) // 2**16)
    # a last share of 153^-.6 leaves the variance of some 40 blocks' mean
    assert found["off"] < 6 / np.sqrt(2**16 * 20 / 4)
    assert "100%" in done.stderr


def test_iterators_weights_and_blocks_of_any_size(x64):
    x = draws("full", 300)
    cuts = [(0, 50), (50, 170), (170, 180), (180, 300)]
    blocks = [(x[a:b], np.ones(b - a)) for a, b in cuts]
    once = fit(SUMMED["full"](), iter(blocks), method=OnlineEM())
    again = fit(SUMMED["full"](), [x[a:b] for a, b in cuts], method=OnlineEM())
    doubled = fit(SUMMED["full"](), [(x, 2 * w) for x, w in blocks], method=OnlineEM())
    for other in (again, doubled):
        np.testing.assert_allclose(once.mixture.log_prob(x), other.mixture.log_prob(x), rtol=1e-12)
    assert np.isnan(once.log_likelihood)
    assert once.num_observations == 300
    np.testing.assert_allclose(again.log_likelihood, again.mixture.log_prob(x).sum(), rtol=1e-12)
    np.testing.assert_allclose(doubled.log_likelihood, 2 * again.log_likelihood, rtol=1e-12)


@pytest.mark.slow
def test_blocks_may_be_small_or_empty_handed(x64):
    """A row alone has no spread, one coordinate is missed by a whole block, one has no weight."""
    x = clouds(200)
    gap = x[40:60].copy()
    gap[:, 0] = np.nan
    blocks = [x[:1], x[1:3], x[3:40], gap, (x, np.zeros(200)), x[60:]]
    found = fit(SUMMED["full"](), blocks, method=OnlineEM(passes=30))
    assert found.steps == 150
    rows = np.concatenate([x[:40], gap, x[60:]])
    expected = fit(SUMMED["full"](), rows)
    assert 0 < expected.log_likelihood - found.log_likelihood < 0.05 * len(x)
    assert not found.degenerate.any()
    sums = sum(statistics(SUMMED["full"](), b) for b in (x[:1], x[1:40], gap, x[60:]))
    np.testing.assert_allclose(sums.num_observations, 200)


def test_flat_blocks_end_degenerate(x64):
    flat = np.column_stack([clouds(80)[:, 0], np.ones(80)])
    found = fit(SUMMED["full"](), [flat] * 3, method=OnlineEM())
    assert found.degenerate.all()
    with pytest.raises(ValueError, match="got components whose covariance is singular"):
        update(SUMMED["full"](), statistics(SUMMED["full"](), flat))


@pytest.mark.slow
def test_missing_entries_in_blocks(x64):
    """Sums under one mixture about the locations of another: as with each block the whole data."""
    x = clouds(90)
    x[::5, 0], x[1::7, 1] = np.nan, np.nan
    for name in ("full", "factorised"):
        expected = fit(SUMMED[name](), x, tolerance=1e-13)
        found = fit(SUMMED[name](), [x], method=OnlineEM(passes=800, power=0.51))
        np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-5)


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
def test_a_fit_that_is_cut_off_goes_on(stop, x64):
    x = draws("Normal", 300)
    blocks = [x[:100], x[100:200], x[200:]]

    def broken():
        yield from blocks[:2]
        raise stop("no more")

    whole = fit(normals(), iter(blocks), method=OnlineEM())
    with pytest.raises(stop) as caught:
        fit(normals(), broken(), method=OnlineEM())
    assert "taken in 2 blocks. It can go on from the attribute `state`" in caught.value.__notes__[0]
    rest = fit(caught.value.state, iter(blocks[2:]), method=OnlineEM())
    assert rest.steps == whole.steps == 3
    np.testing.assert_allclose(rest.mixture.log_prob(x), whole.mixture.log_prob(x), rtol=1e-14)
    np.testing.assert_allclose(rest.history / 100, whole.history / 300, rtol=1e-14)


def test_every_closed_family_can_be_summed():
    """Sums that depend on the parameters in use must say how they move."""
    moving = {dist.Normal, dist.LogNormal}
    assert {kind for kind, entry in CLOSED.items() if entry.recentred} == moving


ERRORS = {
    "optimiser": (lambda: Gradient(3), TypeError, "expected an optimiser with init and update"),
    "batch": (lambda: Gradient(optax.sgd(0.1), batch_size=0), ValueError, "expected batch_size"),
    "ends": (
        lambda: fit(
            two(dist.Uniform(A([0.0, 1.0]), A([2.0, 4.0]))),
            A([0.5, 2.0]),
            method=Gradient(optax.sgd(0.1)),
        ),
        NotImplementedError,
        "slope in each parameter for Gradient, got Uniform, whose low, high are ends",
    ),
    "power": (lambda: OnlineEM(power=0.5), ValueError, "expected power above 0.5"),
    "passes": (lambda: OnlineEM(passes=0), ValueError, "expected passes to be an integer ≥ 1"),
    "again": (
        lambda: fit(normals(), iter([jnp.ones(3)]), method=OnlineEM(passes=2)),
        ValueError,
        "expected data that can be read again for passes > 1, got an iterator",
    ),
    "none": (
        lambda: fit(normals(), [], method=OnlineEM()), ValueError, "at least one row of data, got",
    ),
    "no data": (
        lambda: fit(normals(), 3, method=OnlineEM()), TypeError, "an iterable of blocks .* got int",
    ),
    "prior": (
        lambda: fit(normals(), [jnp.ones(3)], method=OnlineEM(), labels=[0, 1, 1]),
        NotImplementedError,
        "expected no labels with OnlineEM",
    ),
    "weights": (
        lambda: fit(normals(), [jnp.ones(3)], method=OnlineEM(), weights=jnp.ones(3)),
        ValueError,
        "expected weights along with each block",
    ),
    "impossible": (
        lambda: fit(two(dist.LogNormal(A([0.0, 1.0]), A([1.0, 1.0]))), [-jnp.ones(9)],
                    method=OnlineEM()),
        ValueError,
        "an impossible row in block 0",
    ),
    "few": (
        lambda: fit(normals(), [jnp.ones(4)], method=OnlineEM()),
        ValueError,
        "expected at least 8 observations for OnlineEM with these components, got 4",
    ),
    "traced": (
        lambda: jax.jit(lambda x: fit(normals(), x, method=OnlineEM()))(jnp.ones(9)),
        TypeError,
        "expected data that are known for OnlineEM",
    ),
    "method": (
        lambda: fit(normals(), jnp.ones(3), method=3), TypeError, r"EM\(\), Gradient.*, got int",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()
