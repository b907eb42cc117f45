"""log1mexp, log_diff_exp, ndtr, log_ndtr, and the inverse tangent."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import special_oracles as oracles

from pathmix._special import (
    arctan_and_cot,
    expm1,
    log1mexp,
    log_add_exp,
    log_diff_exp,
    log_ndtr,
    log_sigmoids,
    mills_ratio,
    ndtr,
    sigmoid,
)

# Each is a chain of under ten operations, none of which magnifies the errors of those before it;
# the library's elementary functions are good to 2 units: 32 units in all, 2e-6 and 3.6e-15.
UNITS = 32
TAILS = np.concatenate([-np.logspace(-3, 4, 40), np.linspace(-30, 11.5, 80), [0.0]])


def _tolerance(precision):
    return UNITS * float(np.finfo(precision).eps) / 2


def test_log1mexp(precision):
    x = -np.logspace(-30, 1.9, 60).astype(precision)
    values = oracles.on_points(lambda v: mp.log(-mp.expm1(v)), [x])
    slopes = oracles.on_points(lambda v: -1 / mp.expm1(-v), [x])
    assert oracles.errors(log1mexp(x), values, 0).max() < _tolerance(precision)
    assert oracles.errors(jax.jit(jax.vmap(jax.grad(log1mexp)))(x), slopes, 0).max() < _tolerance(
        precision
    )


@pytest.mark.parametrize(("x", "value"), [(0.0, -np.inf), (-np.inf, 0.0), (-1e30, 0.0)])
def test_log1mexp_at_the_ends(precision, x, value):
    assert log1mexp(x) == value
    assert jax.grad(log1mexp)(x) == 0
    assert jax.grad(jax.grad(log1mexp))(x) == 0


def test_expm1(precision):
    """The series ends at log 2, where the difference loses a digit at most: 2 units, not 32."""
    small = np.logspace(-37, 1.9, 90)
    t = np.concatenate([small, -small, np.linspace(-0.75, 0.75, 60)]).astype(precision)
    values = oracles.on_points(mp.expm1, [t])
    slopes = oracles.on_points(mp.exp, [t])
    assert oracles.errors(jax.jit(expm1)(t), values, 0).max() < _tolerance(precision) / 8
    for order in (1, 2):
        fn = expm1 if order == 1 else jax.grad(expm1)
        found = jax.jit(jax.vmap(jax.grad(fn)))(t)
        assert oracles.errors(found, slopes, 0).max() < _tolerance(precision)
    ends = np.array([-np.inf, 0, np.inf, np.nan], precision)
    np.testing.assert_array_equal(expm1(ends), [-1, 0, np.inf, np.nan])


@pytest.mark.parametrize(("side", "sign"), [(0, 1), (1, -1)])
def test_log_sigmoids(precision, side, sign):
    t = np.concatenate([np.linspace(-87, 87, 59), [1e-8, -1e-3, 0.0]]).astype(precision)
    fn, exact = lambda t: log_sigmoids(t)[side], lambda v: -mp.log1p(mp.exp(-sign * v))
    values = oracles.on_points(exact, [t])
    assert oracles.errors(jax.jit(fn)(t), values, 0).max() < _tolerance(precision)
    for order in (1, 2, 3):  # of order one, and derivatives of these round as they do
        fn = jax.grad(fn)
        slopes = oracles.on_points(lambda v, n=order: mp.diff(exact, v, n), [t])
        assert oracles.errors(jax.vmap(fn)(t), slopes, 1).max() < _tolerance(precision)


def test_sigmoid(precision):
    t = np.linspace(-60, 60, 61).astype(precision)
    exact = lambda v: 1 / (1 + mp.exp(-v))  # noqa: E731
    values = oracles.on_points(exact, [t])
    slopes = oracles.on_points(lambda v: exact(v) * exact(-v), [t])
    assert oracles.errors(sigmoid(t), values, 0).max() < _tolerance(precision)
    assert oracles.errors(jax.vmap(jax.grad(sigmoid))(t), slopes, 0).max() < _tolerance(precision)


def test_log_sigmoids_at_the_ends():
    ends = jnp.array([-jnp.inf, jnp.inf, jnp.nan])
    np.testing.assert_array_equal(log_sigmoids(ends), [[-np.inf, 0, np.nan], [0, -np.inf, np.nan]])
    np.testing.assert_array_equal(jax.vmap(jax.jacfwd(log_sigmoids))(ends[:2]), [[1, 0], [0, -1]])


def test_log_add_exp(precision):
    a = jnp.array([0.0, 0.7, -30.0, 5.0, 80.0, -0.3], precision)
    b = jnp.array([0.0, 0.7, -29.5, -100.0, 80.1, -np.inf], precision)
    values = oracles.on_points(lambda p, q: mp.log(mp.exp(p) + mp.exp(q)), [a, b])
    assert oracles.errors(log_add_exp(a, b), values, 1e-3).max() < _tolerance(precision)
    one, two = jax.vmap(jax.grad(log_add_exp, (0, 1)))(a, b)
    share = np.exp(np.asarray(a, float) - np.array(values, float))
    np.testing.assert_allclose(one, share, rtol=1e-5)
    np.testing.assert_allclose(two, 1 - share, rtol=1e-5, atol=1e-6)
    curvature = jax.vmap(jax.grad(jax.grad(log_add_exp)))(a, b)
    np.testing.assert_allclose(curvature, share * (1 - share), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_log_add_exp_of_infinities(infinity):
    assert log_add_exp(jnp.asarray(infinity), jnp.asarray(infinity)) == infinity
    assert jax.grad(log_add_exp, (0, 1))(jnp.asarray(infinity), jnp.asarray(infinity)) == (0, 0)
    assert log_add_exp(jnp.asarray(infinity), jnp.asarray(1.0)) == max(infinity, 1)


def test_log_diff_exp(precision):
    a, b = (np.asarray(v, precision) for v in ([3.0, -200.0, 1e3], [2.5, -201.0, -1e3]))
    values = oracles.on_points(lambda p, q: p + mp.log1p(-mp.exp(q - p)), [a, b])
    assert oracles.errors(log_diff_exp(a, b), values, 1).max() < _tolerance(precision)
    for index in (0, 1):
        slopes = oracles.slopes(lambda p, q: p + mp.log1p(-mp.exp(q - p)), [a, b], index)
        found = jax.vmap(jax.grad(log_diff_exp, argnums=index))(a, b)
        assert oracles.errors(found, slopes, 1e-30).max() < _tolerance(precision)


@pytest.mark.parametrize(
    ("a", "b", "value", "gradient"),
    [
        (1.5, 1.5, -np.inf, (0, 0)),
        (-np.inf, -np.inf, -np.inf, (0, 0)),
        (1.5, -np.inf, 1.5, (1, 0)),
    ],
)
def test_log_diff_exp_at_the_ends(precision, a, b, value, gradient):
    assert log_diff_exp(a, b) == value
    assert jax.grad(log_diff_exp, argnums=(0, 1))(a, b) == gradient


def test_log_ndtr_is_relatively_accurate_in_both_tails(precision):
    z = TAILS.astype(precision)
    values = oracles.on_points(oracles.log_ndtr, [z])
    assert oracles.errors(log_ndtr(z), values, 0).max() < _tolerance(precision)


def test_derivatives_of_log_ndtr(precision):
    z = TAILS.astype(precision)
    slope, curvature = jax.grad(log_ndtr), jax.grad(jax.grad(log_ndtr))
    expected = oracles.on_points(oracles.log_ndtr_slope, [z])
    assert oracles.errors(jax.jit(jax.vmap(slope))(z), expected, 0).max() < _tolerance(precision)
    # Near zero the second derivative is a difference of terms up to twice as large.
    expected = oracles.on_points(oracles.log_ndtr_curvature, [z])
    assert oracles.errors(jax.jit(jax.vmap(curvature))(z), expected, 0).max() < 3 * _tolerance(
        precision
    )


@pytest.mark.parametrize(("z", "value"), [(np.inf, 0.0), (-np.inf, -np.inf), (1e3, 0.0)])
def test_log_ndtr_at_the_ends(precision, z, value):
    assert log_ndtr(z) == value


def test_far_in_the_tails_nothing_is_nan(precision):
    z = jnp.asarray([-np.inf, -1e30, -1e18, -300, 14, 38, 49.9, 1e30, np.inf], precision)
    for f in (log_ndtr, jax.grad(log_ndtr), jax.grad(jax.grad(log_ndtr))):
        assert not np.isnan(jax.jit(jax.vmap(f))(z)).any()


@pytest.mark.parametrize("function", [log1mexp, log_ndtr])
def test_dtypes_shapes_and_compilation(precision, function):
    x = jnp.asarray([[-0.5], [-3.0]], jnp.float32)
    assert function(x).dtype == jnp.float32
    assert function(-1).dtype == jnp.dtype(precision)
    np.testing.assert_allclose(jax.jit(function)(x), function(x), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(function)(x), function(x), rtol=1e-6)


def test_ndtr_is_relatively_accurate_in_its_lower_tail(precision):
    """As far down as numbers have all their digits."""
    far = -12 if precision == "float32" else -37
    z = np.concatenate([np.linspace(far, 9, 200), TAILS[far < TAILS]]).astype(precision)
    values = oracles.on_points(mp.ncdf, [z])
    assert oracles.errors(ndtr(z), values, 0).max() < _tolerance(precision)
    # the density takes the square of z, whose rounding a small density magnifies by z²
    slope, curvature = jax.grad(ndtr), jax.grad(jax.grad(ndtr))
    near = z[(np.abs(z) < 6) & (z != 0)]
    for fn, exact in ((slope, mp.npdf), (curvature, lambda x: -x * mp.npdf(x))):
        found = jax.jit(jax.vmap(fn))(near)
        wanted = oracles.on_points(exact, [near])
        assert oracles.errors(found, wanted, 0).max() < 2 * _tolerance(precision)


def test_ndtr_at_the_ends(precision):
    z = jnp.asarray([-np.inf, -1e30, 1e30, np.inf], precision)
    np.testing.assert_array_equal(ndtr(z), [0, 0, 1, 1])
    for f in (jax.grad(ndtr), jax.grad(jax.grad(ndtr))):
        np.testing.assert_array_equal(jax.vmap(f)(z), 0)
    assert np.isnan(ndtr(jnp.asarray(np.nan, precision)))


def test_the_inverse_tangent_and_its_complement(precision):
    """Values, slopes and curvatures, from where the one is ``x`` to where the other is ``1/x``."""
    x = np.concatenate([np.logspace(-10, 10, 60), np.linspace(0.9, 1.1, 40)]).astype(precision)
    for part, exact in enumerate((mp.atan, mp.acot)):
        fn = lambda x, part=part: arctan_and_cot(x)[part]  # noqa: E731
        sign = 1 - 2 * part
        orders = (
            (fn, exact),
            (jax.grad(fn), lambda x, sign=sign: sign / (1 + x * x)),
            (jax.grad(jax.grad(fn)), lambda x, sign=sign: -2 * sign * x / (1 + x * x) ** 2),
        )
        for f, oracle in orders:
            found, wanted = jax.jit(jax.vmap(f))(x), oracles.on_points(oracle, [x])
            assert oracles.errors(found, wanted, 0).max() < _tolerance(precision)


def test_the_inverse_tangent_at_its_ends(precision):
    ends = jnp.asarray([0.0, np.inf], precision)
    np.testing.assert_array_equal(arctan_and_cot(ends)[0] == 0, [True, False])
    np.testing.assert_array_equal(arctan_and_cot(ends)[1] == 0, [False, True])
    np.testing.assert_array_equal(jax.vmap(jax.grad(lambda x: arctan_and_cot(x)[0]))(ends), [1, 0])


@pytest.mark.parametrize("side", [-1, 1])
def test_mills_ratio(side, precision):
    z = side * np.abs(np.append(TAILS, 0)).astype(precision)
    ratio = lambda x: mp.ncdf(-abs(x)) / mp.npdf(x)  # noqa: E731
    values = oracles.on_points(ratio, [z])
    slopes = oracles.on_points(lambda x: abs(x) * ratio(x) - 1, [z])
    assert oracles.errors(mills_ratio(z), values, 0).max() < _tolerance(precision)
    slope = jax.jit(jax.vmap(jax.grad(mills_ratio)))(z)
    slope = np.where(z < 0, -slope, slope)  # at zero, that of the right side
    assert oracles.errors(slope, slopes, 0).max() < 3 * _tolerance(precision)


def test_mills_ratio_far_out(precision):
    z = jnp.asarray([-np.inf, -1e30, 1e30, np.inf], precision)
    assert (mills_ratio(z) >= 0).all()
    assert (mills_ratio(z) < 1e-29).all()


def test_log_diff_exp_of_what_rounding_has_left_in_the_wrong_order(precision):
    a = jnp.asarray(-0.7, precision)
    b = jnp.nextafter(a, jnp.zeros_like(a))
    assert log_diff_exp(a, b) == -jnp.inf
    assert jax.grad(log_diff_exp, argnums=(0, 1))(a, b) == (0, 0)
    assert jnp.isnan(log_diff_exp(jnp.nan, b))
    assert jnp.isnan(log_diff_exp(a, jnp.nan))
