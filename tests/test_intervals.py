"""Probabilities of intervals: both tails, narrow ones, counts; derivatives; rounded data."""

from itertools import product

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import MixtureSameFamily

DIGITS = 60


def two(components, weights=None):
    halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
    return MixtureSameFamily(halves if weights is None else weights, components)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def both_tails(cdf, survival, a, b):
    """``P(a < X ≤ b)`` with many digits, by the smaller of both tails."""
    below = cdf(b) - cdf(a)
    above = survival(a) - survival(b)
    return below if cdf(b) < survival(a) else above


def normal(loc, scale):
    return (
        lambda x: mp.ncdf((x - loc) / scale),
        lambda x: mp.ncdf(-(x - loc) / scale),
    )


def logistic(loc, scale):
    return (
        lambda x: 1 / (1 + mp.exp(-(x - loc) / scale)),
        lambda x: 1 / (1 + mp.exp((x - loc) / scale)),
    )


def student(df, loc, scale):
    def tail(z):
        return mp.betainc(mp.mpf(df) / 2, mp.mpf(1) / 2, 0, df / (df + z * z), True) / 2

    def cdf(x):
        z = (mp.mpf(x) - loc) / scale
        return tail(z) if z < 0 else 1 - tail(z)

    return cdf, lambda x: cdf(2 * mp.mpf(loc) - x)


def gamma(a, rate):
    return (
        lambda x: mp.gammainc(a, 0, rate * mp.mpf(x), True),
        lambda x: mp.gammainc(a, rate * mp.mpf(x), mp.inf, True),
    )


def poisson(rate):
    return (
        lambda x: mp.gammainc(mp.floor(x) + 1, rate, mp.inf, True) if x >= 0 else mp.mpf(0),
        lambda x: mp.gammainc(mp.floor(x) + 1, 0, rate, True) if x >= 0 else mp.mpf(1),
    )


def arrays(*values):
    return tuple(jnp.array(v) for v in values)


CASES = {
    "Normal": (
        lambda: dist.Normal(*arrays([0.0, 3.0], [1.0, 2.0])),
        lambda: [normal(0, 1), normal(3, 2)],
        [-40.0, -12.0, -1.0, 0.3, 5.0, 20.0, 40.0],
    ),
    "Logistic": (
        lambda: dist.Logistic(*arrays([0.0, 3.0], [1.0, 2.0])),
        lambda: [logistic(0, 1), logistic(3, 2)],
        [-120.0, -12.0, -1.0, 0.3, 5.0, 40.0, 120.0],
    ),
    "StudentT": (
        lambda: dist.StudentT(*arrays([2.5, 4.0], [0.0, 3.0], [1.0, 2.0])),
        lambda: [student(2.5, 0, 1), student(4, 3, 2)],
        [-40.0, -12.0, -1.0, 0.3, 5.0, 40.0, 80.0],
    ),
    "Gamma": (
        lambda: dist.Gamma(*arrays([0.5, 4.0], [1.0, 0.5])),
        lambda: [gamma(0.5, 1), gamma(4, 0.5)],
        [1e-3, 0.1, 1.0, 5.0, 40.0, 100.0],
    ),
    "Poisson": (
        lambda: dist.Poisson(jnp.array([2.0, 30.0])),
        lambda: [poisson(2), poisson(30)],
        [0.0, 3.0, 12.0, 30.0, 60.0, 110.0],
    ),
}


@pytest.mark.parametrize("width", [1e-6, 1e-2, 1.0, 7.5])
@pytest.mark.parametrize("name", [name for name in CASES if name != "Poisson"])
def test_values_by_mpmath(name, width, x64):
    make, tails, starts = CASES[name]
    mixture = two(make())
    for a in starts:
        b = a + width
        with mp.workdps(DIGITS):
            total = sum(both_tails(*of, mp.mpf(a), mp.mpf(b)) for of in tails()) / 2
            wanted = float(mp.log(total)) if total > 0 else -np.inf
        got = float(mixture.log_interval(a, b))
        tolerance = 2e-12 * max(1.0, abs(wanted))
        assert got == wanted or abs(got - wanted) < tolerance, (a, got, wanted)


def test_counts_by_mpmath(x64):
    make, tails, starts = CASES["Poisson"]
    mixture = two(make())
    for a in starts:
        for b in (a + 0.5, a + 1, a + 3.7, a + 20):
            with mp.workdps(DIGITS):
                total = sum(both_tails(*of, a, b) for of in tails()) / 2
                wanted = float(mp.log(total)) if b >= a + 1 else -np.inf
            np.testing.assert_allclose(mixture.log_interval(a, b), wanted, rtol=1e-11)


def test_the_references(x64):
    mixture = two(dist.Logistic(*arrays([10.0, 200.0], [3.0, 2.0])))
    got = mixture.log_interval(jnp.array([115.5, 229.5]), jnp.array([116.5, 230.5]))
    np.testing.assert_allclose(got, [-37.1185, -16.3759], atol=5e-5)


