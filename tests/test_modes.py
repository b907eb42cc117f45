"""Modes: by dense grids and refinement, closed forms, finite differences, and where they lie."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import transforms
from scipy import optimize

from pathmix import Mixture, MixtureSameFamily
from pathmix import random_variables as rv


def mix(probs, components):
    return MixtureSameFamily(dist.Categorical(probs=jnp.array(probs)), components)


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def modes_of(mixture):
    m = mixture.modes()
    return np.asarray(m.value)[np.asarray(m.is_mode)]


def rows(table, *quick):
    """The rows of a table, of which the default run takes the quick ones."""
    marks = {name: [] if name in quick else [pytest.mark.slow] for name in table}
    return [pytest.param(name, marks=marks[name], id=name) for name in table]


# ---- against grids ----

ARRAY = jnp.array
SCALARS = {
    "Normal, 3 of 4": (
        lambda: mix([0.3, 0.3, 0.2, 0.2], dist.Normal(ARRAY([-3.0, -2.2, 0.5, 4.0]), 0.6)),
        (-8, 8),
    ),
    "Normal between two": (  # no ascent from a mean comes there
        lambda: mix(
            [0.4985, 0.4985, 0.0016, 0.0014],
            dist.Normal(ARRAY([-1.0, 1.0, -1.0, 1.0]), ARRAY([1.1, 1.1, 0.05, 0.05])),
        ),
        (-5, 5),
    ),
    "StudentT": (
        lambda: mix(
            [0.5, 0.3, 0.2], dist.StudentT(ARRAY([0.5, 2.0, 30.0]), ARRAY([-9.0, 0.0, 4.0]), 1.0)
        ),
        (-20, 20),
    ),
    "Gamma": (lambda: mix([0.4, 0.6], dist.Gamma(ARRAY([3.0, 9.0]), 1.0)), (0, 30)),
    "LogNormal": (
        lambda: mix([0.4, 0.6], dist.LogNormal(ARRAY([0.0, 2.0]), ARRAY([1.0, 0.3]))),
        (0, 30),
    ),
    "Beta": (lambda: mix([0.4, 0.6], dist.Beta(ARRAY([2.0, 9.0]), ARRAY([5.0, 3.0]))), (0, 1)),
    "Normal and Gumbel": (
        lambda: Mixture(
            dist.Categorical(probs=ARRAY([0.5, 0.5])), [dist.Normal(-1.0, 1.0), dist.Gumbel(2.0)]
        ),
        (-8, 12),
    ),
    "VonMises": (
        lambda: mix([0.4, 0.6], dist.VonMises(ARRAY([3.0, -3.0]), ARRAY([4.0, 2.0]))),
        (-np.pi, np.pi),
    ),
}


def by_grid(mixture, low, high):
    """Local maxima of a grid of 20001 points, made more exact by Brent's method; highest first."""
    x = np.linspace(low, high, 20003)[1:-1]
    log_p = np.asarray(mixture.log_prob(jnp.asarray(x)))
    peak = np.flatnonzero((log_p[1:-1] > log_p[:-2]) & (log_p[1:-1] >= log_p[2:])) + 1
    found = []
    log_prob = jax.jit(mixture.log_prob)
    for i in peak:
        fit = optimize.minimize_scalar(
            lambda t: -float(log_prob(t)),
            bounds=(x[i - 1], x[i + 1]),
            method="bounded",
            options={"xatol": 1e-9},
        )
        found.append((-fit.fun, fit.x))
    return np.array([x for _, x in sorted(found, reverse=True)])


