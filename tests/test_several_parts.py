"""Margins and conditionals of several families, against quadrature, dense algebra and draws."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.test_util import check_grads
from scipy import special, stats

from pathmix import Mixture, MixtureSameFamily

pytestmark = pytest.mark.usefixtures("x64")
RNG = np.random.default_rng(11)
WEIGHTS = np.array([0.2, 0.3, 0.1, 0.25, 0.15])
LOC = RNG.normal(size=(5, 3))
FACTOR = np.tril(RNG.normal(size=(5, 3, 3)), -1) + np.eye(3) * RNG.uniform(0.5, 1.5, size=(5, 1, 3))
COLUMN = RNG.normal(size=(3, 1))


def mixture_of(loc=LOC, probs=WEIGHTS, df=4.0, factor=FACTOR, **options):
    """A normal, a Student t, one of low rank, one of independent coordinates, a normal again."""
    factor = jnp.asarray(factor)
    components = [
        dist.MultivariateNormal(jnp.asarray(loc[0]), scale_tril=factor[0]),
        dist.MultivariateStudentT(df, jnp.asarray(loc[1]), factor[1]),
        dist.LowRankMultivariateNormal(jnp.asarray(loc[2]), jnp.asarray(COLUMN), jnp.ones(3)),
        dist.Normal(jnp.asarray(loc[3]), 1.5).to_event(1),
        dist.MultivariateNormal(jnp.asarray(loc[4]), scale_tril=factor[4]),
    ]
    return Mixture(dist.Categorical(probs=jnp.asarray(probs)), components, **options)


def density(x):
    """By SciPy, without any factor of ours."""
    covariance = FACTOR @ np.swapaxes(FACTOR, -1, -2)
    terms = [
        stats.multivariate_normal.pdf(x, LOC[0], covariance[0]),
        stats.multivariate_t.pdf(x, LOC[1], covariance[1], df=4.0),
        stats.multivariate_normal.pdf(x, LOC[2], COLUMN @ COLUMN.T + np.eye(3)),
        stats.norm.pdf(x, LOC[3], 1.5).prod(axis=-1),
        stats.multivariate_normal.pdf(x, LOC[4], covariance[4]),
    ]
    return np.tensordot(WEIGHTS, np.stack(terms), axes=1)


def over_the_line(f):
    """``∫ f`` by the trapezium rule after ``x = sinh t``; past 8·10⁴ there is nothing of 10⁻¹⁹."""
    t, h = np.linspace(-12, 12, 601, retstep=True)
    return h * np.sum(f(np.sinh(t)) * np.cosh(t), axis=-1)


@pytest.mark.slow
def test_margins_are_integrals():
    """Over one coordinate, and over two."""
    mixture, x = mixture_of(), np.array([0.4, -0.7])
    two = over_the_line(lambda t: density(np.stack([0 * t + x[1], t, 0 * t + x[0]], axis=-1)))
    np.testing.assert_allclose(np.exp(mixture.marginal([2, 0]).log_prob(x)), two, rtol=1e-10)

    def inner(s):
        points = lambda t: np.broadcast_arrays(x[0], t, s)  # noqa: E731
        return over_the_line(lambda t: density(np.stack(points(t), axis=-1)))

    one = over_the_line(lambda s: inner(s[:, None]))
    np.testing.assert_allclose(np.exp(mixture.marginal(0).log_prob(x[0])), one, rtol=1e-10)


@pytest.mark.slow
def test_conditionals_are_quotients():
    mixture, x = mixture_of(), np.array([0.4, -0.7])
    rest = np.linspace(-3, 3, 7)
    full = np.stack([0 * rest + x[1], rest, 0 * rest + x[0]], axis=-1)
    whole = over_the_line(lambda t: density(np.stack([0 * t + x[1], t, 0 * t + x[0]], axis=-1)))
    given = mixture.conditional([2, 0], x)
    got = np.exp(given.log_prob(rest[:, None]))
    np.testing.assert_allclose(got, density(full) / whole, rtol=1e-10)
    mean = over_the_line(
        lambda t: t * density(np.stack([0 * t + x[1], t, 0 * t + x[0]], axis=-1)) / whole
    )
    np.testing.assert_allclose(given.mean, [mean], rtol=1e-10)


AXES = ([2, 0], *(pytest.param(axes, marks=pytest.mark.slow) for axes in (0, -1, [1])))


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_densities_factor(axes):
    mixture, x = mixture_of(), RNG.normal(size=(6, 3))
    rest = [i for i in range(3) if i not in np.atleast_1d(axes) % 3]
    given, own = mixture.conditional(axes, x[:, axes]), mixture.marginal(axes)
    assert (given.batch_shape, given.event_shape) == ((6,), (len(rest),))
    total = own.log_prob(x[:, axes]) + given.log_prob(x[:, rest])
    np.testing.assert_allclose(total, mixture.log_prob(x), rtol=1e-12)
    assert {d.batch_shape for d in given.components_distributions} == {(6,)}


def test_families_stay_and_meet():
    """Low rank stays; of one coordinate all normals are of one family, in their own order."""
    names = lambda m: [type(d).__name__ for d in m.components_distributions]  # noqa: E731
    student, low = "MultivariateStudentT", "LowRankMultivariateNormal"
    kept = ["MultivariateNormal", student, low, "Independent", "MultivariateNormal"]
    mixture = mixture_of()
    assert names(mixture.marginal([1, 0])) == names(mixture.conditional(0, 0.3)) == kept
    one = mixture.marginal(1)
    assert names(one) == ["Normal", "StudentT", "Normal", "Normal", "Normal"]
    np.testing.assert_allclose([d.mean for d in one.components_distributions], LOC[:, 1])
    assert len(one._groups) == 2


def test_one_family_that_is_left_is_a_mixture_of_it():
    pair = Mixture(
        dist.Categorical(probs=jnp.array([0.3, 0.7])),
        [
            dist.LowRankMultivariateNormal(jnp.ones(2), jnp.ones((2, 1)), jnp.ones(2)),
            dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2)),
        ],
        reparameterize=True,
        support=dist.constraints.real_vector,
    )
    one = pair.marginal(0)
    assert type(one) is MixtureSameFamily
    assert one.reparameterize
    assert one.support is dist.constraints.real
    assert type(pair.marginal([1])) is Mixture
    same = jax.jit(lambda m: m.marginal(0))(pair)
    np.testing.assert_allclose(same.components_distribution.loc, [1.0, 0.0])
    np.testing.assert_allclose(one.components_distribution.scale, [np.sqrt(2), 1.0])
    np.testing.assert_allclose(one.mixture_distribution.probs, [0.3, 0.7])


def test_independent_coordinates_of_several_families():
    mixture = Mixture(
        dist.Categorical(probs=jnp.array([0.3, 0.7])),
        [
            dist.Laplace(jnp.array([0.0, 1.0]), 1.0).to_event(1),
            dist.Gamma(jnp.array([2.0, 3.0]), 1.0).to_event(1),
        ],
    )
    seen = [0.3 * stats.laplace.pdf(0.7), 0.7 * stats.gamma.pdf(0.7, 2.0)]
    given = mixture.conditional(0, 0.7)
    rest = [stats.laplace.pdf(1.4, 1.0), stats.gamma.pdf(1.4, 3.0)]
    np.testing.assert_allclose(
        np.exp(given.log_prob(jnp.array([1.4]))), np.dot(seen, rest) / sum(seen)
    )
    assert mixture.marginal(1).log_prob(-1.0) == pytest.approx(np.log(0.3 / 2) - 2)
    beyond = mixture.conditional(0, -1.0)  # outside of the gamma's support
    np.testing.assert_allclose(beyond._weights.values(), [1.0, 0.0])


def test_forty_sigma_away():
    """The normals have gone, the Student t has all of the weight, and its own logs say so."""
    mixture = mixture_of()
    given = mixture.conditional(0, 40.0 * 1.5)
    covariance = FACTOR @ np.swapaxes(FACTOR, -1, -2)
    variances = [covariance[0][0, 0], 0.0, COLUMN[0, 0] ** 2 + 1, 1.5**2, covariance[4][0, 0]]
    logs = np.array(
        [
            stats.t.logpdf(60.0, 4.0, LOC[k, 0], np.sqrt(covariance[1][0, 0]))
            if k == 1
            else stats.norm.logpdf(60.0, LOC[k, 0], np.sqrt(variances[k]))
            for k in range(5)
        ]
    ) + np.log(WEIGHTS)
    wanted = logs - special.logsumexp(logs)
    assert wanted[0] < -100
    np.testing.assert_allclose(given._weights.log(), wanted, rtol=1e-11, atol=1e-12)
    assert given._weights.values().sum() == pytest.approx(1, rel=1e-14)
    slope = jax.grad(lambda v: mixture.conditional(0, v).log_prob(jnp.array([1.0, 2.0])))(60.0)
    assert np.isfinite(slope)
    assert slope != 0


@pytest.mark.slow
def test_derivatives():
    """In the value, weights and parameters of every family, in both modes, by differences."""

    def value(x, logits, loc, df, scale):
        mixture = mixture_of(loc, jax.nn.softmax(logits), df, FACTOR * scale)
        given = mixture.conditional([2, 0], x)
        return given.log_prob(jnp.array([0.7])) + jnp.sum(given.mean)

    at = jnp.array([0.3, 1.2]), jnp.log(WEIGHTS), jnp.array(LOC), 4.0, 1.1
    value = jax.jit(value)
    check_grads(value, at, order=1, modes=["fwd", "rev"], rtol=1e-5, atol=1e-6)
    slopes = jax.grad(value, tuple(range(5)))(*at)
    assert all(np.all(np.asarray(s) != 0) for s in (slopes[0], slopes[1], slopes[3], slopes[4]))


@pytest.mark.slow
def test_batches_and_maps():
    mixture, x = mixture_of(), RNG.normal(size=(4, 1, 2))
    wide = mixture.expand((3,)).conditional([1, 2], x)
    assert (wide.batch_shape, wide.mean.shape) == ((4, 3), (4, 3, 1))
    one = lambda x: mixture.conditional([1, 2], x).log_prob(jnp.ones(1))  # noqa: E731
    mapped = jax.vmap(one)(x[:, 0])
    np.testing.assert_allclose(mapped, wide.log_prob(jnp.ones(1))[:, 0], rtol=1e-12)
    half = jax.tree.map(lambda t: t.astype(jnp.float16), mixture)
    part = jax.eval_shape(lambda m: m.conditional(0, jnp.float16(0.3)).mean, half)
    assert part.dtype == jnp.float16


def test_a_family_without_margins_is_named():
    weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
    pair = Mixture(
        weights, [dist.Dirichlet(jnp.ones(3)), dist.Normal(jnp.zeros(3), 1.0).to_event(1)]
    )
    for call in (lambda m: m.marginal(0), lambda m: m.conditional(0, 0.3)):
        with pytest.raises(NotImplementedError, match=r"are known .*got Dirichlet"):
            call(pair)
        with pytest.raises(NotImplementedError, match=r"are known .*got Dirichlet"):
            jax.jit(lambda m: call(m)._weights.values())(pair)  # noqa: B023
