"""Entropy, divergences, scores and distances, by SciPy's quadrature and closed forms.

The references of A and B were worked out beforehand with mpmath.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import kl_divergence
from scipy import integrate, stats

import pathmix
from pathmix import (
    MixtureSameFamily,
    cauchy_schwarz_divergence,
    entropy_bounds,
    inner_product,
    kl_bounds,
    l2_distance,
    log_inner_product,
    wasserstein,
)


def mix(probs, components):
    weights = dist.Categorical(probs=jnp.array(probs), validate_args=False)
    return MixtureSameFamily(weights, components)


def a():
    return mix([0.3, 0.7], dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])))


def b():
    return mix([0.6, 0.4], dist.Normal(jnp.array([-1.2, 0.8]), jnp.array([0.3, 0.6])))


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


REFERENCES = {
    "H(A)": (lambda: a().entropy(), 0.8519601911),
    "H(B)": (lambda: b().entropy(), 1.1309538066),
    "KL(A, B)": (lambda: kl_divergence(a(), b()), 0.5025882619),
    "KL(B, A)": (lambda: kl_divergence(b(), a()), 2.3269754987),
    "Jensen": (lambda: entropy_bounds(a()).jensen, 0.7001194748),
    "Kolchinsky–Tracey below": (lambda: entropy_bounds(a()).bhattacharyya, 0.8407279785),
    "Kolchinsky–Tracey above": (lambda: entropy_bounds(a()).kullback_leibler, 0.8537483920),
    "Huber": (lambda: entropy_bounds(a()).huber, 0.8538242810),
    "inner product": (lambda: inner_product(a(), b()), 0.3255481893),
    "Cauchy–Schwarz": (lambda: cauchy_schwarz_divergence(a(), b()), 0.3680409664),
    "W1": (lambda: wasserstein(a(), b(), order=1), 0.8000594017),
    "W2²": (lambda: wasserstein(a(), b()) ** 2, 0.900347615),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_references(name):
    compute, wanted = REFERENCES[name]
    np.testing.assert_allclose(compute(), wanted, atol=2e-9)


# ---- entropy ----


def same(make, *parameters):
    """A mixture of two equal components, which is one of them."""
    return mix([0.4, 0.6], make(*(jnp.full(2, p) for p in parameters)))


ALONE = {
    "Normal": (lambda: same(dist.Normal, 3.0, 2.0), stats.norm(3, 2).entropy()),
    "Logistic": (lambda: same(dist.Logistic, 3.0, 2.0), stats.logistic(3, 2).entropy()),
    "Laplace": (lambda: same(dist.Laplace, 3.0, 2.0), stats.laplace(3, 2).entropy()),
    "Cauchy": (lambda: same(dist.Cauchy, 3.0, 2.0), np.log(8 * np.pi)),
    "StudentT": (lambda: same(dist.StudentT, 2.5), stats.t(2.5).entropy()),
    "Gamma": (lambda: same(dist.Gamma, 0.1, 1.0), stats.gamma(0.1).entropy()),
    "Gamma, large": (lambda: same(dist.Gamma, 1e4, 1.0), stats.gamma(1e4).entropy()),
    "Beta": (lambda: same(dist.Beta, 0.3, 1.5), stats.beta(0.3, 1.5).entropy()),
    "Uniform": (lambda: same(dist.Uniform, 2.0, 5.0), np.log(3)),
    "Pareto": (lambda: same(dist.Pareto, 2.0, 1.5), stats.pareto(1.5, scale=2).entropy()),
}


@pytest.mark.parametrize("name", ALONE)
def test_entropies_of_one(name):
    make, wanted = ALONE[name]
    np.testing.assert_allclose(make().entropy(), wanted, atol=1e-8)


def test_scales_apart():
    """A component of a millionth of the other's width, in its midst and beside it."""
    for place in (0.0, 0.3, 50.0):
        loc, scale = jnp.array([0.0, place]), jnp.array([1.0, 1e-6])
        mixture = mix([0.5, 0.5], dist.Normal(loc, scale))

        def f(x, place=place):
            return 0.5 * stats.norm.pdf(x) + 0.5 * stats.norm.pdf(x, place, 1e-6)

        cuts = [-40, place - 1e-2, place - 1e-5, place, place + 1e-5, place + 1e-2, 60]
        cuts = np.unique(np.concatenate([cuts, np.linspace(-9, 9, 37)]))
        cuts = [-40.0, *[c for c in cuts if abs(c) < 60 and c != -40], 60.0]
        wanted = sum(
            integrate.quad(lambda x: -f(x) * np.log(f(x) + 1e-300), *ends, epsabs=1e-12)[0]
            for ends in pairwise(cuts)
        )
        np.testing.assert_allclose(mixture.entropy(), wanted, atol=1e-7)


