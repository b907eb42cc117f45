"""Fits of every kind of family: at the end no direction is uphill, and nothing went downhill."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.fits import FAMILIES, FEW, KINKED, problem, rows
from pathmix import EM, MixtureSameFamily, fit, start
from pathmix._estimation._closed import CLOSED
from pathmix._estimation._data import marginalises
from pathmix._estimation._ordered import ORDERED
from pathmix._estimation._parameters import leaves


def score(mixture, x, rows=1.0):
    """The slopes of the log likelihood along log weights and unconstrained parameters."""
    components, named = mixture._components, leaves(mixture._components)
    free = [i for i, leaf in enumerate(named) if leaf.constraint is not None]

    def log_likelihood(log_w, u):
        new = list(components.parameters)
        for i, v in zip(free, u, strict=True):
            new[i] = named[i].transform(v)
        weights = dist.Categorical(logits=log_w, validate_args=False)
        parts = MixtureSameFamily(weights, components.of(new).distribution)
        return (rows * parts.log_prob(x)).sum()

    u = [named[i].transform.inv(components.parameters[i]) for i in free]
    log_w = jnp.log(mixture.mixture_distribution.probs)
    return jax.tree.leaves(jax.grad(log_likelihood, argnums=(0, 1))(log_w, u))


@pytest.mark.parametrize("name", rows(FAMILIES))
def test_fit_ends_where_nothing_is_uphill(name, x64):
    mixture, x = problem(name)
    found = fit(mixture, x, tolerance=1e-13, progress=False)
    history = np.asarray(found.history)[: int(found.steps)]
    assert found.converged
    assert np.all(np.diff(history) >= -1e-10 * abs(history[-1]))
    assert found.log_likelihood > mixture.log_prob(x).sum()
    np.testing.assert_allclose(found.log_likelihood, found.mixture.log_prob(x).sum(), rtol=1e-10)
    # what is left to gain, tolerance · n, bounds slopes by √(2 · n · tolerance · n)
    slopes = score(found.mixture, x) if name not in KINKED else []
    for slope in slopes:
        assert np.max(np.abs(slope)) < 0.01
    before = score(mixture, x) if name not in KINKED else [np.ones(1)]
    assert max(float(np.max(np.abs(s))) for s in before) > 0.5  # that of the start is not zero


@pytest.mark.parametrize("name", rows(FAMILIES, {"MultivariateNormal", "two Gammas", "Laplace"}))
def test_weights_missing_entries_and_the_order_of_rows(name, x64):
    """No step goes down; whole weights are repetitions; rows may come in any order."""
    mixture, x = problem(name, n=60)
    x, missing = np.asarray(x, float), marginalises(mixture._components)
    method = {"method": EM(memory=0), "max_steps": 6, "tolerance": 0.0, "missing": missing}
    run = jax.jit(lambda x, w: fit(mixture, x, weights=w, **method))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, order = rng.permutation(np.arange(60) % 4), rng.permutation(60)
        seen = np.where(missing & (rng.uniform(size=x.shape) < 0.2), np.nan, x)
        repeated = np.repeat(seen, w, axis=0)
        one, other = run(seen, w), run(seen[order], w[order])
        again = run(repeated, np.ones(len(repeated)))
        history = np.asarray(one.history)[: one.steps]
        assert np.all(np.diff(history) >= -1e-10 * abs(history[0]))
        assert history[-1] > history[0] + 1e-3
        for same in (other, again):
            np.testing.assert_allclose(same.log_likelihood, one.log_likelihood, rtol=1e-8)
            np.testing.assert_allclose(same.bic, one.bic, rtol=1e-8)
            np.testing.assert_allclose(same.counts, one.counts, rtol=1e-5)


@pytest.mark.parametrize("name", rows([name for name in FAMILIES if name not in KINKED], FEW))
@pytest.mark.slow
def test_estimates_keep_slopes_at_zero_as_weights_of_rows_change(name, x64):
    """That is the implicit function theorem, with derivatives of the density alone."""
    mixture, x = problem(name, n=400)
    found = fit(mixture, x, tolerance=1e-14, max_steps=3000, progress=False).mixture

    def along(begun):
        w, dw = jnp.ones(400), jnp.cos(jnp.arange(400.0))
        return jax.jvp(lambda w: score(begun(w), x, w), (w,), (dw,))[1]

    total = along(lambda w: fit(found, x, weights=w, tolerance=1e-14, progress=False).mixture)
    partial = along(lambda w: found)
    for left, whole in zip(total, partial, strict=True):
        # where EM stops is off by about √tolerance, slopes of several hundred rows by 10⁴ of it
        assert np.max(np.abs(left)) < 1e-2 * (0.01 + np.max(np.abs(whole)))
    assert max(float(np.max(np.abs(whole))) for whole in partial) > 0.5


@pytest.mark.parametrize("name", rows(KINKED))
def test_maxima_with_corners(name, x64):
    """No parameter is better a little to either side."""
    mixture, x = problem(name, n=200)
    found = fit(mixture, x, tolerance=1e-13, progress=False)
    components = found.mixture._components
    best = float(found.log_likelihood)
    for i, p in enumerate(components.parameters):
        for entry in np.ndindex(p.shape):
            for step in (-1, 1) if name == "DiscreteUniform" else (-1e-3, 1e-3):
                new = list(components.parameters)
                new[i] = p.at[entry].add(step)
                moved = found.mixture._with(found.mixture._mixture, components.of(new))
                assert float(moved.log_prob(x).sum()) <= best + 1e-9


def test_every_closed_maximum_is_in_the_table():
    tested = {type(make()).__name__ for make in FAMILIES.values()}
    tested |= {type(getattr(make(), "base_dist", make())).__name__ for make in FAMILIES.values()}
    assert {kind.__name__ for kind in (*CLOSED, *ORDERED)} <= tested


@pytest.mark.parametrize("name", ["Normal", "MultivariateNormal", "Poisson", "Gamma", "Bernoulli"])
def test_start_is_a_start(name, x64, key):
    mixture, x = problem(name)
    d = mixture.components_distribution
    kind = type(getattr(d, "base_dist", d))
    begun = start(kind, x, 2, key=key)
    found, again = fit(begun, x, progress=False), fit(mixture, x, progress=False)
    np.testing.assert_allclose(found.log_likelihood, again.log_likelihood, atol=1e-3)


def test_newton_agrees_with_the_closed_maximum(x64):
    """A closed maximum, and the same through a prior that says nothing."""
    mixture, x = problem("Normal")
    flat = {"loc": dist.ImproperUniform(dist.constraints.real, (), ())}
    closed = fit(mixture, x, tolerance=1e-13)
    newton = fit(mixture, x, tolerance=1e-13, prior=flat, method=EM(memory=0))
    np.testing.assert_allclose(newton.log_likelihood, closed.log_likelihood, atol=1e-8)
