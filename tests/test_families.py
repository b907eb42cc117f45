"""Every family against its oracle: values, tails, moments, derivatives, selection."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from cases import families as cases
from cases import table
from cases.asked import family
from cases.row import to_float
from cases.table import FAMILIES, ROWS
from pathmix._components import canonical
from pathmix._layout import gather_components
from pathmix._mixture._arguments import as_arrays

TOLERANCE = {"float32": 5e-6, "float64": 1e-10}
GRADIENT_TOLERANCE = 1e-7

mostly_float64 = pytest.mark.parametrize(
    "precision",
    ["float64", pytest.param("float32", marks=pytest.mark.slow)],
    indirect=True,
)
"""Values in float32 are in test_laws_values.py too, of mixtures."""


def rows(chosen):
    """One test per row; only the first of each family is not left to the sweep."""
    return pytest.mark.parametrize("row", table.parameters(chosen))


def moment_rows(name):
    """Rows whose oracle has the moment; test_laws_values.py has those of mixtures."""
    chosen = [row for row in ROWS if row.knows(name)]
    return pytest.mark.parametrize("row", [pytest.param(r, marks=pytest.mark.slow) for r in chosen])


def value_and_gradients(row, quantity, dtype):
    """A quantity at every point, and its derivatives in the point and each free parameter."""
    value, _ = row.value(dtype)
    theta = [np.broadcast_to(each, (len(value), *each.shape)) for each in row.arrays(dtype)]

    def total(x, free):
        full = list(theta)
        for i, each in zip(row.free, free, strict=True):
            full[i] = each
        d = row.make(*full)
        result = getattr(family(d), quantity)(d, x)
        return result.sum(), result

    free = tuple(theta[i] for i in row.free)
    function = jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))
    (_, result), gradients = function(value, free)
    along_x, along_free = jax.tree.map(np.asarray, gradients)
    every = [cases.spread(row, i, each) for i, each in zip(row.free, along_free, strict=True)]
    return np.asarray(result), (along_x, every)


def describe(row, dtype, actual, wanted, error):
    """The worst points, one a line; `error` is in units of what is allowed."""
    value, kinds = row.value(dtype)
    worst = [i for i in np.argsort(-error, axis=None)[:6] if error.flat[i] > 1]
    lines = []
    for i in worst:
        at = np.unravel_index(i, error.shape)
        part, theta = row.columns(row.arrays(dtype))[at[1]]
        where = f"{kinds[at[0]]} x={value[at[:2]]} {part} θ={to_float(theta)}"
        lines.append(f"{where}: got {actual[at]}, expected {wanted[at]}, {error[at]:.3g} allowed")
    return "\n".join(lines)


def errors_in_units(actual, wanted, allowed):
    """|actual − wanted| / allowed; infinities must agree, NaN is never right."""
    with np.errstate(all="ignore"):
        error = np.abs(actual - wanted) / allowed
    error = np.where(actual == wanted, 0, error)
    same = np.isfinite(actual) & np.isfinite(wanted)
    return np.where((actual == wanted) | same, error, np.inf)


def representable(wanted, dtype):
    """The oracle's value as the dtype can hold it: overflow to infinity."""
    return np.where(np.abs(wanted) > np.finfo(dtype).max, np.copysign(np.inf, wanted), wanted)


def allowed_error(row, quantity, dtype, wanted):
    """Tolerance × max(size, |d f'(x)|) × condition, the size of a log density at least 1.

    A log tail near zero is an exponential, which magnifies the rounding of its exponent by that.
    """
    size = np.nan_to_num(np.abs(wanted), posinf=0.0)
    if quantity == "log_prob":
        size = np.maximum(size, 1)
    else:
        size *= np.maximum(1, -np.log(np.maximum(size, np.finfo(dtype).tiny)) / 20)
    moved = cases.sensitivity(row, quantity, dtype)
    factor = cases.condition(row, dtype).reshape(-1, *[1] * (wanted.ndim - 2))
    floor = 4 * np.finfo(dtype).tiny
    return TOLERANCE[dtype] * np.maximum(size, moved) * factor + floor


def value_problems(row, quantity, dtype, actual):
    """Hold the values to the oracle."""
    wanted = representable(cases.expected(row, quantity, dtype), dtype)
    assert actual.shape == wanted.shape
    assert actual.dtype == dtype
    error = errors_in_units(actual, wanted, allowed_error(row, quantity, dtype, wanted))
    if error.max() > 1:
        yield "values\n" + describe(row, dtype, actual, wanted, error)


