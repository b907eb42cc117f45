"""Split logarithms, and the deviances of many components by them, against mpmath."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from pathmix._special._exact import half, one_minus, product_error, stored, two_sum
from pathmix._special._split_deviance import beta_deviance_at, gamma_deviance
from pathmix._special._split_log import split_log
from pathmix._tuning import FEW, FEW_PAIRS

ABSOLUTE = {"float32": 2.0**-42, "float64": 2.0**-71}
"""Half the square of s ≤ 2⁻¹⁰, 2⁻²¹, is rounded by 2⁻²⁴ or 2⁻⁵³ of it; the last sums by less."""
RELATIVE = {"float32": 2.0**-45, "float64": 2.0**-103}
"""The low part is up to half a rounding of the high one, and rounded itself, some times over."""


def exact(x):
    return mp.mpf(float(x))


def test_sums_and_products_have_their_roundings(precision):
    rng = np.random.default_rng(0)
    p, q = jnp.asarray(rng.normal(size=(2, 100)) * np.exp(rng.normal(size=(2, 100))), precision)
    total, rest = jax.jit(two_sum)(p, q)
    lost = jax.jit(product_error)(p, q)
    with mp.workdps(60):
        for a, b, t, r, e, ab in zip(p, q, total, rest, lost, p * q, strict=True):
            assert exact(t) + exact(r) == exact(a) + exact(b)
            assert exact(ab) + exact(e) == exact(a) * exact(b)
            assert exact(half(a) * half(b)) == exact(half(a)) * exact(half(b))
    np.testing.assert_array_equal(jax.jit(stored)(p), p)
    x = jnp.abs(jnp.sin(p))
    y, lost = jax.jit(one_minus)(x)
    assert jnp.any(lost != 0)
    with mp.workdps(60):
        for a, b, c in zip(x, y, lost, strict=True):
            assert exact(b) + exact(c) == 1 - exact(a)


def test_logarithms(precision):
    """Of numbers of all sizes, beside powers of two, and at the ends."""
    rng = np.random.default_rng(1)
    info = np.finfo(precision)
    powers = 2.0 ** np.arange(-20, 20)
    x = np.concatenate(
        [
            np.exp(rng.uniform(np.log(info.tiny), np.log(info.max), 1000)),
            *(powers * (1 + sign * info.eps) for sign in (-0.5, 0, 1)),
            [info.tiny, info.max],
        ]
    ).astype(precision)
    high, low = jax.jit(split_log)(jnp.asarray(x))
    with mp.workdps(60):
        for t, a, b in zip(x, high, low, strict=True):
            wanted = mp.log(exact(t))
            allowed = ABSOLUTE[precision] + RELATIVE[precision] * abs(wanted)
            assert abs(exact(a) + exact(b) - wanted) < allowed, float(t)


def test_slopes_of_logarithms(x64):
    x = jnp.array([1e-3, 0.7, 1.0, 3e5])
    total = lambda x: sum(t.sum() for t in split_log(x))  # noqa: E731
    np.testing.assert_allclose(jax.grad(total)(x), 1 / x, rtol=1e-15)
    np.testing.assert_allclose(jnp.diag(jax.hessian(total)(x)), -1 / x**2, rtol=1e-15)


def gamma_pairs(precision):
    """Sixteen components and points at and about their modes, and far from them."""
    rng = np.random.default_rng(2)
    a, rate = np.exp(rng.uniform(-6, 12, 16)), np.exp(rng.uniform(-8, 8, 16))
    steps = np.array([0, 1e-7, -1e-5, 1e-3, -0.03, 0.2, -0.6, 3.0, 1e3])
    x = np.outer(1 + steps, a / rate).ravel()
    return *(jnp.asarray(t, precision)[:, None] for t in (a, rate)), jnp.asarray(x, precision)


def beta_pairs(precision):
    rng = np.random.default_rng(3)
    a, b = np.exp(rng.uniform(-4, 10, (2, 16)))
    steps = np.array([0, 1e-7, -1e-5, 1e-3, -0.03, 0.2, -0.6])
    mean = a / (a + b)
    # by the nearer end, on either side
    x = np.where(mean < 0.5, np.outer(1 + steps, mean), 1 - np.outer(1 + steps, 1 - mean)).ravel()
    x = x.astype(precision)
    x = x[(x > 0) & (x < 1)]
    return *(jnp.asarray(t, precision)[:, None] for t in (a, b)), jnp.asarray(x)


def gamma_exact(a, rate, x):
    return a * mp.log(a / (rate * x)) + rate * x - a


def beta_exact(a, b, x):
    return a * mp.log(a / ((a + b) * x)) + b * mp.log(b / ((a + b) * (1 - x)))


def gamma_sizes(a, rate, x):
    """Those of the two parts, of which each is rounded."""
    return a * abs(mp.log(a / (rate * x))) + abs(rate * x - a)


def beta_sizes(a, b, x):
    parts = mp.log(a / ((a + b) * x)), mp.log(b / ((a + b) * (1 - x)))
    return a * abs(parts[0]) + b * abs(parts[1])


CASES = {
    "gamma": (gamma_deviance, gamma_pairs, gamma_exact, gamma_sizes),
    "beta": (beta_deviance_at, beta_pairs, beta_exact, beta_sizes),
}


@pytest.fixture(params=[0, FEW_PAIRS], ids=["many pairs", "few pairs"])
def plan(request, monkeypatch):
    """By split logarithms, or their derivatives alone."""
    monkeypatch.setattr("pathmix._special._split_deviance.FEW_PAIRS", request.param)


def over_pairs(oracle, p, q, x):
    with mp.workdps(50):
        each = [
            [oracle(exact(a), exact(b), exact(t)) for t in x] for a, b in zip(p, q, strict=True)
        ]
        return np.array([[float(value) for value in row] for row in each])


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("kind", CASES)
def test_deviances_of_many_components(kind, precision):
    """Off by a few roundings of either part, and by the error of a split logarithm times ``a``."""
    fn, pairs, oracle, sizes = CASES[kind]
    p, q, x = pairs(precision)
    found = np.asarray(jax.jit(lambda *a: fn(*a))(p, q, x), float)
    wanted, size = (over_pairs(f, p[:, 0], q[:, 0], x) for f in (oracle, sizes))
    n = np.asarray(p + q if kind == "beta" else p, float)
    logs = ABSOLUTE[precision] + RELATIVE[precision] * 20
    assert np.max(np.abs(found - wanted) / (6 * np.finfo(precision).eps * size + 4 * n * logs)) < 1


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("kind", CASES)
def test_both_plans_agree(kind, x64):
    """Of few components the quotient of each pair is taken apart; to second order."""
    fn, pairs, *_ = CASES[kind]
    p, q, x = pairs("float64")
    x = x[:40]
    few = FEW - 1

    def total(p, q, x):
        return jnp.sum(jnp.exp(-fn(p, q, x)), axis=1)

    def along(f):
        return lambda *a: jax.jvp(f, a, jax.tree.map(lambda t: 0.1 * t, a))[1]

    args = p[:few], q[:few], x
    for f in (total, along(total), along(along(total))):
        one = f(*args)
        many = f(*(jnp.concatenate([t, t[:2]]) for t in args[:2]), x)[:few]
        # powers up to the fourth of deviances of 1e5, rounded
        np.testing.assert_allclose(many, one, 1e-9, 1e-12)


@pytest.mark.usefixtures("plan")
def test_modes_out_of_range():
    """Of a mode that overflows or vanishes ``rate x − a`` is what it says."""
    for a, rate, x in np.float32([[30, 2e-38, 1e38], [3, 3e38, 2e-38]]):
        found = gamma_deviance(*(jnp.full((FEW, 1), t) for t in (a, rate)), jnp.array([x]))
        wanted = float(gamma_exact(*map(exact, (a, rate, x))))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