@pytest.mark.parametrize("name", rows(SCALARS, "Normal between two", "Normal and Gumbel"))
def test_modes_are_those_of_a_grid(name):
    """Brent's method sees a height to rounding, and a place to the root of that."""
    make, (low, high) = SCALARS[name]
    wanted = by_grid(make(), low, high)
    np.testing.assert_allclose(modes_of(make()), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(make().mode(), wanted[0], rtol=1e-6, atol=1e-6)


def test_a_mode_is_a_zero_of_the_slope():
    """Newton's method ends at rounding: of the slope over the curvature, 1e-14 of the scale."""
    mixture = SCALARS["Normal, 3 of 4"][0]()
    slope = jax.vmap(jax.grad(mixture.log_prob))(jnp.asarray(modes_of(mixture)))
    assert np.abs(slope).max() < 1e-13


def ridge():
    """Ray & Lindsay (2005): two components with three modes, the one between them the highest."""
    first, second = jnp.diag(ARRAY([1.0, 0.05])), jnp.diag(ARRAY([0.05, 1.0]))
    loc = ARRAY([[0.0, 0.0], [1.0, 1.0]])
    return mix([0.5, 0.5], dist.MultivariateNormal(loc, jnp.stack([first, second])))


@pytest.mark.slow
def test_two_components_of_vectors_with_three_modes():
    """All critical points are on the ridge line, by a grid of it, at most 1e-4 apart."""
    a = np.linspace(0, 1, 200_001)[:, None]
    first, second = (1 - a) * [1.0, 20.0], a * [20.0, 1.0]
    line = second / (first + second)
    log_p = np.asarray(ridge().log_prob(jnp.asarray(line)))
    padded = np.pad(log_p, 1, constant_values=-np.inf)
    peak = np.flatnonzero((log_p > padded[:-2]) & (log_p >= padded[2:]))
    wanted = line[peak[np.argsort(-log_p[peak])]]
    got = modes_of(ridge())
    assert len(wanted) == len(got) == 3
    np.testing.assert_allclose(got[0], wanted[0], atol=1e-4)
    by_place = lambda t: t[np.argsort(t[:, 0])]  # noqa: E731  (two are equally high)
    np.testing.assert_allclose(by_place(got), by_place(wanted), atol=1e-4)
    np.testing.assert_allclose(ridge().mode(), wanted[0], atol=1e-4)


@pytest.mark.parametrize(("apart", "count"), [(1.9, 1), (2.1, 2)])
def test_two_equal_normals_have_two_modes_beyond_two_scales(apart, count):
    mixture = mix([0.5, 0.5], dist.Normal(ARRAY([0.0, apart]), 1.0))
    assert len(modes_of(mixture)) == count


def test_the_entries_of_modes():
    m = mix([0.3, 0.7], dist.Normal(ARRAY([-2.0, 3.0]), 0.5)).modes()
    assert list(m.is_mode[:2]) == [True, True]
    assert not m.is_mode[2:].any()
    assert m.log_prob[0] > m.log_prob[1]


# ---- closed forms ----


def one(components):
    return MixtureSameFamily(dist.Categorical(probs=jnp.ones(1)), components)


CLOSED = {
    "Normal": (lambda: dist.Normal(ARRAY([3.0]), 2.0), 3.0),
    "Laplace": (lambda: dist.Laplace(ARRAY([3.0]), 2.0), 3.0),
    "AsymmetricLaplace": (lambda: dist.AsymmetricLaplace(ARRAY([3.0]), 2.0, 0.4), 3.0),
    "Cauchy": (lambda: dist.Cauchy(ARRAY([3.0]), 2.0), 3.0),
    "StudentT": (lambda: dist.StudentT(ARRAY([0.7]), 3.0, 2.0), 3.0),
    "Gumbel": (lambda: dist.Gumbel(ARRAY([3.0]), 2.0), 3.0),
    "Exponential": (lambda: dist.Exponential(ARRAY([3.0])), 0.0),
    "Gamma": (lambda: dist.Gamma(ARRAY([3.0]), 2.0), 1.0),
    "Gamma, pole": (lambda: dist.Gamma(ARRAY([0.5]), 2.0), 0.0),
    "InverseGamma": (lambda: dist.InverseGamma(ARRAY([0.5]), 3.0), 2.0),
    "Beta": (lambda: dist.Beta(ARRAY([3.0]), 2.0), 2 / 3),
    "Weibull": (lambda: dist.Weibull(ARRAY([2.0]), 2.0), np.sqrt(2.0)),
    "LogNormal, wide": (lambda: dist.LogNormal(ARRAY([1.0]), 10.0), np.exp(-99.0)),
    "Levy": (lambda: dist.Levy(ARRAY([1.0]), 3.0), 2.0),
    "HalfCauchy": (lambda: dist.HalfCauchy(ARRAY([2.0])), 0.0),
    "Pareto": (lambda: dist.Pareto(ARRAY([2.0]), 0.5), 2.0),
    "Uniform": (lambda: dist.Uniform(ARRAY([2.0]), 5.0), 3.5),
    "TruncatedNormal": (lambda: dist.TruncatedNormal(ARRAY([1.0]), 2.0, low=2.0), 2.0),
    "VonMises": (lambda: dist.VonMises(ARRAY([1.0]), 2.0), 1.0),
    "Dirichlet": (lambda: dist.Dirichlet(ARRAY([[2.0, 3.0, 4.0]])), np.array([1, 2, 3]) / 6),
    "Independent": (lambda: dist.Gamma(ARRAY([[3.0, 2.0]]), 2.0).to_event(1), np.array([1.0, 0.5])),
    "MultivariateStudentT": (
        lambda: dist.MultivariateStudentT(ARRAY([0.7]), ARRAY([[1.0, 2.0]]), jnp.eye(2)),
        np.array([1.0, 2.0]),
    ),
    "GaussianRandomWalk": (lambda: dist.GaussianRandomWalk(ARRAY([2.0]), num_steps=2), np.zeros(2)),
    "Poisson": (lambda: dist.Poisson(ARRAY([40.3])), 40),
    "GeometricProbs": (lambda: dist.GeometricProbs(ARRAY([0.01])), 0),
    "NegativeBinomial2": (lambda: dist.NegativeBinomial2(ARRAY([30.0]), 4.0), 22),
    "BinomialProbs": (lambda: dist.BinomialProbs(ARRAY([0.25]), 50), 12),
    "CategoricalProbs": (lambda: dist.CategoricalProbs(ARRAY([[0.2, 0.5, 0.3]])), 1),
}
QUICK = "Laplace", "Gamma, pole", "Uniform", "Levy", "Poisson", "BinomialProbs"


@pytest.mark.parametrize("name", rows(CLOSED, *QUICK))
def test_the_mode_of_one_component(name):
    make, wanted = CLOSED[name]
    np.testing.assert_allclose(one(make()).mode(), wanted, rtol=1e-12, atol=1e-12)
    (got,) = modes_of(one(make()))
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


# ---- edges, kinks, plateaus ----

PLACES = {
    "a kink": (
        lambda: mix([0.4, 0.6], dist.Laplace(ARRAY([-1.0, 1.0]), ARRAY([0.5, 1.0]))),
        [-1.0, 1.0],
    ),
    "a kink beside a curve": (
        lambda: Mixture(
            dist.Categorical(probs=ARRAY([0.5, 0.5])),
            [dist.Normal(9.0, 1.0), dist.Laplace(2.0, 1.0)],
        ),
        [2.0],
    ),
    "an inner end": (
        lambda: Mixture(
            dist.Categorical(probs=ARRAY([0.5, 0.5])),
            [dist.Normal(-1.0, 1.0), dist.Uniform(0.0, 1.0)],
        ),
        [0.0, -1.0],
    ),
    "a pole": (lambda: mix([0.01, 0.99], dist.Gamma(ARRAY([0.5, 90.0]), 1.0)), [0.0]),
    "an overlap": (
        lambda: mix([0.4, 0.6], dist.Uniform(ARRAY([0.0, 1.0]), ARRAY([2.0, 3.5]))),
        [1.5],
    ),
    "an overlap of boxes": (
        lambda: mix(
            [0.4, 0.6],
            dist.Uniform(ARRAY([[0.0, 0.0], [1.0, 1.0]]), ARRAY([[2.0, 2.0], [5.0, 5.0]])).to_event(
                1
            ),
        ),
        [[1.5, 1.5]],
    ),
    "a transformed kink": (
        lambda: mix(
            [0.4, 0.6],
            dist.TransformedDistribution(
                dist.Laplace(ARRAY([0.0, 2.0]), ARRAY([0.1, 0.2])), transforms.ExpTransform()
            ),
        ),
        [1.0, np.exp(2.0)],
    ),
    "counts": (lambda: mix([0.4, 0.6], dist.Poisson(ARRAY([4.5, 40.5]))), [4, 40]),
    "few counts": (lambda: mix([0.4, 0.6], dist.Binomial(20, ARRAY([0.2, 0.8]))), [16, 4]),
    "an equal pair of counts": (lambda: mix([0.5, 0.5], dist.Poisson(ARRAY([4.0, 4.0]))), [4]),
    "without weight": (lambda: mix([0.0, 1.0], dist.Normal(ARRAY([0.0, 2.0]), 0.3)), [2.0]),
    "very far apart": (
        lambda: mix([0.5, 0.5], dist.Normal(ARRAY([0.0, 1e8]), ARRAY([1.0, 0.3]))),
        [1e8, 0.0],
    ),
}


@pytest.mark.parametrize(
    "name",
    rows(PLACES, "a kink", "an inner end", "an overlap", "counts", "an equal pair of counts"),
)
def test_where_modes_lie(name):
    make, wanted = PLACES[name]
    got = modes_of(make())[: len(wanted)]
    # a neighbour moves a maximum by what its own slope is there, e⁻⁶ of the scale at most
    atol = 1e-3 if name == "an inner end" else 1e-12
    tolerance = {"rtol": 1e-12, "atol": atol}
    if name == "an equal pair of counts":
        assert got[0] in (3, 4)
        return
    np.testing.assert_allclose(got, np.asarray(wanted), **tolerance)


# ---- shapes and transformations ----


def batch(loc):
    """Two by three mixtures of two normals."""
    return mix([[[0.3, 0.7]] * 3] * 2, dist.Normal(loc, 1.0))


LOC = np.array([[[0.0, 1.0], [2.0, 3.0], [3.0, 9.0]], [[0.0, 4.0], [1.0, 1.0], [-5.0, 0.5]]])


@pytest.mark.slow
def test_batches_jit_and_vmap():
    each = np.array(
        [[mix([0.3, 0.7], dist.Normal(jnp.asarray(t), 1.0)).mode() for t in r] for r in LOC]
    )
    loc = jnp.asarray(LOC)
    np.testing.assert_allclose(batch(loc).mode(), each, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda t: batch(t).mode())(loc), each, rtol=1e-12)
    alone = lambda t: mix([0.3, 0.7], dist.Normal(t, 1.0)).mode()  # noqa: E731
    np.testing.assert_allclose(jax.vmap(jax.vmap(alone))(loc), each, rtol=1e-12)
    m = batch(loc).modes()
    assert m.value.shape == m.log_prob.shape == m.is_mode.shape == (2, 3, 5)
    np.testing.assert_allclose(m.value[..., 0], each, rtol=1e-12)
    np.testing.assert_array_equal(m.is_mode.sum(-1), [[1, 1, 2], [2, 1, 2]])