def test_entropies_of_counts():
    mixture = mix([0.3, 0.7], dist.Binomial(5, jnp.array([0.2, 0.7])))
    n = np.arange(6)
    p = 0.3 * stats.binom.pmf(n, 5, 0.2) + 0.7 * stats.binom.pmf(n, 5, 0.7)
    np.testing.assert_allclose(mixture.entropy(), stats.entropy(p), rtol=1e-12)


def parameters():
    return jnp.array([0.3, 0.7, -1.0, 1.0, 0.1, 0.5])


def of(t, probs=None):
    return mix(t[:2] if probs is None else probs, dist.Normal(t[2:4], t[4:]))


DIFFERENTIABLE = {
    "entropy": lambda t: of(t).entropy(),
    "crps": lambda t: of(t).crps(0.3),
    "kl_divergence": lambda t: kl_divergence(of(t), b()),
    "kl_divergence, second": lambda t: kl_divergence(b(), of(t)),
    "cauchy_schwarz": lambda t: cauchy_schwarz_divergence(of(t), b()),
    "l2": lambda t: l2_distance(of(t), b()),
    "entropy_bounds": lambda t: jnp.stack(entropy_bounds(of(t))[2:]).sum(),
    "kl_bounds": lambda t: jnp.stack(kl_bounds(of(t), b())[1:]).sum(),
    "wasserstein 1": lambda t: wasserstein(of(t), b(), order=1),
    "wasserstein 2": lambda t: wasserstein(of(t), b(), order=2),
}


LONG = {"kl_bounds", "wasserstein 1", "wasserstein 2"}  # to compile


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in DIFFERENTIABLE]
)
def test_derivatives(name):
    """By central differences with an error of ``h⁴``, in both modes."""
    fn, t = jax.jit(DIFFERENTIABLE[name]), parameters()
    gradient, forward = jax.grad(fn)(t), jax.jacfwd(fn)(t)
    np.testing.assert_allclose(forward, gradient, rtol=1e-8, atol=1e-10)
    for i in range(t.size):
        e = jnp.zeros_like(t).at[i].set(1e-4)
        near, far = fn(t + e) - fn(t - e), fn(t + 2 * e) - fn(t - 2 * e)
        np.testing.assert_allclose(gradient[i], (8 * near - far) / 12e-4, rtol=3e-7, atol=3e-7)


def test_entropy_follows_moving_ends():
    """Of a Uniform on (low, high) it is ``log(high − low)``."""

    def entropy(t):
        return mix([0.5, 0.5], dist.Uniform(t[0] * jnp.ones(2), t[1])).entropy()

    np.testing.assert_allclose(jax.grad(entropy)(jnp.array([1.0, 3.0])), [-0.5, 0.5], rtol=1e-6)


def test_a_weight_of_zero():
    """The derivative of the entropy in a weight of zero is ``−∫ (p − f) log f``."""

    def entropy(probs):
        return mix(probs, dist.Normal(jnp.array([0.0, 2.0]), jnp.array([1.0, 0.5]))).entropy()

    probs = jnp.array([1.0, 0.0])
    np.testing.assert_allclose(entropy(probs), stats.norm.entropy(), atol=1e-9)
    cross = 0.5 * np.log(2 * np.pi) + (2**2 + 0.25) / 2
    wanted = [0.0, cross - stats.norm.entropy()]
    np.testing.assert_allclose(jax.grad(entropy)(probs), wanted, atol=1e-7)


def test_in_float32():
    with jax.enable_x64(False):
        np.testing.assert_allclose(a().entropy(), 0.8519601911, atol=1e-5)
        np.testing.assert_allclose(kl_divergence(a(), b()), 0.5025882619, atol=1e-5)


# ---- crps ----


def crps_by_quadrature(cdf, y):
    below = integrate.quad(lambda x: cdf(x) ** 2, -60, y, points=[-1, 1], limit=400)[0]
    above = integrate.quad(lambda x: (1 - cdf(x)) ** 2, y, 60, points=[-1, 1], limit=400)[0]
    return below + above