@pytest.mark.parametrize("x", [-30.0, -1.0, 0.7, 30.0])
def test_narrow_intervals_in_float32(x):
    """One unit in the last place has the density times its width, to float32."""
    mixture = two(dist.Normal(*arrays([0.0, 3.0], [1.0, 2.0])))
    x = np.float32(x)
    b = np.nextafter(x, np.float32(np.inf))
    got = mixture.log_interval(x, b) - np.log(b - x)
    log_f = np.log(0.5 * stats.norm.pdf(np.float64(x)) + 0.5 * stats.norm.pdf(x, 3, 2))
    np.testing.assert_allclose(got, log_f, rtol=2e-6, atol=2e-6)


def test_ends():
    mixture = two(dist.Gamma(*arrays([0.5, 4.0], [1.0, 0.5])))
    inf = jnp.inf
    assert mixture.log_interval(-inf, inf) == 0
    assert mixture.log_interval(-2.0, -1.0) == -inf
    assert mixture.log_interval(1.0, 1.0) == -inf
    assert mixture.log_interval(inf, inf) == -inf
    assert jnp.isnan(mixture.log_interval(jnp.nan, 1.0))
    assert jnp.isnan(mixture.log_interval(0.0, jnp.nan))
    np.testing.assert_allclose(mixture.log_interval(-inf, 2.0), mixture.log_cdf(2.0), rtol=1e-6)
    upper = mixture.log_survival_function(2.0)
    np.testing.assert_allclose(mixture.log_interval(2.0, inf), upper, rtol=1e-6)


def test_edges_inside_the_interval(x64):
    """A density that jumps inside a narrow interval is no integrand."""
    mixture = two(dist.Uniform(*arrays([0.0, 1.0], [1.0, 3.0])))
    got = mixture.log_interval(jnp.array([-1e-4, 0.9999, 2.9999]), jnp.array([1e-4, 1.0001, 3.1]))
    wanted = np.log([0.5e-4, 0.5e-4 + 0.25e-4, 0.25e-4])
    np.testing.assert_allclose(got, wanted, rtol=1e-11)


def test_a_kink_inside_the_interval(x64):
    mixture = two(dist.Laplace(jnp.zeros(2), *arrays([1.0, 2.0])))
    for a, b in ((-1e-3, 2e-3), (-1e-9, 3e-9), (-0.2, 0.1)):
        mass = [(-np.expm1(a / s) - np.expm1(-b / s)) / 2 for s in (1.0, 2.0)]
        got = mixture.log_interval(a, b)
        np.testing.assert_allclose(got, np.log(np.mean(mass)), atol=1e-7 * (b - a) + 1e-13)


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        *product(["Normal", "Logistic", "Gamma"], [0.5], [0.5005, 4.0]),
        *product(["Normal", "Logistic", "Gamma"], [25.0], [26.0]),
        ("Cauchy", 25.0, 25.1),
    ],
)
def test_derivatives(name, a, b, x64):
    """By central differences, with an error of ``h⁴`` and of rounding over ``h``."""
    components = dist.Cauchy(jnp.array([0.0, 3.0])) if name == "Cauchy" else CASES[name][0]()
    fields = [jnp.asarray(p) for p in components.get_args().values()]

    def value(arguments):
        a, b, probs, *parameters = arguments
        made = type(components)(*parameters)
        return two(made, dist.Categorical(probs=probs)).log_interval(a, b)

    at = (jnp.asarray(a), jnp.asarray(b), jnp.array([0.3, 0.7]), *fields)
    flat, unravel = jax.flatten_util.ravel_pytree(at)
    of = jax.jit(lambda t: value(unravel(t)))
    gradient, forward = jax.grad(of)(flat), jax.jacfwd(of)(flat)
    np.testing.assert_allclose(forward, gradient, rtol=1e-9, atol=1e-12)
    for i in range(flat.size):
        h = 1e-4 * (b - a if i < 2 else 1.0)
        e = jnp.zeros_like(flat).at[i].set(h)
        near, far = of(flat + e) - of(flat - e), of(flat + 2 * e) - of(flat - 2 * e)
        numeric = (8 * near - far) / (12 * h)
        np.testing.assert_allclose(gradient[i], numeric, rtol=1e-6, atol=1e-7)


def test_a_weight_of_zero(x64):
    """The derivative in it is the exact one."""

    def of(probs):
        weights = dist.Categorical(probs=probs, validate_args=False)
        return two(dist.Normal(*arrays([0.0, 1.0], [1.0, 1.0])), weights).log_interval(1.0, 2.0)

    gradient = jax.grad(of)(jnp.array([1.0, 0.0]))
    shares = [stats.norm.cdf(2 - m) - stats.norm.cdf(1 - m) for m in (0, 1)]
    np.testing.assert_allclose(gradient, [0.0, shares[1] / shares[0] - 1], atol=1e-12)


def test_a_rate_of_zero(x64):
    """``P(0 < X ≤ 1)`` of a Poisson of rate zero is zero, and its slope in the rate is one."""

    def of(rate):
        mixture = two(dist.Poisson(jnp.stack([rate, jnp.ones_like(rate)])))
        return jnp.exp(mixture.log_interval(0.0, 1.0))

    np.testing.assert_allclose(of(jnp.array(0.0)), 0.5 * np.exp(-1), rtol=1e-12)
    np.testing.assert_allclose(jax.grad(of)(jnp.array(0.0)), 0.5, rtol=1e-12)


