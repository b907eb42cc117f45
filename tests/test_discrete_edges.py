"""Components at the limit of their parameters: exact one-sided derivatives of masses of zero."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from mpmath import mp, mpf

from cases.asked import family, limit_of
from pathmix import MixtureSameFamily
from pathmix._evaluation import _posterior
from pathmix._families import factored
from pathmix._weights import Logits, Probabilities

# A second derivative is a sum of a few products of derivatives, each as accurate as the families'
# log masses are held to be in tests/test_families.py.
TOLERANCE = {"float32": 2e-5, "float64": 1e-9}
WEIGHTS = 0.4, 0.6
QUANTITIES = {"log_prob": "mass", "log_cdf": "below", "log_survival": "above"}


@dataclass(frozen=True)
class Edge:
    """Two components, the first at a limit of its parameter `at`, to be left in `direction`."""

    name: str
    make: Callable
    at: float
    direction: int
    mass: Callable
    other: Callable
    points: tuple[int, ...] = (0, 1, 2, 3, 5)

    def __str__(self):
        return self.name


def poisson(n, rate):
    return rate**n * mp.exp(-rate) / mp.factorial(n)


def binomial(total):
    return lambda n, p: mp.binomial(total, n) * p**n * (1 - p) ** (total - n)


def negative_binomial(size):
    return lambda n, p: mp.rf(size, n) / mp.factorial(n) * p**n * (1 - p) ** size


def geometric(n, p):
    return p * (1 - p) ** n


def inflated(gate, rate):
    return lambda n: gate * (n == 0) + (1 - gate) * poisson(n, rate)


def hurdle(n, gate, rate):
    positive = (1 - gate) * poisson(n, rate) / (1 - mp.exp(-rate))
    return gate if n == 0 else positive


def table(n, p):
    return [p, mpf(2), mpf(1)][n] / (3 + p) if n < 3 else mpf(0)


def ordered(n, cut):
    below = [mpf(0), 1 / (1 + mp.exp(mpf(-0.5))), 1 / (1 + mp.exp(-cut)), mpf(1)]
    return below[n + 1] - below[n] if n < 3 else mpf(0)


def pair(kind, other, **fixed):
    """Two components of a family, differing in the first parameter."""
    return lambda t: kind(jnp.stack([t, jnp.full_like(t, other)]), **fixed)


EDGES = [
    Edge("Poisson", pair(dist.Poisson, 3.0), 0.0, 1, poisson, lambda n: poisson(n, mpf(3))),
    Edge(
        "Bernoulli 0",
        pair(dist.BernoulliProbs, 0.25),
        0.0,
        1,
        binomial(1),
        lambda n: binomial(1)(n, mpf(0.25)),
        (0, 1),
    ),
    Edge(
        "Bernoulli 1",
        pair(dist.BernoulliProbs, 0.25),
        1.0,
        -1,
        binomial(1),
        lambda n: binomial(1)(n, mpf(0.25)),
        (0, 1),
    ),
    Edge(
        "Binomial 0",
        pair(dist.BinomialProbs, 0.25, total_count=5),
        0.0,
        1,
        binomial(5),
        lambda n: binomial(5)(n, mpf(0.25)),
        (0, 1, 2, 3, 4, 5),
    ),
    Edge(
        "Binomial 1",
        pair(dist.BinomialProbs, 0.25, total_count=5),
        1.0,
        -1,
        binomial(5),
        lambda n: binomial(5)(n, mpf(0.25)),
        (0, 1, 2, 3, 4, 5),
    ),
    Edge(
        "Binomial of no trials",
        pair(dist.BinomialProbs, 0.25, total_count=np.array([0, 3])),
        0.0,
        1,
        binomial(0),
        lambda n: binomial(3)(n, mpf(0.25)),
        (0, 1, 2),
    ),
    Edge(
        "Geometric",
        pair(dist.GeometricProbs, 0.25),
        1.0,
        -1,
        geometric,
        lambda n: geometric(n, mpf(0.25)),
    ),
    Edge(
        "NegativeBinomialProbs",
        lambda t: dist.NegativeBinomialProbs(2.5, jnp.stack([t, jnp.full_like(t, 0.5)])),
        0.0,
        1,
        negative_binomial(mpf(2.5)),
        lambda n: negative_binomial(mpf(2.5))(n, mpf(0.5)),
    ),
    Edge(
        "Categorical",
        lambda t: dist.CategoricalProbs(
            jnp.stack([jnp.stack([t, 2 + 0 * t, 1 + 0 * t]), jnp.asarray([1.0, 1.0, 2.0], t.dtype)])
        ),
        0.0,
        1,
        table,
        lambda n: [mpf(0.25), mpf(0.25), mpf(0.5)][n],
        (0, 1, 2),
    ),
    Edge(
        "OrderedLogistic",
        lambda t: dist.OrderedLogistic(
            jnp.zeros(2, t.dtype),
            jnp.stack([jnp.stack([0.5 + 0 * t, t]), jnp.asarray([-1.0, 1.5], t.dtype)]),
        ),
        0.5,
        1,
        ordered,
        lambda n: np.diff([0, 1 / (1 + mp.exp(1)), 1 / (1 + mp.exp(mpf(-1.5))), 1])[n],
        (0, 1, 2),
    ),
    Edge(
        "ZeroInflatedPoisson, gate 1",
        lambda t: dist.ZeroInflatedPoisson(jnp.stack([t, 0.25 + 0 * t]), jnp.full(2, 2.0, t.dtype)),
        1.0,
        -1,
        lambda n, gate: inflated(gate, mpf(2))(n),
        inflated(mpf(0.25), mpf(2)),
    ),
    Edge(
        "ZeroInflatedPoisson, rate 0",
        lambda t: dist.ZeroInflatedPoisson(jnp.full(2, 0.25, t.dtype), jnp.stack([t, 2 + 0 * t])),
        0.0,
        1,
        lambda n, rate: inflated(mpf(0.25), rate)(n),
        inflated(mpf(0.25), mpf(2)),
    ),
    Edge(
        "HurdlePoisson, gate 0",
        lambda t: dist.HurdlePoisson(jnp.stack([t, 0.25 + 0 * t]), jnp.full(2, 2.0, t.dtype)),
        0.0,
        1,
        lambda n, gate: hurdle(n, gate, mpf(2)),
        lambda n: hurdle(n, mpf(0.25), mpf(2)),
    ),
    Edge(
        "HurdlePoisson, gate 1",
        lambda t: dist.HurdlePoisson(jnp.stack([t, 0.25 + 0 * t]), jnp.full(2, 2.0, t.dtype)),
        1.0,
        -1,
        lambda n, gate: hurdle(n, gate, mpf(2)),
        lambda n: hurdle(n, mpf(0.25), mpf(2)),
    ),
]


def weights_by(kind, dtype):
    w = jnp.asarray(WEIGHTS, dtype)
    return Probabilities(w) if kind == "probs" else Logits(jnp.log(w))


def terms_and_factors(d, x, quantity):
    """A quantity of the family as `factor · exp(term)`, the components first."""
    limit = limit_of(d, x)
    chosen = None if limit is None else getattr(limit, QUANTITIES[quantity])
    both = factored(getattr(family(d), quantity)(d, x), chosen)
    return jax.tree.map(lambda t: jnp.moveaxis(t, -1, 0), both)


def mixed(edge, kind, quantity, x, t):
    parts = terms_and_factors(edge.make(t), x, quantity)
    return weights_by(kind, t.dtype).mix(*parts).value


def share(edge, x, t):
    both = terms_and_factors(edge.make(t), x, "log_prob")
    return _posterior._by_probabilities(weights_by("probs", t.dtype), *both)[0][0]


def to_second_order(fn, t):
    """Value, derivative by reverse mode, and the derivative of that by forward mode."""
    slope, curvature = jax.jvp(jax.jacrev(fn), (t,), (jnp.ones_like(t),))
    return jnp.stack([fn(t), slope, curvature])


def oracle(edge, quantity, t):
    """The mixture's probabilities at the points, as functions of the parameter."""

    def at(n, fn):
        if quantity == "log_prob":
            return fn(n)
        lower = mp.fsum(fn(j) for j in range(n + 1))
        return lower if quantity == "log_cdf" else 1 - lower

    w = mpf(float(np.asarray(WEIGHTS[0], t.dtype)))
    return [
        lambda s, n=n: w * at(n, lambda j: edge.mass(j, s)) + (1 - w) * at(n, edge.other)
        for n in edge.points
    ]


