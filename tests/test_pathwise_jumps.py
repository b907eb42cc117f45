"""Pathwise gradients of vectors where a component's density jumps inside the support of another.

Means over draws are held to the derivatives of closed moments; at points, the continuity equation
is held where densities are smooth, and the flux is held to be continuous where they jump.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import lax
from numpyro.distributions.transforms import AffineTransform

from pathmix import Mixture, MixtureSameFamily
from pathmix._pathwise import _logits

SLOW = pytest.mark.slow
LOW = np.array([[0.0, 0.0], [0.5, 0.3], [0.2, -0.4]])
HIGH = np.array([[1.0, 1.0], [1.5, 1.6], [0.8, 0.9]])
LOC = np.array([[0.2, 0.9], [0.7, 0.5], [1.0, 0.1]])
LOGITS = np.array([0.3, -0.4, 0.1])
CHANGE = np.array([0.5, 1.0, -0.7])


def same(build, *parameters):
    """Components of one family, independent along the last axis of its parameters."""

    def make(logits, parameters):
        weights = dist.Categorical(logits=logits)
        return MixtureSameFamily(weights, build(*parameters).to_event(1), reparameterize=True)

    return make, parameters


def beside_normals(build, *parameters):
    """A normal, and two components of a family that begins at zero."""

    def make(logits, parameters):
        normal = dist.Normal(parameters[0][0], jnp.exp(parameters[0][1]))
        others = [build(*(p[i] for p in parameters[1:])) for i in range(2)]
        each = [d.to_event(1) for d in (normal, *others)]
        return Mixture(dist.Categorical(logits=logits), each, reparameterize=True)

    return make, (np.array([[0.5, 0.2], [0.1, -0.2]]), *parameters)


def truncated(loc, low, high):
    return dist.TruncatedNormal(loc, 0.7, low=low, high=high)


RATE = np.array([[1.0, 1.5], [2.0, 0.8]])
CASES = {
    "Uniform": same(dist.Uniform, LOW, HIGH),
    "Pareto": same(lambda low, alpha: dist.Pareto(low, alpha), 1 + LOW + 0.5, 9 + LOC),
    "TruncatedNormal": same(truncated, LOC, LOW, HIGH),
    "Normal, Exponential": beside_normals(dist.Exponential, RATE),
    "Normal, Gamma": beside_normals(dist.Gamma, np.array([[0.7, 2.0], [0.9, 0.8]]), RATE),
    "LogUniform": same(dist.LogUniform, 1 + LOW, 1 + HIGH),
    "Normal, HalfNormal": beside_normals(dist.HalfNormal, RATE),
    "Normal, Weibull": beside_normals(dist.Weibull, RATE, np.array([[0.8, 1.0], [2.0, 1.3]])),
    "Normal, Beta": beside_normals(dist.Beta, np.array([[0.8, 1.0], [2.0, 1.0]]), RATE),
}
QUICK = {"Uniform"}
rows = [pytest.param(n, marks=[] if n in QUICK else [SLOW]) for n in CASES]


def floats(tree):
    """Arrays of the precision that is on."""
    return jax.tree.map(jnp.asarray, tree)


# ---- means over draws ----

DRAWS, CHUNK, BOUND = 400_000, 4_000, 4.5
"""Of some 60 derivatives one is so many standard errors off by chance in 2000 runs."""


def functions(x):
    return jnp.stack([x[0], x[1], x[1] ** 2, x[0] * x[1], x[0] ** 2 * x[1], x[0] * x[1] ** 2])


def exact(make, logits, parameters):
    """From the means and the variances of independent coordinates."""
    mixture = make(logits, parameters)
    if isinstance(mixture, MixtureSameFamily):
        each = mixture.component_distribution
        m, v = each.mean, each.variance
    else:
        each = mixture.component_distributions
        m, v = (jnp.stack([getattr(d, name) for d in each]) for name in ("mean", "variance"))
    s = v + m**2
    (m0, m1), (s0, s1) = m.T, s.T
    return jnp.stack([m0, m1, s1, m0 * m1, s0 * m1, m0 * s1]) @ jax.nn.softmax(logits)


@cache
def distances(name):
    """How far averaged derivatives are from the exact ones, in standard errors."""
    make, parameters = CASES[name]
    at = floats((LOGITS, parameters))

    def mean(logits, parameters, key):
        draws = make(logits, parameters).sample(key, (CHUNK,))
        return jnp.mean(jax.vmap(functions)(draws), axis=0)

    jacobian = partial(jax.jacrev, argnums=(0, 1))
    of_chunk = lambda key: jacobian(mean)(*at, key)  # noqa: E731
    keys = jax.random.split(jax.random.key(3), DRAWS // CHUNK)
    found = jax.jit(lambda keys: lax.map(of_chunk, keys))(keys)
    truth = jacobian(partial(exact, make))(*at)

    def off(each, truth):
        each, truth = np.asarray(each, float), np.asarray(truth, float)
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) + 2e-6 * (1 + abs(truth))
        return np.abs(each.mean(axis=0) - truth) / error

    return jax.tree.map(off, found, truth)


def worst(name):
    return max(float(np.max(leaf)) for leaf in jax.tree.leaves(distances(name)))


@pytest.mark.parametrize("name", rows)
def test_gradients_are_unbiased(name):
    assert worst(name) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_draws_that_follow_the_conditionals_are_rejected(name, monkeypatch):
    monkeypatch.setattr(_logits, "jumps_at", lambda *_: None)
    distances.cache_clear()
    jax.clear_caches()
    try:
        weights, _ = distances(name)
        assert np.max(weights) > 3 * BOUND
    finally:
        distances.cache_clear()
        jax.clear_caches()


# ---- at points ----


def velocity(name, x):
    make, parameters = CASES[name]
    draw = lambda logits: make(logits, floats(parameters)).reparameterize_sample(x)  # noqa: E731
    return jax.jvp(draw, floats((LOGITS,)), floats((CHANGE,)))[1]


def density(name, x, logits=LOGITS):
    make, parameters = CASES[name]
    return jnp.exp(make(jnp.asarray(logits), floats(parameters)).log_prob(x))


@pytest.mark.parametrize("name", rows)
def test_the_continuity_equation_holds_between_the_jumps(name, x64):
    points = jax.random.uniform(jax.random.key(1), (600, 2), minval=-0.4, maxval=2.5)

    def both(x):
        flux = lambda x: density(name, x) * velocity(name, x)  # noqa: E731
        parts = jnp.diagonal(jax.jacfwd(flux)(x))
        by_logits = lambda logits: density(name, x, logits)  # noqa: E731
        f, change = jax.jvp(by_logits, floats((LOGITS,)), floats((CHANGE,)))
        return f, jnp.sum(parts) + change, jnp.abs(change) + jnp.sum(jnp.abs(parts)) + f

    f, error, size = map(np.asarray, jax.jit(jax.vmap(both))(points))
    assert np.sum(f > 0) > 40
    np.testing.assert_allclose(error[f > 0] / size[f > 0], 0.0, atol=1e-9)


def flux_on_both_sides(name, ends, axis):
    """The flux across ends of components along an axis, just below and just above them."""
    other = jnp.linspace(0.05, 1.5, 30)
    where = [jnp.stack([jnp.full_like(other, end), other], axis=-1) for end in ends]
    points = jnp.concatenate(where)[:, :: 1 if axis == 0 else -1]
    step = 1e-9 * jnp.eye(2)[axis]
    sides = jnp.stack([points - step, points + step])
    flux = jax.jit(jax.vmap(jax.vmap(lambda x: density(name, x) * velocity(name, x)[axis])))(sides)
    return np.asarray(flux)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_flux_does_not_jump_where_a_density_does(axis, x64):
    inner = [0.5, 0.2, 1.0, 0.8] if axis == 0 else [0.0, 0.3, 1.0, 0.9]
    below, above = flux_on_both_sides("Uniform", inner, axis)
    assert np.max(np.abs(below)) > 0.05
    # a step of 10⁻⁹, by slopes of some ten
    np.testing.assert_allclose(above, below, atol=1e-7)


@pytest.mark.slow
def test_the_flux_of_draws_that_follow_the_conditionals_jumps(monkeypatch, x64):
    monkeypatch.setattr(_logits, "jumps_at", lambda *_: None)
    jax.clear_caches()
    below, above = flux_on_both_sides("Uniform", [0.5, 0.2, 1.0, 0.8], 0)
    jax.clear_caches()
    assert np.max(np.abs(above - below)) > 0.01


# ---- where, and where not ----


def shares_of(weights):
    """How draws of uniforms move with the weights, by logits or probabilities."""
    mixture = MixtureSameFamily(weights, dist.Uniform(LOW, HIGH).to_event(1), reparameterize=True)
    return mixture.reparameterize_sample(jnp.array([[0.6, 0.5], [0.7, 0.85], [0.3, 0.2]]))


def test_probabilities_and_logits_move_draws_alike(x64):
    by_logits = lambda logits: shares_of(dist.Categorical(logits=logits))  # noqa: E731
    by_probs = lambda p: shares_of(dist.Categorical(probs=p))  # noqa: E731
    logits, d_logits = floats(((LOGITS,), (CHANGE,)))
    p, d_p = jax.jvp(jax.nn.softmax, logits, d_logits)
    expected = jax.jvp(by_logits, logits, d_logits)[1]
    np.testing.assert_allclose(jax.jvp(by_probs, (p,), (d_p,))[1], expected, rtol=1e-12)
    assert np.all(np.abs(expected) > 0)


def test_a_component_without_weight_changes_nothing_and_can_grow(x64):
    by_probs = lambda p: shares_of(dist.Categorical(probs=p))  # noqa: E731
    change = jnp.array([-0.4, 0.4, 0.0])
    limit, at_zero = (
        jax.jvp(by_probs, (jnp.array([1 - e, 0.0, e]),), (change,))[1] for e in (1e-12, 0.0)
    )
    np.testing.assert_allclose(at_zero, limit, rtol=1e-9, atol=1e-9)


TOGETHER = {
    "Uniform": lambda: dist.Uniform(jnp.zeros((3, 2)), jnp.ones((3, 2))),
    "Exponential": lambda: dist.Exponential(jnp.ones((3, 2))),
    "Normal": lambda: dist.Normal(jnp.asarray(LOC), 1.0),
    "Beta": lambda: dist.Beta(1 + LOW**2, jnp.ones((3, 2))),
}


def is_tapered(d):
    mixture = MixtureSameFamily(dist.Categorical(logits=LOGITS), d.to_event(1))
    x = jnp.ones((2, 1, 4))
    return _logits.jumps_at(mixture._weights, mixture._components, x, (1, 4)) is not None


@pytest.mark.parametrize("name", TOGETHER)
def test_nothing_is_tapered_where_all_components_end_together(name):
    assert not is_tapered(TOGETHER[name]())
    assert is_tapered(dist.Uniform(LOW, HIGH))


@pytest.mark.slow
def test_a_reflected_mixture_moves_the_other_way(x64):
    """Where densities end at zero and go on below it."""

    def moved(sign, x):
        def draw(logits):
            gamma = dist.Gamma(np.array([0.8, 1.5]), np.array([1.0, 2.0]))
            turned = dist.TransformedDistribution(gamma, AffineTransform(0.0, sign))
            each = [dist.Normal(sign * LOC[0], 1.0).to_event(1), turned.to_event(1)]
            mixture = Mixture(dist.Categorical(logits=logits), each, reparameterize=True)
            return mixture.reparameterize_sample(x)

        return jax.jvp(draw, floats((LOGITS[:2],)), floats((CHANGE[:2],)))[1]

    x = jnp.array([[0.3, 0.8], [1.2, -0.5], [-0.4, 0.7], [-1.0, -0.1]])
    expected = moved(1.0, x)
    assert jnp.all(jnp.abs(expected[:, 0]) > 1e-3)
    np.testing.assert_allclose(moved(-1.0, -x), -expected, rtol=1e-12)


def test_gradients_at_ends_and_beyond_are_finite():
    make, parameters = CASES["Uniform"]
    points = jnp.stack(jnp.meshgrid(jnp.array([0, 0.2, 0.5, 1, 2]), jnp.array([0, 0.3, 1, -3])), -1)

    def total(logits, parameters):
        return jnp.sum(make(logits, parameters).reparameterize_sample(points))

    gradients = jax.jit(jax.grad(total, argnums=(0, 1)))(*floats((LOGITS, parameters)))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))