def test_batches_jit_and_vmap():
    loc = jnp.array([[0.0, 1.0], [2.0, 5.0], [-3.0, 0.0]])
    batch = two(dist.Normal(loc))
    a, b = jnp.linspace(-3, 2, 4)[:, None], jnp.linspace(-2, 4, 4)[:, None]
    got = batch.log_interval(a, b)
    assert got.shape == (4, 3)
    one = [[two(dist.Normal(m)).log_interval(*ab) for m in loc] for ab in zip(a, b, strict=True)]
    np.testing.assert_allclose(got, np.array(one)[..., 0], rtol=1e-5)
    jitted = jax.jit(lambda m, a, b: m.log_interval(a, b))(batch, a, b)
    np.testing.assert_allclose(jitted, got, rtol=1e-5)
    mapped = jax.vmap(lambda m: two(dist.Normal(m)).log_interval(0.0, 1.0))(loc)
    np.testing.assert_allclose(mapped, batch.log_interval(0.0, 1.0), rtol=1e-6)


def test_errors():
    mixture = two(dist.Normal(jnp.zeros(2)))
    with pytest.raises(ValueError, match=r"expected a ≤ b .* got a > b\. Swap"):
        mixture.log_interval(1.0, 0.0)
    with pytest.raises(Exception, match="expected a ≤ b"):
        jax.jit(mixture.log_interval)(1.0, 0.0)
    vectors = two(dist.Normal(jnp.zeros((2, 3))).to_event(1))
    for ask in ("log_interval", "quantized", "truncate", "censored"):
        with pytest.raises(NotImplementedError, match=f"expected scalar events for `{ask}`"):
            getattr(vectors, ask)(*(0.0, 1.0)[: 1 if ask == "quantized" else 2])
    with pytest.raises(ValueError, match="finite width > 0"):
        mixture.quantized(0.0)
    with pytest.raises(Exception, match="finite width > 0"):
        jax.jit(lambda w: mixture.quantized(w).log_prob(0.0))(-1.0)
    with pytest.raises(ValueError, match="expected a value of shape"):
        two(dist.Normal(jnp.zeros((3, 2)))).log_interval(jnp.zeros(5), 1.0)


# ---- quantized ----


def test_rounded_values(x64):
    quantized = two(dist.Normal(*arrays([0.0, 3.0], [1.0, 2.0]))).quantized(0.5)
    grid = 0.5 * jnp.arange(-30, 40)
    np.testing.assert_allclose(jnp.exp(quantized.log_prob(grid)).sum(), 1.0, rtol=1e-12)
    cdf = lambda x: 0.5 * stats.norm.cdf(x) + 0.5 * stats.norm.cdf(x, 3, 2)  # noqa: E731
    wanted = np.log(cdf(1.25) - cdf(0.75))
    np.testing.assert_allclose(quantized.log_prob(1.0), wanted, rtol=1e-12)


def test_rounded_draws(x64):
    """By Pearson's test at a level of 1e-6."""
    quantized = two(dist.Normal(*arrays([0.0, 3.0], [1.0, 2.0]))).quantized(1.0)
    draws = np.asarray(quantized.sample(jax.random.key(0), (20_000,)))
    assert np.all(draws == np.round(draws))
    grid = np.arange(-3, 9)
    p = np.exp(quantized.log_prob(grid.astype(float)))
    seen = np.array([(draws == g).sum() for g in grid])
    expected = np.append(p, 1 - p.sum()) * draws.size
    test = stats.chisquare(np.append(seen, draws.size - seen.sum()), expected)
    assert test.pvalue > 1e-6


def test_a_width_below_the_last_digit():
    """The width is known by itself, where ``x ± width/2`` rounds."""
    mixture = two(dist.Normal(jnp.full(2, 1000.0), jnp.full(2, 10.0)))
    width = 1e-5
    got = mixture.quantized(width).log_prob(1003.0)
    wanted = stats.norm.logpdf(1003.0, 1000, 10) + np.log(width)
    assert mixture.log_interval(1003.0, 1003.0) == -jnp.inf
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_model_of_rounded_data():
    data = jnp.array([0.5, 1.0, -0.5])

    def model():
        loc = numpyro.sample("loc", dist.Normal())
        mixture = two(dist.Normal(jnp.stack([loc, loc + 3.0])))
        with numpyro.plate("rows", 3):
            numpyro.sample("x", mixture.quantized(0.5), obs=data)

    log_joint, _ = numpyro.infer.util.log_density(model, (), {}, {"loc": jnp.array(0.2)})
    mixture = two(dist.Normal(jnp.array([0.2, 3.2])))
    wanted = dist.Normal().log_prob(0.2) + mixture.log_interval(data - 0.25, data + 0.25).sum()
    np.testing.assert_allclose(log_joint, wanted, rtol=1e-5)