OF_SCIPY = {"Normal": "norm", "Logistic": "logistic", "Laplace": "laplace"}


@pytest.mark.slow
@pytest.mark.parametrize("family", OF_SCIPY)
def test_crps(family):
    loc, scale = jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])
    components, frozen = getattr(dist, family)(loc, scale), getattr(stats, OF_SCIPY[family])
    two = [frozen(-1, 0.1), frozen(1, 0.5)]
    x = np.array([-20.0, -1.0, 0.3, 2.0, 20.0])
    wanted = [crps_by_quadrature(lambda t: 0.3 * two[0].cdf(t) + 0.7 * two[1].cdf(t), y) for y in x]
    mixture = mix([0.3, 0.7], components)
    np.testing.assert_allclose(mixture.crps(x), wanted, atol=1e-7)
    assert jnp.isnan(mixture.crps(jnp.nan))
    slope = jax.vmap(jax.grad(mixture.crps))(jnp.asarray(x))
    np.testing.assert_allclose(slope, 2 * mixture.cdf(x) - 1, atol=1e-9)


def test_crps_within_a_half_line():
    """Of an exponential at a value: ``y − 3/2 + 2 e^(−y)``, on either side of its end."""
    y = np.array([-1.0, 0.5, 3.0])
    wanted = np.where(y > 0, y - 1.5 + 2 * np.exp(-y), 0.5 - y)
    np.testing.assert_allclose(same(dist.Exponential, 1.0).crps(y), wanted, atol=1e-9)


# ---- divergences and distances ----


def test_kl_of_normals_is_closed():
    p, q = same(dist.Normal, 0.0, 1.0), same(dist.Normal, 7.0, 0.5)
    wanted = np.log(0.5) + (1 + 49) / (2 * 0.25) - 0.5
    np.testing.assert_allclose(kl_divergence(p, q), wanted, rtol=1e-9)
    np.testing.assert_allclose(kl_divergence(a(), a()), 0.0, atol=1e-12)
    assert kl_divergence(p, same(dist.Uniform, 0.0, 1.0)) == jnp.inf


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "factorised"])
def test_vectors(kind):
    """Overlaps against a dense sum by SciPy; brackets hold estimates from draws."""
    rng = np.random.default_rng(0)
    mixtures, parts = [], []
    for shift in (0.0, 0.5):
        loc = rng.normal(size=(3, 2)) * 2 + shift
        root = np.tril(rng.normal(size=(3, 2, 2))) + 1.5 * np.eye(2)
        if kind == "factorised":
            root = root * np.eye(2)
            scale = np.abs(np.diagonal(root, axis1=1, axis2=2))
            components = dist.Normal(jnp.asarray(loc), jnp.asarray(scale)).to_event(1)
        else:
            cov = root @ np.swapaxes(root, 1, 2)
            components = dist.MultivariateNormal(jnp.asarray(loc), jnp.asarray(cov))
        mixtures.append(mix([0.2, 0.3, 0.5], components))
        parts.append((loc, root @ np.swapaxes(root, 1, 2)))
    p, q = mixtures
    w = [0.2, 0.3, 0.5]
    wanted = sum(
        w[i]
        * w[j]
        * stats.multivariate_normal.pdf(
            parts[0][0][i], parts[1][0][j], parts[0][1][i] + parts[1][1][j]
        )
        for i in range(3)
        for j in range(3)
    )
    np.testing.assert_allclose(inner_product(p, q), wanted, rtol=1e-10)
    np.testing.assert_allclose(log_inner_product(p, q), np.log(wanted), rtol=1e-10)
    # l2 = <p,p> − 2<p,q> + <q,q>, on a grid
    t = np.linspace(-16, 16, 641)
    grid = jnp.asarray(np.stack(np.meshgrid(t, t), -1))
    f, g = np.exp(p.log_prob(grid)), np.exp(q.log_prob(grid))
    cell = (t[1] - t[0]) ** 2
    np.testing.assert_allclose(l2_distance(p, q), ((f - g) ** 2).sum() * cell, rtol=1e-6)
    entropy = -(f * np.log(np.maximum(f, 1e-300))).sum() * cell
    bounds = entropy_bounds(p)
    assert bounds.lower - 1e-9 <= entropy <= bounds.upper + 1e-9
    divergence = (f * np.log(np.maximum(f, 1e-300) / np.maximum(g, 1e-300))).sum() * cell
    bracket = kl_bounds(p, q)
    assert bracket.lower - 1e-9 <= divergence <= bracket.upper + 1e-9