@pytest.mark.slow
def test_batches_of_vectors():
    loc = jnp.stack([jnp.zeros((2, 2)), ARRAY([[0.0, 0.0], [3.0, 4.0]])])
    mixture = mix([0.5, 0.5], dist.MultivariateNormal(loc, 0.5 * jnp.eye(2)))
    assert mixture.expand((3, 2)).mode().shape == (3, 2, 2)
    m = mixture.modes()
    assert m.value.shape == (2, 5, 2)
    assert m.log_prob.shape == (2, 5)
    np.testing.assert_array_equal(m.is_mode.sum(-1), [1, 2])


@pytest.mark.parametrize(
    ("dtype", "eps"),
    [(jnp.float16, 1e-3), pytest.param(jnp.float32, 1e-6, marks=pytest.mark.slow)],
)
def test_precisions(dtype, eps):
    loc = jnp.array([0.0, 2.0], dtype)
    mixture = MixtureSameFamily(
        dist.Categorical(logits=jnp.zeros(2, dtype)), dist.Normal(loc, jnp.ones(2, dtype) / 2)
    )
    assert mixture.mode().dtype == mixture.modes().value.dtype == dtype
    # the slope of the other component, 16 exp(−8) of the scale, moves it by 2.7e-3
    wanted = float(mix([0.5, 0.5], dist.Normal(ARRAY([0.0, 2.0]), 0.5)).mode())
    assert min(abs(mixture.mode() - wanted), abs(mixture.mode() - (2 - wanted))) < 4 * eps