def one_sided(edge, fn, order):
    """A derivative by differences on the inner side of the limit."""
    return mp.diff(fn, mpf(edge.at), order, direction=edge.direction) if order else fn(mpf(edge.at))


def hold(edge, quantity, precision, result):
    """Hold a log probability and its derivatives, one row each, to the oracle."""
    t = jnp.asarray(edge.at, precision)
    for i, p in enumerate(oracle(edge, quantity, t)):
        if p(mpf(edge.at)) < 1e-30:  # of a probability of zero the logarithm has no derivative
            assert result[0, i] == -np.inf
            assert np.isfinite(result[1:, i]).all()
            continue
        orders = range(len(result))
        wanted = [float(one_sided(edge, lambda s, p=p: mp.log(p(s)), n)) for n in orders]
        scale = max(1, *map(abs, wanted))
        np.testing.assert_allclose(
            result[:, i],
            wanted,
            atol=TOLERANCE[precision] * scale,
            err_msg=f"{quantity} at {edge.points[i]}",
        )


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.slow
def test_densities_have_one_sided_derivatives_to_the_second_order(edge, precision):
    x = jnp.asarray(edge.points, precision)[:, None]

    def both(t):
        of = lambda kind: lambda t: mixed(edge, kind, "log_prob", x, t)  # noqa: E731
        return [to_second_order(of(kind), t) for kind in ("probs", "logits")]

    for result in jax.jit(both)(jnp.asarray(edge.at, precision)):
        hold(edge, "log_prob", precision, result)


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_tails_have_one_sided_derivatives(edge, precision):
    x = jnp.asarray(edge.points, precision)[:, None]

    def both(t):
        of = lambda quantity: lambda t: mixed(edge, "probs", quantity, x, t)  # noqa: E731
        tails = (of("log_cdf"), of("log_survival"))
        return [jnp.stack(jax.jvp(tail, (t,), (jnp.ones_like(t),))) for tail in tails]

    results = jax.jit(both)(jnp.asarray(edge.at, precision))
    for quantity, result in zip(("log_cdf", "log_survival"), results, strict=True):
        hold(edge, quantity, precision, result)