def test_brackets_of_scalars():
    bounds = entropy_bounds(b())
    assert bounds.lower <= b().entropy() <= bounds.upper
    for p, q in ((a(), b()), (b(), a())):
        bracket = kl_bounds(p, q)
        assert bracket.lower <= kl_divergence(p, q) <= bracket.upper
    bracket = kl_bounds(a(), a())
    np.testing.assert_allclose(bracket, 0.0, atol=1e-12)


@pytest.mark.slow
def test_bounds_with_a_weight_of_zero():
    components = dist.Normal(jnp.array([0.0, 5.0]))

    def total(probs):
        p = mix(probs, components)
        return jnp.stack([*entropy_bounds(p), *kl_bounds(p, b()), *kl_bounds(b(), p)])

    probs = jnp.array([1.0, 0.0])
    np.testing.assert_allclose(total(probs)[:6][1:2], stats.norm.entropy(), rtol=1e-12)
    assert jnp.all(jnp.isfinite(total(probs)))
    assert jnp.all(jnp.isfinite(jax.jacrev(total)(probs)))


@pytest.mark.slow
def test_wasserstein_of_shifts_and_scales():
    """A shift costs itself; a change of scale its part of the spread."""
    p = a()
    shifted = mix([0.3, 0.7], dist.Normal(jnp.array([2.0, 4.0]), jnp.array([0.1, 0.5])))
    for order in (1, 2):
        np.testing.assert_allclose(wasserstein(p, shifted, order=order), 3.0, rtol=1e-9)
    wide, narrow = same(dist.Normal, 0.0, 2.0), same(dist.Normal, 0.0, 0.5)
    np.testing.assert_allclose(wasserstein(wide, narrow), 1.5, rtol=1e-8)
    np.testing.assert_allclose(
        wasserstein(wide, narrow, order=1), 1.5 * np.sqrt(2 / np.pi), rtol=1e-8
    )
    np.testing.assert_allclose(wasserstein(p, p, order=1), 0.0, atol=1e-12)
    exponentials = same(dist.Exponential, 1.0), same(dist.Exponential, 0.25)
    np.testing.assert_allclose(wasserstein(*exponentials, order=1), 3.0, rtol=1e-8)
    np.testing.assert_allclose(wasserstein(*exponentials), 3.0 * np.sqrt(2), rtol=1e-8)


@pytest.mark.slow
def test_batches_jit_and_vmap():
    loc = jnp.array([[-1.0, 1.0], [0.0, 4.0], [2.0, 2.0]])
    batch, one = mix([0.3, 0.7], dist.Normal(loc)), b()
    rows = [mix([0.3, 0.7], dist.Normal(m)) for m in loc]
    for fn in (
        lambda p: p.entropy(),
        lambda p: p.crps(0.3),
        lambda p: kl_divergence(p, one),
        lambda p: kl_divergence(one, p),
        lambda p: inner_product(p, one),
        lambda p: entropy_bounds(p).upper,
        lambda p: kl_bounds(one, p).upper,
        lambda p: wasserstein(p, one, order=1),
        lambda p: wasserstein(one, p),
    ):
        got = fn(batch)
        assert got.shape == (3,)
        np.testing.assert_allclose(got, [fn(p) for p in rows], rtol=1e-9)
        np.testing.assert_allclose(jax.jit(fn)(batch), got, rtol=1e-9)
        mapped = jax.vmap(lambda m, fn=fn: fn(mix([0.3, 0.7], dist.Normal(m))))(loc)
        np.testing.assert_allclose(mapped, got, rtol=1e-9)


# ---- errors ----