def gradient_error(actual, wanted, size, argument):
    """Relative error, or relative to min(1, |f|) / max(1, |argument|) where that is larger."""
    floor = np.minimum(1, size) / np.maximum(1, np.abs(argument))
    allowed = GRADIENT_TOLERANCE * np.maximum(np.abs(wanted), floor)
    return errors_in_units(actual, wanted, allowed + np.finfo("float64").tiny)


def gradient_problems(row, quantity, along_x, along_free):
    """Hold derivatives in the point and every parameter to differences of the oracle."""
    value, _ = row.value("float64")
    smooth = cases.smooth_points(row)
    size = np.abs(cases.expected(row, quantity, "float64"))[smooth]
    checks = [] if row.counts else [(-1, "x", along_x, value[smooth])]
    for i, each in zip(row.free, along_free, strict=True):
        at = cases.spread(row, i, row.arrays("float64")[i])
        checks.append((i, list(row.params)[i], each, at))
    for argument, name, gradient, at in checks:
        wanted = cases.derivative(row, quantity, argument)
        extent = size.reshape(*size.shape, *[1] * (wanted.ndim - size.ndim))
        error = gradient_error(gradient[smooth], wanted, extent, at)
        if error.max() > 1:
            yield f"d/d{name}\n" + describe(row, "float64", gradient[smooth], wanted, error)


def regularity_problems(row, quantity, dtype, result, gradients):
    """NaN anywhere, infinity but at an edge of infinite value, a slope outside the support."""
    value, kinds = row.value(dtype)
    flat = result.reshape(*value.shape[:2], -1)
    edge = (kinds == "edges")[:, None] & ~np.isfinite(flat).all(-1)
    outside = np.isneginf(cases.expected(row, "log_prob", dtype)) & (kinds == "outside")[:, None]
    for name, each in gradients.items():
        for word, wrong in (
            ("NaN", np.isnan(each)),
            ("infinite", np.isinf(each) & ~edge.reshape(*edge.shape, *[1] * (each.ndim - 2))),
        ):
            where = {f"{kinds[at[0]]} x={value[at[0], at[1]]}" for at in np.argwhere(wrong)}
            if where:
                yield f"d/d{name} {word} at {sorted(where)}"
        if quantity == "log_prob" and each[outside].any():
            yield f"d/d{name} not zero outside the support"


def check(row, quantity, dtype):
    """One evaluation held to every law: exact values, exact derivatives, no NaN."""
    result, (along_x, along_free) = value_and_gradients(row, quantity, dtype)
    gradients = {list(row.params)[i]: g for i, g in zip(row.free, along_free, strict=True)}
    problems = list(value_problems(row, quantity, dtype, result))
    problems += regularity_problems(row, quantity, dtype, result, {"x": along_x, **gradients})
    if dtype == "float64" and row.smooth and (quantity == "log_prob" or not row.event_shape):
        problems += gradient_problems(row, quantity, along_x, along_free)
    assert not problems, "\n" + "\n".join(problems)


@table.law("oracle value", "oracle gradients")
@mostly_float64
def test_log_prob_and_its_gradients(row, precision):
    check(row, "log_prob", precision)


@table.law("lower tail", "upper tail")
def test_both_tails(row, x64):
    """Without derivatives, which take long to compile: those are in test_laws_derivatives.py."""
    d, (value, _) = row.make(*row.arrays("float64")), row.value("float64")
    names = ("log_cdf", "log_survival")
    run = jax.jit(lambda d, x: [getattr(family(d), name)(d, x) for name in names])
    problems = []
    for name, found in zip(names, run(as_arrays(d), value), strict=True):
        actual = np.broadcast_to(found, cases.expected(row, name, "float64").shape)
        problems += value_problems(row, name, "float64", actual)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.slow
@table.law("lower tail")
def test_log_cdf_and_its_gradients(row, precision):
    check(row, "log_cdf", precision)


@pytest.mark.slow
@table.law("upper tail")
def test_log_survival_and_its_gradients(row, precision):
    check(row, "log_survival", precision)


