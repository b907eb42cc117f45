"""Sums by products of large matrices are those of each component about its own location."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import EM, MixtureSameFamily, fit
from pathmix._estimation import _expanded, _maximise
from pathmix._estimation._data import Data
from pathmix._estimation._expanded import expanded_sums, logs, middle_of
from pathmix._estimation._narrow import num_narrow
from pathmix._estimation._parameters import Held
from pathmix._estimation._powers import of_components
from pathmix._estimation._prior import Prior
from pathmix._estimation._sweep import Model, Task, sweep
from pathmix._estimation._totals import totals_of
from pathmix._log_sums import sum_and_shares
from pathmix._where import where


def problem(dtype="float64", *, away=3.0, shift=0.0, shared=False, full=True):
    """A mixture of three components of three numbers, and rows with weights and labels."""
    rng = np.random.default_rng(0)
    loc = shift + away * rng.normal(size=(3, 3))
    factor = np.tril(0.3 * rng.normal(size=(3, 3, 3))) + np.eye(3)
    x = loc[rng.integers(3, size=500)] + rng.normal(size=(500, 3))
    loc, factor, x = (jnp.asarray(t, dtype) for t in (loc, factor[:1] if shared else factor, x))
    weights = jnp.asarray([0.5, 0.3, 0.2], dtype)
    components = dist.MultivariateNormal(loc, scale_tril=factor)
    if not full:
        scale = jnp.diagonal(factor, axis1=1, axis2=2)
        components = dist.Normal(loc, scale[:, :1] if shared else scale).to_event(1)
    mixture = MixtureSameFamily(dist.Categorical(probs=weights), components)
    w = jnp.asarray(np.arange(500) % 3, dtype)
    labels = jnp.where(jnp.arange(500) % 7 == 0, 1, -1)
    rows = Data(x, None, w, labels)
    held = Held((jnp.zeros(3, bool),) * 2, jnp.zeros(3, bool))
    level = jnp.asarray(-5.0, dtype)
    return Model(weights, mixture._components), Task(rows, held, Prior(), level), mixture


def plain(model, task):
    return sweep(lambda part: _maximise.row_sums(model.components, part), model, task)


def narrow(model, task):
    """How many components lose digits about one centre."""
    return num_narrow(model, of_components(model.components), middle_of(model, task))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shared", [False, True])
def test_sums_are_the_same(shared, full, monkeypatch, x64):
    """In stretches of some forty rows; squares lose the digits that their size has more."""
    monkeypatch.setattr(_expanded, "EXPANDED", 500)
    model, task, _ = problem(shift=100.0, shared=shared, full=full)
    assert narrow(model, task) == 0
    got, expected = expanded_sums(model, task, 0), plain(model, task)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-9)


@pytest.mark.slow
def test_single_precision_takes_its_logarithms_from_elsewhere():
    """So that the likelihood is the same to the last digits; sums have errors of squares."""
    model, task, _ = problem("float32")
    assert narrow(model, task) == 0
    (_, got), likely = expanded_sums(model, task, 0)
    (_, expected), before = plain(model, task)
    np.testing.assert_allclose(likely, before, rtol=1e-6)
    np.testing.assert_allclose(got.second, expected.second, rtol=1e-4, atol=1e-3)


def test_single_precision_of_independent_coordinates():
    """Logarithms have the errors of squares, here some hundred roundings, in 500 rows."""
    model, task, _ = problem("float32", full=False)
    assert narrow(model, task) == 0
    (_, got), likely = expanded_sums(model, task, 0)
    (_, expected), before = plain(model, task)
    np.testing.assert_allclose(likely, before, atol=500 * 1e-5)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-2)


def test_rows_without_weight_may_be_as_large_as_they_like(x64):
    """Their squares are infinite, and zero times infinity is no number."""
    model, task, _ = problem()
    expected = expanded_sums(model, task, 0)
    far = where(task.data.weights[:, None] > 0, task.data.x, 1e200)
    got = expanded_sums(model, task._replace(data=task.data._replace(x=far)), 0)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-9)


def test_totals_are_the_same(monkeypatch, x64):
    """Those of few rows are worked out for each component about its own location."""
    model, task, _ = problem(shift=100.0)
    expected = totals_of.__wrapped__(model, task.data)
    monkeypatch.setattr(_expanded, "EXPANDED_ROWS", 1)
    monkeypatch.setattr(_expanded, "EXPANDED_COMPONENTS", 1)
    monkeypatch.setattr(_expanded, "EXPANDED", 500)
    assert logs(model, task.data).accurate
    got = totals_of.__wrapped__(model, task.data)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-9)


def test_shares_of_terms_that_are_infinite():
    """All share by their weights where all are zero; infinite ones alone where some are."""
    log_w = jnp.log(jnp.array([[0.25], [0.75], [0.0]]))
    terms = jnp.array([[-jnp.inf, jnp.inf, 0.0], [-jnp.inf, 0.0, -jnp.inf], [0.0, 0.0, jnp.inf]])
    total, share = sum_and_shares(log_w, terms)
    np.testing.assert_array_equal(total.value, [-jnp.inf, jnp.inf, np.log(np.float32(0.25))])
    np.testing.assert_allclose(share, [[0.25, 1, 1], [0.75, 0, 0], [0, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "away"), [("float32", 3e3), ("float64", 3e8)])
def test_narrow_components_are_left_to_the_other_way(dtype, away):
    """Their squares about one centre have no digits left."""
    with jax.enable_x64(dtype == "float64"):
        model, task, _ = problem(dtype, away=away)
        assert narrow(model, task) == 3


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_narrow_component_is_worked_out_apart(dtype, full, monkeypatch):
    """It has collapsed onto one row, so that products about one centre have no digits of it."""
    monkeypatch.setattr(_expanded, "EXPANDED", 500)
    with jax.enable_x64(dtype == "float64"):
        model, task, mixture = problem(dtype, full=full)
        assert narrow(model, task) == 0
        x, own = task.data.x, mixture.components_distribution
        width = 1e-4 if dtype == "float32" else 1e-9
        near = x[4] + width / 2
        if full:
            factor = own.scale_tril.at[1].set(width * jnp.eye(3))
            components = dist.MultivariateNormal(own.loc.at[1].set(near), scale_tril=factor)
        else:
            scale = own.base_dist.scale.at[1].set(width)
            components = dist.Normal(own.base_dist.loc.at[1].set(near), scale).to_event(1)
        mixture = MixtureSameFamily(mixture.mixture_distribution, components)
        task = task._replace(data=task.data._replace(labels=None))

        def sums(weights, way):
            return way(Model(weights, mixture._components), task)

        about, apart = (partial(expanded_sums, narrow=count) for count in (0, 1))
        assert narrow(Model(model.weights, mixture._components), task) == 1
        one = jnp.asarray([0.1, -0.2, 0.1], dtype)
        got, expected = (
            jax.jvp(partial(sums, way=way), (model.weights,), (one,)) for way in (apart, plain)
        )
        loose = {"rtol": 1e-4, "atol": 1e-2} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-8}
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, **loose)
        lost = sums(model.weights, about)
        squares = [jax.tree.leaves(each[0])[-1][1] for each in (got[0], expected[0], lost)]
        digits = {"rtol": 0.0, "atol": width**2 / 100}
        np.testing.assert_allclose(squares[0], squares[1], **digits)
        assert not np.allclose(squares[2], squares[1], **digits)  # about one centre


@pytest.mark.slow
def test_fits_are_the_same(monkeypatch, x64):
    """Alone, and of several mixtures at once, where one that is not accurate decides for all."""
    _, task, mixture = problem()
    x, method = task.data.x, {"method": EM(memory=0), "max_steps": 5, "progress": False}
    expected = fit(mixture, x, **method)
    monkeypatch.setattr(_expanded, "EXPANDED_ROWS", 1)
    monkeypatch.setattr(_expanded, "EXPANDED_COMPONENTS", 1)
    jax.clear_caches()
    called = []
    again = _maximise.expanded_sums
    monkeypatch.setattr(
        _maximise, "expanded_sums", lambda *a, **k: called.append(1) or again(*a, **k)
    )
    found = fit(mixture, x, **method)
    several = jax.vmap(lambda scale: fit(mixture, scale * x, **method))(jnp.array([1.0, 1.1]))
    jax.clear_caches()
    assert called
    np.testing.assert_allclose(found.history[:5], expected.history[:5], rtol=1e-12)
    np.testing.assert_allclose(found.mixture.mean, expected.mixture.mean, rtol=1e-9)
    np.testing.assert_allclose(several.log_likelihood[0], expected.log_likelihood, rtol=1e-10)
