"""The parts of natural-gradient steps, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import logsumexp
from scipy.stats import multivariate_normal

from pathmix._infer._adapt import PATIENCE, Candidates, with_one_more, without_double, without_idle
from pathmix._infer._factors import factor_and_inverse
from pathmix._infer._fit_mixture import _begin, sizes_of
from pathmix._infer._gaussians import (
    Gaussians,
    divergences_between,
    draws,
    log_densities,
    mixture_slope,
    whitened,
)
from pathmix._infer._natural_gradients import expansions
from pathmix._infer._sample_store import (
    begin_generation,
    empty_store,
    importance_weights,
    with_points,
)
from pathmix._infer._trust_region import Direction, change, longest_steps, stepped
from pathmix._infer._weights_step import weights_step

KINDS = ("full", "diagonal")


def some(kind, k=3, d=2, seed=0):
    """Components with random locations and covariances."""
    rng = np.random.default_rng(seed)
    scales = np.exp(0.3 * rng.normal(size=(k, d)))
    roots = scales
    if kind == "full":
        roots = np.eye(d) * scales[..., None] + np.tril(rng.normal(size=(k, d, d)), -1)
    return Gaussians(jnp.asarray(rng.normal(size=(k, d))), jnp.asarray(roots))


def covariances(q):
    roots = np.asarray(q.roots)
    roots = roots if q.is_full else roots[..., None] * np.eye(roots.shape[-1])
    return roots @ np.swapaxes(roots, -1, -2)


def kl(loc, covariance, other_loc, other):
    """``KL(N ‖ N')``, by the textbook."""
    apart = other_loc - loc
    inverse = np.linalg.inv(other)
    log_ratio = np.linalg.slogdet(other)[1] - np.linalg.slogdet(covariance)[1]
    spread = np.trace(inverse @ covariance) - len(loc)
    return 0.5 * (spread + apart @ inverse @ apart + log_ratio)


def test_factors_are_those_of_lapack(x64):
    matrix = covariances(some("full", d=5))
    factor, inverse = factor_and_inverse(jnp.asarray(matrix))
    expected = np.linalg.cholesky(matrix)
    np.testing.assert_allclose(factor, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(inverse, np.linalg.inv(expected), rtol=1e-11, atol=1e-12)


def test_what_is_not_positive_definite_has_no_factor():
    assert jnp.isnan(factor_and_inverse(jnp.diag(jnp.array([1.0, -1.0]))[None])[0]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_densities_slopes_and_divergences(x64, kind):
    q = some(kind)
    x, weights = jnp.array([[0.3, -0.2], [2.0, 1.0]]), jnp.array([0.2, 0.3, 0.5])
    terms = log_densities(q, x)
    for loc, covariance, row in zip(q.locs, covariances(q), terms, strict=True):
        np.testing.assert_allclose(row, multivariate_normal(loc, covariance).logpdf(x), rtol=1e-12)
    density = lambda x: logsumexp(log_densities(q, x[None])[:, 0] + jnp.log(weights))  # noqa: E731
    joint = terms + jnp.log(weights)[:, None]
    shares = jnp.exp(joint - logsumexp(joint, axis=0))
    slope = mixture_slope(q.inverse_roots(), shares, whitened(q, q.inverse_roots(), x))
    np.testing.assert_allclose(slope, jax.vmap(jax.grad(density))(x), rtol=1e-12)
    c = covariances(q)
    expected = [[kl(q.locs[i], c[i], q.locs[j], c[j]) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(divergences_between(q), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_expansions_are_unbiased(x64, kind):
    """Of a cubic, ``E[∇f]`` and ``E[∇²f]`` are known; means of 4000 estimates from 6 points."""
    q = some(kind, k=1)
    loc, covariance = np.asarray(q.locs[0]), covariances(q)[0]
    f = lambda x: x[0] ** 3 + x[0] * x[1] ** 2 - x[1]  # noqa: E731

    def estimate(key):
        x = draws(q, jnp.zeros(6, int), jax.random.normal(key, (6, 2)))
        z = whitened(q, q.inverse_roots(), x)
        slope = jax.vmap(jax.grad(f))(x)
        y = slope[None] * q.roots[:, None] if kind == "diagonal" else slope[None] @ q.roots
        return expansions(jnp.full((1, 6), 1 / 6), z, jax.vmap(f)(x), y, full=kind == "full")

    found = jax.jit(jax.vmap(estimate))(jax.random.split(jax.random.key(0), 4000))
    root = np.linalg.cholesky(covariance)
    second = covariance + np.outer(loc, loc)
    slope = root.T @ np.array([3 * second[0, 0] + second[1, 1], 2 * second[0, 1] - 1])
    hessian = np.array([[6 * loc[0], 2 * loc[1]], [2 * loc[1], 2 * loc[0]]])
    curvature = root.T @ hessian @ root
    curvature = curvature if kind == "full" else np.diag(curvature)
    for estimates, exact in ((found.slope, slope), (found.curvature, curvature)):
        error = np.std(estimates, axis=0) / 4000**0.5
        assert np.all(np.abs(estimates.mean(0) - exact) < 4.5 * error)
        assert np.all(error < 0.2)  # so that it can fail


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_keeps_its_bound_and_its_covariance(x64, kind):
    """The divergence of what was stepped, by the textbook, is the bound or the step is whole."""
    q, rng = some(kind, k=4, d=3), np.random.default_rng(1)
    curvature = rng.normal(size=(4, 3, 3)) if kind == "full" else rng.normal(size=(4, 3))
    curvature = curvature + np.swapaxes(curvature, 1, 2) if kind == "full" else curvature
    curvature[0] *= 1e3  # a step of length one leads nowhere, or into a needle
    curvature[3] = -(curvature[3] ** 2) if kind == "diagonal" else -curvature[3] @ curvature[3]
    direction = Direction(jnp.asarray(rng.normal(size=(4, 3))), jnp.asarray(curvature))
    bounds = jnp.array([0.1, 1e-3, 1.0, 1e9])
    step = longest_steps(direction, bounds)
    after = stepped(q, direction, step)
    before_c, after_c = covariances(q), covariances(after)
    exact = [kl(after.locs[i], after_c[i], q.locs[i], before_c[i]) for i in range(4)]
    np.testing.assert_allclose(exact, change(direction, step).divergence, rtol=1e-8)
    assert np.all(exact <= np.asarray(bounds) * (1 + 1e-8))
    assert np.all((np.asarray(exact) > 0.9 * np.asarray(bounds)) | (np.asarray(step) > 0.99))
    # the step itself: Σ⁻¹ − β H and Σ⁻¹ (μ' − μ), from H and g in the coordinates of the latents
    for i in range(4):
        whiten = np.linalg.inv(np.linalg.cholesky(before_c[i]))
        full = curvature[i] if kind == "full" else np.diag(curvature[i])
        hessian, slope = whiten.T @ full @ whiten, whiten.T @ direction.slope[i]
        precision = np.linalg.inv(before_c[i]) - float(step[i]) * hessian
        np.testing.assert_allclose(np.linalg.inv(after_c[i]), precision, rtol=1e-6, atol=1e-8)
        move = float(step[i]) * np.linalg.solve(precision, slope)
        np.testing.assert_allclose(after.locs[i] - q.locs[i], move, rtol=1e-6, atol=1e-9)


def test_one_whole_step_reaches_a_gaussian(x64):
    """From exact expansions of ``log p − log q``, wherever the step begins."""
    q, target = some("full", k=1), some("full", k=1, seed=3)
    precision, before = (np.linalg.inv(covariances(t)[0]) for t in (target, q))
    root = np.asarray(q.roots[0])
    slope = root.T @ precision @ (target.locs[0] - q.locs[0])
    curvature = root.T @ (before - precision) @ root
    direction = Direction(jnp.asarray(slope)[None], jnp.asarray(curvature)[None])
    after = stepped(q, direction, longest_steps(direction, jnp.array([1e9])))
    np.testing.assert_allclose(after.locs, target.locs, rtol=1e-9)
    np.testing.assert_allclose(covariances(after), covariances(target), rtol=1e-9)


def test_weights_step(x64):
    log_weights, value = jnp.log(jnp.array([0.5, 0.5, 0.0])), jnp.array([1.0, -1.0, jnp.nan])
    whole = np.exp(weights_step(log_weights, value, 1e9))
    np.testing.assert_allclose(whole, [np.e**2 / (1 + np.e**2), 1 / (1 + np.e**2), 0], rtol=1e-12)
    part = np.exp(weights_step(log_weights, value, 0.01))
    divergence = np.sum(part[:2] * np.log(part[:2] / 0.5))
    assert 0.0099 < divergence <= 0.01 + 1e-12


def test_points_of_other_generations_tell_of_a_component(x64):
    """Draws of a wide proposal, and a few of the component, give its mean without bias."""
    q = Gaussians(jnp.zeros((1, 1)), jnp.ones((1, 1)))
    wide = Gaussians(jnp.full((1, 1), -0.5), jnp.full((1, 1), 2.0))
    target = Gaussians(jnp.full((1, 1), 0.5), jnp.ones((1, 1)))

    def mean(key):
        store = empty_store(q, 128, 2)
        for generation, (proposal, n) in enumerate(((wide, 96), (target, 32))):
            store = begin_generation(store, proposal, jnp.asarray(generation))
            noise = jax.random.normal(jax.random.fold_in(key, generation), (n, 1))
            x = draws(proposal, jnp.zeros(n, int), noise)
            source = jnp.full(n, generation)
            store = with_points(store, x, source, x[:, 0], x)
        weights, known = importance_weights(store, store.terms[1:])
        return weights @ store.x, known

    means, known = jax.jit(jax.vmap(mean))(jax.random.split(jax.random.key(0), 2000))
    # bias of a ratio is below 1/known, standard error 1/√(2000 known)
    assert abs(means.mean() - 0.5) < 1 / 60 + 4.5 / (2000 * 60) ** 0.5
    assert np.all((known > 32) & (known < 128))


def test_what_is_overwritten_is_forgotten():
    q = Gaussians(jnp.zeros((2, 1)), jnp.ones((2, 1)))
    store = begin_generation(empty_store(q, 4, 2), q, jnp.asarray(0))
    x = jnp.array([[0.0], [jnp.inf]])
    store = with_points(store, x, jnp.array([0, 1]), jnp.array([1.0, jnp.nan]), x)
    assert store.source.tolist() == [0, 1, -1, -1]
    assert jnp.isfinite(store.log_p).all()
    assert jnp.isfinite(store.slope).all()
    store = begin_generation(store, q, jnp.asarray(0))
    assert store.source.tolist() == [-1] * 4
    assert importance_weights(store, store.terms[:2])[1].tolist() == [0.0, 0.0]


def state_of(log_weights, locs, candidates):
    """A state before its first step, in one dimension; ``log p`` is a standard normal's."""
    q = Gaussians(jnp.asarray(locs)[:, None], jnp.ones((len(locs), 1)))
    sizes = sizes_of(q, 10, 1000, adapts=True)
    log_p = lambda x: -0.5 * jnp.sum(x**2)  # noqa: E731
    state, kept = _begin(log_p, sizes, jnp.asarray(log_weights), q, candidates, jax.random.key(0))
    return state, kept


def test_a_component_is_added_where_it_is_lacking_most():
    """``log p − log q`` is highest at 0, far below the mixture's highest value."""
    log_weights = jnp.log(jnp.array([1.0, 0.0]))
    state, kept = state_of(log_weights, [9.0, 0.0], jnp.array([[9.0], [1.0], [0.0], [-30.0]]))
    more = with_one_more(state._replace(additions=jnp.asarray(5)), kept)
    assert more.components.locs[1, 0] == 0.0
    assert 0 < jnp.exp(more.log_weights[1]) < 0.01
    assert jnp.logaddexp(*more.log_weights) == pytest.approx(0, abs=1e-6)
    full = with_one_more(more, Candidates(kept.x - 3, kept.log_p))
    assert full.components.locs.tolist() == more.components.locs.tolist()


def test_idle_and_double_components_are_deleted():
    log_weights = jnp.log(jnp.array([0.6, 0.3, 0.1]))
    state, _ = state_of(log_weights, [0.0, 0.01, 5.0], jnp.zeros((0, 1)))
    idle = without_idle(state._replace(idle=jnp.array([0, 0, PATIENCE])))
    assert idle.log_weights[2] == -jnp.inf
    merged = jnp.exp(without_double(state).log_weights)
    np.testing.assert_allclose(merged, [0.9, 0.0, 0.1], rtol=1e-5)
    # where a place is free nothing is merged
    assert jnp.all(jnp.exp(without_double(idle).log_weights)[:2] > 0.3)