def test_random_variables_and_numpyro_counts():
    x = rv.MixtureSameFamily(
        dist.Categorical(probs=ARRAY([0.3, 0.7])), dist.Poisson(ARRAY([3.5, 9.5])), value=1
    )
    mode = x.distribution.mode()
    assert mode == 9
    assert jnp.issubdtype(mode.dtype, jnp.integer)


def test_nan_parameters_have_nan_modes():
    components = dist.Normal(ARRAY([0.0, jnp.nan]), 1.0, validate_args=False)
    mixture = mix([0.4, 0.6], components)
    assert jnp.isnan(mixture.mode())
    assert not mixture.modes().is_mode.any()


# ---- derivatives ----


def scalars(t):
    return mix([0.3, 0.7], dist.Normal(ARRAY([-1.0, 1.0]) * t, ARRAY([1.5, 1.3]))).mode()


def by_weights(t):
    weights = dist.Categorical(logits=jnp.stack([t, jnp.zeros(())]))
    return MixtureSameFamily(weights, dist.Gamma(ARRAY([3.0, 5.0]), 2.0 * t)).mode()


def vectors(t):
    scale = jnp.stack([jnp.eye(2), jnp.array([[1.0, 0.0], [0.4, 0.7]])])
    loc = ARRAY([[0.0, 0.0], [1.0, 0.5]]) * t
    return mix([0.4, 0.6], dist.MultivariateNormal(loc, scale_tril=scale)).mode().sum()