def test_errors():
    vectors = mix([0.5, 0.5], dist.Normal(jnp.zeros((2, 3))).to_event(1))
    gammas = mix([0.5, 0.5], dist.Gamma(jnp.ones(2)))
    counts = mix([0.5, 0.5], dist.Poisson(jnp.ones(2)))
    with pytest.raises(NotImplementedError, match=r"scalar events .*pathmix\.expectation"):
        vectors.entropy()
    with pytest.raises(NotImplementedError, match=r"at most 4096 values"):
        counts.entropy()
    with pytest.raises(NotImplementedError, match="expected continuous components"):
        counts.crps(1.0)
    with pytest.raises(NotImplementedError, match="expected scalar events for `crps`"):
        vectors.crps(jnp.zeros(3))
    with pytest.raises(NotImplementedError, match=r"scalar mixtures of continuous.*kl_bounds"):
        kl_divergence(vectors, vectors)
    with pytest.raises(NotImplementedError, match="got Poisson"):
        kl_divergence(counts, counts)
    for fn in (inner_product, log_inner_product, l2_distance, cauchy_schwarz_divergence, kl_bounds):
        with pytest.raises(NotImplementedError, match=f"for `{fn.__name__}`, got Gamma"):
            fn(gammas, gammas)
        with pytest.raises(ValueError, match=f"one event shape for `{fn.__name__}`"):
            fn(a(), vectors)
        with pytest.raises(TypeError, match=r"MixtureSameFamily\.from_numpyro"):
            fn(a(), dist.Normal())
    with pytest.raises(NotImplementedError, match="for `entropy_bounds`, got Gamma"):
        entropy_bounds(gammas)
    with pytest.raises(ValueError, match="expected order to be 1 or 2"):
        pathmix.wasserstein(a(), b(), order=3)
    with pytest.raises(NotImplementedError, match="for `wasserstein`"):
        wasserstein(vectors, vectors)


# ---- the score of Student t mixtures ----


def t_mixture(df):
    loc, scale = jnp.array([-2.0, 0.0, 5.0]), jnp.array([0.5, 1.0, 2.0])
    return mix([0.2, 0.5, 0.3], dist.StudentT(jnp.array(df), loc, scale))


OF_STUDENT_T = {  # by mpmath: the integrals of squared tails, with incomplete beta functions
    (1.5, 4.0, 30.0): ([0.3, -22.0, 80.0], [0.695276013050542, 21.3563300152925, 77.14417034669]),
    (1.5, 1.5, 1.5): ([0.3, -22.0, 80.0], [0.775666798993977, 20.754387045968, 76.3675741085909]),
    (1.0, 3.0, 10.0): ([0.3, -22.0, 80.0], [0.715170231000174, 21.2269736231366, 76.936104777449]),
}


@pytest.mark.parametrize(
    "df", [df if df[0] == 1 else pytest.param(df, marks=pytest.mark.slow) for df in OF_STUDENT_T]
)
@pytest.mark.slow
def test_crps_of_student_t(df):
    """To the digits of the references, up to forty scales out."""
    x, wanted = OF_STUDENT_T[df]
    np.testing.assert_allclose(t_mixture(df).crps(jnp.array(x)), wanted, rtol=1e-13)


@pytest.mark.parametrize(
    ("df", "wanted"),
    [
        pytest.param(0.55, 3.00263598444749, marks=pytest.mark.slow),
        pytest.param(0.5, np.inf, marks=pytest.mark.slow),
        pytest.param(1.0, 0.897911303122977, marks=pytest.mark.slow),
        pytest.param(0.75, 1.1345129934028, marks=pytest.mark.slow),
        pytest.param(0.51, 12.3457943709637, marks=pytest.mark.slow),
        pytest.param(0.3, np.inf, marks=pytest.mark.slow),
    ],
)
def test_crps_of_tails_without_a_mean(df, wanted):
    """It is finite for more than half a degree of freedom, although no distance has a mean.

    Between quantiles that lie factors apart the panels have errors of 1e-6; what is beyond them is
    known by the power alone, without which 0.55 degrees were off by .001, 0.51 by a quarter.
    """
    mixture = t_mixture([df] * 3)
    np.testing.assert_allclose(mixture.crps(0.3), wanted, rtol=1e-6)
    slope = jax.grad(mixture.crps)(0.3)
    np.testing.assert_allclose(slope, 2 * mixture.cdf(0.3) - 1, rtol=1e-10)


def test_crps_of_a_heavy_tail_on_one_side():
    """Pareto's survival is ``x⁻ᵃ``: the score at its end is the integral of ``x⁻²ᵃ`` from there."""
    pareto = lambda a: same(dist.Pareto, 1.0, a).crps(1.0)  # noqa: E731
    np.testing.assert_allclose(pareto(0.6), 5.0, rtol=1e-6)
    assert pareto(0.5) == jnp.inf
    assert jnp.isfinite(same(dist.LogNormal, 0.0, 20.0).crps(1.0))
