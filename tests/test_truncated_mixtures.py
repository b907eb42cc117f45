"""Truncated mixtures: values, draws, derivatives, batches, sites, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.util import log_density
from scipy import integrate, stats

from cases.truncated import ALPHA, normals, reference, two
from pathmix import MixtureSameFamily

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-1.0, 2.0),
        *(pytest.param(*b, marks=SLOW) for b in [(None, 0.5), (0.5, None), (None, None)]),
    ],
)
def test_values(low, high, x64):
    truncated = normals().truncate(low, high)
    a, b = -np.inf if low is None else low, np.inf if high is None else high
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.5, 2.0])
    inside = (x >= a) & (x <= b)
    mass = reference(b) - reference(a)
    f = 0.3 * stats.norm.pdf(x, -1, 0.5) + 0.7 * stats.norm.pdf(x, 1, 2)
    p = np.where(inside, f / mass, 0)
    np.testing.assert_allclose(jnp.exp(truncated.log_prob(x)), p, rtol=1e-12)
    cdf = np.clip((reference(x) - reference(a)) / mass, 0, 1)
    np.testing.assert_allclose(truncated.cdf(x), cdf, rtol=1e-12, atol=1e-15)
    survival = jnp.exp(truncated.log_survival_function(x))
    np.testing.assert_allclose(survival, 1 - cdf, rtol=1e-11, atol=1e-15)
    q = np.array([0.0, 1e-9, 0.2, 0.7, 1 - 1e-9, 1.0])
    np.testing.assert_allclose(truncated.cdf(truncated.icdf(q)), q, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(truncated.icdf(jnp.array([0.0, 1.0])), [a, b])
    for scale in ("inverse_log_cdf", "inverse_log_survival"):
        log_q = np.log(q[1:-1])
        back = truncated.log_cdf if scale.endswith("cdf") else truncated.log_survival_function
        np.testing.assert_allclose(back(getattr(truncated, scale)(log_q)), log_q, rtol=1e-6)


def test_ends_and_nan():
    truncated = normals().truncate(-1.0, 2.0)
    assert jnp.isnan(truncated.log_prob(jnp.nan))
    assert jnp.isnan(truncated.cdf(jnp.nan))
    assert jnp.isnan(truncated.icdf(jnp.nan))
    assert jnp.isnan(truncated.icdf(1.5))
    assert truncated.log_prob(jnp.inf) == -jnp.inf
    np.testing.assert_array_equal(truncated.cdf(jnp.array([-5.0, 5.0])), [0.0, 1.0])
    assert jnp.isnan(normals().truncate(jnp.nan, 2.0).log_prob(0.0))


@pytest.mark.slow
@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (None, 0.5), (0.5, None)])
def test_draws(low, high):
    truncated = normals().truncate(low, high)
    draws = np.asarray(truncated.sample(jax.random.key(3), (5000,)))
    a, b = -np.inf if low is None else low, np.inf if high is None else high
    mass = reference(b) - reference(a)
    cdf = lambda x: (reference(x) - reference(a)) / mass  # noqa: E731
    assert stats.kstest(draws, cdf).pvalue > ALPHA


@pytest.mark.slow
def test_counts(x64):
    truncated = two(dist.Poisson(jnp.array([3.0, 10.0]))).truncate(2, 5)
    n = np.arange(0, 8)
    p = 0.3 * stats.poisson.pmf(n, 3) + 0.7 * stats.poisson.pmf(n, 10)
    p = np.where((n >= 2) & (n <= 5), p, 0)
    p /= p.sum()
    np.testing.assert_allclose(jnp.exp(truncated.log_prob(n)), p, rtol=1e-12)
    np.testing.assert_allclose(truncated.cdf(n), np.cumsum(p), rtol=1e-12)
    cdf = np.cumsum(p)
    np.testing.assert_array_equal(truncated.icdf(cdf[2:6] - 1e-9), [2, 3, 4, 5])
    np.testing.assert_array_equal(truncated.icdf(cdf[2:5] + 1e-9), [3, 4, 5])
    draws = truncated.sample(jax.random.key(0), (5000,))
    assert jnp.issubdtype(draws.dtype, jnp.integer)
    seen = np.bincount(np.asarray(draws), minlength=8)[2:6]
    assert stats.chisquare(seen, p[2:6] * 5000).pvalue > ALPHA
    one = two(dist.Poisson(jnp.array([3.0, 10.0]))).truncate(4, 4)
    np.testing.assert_allclose(one.log_prob(4), 0.0, atol=1e-12)


MADE = {
    "both": lambda t: t[:2],
    "low": lambda t: (t[0], None),
    "high": lambda t: (None, t[1]),
}
OF = {
    "log_prob": lambda d: d.log_prob(0.7),
    "icdf": lambda d: d.icdf(0.3),
    "upper icdf": lambda d: d.icdf(0.9),
    "log_cdf": lambda d: d.log_cdf(0.7),
}


QUICK = {("low", "log_cdf"), ("high", "upper icdf"), ("both", "icdf"), ("both", "log_prob")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bounds", "of"),
    [
        pytest.param(bounds, of, marks=() if (bounds, of) in QUICK else SLOW)
        for bounds in MADE
        for of in OF
    ],
)
def test_derivatives(of, bounds, x64):
    """In bounds, weights and parameters, by central differences with an error of ``h⁴``."""

    def value(t):
        components = dist.Normal(t[4:6], t[6:8])
        mixture = MixtureSameFamily(dist.Categorical(probs=t[2:4]), components)
        return OF[of](mixture.truncate(*MADE[bounds](t)))

    t = jnp.array([0.2, 1.5, 0.3, 0.7, -1.0, 1.0, 0.5, 2.0])
    value = jax.jit(value)
    gradient, forward = jax.grad(value)(t), jax.jacfwd(value)(t)
    np.testing.assert_allclose(forward, gradient, rtol=1e-9, atol=1e-11)
    for i in range(t.size):
        e = jnp.zeros_like(t).at[i].set(1e-4)
        near, far = value(t + e) - value(t - e), value(t + 2 * e) - value(t - 2 * e)
        np.testing.assert_allclose(gradient[i], (8 * near - far) / 12e-4, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_second_derivatives_of_quantiles(x64):
    def value(t):
        components = dist.Normal(jnp.array([-1.0, t[2]]), jnp.array([0.5, 2.0]))
        return two(components).truncate(t[0], t[1]).icdf(0.3)

    t, h = jnp.array([0.2, 1.5, 1.0]), 1e-4
    gradient = jax.jit(jax.grad(value))
    hessian = jax.jacfwd(jax.grad(value))(t)
    for i in range(3):
        e = jnp.zeros(3).at[i].set(h)
        near, far = gradient(t + e) - gradient(t - e), gradient(t + 2 * e) - gradient(t - 2 * e)
        np.testing.assert_allclose(hessian[i], (8 * near - far) / (12 * h), rtol=1e-6, atol=1e-8)


def test_pathwise_gradients_are_those_of_the_mean(x64):
    """Within five standard errors of the derivative of the mean, which quadrature knows."""
    key, t = jax.random.key(1), jnp.array([0.0, 1.0, 2.0])

    def draws(t):
        components = dist.Normal(jnp.stack([jnp.full_like(t[1], -1.0), t[1]]), 0.7)
        mixture = two(components, reparameterize=True)
        return mixture.truncate(t[0], t[2]).sample(key, (2000,))

    def mean(low, loc, high):
        f = lambda x: 0.3 * stats.norm.pdf(x, -1, 0.7) + 0.7 * stats.norm.pdf(x, loc, 0.7)  # noqa: E731
        first = integrate.quad(lambda x: x * f(x), low, high, epsabs=1e-13)[0]
        return first / integrate.quad(f, low, high, epsabs=1e-13)[0]

    slopes = np.asarray(jax.jacfwd(draws)(t))
    for i in range(3):
        h = 1e-4 * np.eye(3)[i]
        wanted = (mean(*(np.asarray(t) + h)) - mean(*(np.asarray(t) - h))) / 2e-4
        error = slopes[:, i].std() / np.sqrt(2000)
        assert abs(slopes[:, i].mean() - wanted) < 5 * error + 1e-7
        assert abs(wanted) > 10 * error  # zero gradients would be seen


def test_draws_without_gradient_say_so():
    def loss(loc):
        return two(dist.Normal(loc)).truncate(0.0, 1.0).sample(jax.random.key(0))

    with pytest.warns(UserWarning, match="reparameterize=False"):
        jax.grad(lambda loc: loss(loc).sum())(jnp.zeros(2))
    truncated = normals().truncate(0.0, 1.0)
    assert not truncated.has_rsample
    with pytest.raises(NotImplementedError, match="reparameterize=True"):
        truncated.rsample(jax.random.key(0))


@pytest.mark.slow
def test_batches_jit_vmap_and_trees():
    loc = jnp.array([[0.0, 1.0], [2.0, 5.0], [-3.0, 0.0]])
    low = jnp.array([0.0, 1.0, -1.0])
    batch = two(dist.Normal(loc)).truncate(low, 3.0)
    assert batch.batch_shape == (3,)
    x = jnp.array([0.5, 2.0, 3.5])[:, None]
    got = batch.log_prob(x)
    each = [
        two(dist.Normal(m)).truncate(a, 3.0).log_prob(x[:, 0])
        for m, a in zip(loc, low, strict=True)
    ]
    np.testing.assert_allclose(got, np.stack(each, -1), rtol=1e-5)
    mapped = jax.vmap(lambda m, a: two(dist.Normal(m)).truncate(a, 3.0))(loc, low)
    assert mapped.batch_shape == (3,)
    np.testing.assert_allclose(mapped.log_prob(x), got, rtol=1e-5)
    jitted = jax.jit(lambda d, x: d.log_prob(x))(batch, x)
    np.testing.assert_allclose(jitted, got, rtol=1e-5)
    assert batch.sample(jax.random.key(0), (5,)).shape == (5, 3)
    assert batch.expand((2, 3)).sample(jax.random.key(0)).shape == (2, 3)
    leaves, tree = jax.tree.flatten(batch)
    np.testing.assert_array_equal(jax.tree.unflatten(tree, leaves).log_prob(x), got)
    one = two(dist.Normal(jnp.zeros(2))).truncate(low, 3.0)
    assert one.batch_shape == (3,)


@SLOW
def test_a_weight_of_zero(x64):
    def of(probs):
        weights = dist.Categorical(probs=probs, validate_args=False)
        components = dist.Normal(jnp.array([0.0, 40.0]))
        truncated = MixtureSameFamily(weights, components).truncate(-1.0, 1.0)
        return truncated.log_prob(0.5), truncated.icdf(0.3)

    probs = jnp.array([1.0, 0.0])
    wanted = stats.truncnorm(-1, 1)
    np.testing.assert_allclose(of(probs)[0], wanted.logpdf(0.5), rtol=1e-12)
    np.testing.assert_allclose(of(probs)[1], wanted.ppf(0.3), rtol=1e-12)
    assert all(jnp.isfinite(jnp.array(jax.jacrev(of)(probs))).ravel())


def test_supports():
    gammas = two(dist.Gamma(jnp.array([1.0, 2.0])))
    support = gammas.truncate(high=2.0).support
    assert (support.lower_bound, support.upper_bound) == (0, 2)
    support = normals().truncate(low=1.0).support
    np.testing.assert_array_equal(support(jnp.array([0.9, 1.0, 9.0])), [False, True, True])
    seen = normals().censored(low=1.0).support
    np.testing.assert_array_equal(seen(jnp.array([0.9, 1.0, 9.0])), [False, True, True])


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ((0.0, 3.0), (1.0, 5.0), (1.0, 3.0)),
        ((None, 3.0), (-1.0, None), (-1.0, 3.0)),
        ((0.0, 3.0), (None, None), (0.0, 3.0)),
        ((None, None), (0, 3), (0.0, 3.0)),
    ],
)
def test_a_truncation_of_a_truncation(first, second, both, x64):
    mixture, x = normals(), jnp.linspace(-2.0, 6.0, 9)
    once, twice = mixture.truncate(*both), mixture.truncate(*first).truncate(*second)
    np.testing.assert_array_equal(twice.log_prob(x), once.log_prob(x))
    np.testing.assert_array_equal(twice.icdf(0.3), once.icdf(0.3))


def test_a_truncation_of_a_truncation_moves_with_the_inner_bounds(x64):
    def log_prob(bounds, twice):
        a, b, c, d = bounds
        truncated = normals().truncate(a, b).truncate(c, d) if twice else normals().truncate(c, b)
        return truncated.log_prob(1.5)

    bounds = jnp.array([0.0, 3.0, 1.0, 5.0])
    mine, want = (jax.jit(jax.grad(log_prob), static_argnums=1)(bounds, t) for t in (True, False))
    np.testing.assert_allclose(mine, want, rtol=1e-13)
    assert np.count_nonzero(want) == 2
    batched = normals().truncate(jnp.array([0.0, 1.0]), 3.0).truncate(jnp.array([[0.5], [2.0]]))
    np.testing.assert_array_equal(batched.low, [[0.5, 1.0], [2.0, 2.0]])
    assert jnp.isnan(normals().truncate(0.0, 3.0).truncate(jnp.nan).log_prob(1.5))


def test_errors_of_a_truncation_of_a_truncation():
    mixture = normals().truncate(0.0, 1.0)
    for bounds, text in (
        ((2.0, 3.0), "enclose none of it. Move them"),
        ((1.0, 3.0), "enclose none of it. Move them"),
        ((3.0, 2.0), r"expected low < high for `truncate"),
    ):
        with pytest.raises(ValueError, match=text):
            mixture.truncate(*bounds)
        with pytest.raises(Exception, match=text):
            jax.jit(lambda a, b: mixture.truncate(a, b).log_prob(0.5))(*bounds)
    counts = two(dist.Poisson(jnp.array([1.0, 3.0]))).truncate(1, 3)
    assert counts.truncate(3, 5).log_prob(3) == 0.0
    with pytest.raises(ValueError, match="enclose none of it"):
        counts.truncate(4, 5)


def test_errors():
    mixture = normals()
    for low, high in ((2.0, 1.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match=r"expected low < high for `truncate"):
            mixture.truncate(low, high)
        with pytest.raises(Exception, match=r"expected low < high for `truncate"):
            jax.jit(lambda a, b: mixture.truncate(a, b).log_prob(0.5))(low, high)
    with pytest.raises(ValueError, match=r"expected low < high for `censored"):
        mixture.censored(2.0, 1.0)
    with pytest.raises(ValueError, match=r"expected low ≤ high"):
        two(dist.Poisson(jnp.ones(2))).truncate(2, 1)
    gammas = two(dist.Gamma(jnp.array([1.0, 2.0])))
    with pytest.raises(ValueError, match=r"a probability above zero .* Move them"):
        gammas.truncate(-2.0, -1.0)
    with pytest.raises(Exception, match="a probability above zero"):
        jax.jit(lambda b: gammas.truncate(high=b).log_prob(0.5))(-1.0)
    with pytest.raises(ValueError, match="expected a JAX random key, got None"):
        mixture.truncate(0.0).sample(None)
    with pytest.raises(ValueError, match=r"expected q to broadcast"):
        two(dist.Normal(jnp.zeros((3, 2)))).truncate(0.0).icdf(jnp.zeros(5))


# ---- sites of NumPyro ----


@pytest.mark.slow
def test_a_latent_and_an_observed_site():
    data = jnp.array([0.5, 1.5])

    def model():
        z = numpyro.sample("z", normals().truncate(0.0, 2.0))
        with numpyro.plate("rows", 2):
            numpyro.sample("x", two(dist.Normal(jnp.stack([z, -z]))).truncate(low=0.0), obs=data)

    log_joint, trace = log_density(model, (), {}, {"z": jnp.array(0.7)})
    wanted = normals().truncate(0.0, 2.0).log_prob(0.7)
    wanted += two(dist.Normal(jnp.array([0.7, -0.7]))).truncate(low=0.0).log_prob(data).sum()
    np.testing.assert_allclose(log_joint, wanted, rtol=1e-5)
    seeded = numpyro.handlers.trace(numpyro.handlers.seed(model, 0)).get_trace()
    assert 0 <= seeded["z"]["value"] <= 2
    constrain = dist.transforms.biject_to(trace["z"]["fn"].support)
    z = constrain(jnp.array([-5.0, 0.0, 5.0]))
    assert jnp.all((z >= 0) & (z <= 2))