def check_moment(row, name, dtype):
    """Hold a moment to the oracle; NaN and infinity must be where it has them."""
    d = row.make(*row.arrays(dtype))
    actual = np.asarray(jax.jit(getattr(family(d), name))(d))
    wanted = cases.moment(row, name, dtype)
    assert actual.shape == wanted.shape
    scale = np.abs(wanted)
    if row.event_shape:
        axes = tuple(range(1, wanted.ndim))
        largest = np.max(np.nan_to_num(scale), axis=axes, keepdims=True)
        scale = np.broadcast_to(largest, scale.shape)
    factor = cases.condition(row, dtype).reshape(-1, *[1] * (wanted.ndim - 1))
    error = errors_in_units(actual, wanted, TOLERANCE[dtype] * scale * factor)
    error = np.where(np.isnan(actual) & np.isnan(wanted), 0, error)
    assert error.max() <= 1, f"got {actual}, expected {wanted}, {error} allowed"


@moment_rows("mean")
def test_mean(row, precision):
    check_moment(row, "mean", precision)


@moment_rows("variance")
def test_variance(row, precision):
    check_moment(row, "variance", precision)


@moment_rows("covariance")
def test_covariance(row, precision):
    check_moment(row, "covariance", precision)


def batched(array):
    """Two batches of components, the second in another order."""
    return np.stack([array, np.roll(array, 1)])


def take(d, index):
    """The components at an index, as draws take them."""
    taken = canonical(d).map(lambda p, n: gather_components(p, n, index)).plain
    return taken.expand(index.shape)


def take_and_evaluate(row, params, value, index):
    """The taken distribution's log density, and the same gathered from all components."""
    d = row.make(*params)
    taken = take(d, index)
    assert taken.batch_shape == index.shape
    assert taken.event_shape == row.event_shape
    events = (1,) * len(row.event_shape)
    batch = index.shape[index.ndim - (params[0].ndim - 1) :]
    at = jnp.broadcast_to(value, (*batch, *value.shape))
    full = index.reshape(*index.shape, 1, *events)
    chosen = jnp.take_along_axis(
        jnp.broadcast_to(at, (*index.shape, *value.shape)), full, index.ndim
    )
    every = family(d).log_prob(d, at)
    every = jnp.broadcast_to(every, (*index.shape, every.shape[-1]))
    wanted = jnp.take_along_axis(every, index[..., None], -1)[..., 0]
    return family(taken).log_prob(taken, chosen.squeeze(index.ndim)), wanted


SEEN = 1e-8
"""Rounding of the parameters and points of a row is magnified by up to 10⁸ in float64; a component
taken wrongly would be off by more than a thousand times that."""


def check_take(row, params, shapes):
    """Taking components and evaluating them is evaluating all and gathering."""
    value = row.value("float64")[0][1]
    generator = np.random.default_rng(3)
    indices = [jnp.asarray(generator.integers(row.size, size=shape)) for shape in shapes]
    run = jax.jit(lambda p, each: [take_and_evaluate(row, p, value, i) for i in each])
    for actual, wanted in run(params, indices):
        np.testing.assert_allclose(actual, wanted, rtol=SEEN, atol=SEEN)


@pytest.mark.slow
@rows(FAMILIES)
def test_take(row, x64):
    check_take(row, row.arrays("float64"), [(), (5,), (4, 5)])


@pytest.mark.slow
@rows(FAMILIES)
def test_take_from_batches(row, x64):
    params = [batched(each) for each in row.arrays("float64")]
    check_take(row, params, [(2,), (7, 2)])


@mostly_float64
@rows(FAMILIES)
def test_parameters_may_be_numpy_arrays(row, precision):
    d = as_arrays(row.make(*row.arrays(precision)))  # as every mixture does
    value, _ = row.value(precision)
    index = jnp.zeros((2,), int)
    result = jax.eval_shape(lambda x: family(d).log_prob(d, x), value)
    point = jnp.asarray(value[0, :1])

    def evaluate_taken(i):
        taken = take(d, i)
        return family(taken).log_prob(taken, point)

    taken = jax.eval_shape(evaluate_taken, index)
    assert result.dtype == taken.dtype == precision


SIMPLE = [
    row
    for row in FAMILIES
    if not row.name.startswith(("Truncated", "Normal, exp", "VonMises", "Ordered"))
]


@rows(SIMPLE)
def test_oracle_agrees_with_numpyro_in_the_body(row, x64):
    value, _ = row.value("float64")
    body = cases.smooth_points(row)
    value = value[body].astype(int) if row.discrete else value[body]
    d = row.make(*row.arrays("float64"))
    wanted = cases.expected(row, "log_prob", "float64")[body]
    np.testing.assert_allclose(jax.jit(d.log_prob)(value), wanted, rtol=1e-4, atol=1e-4)