@pytest.mark.parametrize("edge", EDGES[:5], ids=str)
def test_posteriors_have_one_sided_derivatives(edge, precision):
    x = jnp.asarray(edge.points, precision)[:, None]
    t = jnp.asarray(edge.at, precision)
    run = jax.jit(lambda t: to_second_order(lambda t: share(edge, x, t), t))
    result = run(t)
    w = mpf(float(np.asarray(WEIGHTS[0], t.dtype)))
    for i, (n, p) in enumerate(zip(edge.points, oracle(edge, "log_prob", t), strict=True)):
        posterior = lambda s, n=n, p=p: w * edge.mass(n, s) / p(s)  # noqa: E731
        wanted = [float(one_sided(edge, posterior, order)) for order in range(3)]
        scale = max(1, *map(abs, wanted))
        np.testing.assert_allclose(result[:, i], wanted, atol=TOLERANCE[precision] * scale)


def test_the_derivative_in_a_rate_of_zero():
    """The value of the derivative, d/d rate of log(.4 Poisson(1; rate) + .6 Poisson(1; 3))."""
    d = lambda rate: dist.Poisson(jnp.stack([rate, jnp.full_like(rate, 3.0)]))  # noqa: E731
    x = jnp.ones((1, 1))

    def fn(r):
        return weights_by("probs", r.dtype).mix(*terms_and_factors(d(r), x, "log_prob")).value[0]

    np.testing.assert_allclose(jax.grad(fn)(0.0), 0.4 / (0.6 * 3 * np.exp(-3)), rtol=1e-5)


def test_a_mass_of_zero_everywhere_is_minus_infinity_with_a_finite_slope(precision):
    x = jnp.asarray([[2.0]], precision)

    def fn(r):
        both = terms_and_factors(dist.Poisson(jnp.stack([r, r])), x, "log_prob")
        return weights_by("logits", precision).mix(*both).value[0]

    value, slope = jax.value_and_grad(fn)(jnp.zeros((), precision))
    assert value == -np.inf
    assert np.isfinite(slope)


@pytest.mark.parametrize("kind", [int, float])
def test_ordered_logistic_mixture(kind):
    d = dist.OrderedLogistic(jnp.array([-1.0, 1.0]), jnp.array([0.0, 1.0]))
    mixture = MixtureSameFamily(dist.Categorical(jnp.array([0.3, 0.7])), d)
    value = mixture.log_prob(jnp.arange(3).astype(kind))
    np.testing.assert_allclose(value, [-0.8975, -1.5767, -0.9525], atol=5e-5)


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_integers_are_what_their_floats_are(edge, precision):
    with numpyro.validation_enabled(False):  # NumPyro's own wants no limits
        d = edge.make(jnp.asarray(edge.at, precision))
    n = jnp.asarray(edge.points)[:, None]
    for quantity in QUANTITIES:
        of = getattr(family(d), quantity)
        assert of(d, n).dtype == precision
        np.testing.assert_array_equal(of(d, n), of(d, n.astype(precision)))
