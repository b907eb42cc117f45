"""Continuous families at infinity and in limits of their parameters: values known on paper."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from mpmath import mp, mpf
from scipy import stats

import pathmix
from cases import families as cases
from cases.asked import family
from cases.families import ROWS

LINE = [
    lambda a, b: dist.Normal(a, b),
    lambda a, b: dist.Laplace(a, b),
    lambda a, b: dist.Logistic(a, b),
    lambda a, b: dist.SoftLaplace(a, b),
    lambda a, b: dist.Cauchy(a, b),
    lambda a, b: dist.Gumbel(a, b),
    lambda a, b: dist.StudentT(3.0 * b, a, b),
    lambda a, b: dist.AsymmetricLaplace(a, b, 2.0 * b),
    lambda a, b: dist.AsymmetricLaplaceQuantile(a, b, 0.3 * b),
    lambda a, b: dist.RightTruncatedDistribution(dist.Normal(a, b), 3.0 * b),
    lambda a, b: dist.LeftTruncatedDistribution(dist.Normal(a, b), -2.0 * b),
    lambda a, b: dist.Uniform(-b, a + 2),
    lambda a, b: dist.Levy(a - 2, b),
]
POSITIVE = [
    lambda a, b: dist.Exponential(b),
    lambda a, b: dist.Weibull(b, a),
    lambda a, b: dist.Gamma(a, b),
    lambda a, b: dist.Chi2(a),
    lambda a, b: dist.HalfNormal(b),
    lambda a, b: dist.HalfCauchy(b),
    lambda a, b: dist.LogNormal(a, b),
    lambda a, b: dist.InverseGamma(a, b),
    lambda a, b: dist.Gompertz(a, b),
    lambda a, b: dist.Dagum(a, b, 2.0),
    lambda a, b: dist.Pareto(b, a),
    lambda a, b: dist.LowerTruncatedPowerLaw(-1 - a, b),
    lambda a, b: dist.LeftTruncatedGamma(dist.Gamma(a, b), b),
    lambda a, b: dist.FoldedDistribution(dist.Normal(a, b)),
]
BOUNDED = [
    lambda a, b: dist.Beta(a, b),
    lambda a, b: dist.BetaProportion(0.3 * b, a),
    lambda a, b: dist.Kumaraswamy(a, b),
    lambda a, b: dist.RelaxedBernoulliLogits(a, b),
    lambda a, b: dist.LogUniform(0.5 * b, a + b),
    lambda a, b: dist.DoublyTruncatedPowerLaw(a - 2, 0.5 * b, a + b),
    lambda a, b: dist.RightTruncatedGamma(dist.Gamma(a, b), 2.0 * b),
    lambda a, b: dist.TwoSidedTruncatedGamma(dist.Gamma(a, b), 0.5 * b, 2.0 * b),
]


def quantities(make, x, a, b):
    d = make(a, b)
    known = family(d)
    return jnp.stack([known.log_prob(d, x), known.log_cdf(d, x), known.log_survival(d, x)])


SLOW_TO_COMPILE = ("StudentT", "Beta", "BetaProportion", "TruncatedGamma", "Gamma", "Chi2")


def named(make):
    """A test of its own for each family; the default run leaves out what compiles for long."""
    name = make.__code__.co_names[1]  # after `dist`
    marks = [pytest.mark.slow] if name.endswith(SLOW_TO_COMPILE) else []
    return pytest.param(make, id=name, marks=marks)


@pytest.mark.parametrize("make", [named(make) for make in LINE + POSITIVE + BOUNDED])
def test_at_infinity_all_is_constant(make, precision):
    """Density zero, tails 0 and 1, and slopes of zero in the point and every parameter."""
    x = jnp.array([-jnp.inf, jnp.inf], precision)

    def total(x, a, b):
        values = quantities(make, x, a, b)
        return values.sum(), values

    run = jax.jit(jax.grad(total, argnums=(0, 1, 2), has_aux=True))
    for a in (0.7, 1.0):  # below one, densities are infinite at zero
        slopes, values = run(x, jnp.full_like(x, a), jnp.full_like(x, 1.3))
        below, above = [-np.inf, -np.inf, 0.0], [-np.inf, 0.0, -np.inf]
        np.testing.assert_array_equal(values, np.transpose([below, above]))
        for slope in slopes:
            np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("make", [named(make) for make in LINE + POSITIVE[4:6]])
def test_tails_have_the_slope_of_the_density_where_formulas_change(make, precision):
    """At the location and at simple multiples of the scale, where branches meet."""
    x = jnp.array([0.7, 1.3, 0.65, -0.6, 2.0], precision)

    def total(x):
        values = quantities(make, x, jnp.asarray(0.7, precision), jnp.asarray(1.3, precision))
        return values[1:].sum(), values

    run = jax.jit(jax.vmap(jax.grad(total, has_aux=True)))
    slope, values = map(np.asarray, run(x))
    log_p, below, above = values.T
    inside = np.isfinite(log_p)
    slope, log_p, below, above = slope[inside], log_p[inside], below[inside], above[inside]
    wanted = np.exp(log_p - below) - np.exp(log_p - above)
    np.testing.assert_allclose(slope, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [named(make) for make in LINE + POSITIVE + BOUNDED])
def test_the_cdf_is_the_exponential_of_its_log(make, precision):
    """Families with a cheaper formula included: values and slopes, in the body, tails and ends.

    The exponential magnifies tens of roundings of a logarithm by that, at most 88 or 700.
    """
    inside = [-20.0, -0.6, 0.01, 0.3, 0.7, 1.1, 1.3, 5.0, 30.0]  # locations and scales among them
    x = jnp.array([-jnp.inf, *inside, jnp.inf], precision)

    def total(of, x, a, b):
        return of(family(make(a, b)), make(a, b), x)

    def both(x, a, b):
        plain = lambda *args: total(lambda f, d, x: f.cdf(d, x), *args)  # noqa: E731
        by_log = lambda *args: jnp.exp(total(lambda f, d, x: f.log_cdf(d, x), *args))  # noqa: E731
        return [jax.value_and_grad(fn, (0, 1, 2))(x, a, b) for fn in (plain, by_log)]

    theta = jnp.asarray(0.7, precision), jnp.asarray(1.3, precision)
    found, wanted = jax.jit(jax.vmap(both, (0, None, None)))(x, *theta)
    form = jnp.finfo(precision)
    units = 64 * (700 if precision == "float64" else 88)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        allowed = units * float(form.eps) * np.abs(other) + 1e3 * float(form.tiny)
        assert np.all(np.abs(one - other) <= allowed), (one, other)


def mixture(components, probs=(0.3, 0.7)):
    return pathmix.MixtureSameFamily(dist.Categorical(jnp.array(probs)), components)


@pytest.mark.parametrize("event_dim", [0, 1])
@pytest.mark.parametrize("end", [-np.inf, np.inf])
def test_mixtures_of_normals_at_infinity(event_dim, end, precision):
    x = jnp.array([[end, 0.3], [0.1, end]] if event_dim else [end, end], precision)

    def log_prob(x, loc, scale):
        d = mixture(dist.Normal(loc, scale).to_event(event_dim)).log_prob(x)
        return d.sum(), d

    theta = jnp.array([0.0, 1.0], precision), jnp.array([1.0, 0.5], precision)
    if event_dim:
        theta = tuple(jnp.stack([t, t + 1]) for t in theta)
    slopes, value = jax.grad(log_prob, argnums=(0, 1, 2), has_aux=True)(x, *theta)
    np.testing.assert_array_equal(value, -np.inf)
    for slope in slopes:
        np.testing.assert_array_equal(slope, 0)


def test_levy_components_with_different_ends(x64):
    d = mixture(dist.Levy(jnp.array([1.0, 4.0]), 2.0))
    x = jnp.array([0.5, 2.0, 5.0])
    wanted = [-mp.inf, -2.7763, -1.8216]
    np.testing.assert_allclose(d.log_prob(x), np.array(wanted, float), atol=5e-5)
    np.testing.assert_allclose(d.cdf(x), [0, 0.04719, 0.25396], atol=5e-6)


@pytest.mark.parametrize(
    ("components", "x", "wanted"),
    [
        (lambda: dist.AsymmetricLaplace(jnp.array([0.0, 1.0]), 1.0, 1.0), 40.0, -39.903),
        (lambda: dist.Gompertz(jnp.array([1.0, 0.5]), 1.0), 5.0, -74.063),
    ],
    ids=["AsymmetricLaplace", "Gompertz"],
)
def test_upper_tail_where_the_cdf_is_one(components, x, wanted, precision):
    d = mixture(components())
    actual = d.log_survival_function(jnp.array(x, precision))
    np.testing.assert_allclose(actual, wanted, atol=5e-4)


STUDENT = {
    "log_prob": lambda df, z: mp.log(student_density(df, z)),
    "log_survival": lambda df, z: mp.log(student_tail(df, z)),
}


SLOPE = {
    "log_prob": lambda df, z: -z if df == mp.inf else -z * (df + 1) / (df + z * z),
    "log_survival": lambda df, z: -student_density(df, z) / student_tail(df, z),
}


def student_density(df, z):
    if df == mp.inf:
        return mp.npdf(z)
    return (
        mp.gammaprod([(df + 1) / 2], [df / 2])
        / mp.sqrt(df * mp.pi)
        * (1 + z * z / df) ** (-(df + 1) / 2)
    )


def student_tail(df, z):
    """By quadrature of the density, relative to its size at z."""
    width = 1 / (1 + z)
    ends = [z + width * s for s in (0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)]
    top = student_density(df, z)  # the quadrature is as good as its absolute error
    return top * mp.quad(lambda t: student_density(df, t) / top, ends)


DEGREES = [1e5, 9e5, 1.1e6, 1e8, 1e12, np.inf]


@pytest.mark.parametrize("quantity", STUDENT)
@pytest.mark.slow
def test_many_degrees_of_freedom_to_the_normal_limit(quantity, precision):
    z = np.array([0.0, 0.3, 2.0, 9.0, 30.0])
    df = np.array(DEGREES, precision)

    def value(df, z):
        d = dist.StudentT(df, jnp.zeros_like(z), jnp.ones_like(z))
        return getattr(family(d), quantity)(d, z)

    grid = jnp.array(df[:, None]), jnp.array(z, precision)
    full = jnp.broadcast_arrays(*grid)
    actual, (by_df, by_z) = jax.jit(
        lambda *at: (value(*at), jax.grad(lambda *a: value(*a).sum(), argnums=(0, 1))(*at))
    )(*full)
    with mp.workdps(30):
        exact = np.array(
            [
                [float(STUDENT[quantity](mpf(float(n)), mpf(float(x)))) for x in full[1][0]]
                for n in df
            ]
        )
        exact_slope = np.array(
            [[float(SLOPE[quantity](mpf(float(n)), mpf(float(x)))) for x in full[1][0]] for n in df]
        )
    # log-gammas of 1e6 leave nothing: the bound is a few roundings of the value and of z² / 2
    rtol = 60 * np.finfo(precision).eps
    np.testing.assert_allclose(actual, exact, rtol=rtol, atol=rtol)
    finite = np.isfinite(df)
    # a hazard is the quotient of two exponentials, whose exponents are rounded
    allowed = rtol * (1 + np.abs(exact[finite])) * np.abs(exact_slope[finite]) + rtol
    assert np.all(np.abs(by_z[finite] - exact_slope[finite]) <= allowed)
    np.testing.assert_array_equal(by_df[~finite], 0)
    # d/d df of the logarithm is of the order of (1 + z⁴) / df²; what rounding leaves is eps z²/df
    at = full[0][finite]
    bound = (1 + full[1][finite] ** 4) / at**2 + rtol * (1 + full[1][finite] ** 2) / at
    assert np.all(np.abs(by_df[finite]) <= bound)


def test_infinitely_many_degrees_of_freedom_are_normal(precision):
    x = jnp.array([-3.0, 0.2, 1.7, 25.0], precision)
    loc, scale = jnp.full_like(x, 1.2), jnp.full_like(x, 0.8)
    infinite = jnp.full_like(x, jnp.inf)

    def everything(df, loc, scale, x):
        d = dist.Normal(loc, scale) if df is None else dist.StudentT(df, loc, scale)
        known = family(d)
        tails = known.log_prob(d, x), known.log_cdf(d, x), known.log_survival(d, x)
        values = jnp.stack([*tails, known.mean(d), known.variance(d)])
        return values[1:].sum() + 3 * values[0].sum(), values  # weights that keep them apart

    run = jax.jit(jax.grad(everything, argnums=(0, 1, 2, 3), has_aux=True))
    (by_df, *slopes), values = run(infinite, loc, scale, x)
    (_, *normal_slopes), normal = run(None, loc, scale, x)
    # the smallest tail is exp(-447), whose exponent is rounded
    rtol = 500 * np.finfo(precision).eps
    np.testing.assert_allclose(values, normal, rtol=rtol, atol=np.finfo(precision).tiny)
    np.testing.assert_array_equal(by_df, 0)
    for actual, wanted in zip(slopes, normal_slopes, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=rtol)


NEW = [
    *("Levy", "SoftLaplace", "AsymmetricLaplace", "AsymmetricLaplaceQuantile", "Gompertz"),
    *("Dagum", "LogUniform", "LowerTruncatedPowerLaw", "DoublyTruncatedPowerLaw"),
    "RelaxedBernoulliLogits",
]
SLOW = ["BetaProportion", "LeftTruncatedGamma", "RightTruncatedGamma", "TwoSidedTruncatedGamma"]
MOVING = [row for row in ROWS if row.name in NEW + SLOW or row.name.startswith("Folded")]


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.slow] if row.slow else []) for row in MOVING],
    ids=str,
)
def test_velocity_keeps_the_cdf(row, x64):
    """v p = −∂F/∂θ, with both sides from the oracle but for v."""
    value, _ = row.value("float64")
    value = value[cases.smooth_points(row)]
    theta = [np.broadcast_to(each, value.shape) for each in row.arrays("float64")]

    def velocity(theta, i):
        unit = [jnp.full(value.shape, float(i == j)) for j in range(len(theta))]
        d, tangent = jax.jvp(lambda *t: row.make(*t), tuple(theta), tuple(unit))
        return family(d).velocity(d, tangent, jnp.asarray(value))

    run = jax.jit(lambda theta: [velocity(theta, i) for i in range(len(theta))])
    for i, actual in enumerate(run([jnp.asarray(t) for t in theta])):
        log_p = cases.expected(row, "log_prob", "float64")[cases.smooth_points(row)]
        tails = [
            cases.expected(row, name, "float64")[cases.smooth_points(row)]
            for name in ("log_cdf", "log_survival")
        ]
        slopes = [cases.derivative(row, name, i) for name in ("log_cdf", "log_survival")]
        signs = (-1, 1)
        ways = [s * np.exp(t - log_p) * g for s, t, g in zip(signs, tails, slopes, strict=True)]
        wanted = np.where(tails[0] < tails[1], *ways)
        np.testing.assert_allclose(actual, wanted, rtol=1e-7, atol=1e-9)


def mixture_of_students(df, e):
    """Two of them, of vectors of size ``e`` or scalars, and the normals in their limit."""
    loc, weights = jnp.array([-1.0, 2.0]), dist.Categorical(probs=jnp.array([0.3, 0.7]))
    if not e:
        return tuple(
            pathmix.MixtureSameFamily(weights, d)
            for d in (dist.StudentT(df, loc, 0.5), dist.Normal(loc, 0.5))
        )
    loc, factor = jnp.broadcast_to(loc[:, None], (2, e)), jnp.eye(e) + 0.5 * jnp.eye(e, k=-1)
    return tuple(
        pathmix.MixtureSameFamily(weights, d)
        for d in (
            dist.MultivariateStudentT(df, loc, factor),
            dist.MultivariateNormal(loc, scale_tril=factor),
        )
    )


@pytest.mark.parametrize("e", [0, 3])
def test_draws_of_infinitely_many_degrees_of_freedom_are_normal(e, x64):
    """They end, and agree in distribution: a wrong scale of one in ten fails almost surely."""
    students, normals = mixture_of_students(jnp.inf, e)
    x, y = (
        np.asarray(m.sample(jax.random.key(i), (4000,))) for i, m in enumerate((students, normals))
    )
    x, y = (t.reshape(4000, -1).T for t in (x, y))
    assert all(stats.ks_2samp(a, b).pvalue > 1e-4 / len(x) for a, b in zip(x, y, strict=True))


@pytest.mark.slow
def test_vectors_of_infinitely_many_degrees_of_freedom_are_normal(x64):
    """In density, moments, and in the velocity of draws."""
    students, normals = mixture_of_students(jnp.inf, 3)
    x = normals.sample(jax.random.key(0), (5,))
    np.testing.assert_allclose(students.log_prob(x), normals.log_prob(x), rtol=1e-12)
    np.testing.assert_allclose(students.covariance, normals.covariance, rtol=1e-12)
    np.testing.assert_allclose(students.variance, normals.variance, rtol=1e-12)

    def through_draws(m):
        return jnp.sum(jnp.sin(m.reparameterize_sample(x)))

    weights, df, *ours = jax.tree.leaves(jax.grad(through_draws)(students))
    wanted, *theirs = jax.tree.leaves(jax.grad(through_draws)(normals))
    np.testing.assert_array_equal(df, 0)
    for a, b in zip([weights, *ours], [wanted, *theirs], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("df", [1e6, 1e12, np.inf])
def test_slopes_far_out_for_many_degrees_of_freedom(df, precision):
    """``d log P(X > z)/dz`` is ``−df/z``, or ``−z`` of the normal; logs of 10⁷ tell neither."""
    z = jnp.array([1e10, 1e19, 1e30], precision)
    d = dist.StudentT(jnp.full_like(z, df), jnp.zeros_like(z), jnp.ones_like(z))
    log_cdf = lambda z: family(d).log_cdf(d, z)  # noqa: E731
    value, slope = jax.jvp(log_cdf, (-z,), (jnp.ones_like(z),))
    exact = z if df == np.inf else df / z
    # the first correction is of the order of df/z², 1e-8 at most
    np.testing.assert_allclose(slope, exact, rtol=max(1e-7, 60 * float(np.finfo(precision).eps)))
    tail = -z * z / 2 if df == np.inf else -df * (jnp.log(z) - np.log(df) / 2)
    within = jnp.isfinite(tail)  # the square of 1e30 is beyond float32
    np.testing.assert_allclose(value[within], tail[within], rtol=1e-4)