def simplex(t):
    return one(dist.Dirichlet(ARRAY([[2.0, 3.0, 4.0]]) * t)).mode()[0]


def kink(t):
    return mix([0.3, 0.7], dist.Laplace(ARRAY([-1.0, 1.0]) * t**2, 1.0)).mode()


def edge(t):
    weights = dist.Categorical(probs=ARRAY([0.5, 0.5]))
    return Mixture(weights, [dist.Normal(-1.0, 1.0), dist.Uniform(t - 0.5, t)]).mode()


def of_all(t):
    m = mix([0.3, 0.7], dist.Normal(ARRAY([-1.0, 1.0]) * t, ARRAY([1.5, 0.3]))).modes()
    return jnp.where(m.is_mode, m.value * m.log_prob, 0.0).sum()


MOVES = {f.__name__: f for f in (scalars, by_weights, vectors, simplex, kink, edge, of_all)}


@pytest.mark.parametrize("name", rows(MOVES, "scalars"))
def test_derivatives(name):
    """Against central differences, whose error is h²/6 of the third derivative, and noise."""
    f, h = jax.jit(MOVES[name]), 1e-4
    wanted = (f(1 + h) - f(1 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(f)(1.0), wanted, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(jax.jacfwd(f)(1.0), wanted, rtol=1e-6, atol=1e-8)
    second = (f(1 + 1e-3) - 2 * f(1.0) + f(1 - 1e-3)) / 1e-6
    np.testing.assert_allclose(jax.grad(jax.grad(f))(1.0), second, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_mode_that_is_about_to_split_has_no_derivative():
    """At two scales of distance the curvature is zero, and the mode moves as a cubic root does."""
    f = lambda w: mix(jnp.stack([w, 1 - w]), dist.Normal(ARRAY([-1.0, 1.0]), 1.0)).mode()  # noqa: E731
    slope = jax.grad(f)(0.5)
    assert jnp.isnan(slope) | (jnp.abs(slope) > 1e3)


# ---- errors ----


def test_what_has_no_mode():
    weights = dist.Categorical(probs=ARRAY([0.5, 0.5]))
    with pytest.raises(NotImplementedError, match=r"for `mode`.*heaviest point mass"):
        Mixture(weights, [dist.Normal(0.0, 1.0), dist.Delta(0.0)]).mode()
    counts = mix([0.5, 0.5], dist.Bernoulli(jnp.full((2, 3), 0.3)).to_event(1))
    with pytest.raises(NotImplementedError, match=r"shape \(3,\).*`posterior_mode\(x\)`"):
        counts.mode()


def test_ascents_end():
    """Flat and broken densities do not keep the loop busy; heights never fall below the start."""
    from pathmix._mixture._ascent import ascend

    flat = ascend(lambda u: jnp.zeros(u.shape[:-1]), jnp.ones((3, 2)))
    assert flat.over.all()
    np.testing.assert_array_equal(flat.u, 1.0)
    endless = ascend(lambda u: u[..., 0], jnp.zeros((3, 1)))
    assert (endless.value > 0).all()
    hole = ascend(lambda u: jnp.where(u[..., 0] > 1, jnp.nan, u[..., 0]), jnp.zeros((1, 1)))
    assert 0.9 < hole.value[0] <= 1
