"""Rules for derivatives that loops do not forget: the wrapper itself, then mixtures inside loops.

Every loop is compared with the same function outside of it, beyond the first order, which is right
even where a rule is forgotten.
"""

import itertools
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import lax

import pathmix
from cases import families
from pathmix import _rules
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp

X = jnp.array([0.4, 1.3, 2.2])
MODES = [*itertools.product("fr", repeat=2), ("r", "r", "r")]
DERIVATIVE = {"f": jax.jacfwd, "r": jax.jacrev}


def by_rule_alone(fn):
    """A function whose value shows nothing of how it moves."""
    return custom_jvp(lambda x: fn(lax.stop_gradient(x)))


wave, slope = by_rule_alone(jnp.sin), by_rule_alone(jnp.cos)
wave.defjvp(lambda primals, tangents: (wave(*primals), slope(*primals) * tangents[0]))
slope.defjvp(lambda primals, tangents: (slope(*primals), -wave(*primals) * tangents[0]))

LOOPS = {
    "map": lambda f, x: lax.map(f, x),
    "scan": lambda f, x: lax.scan(lambda total, t: (total, f(t)), 0.0, x)[1],
    "counted loop": lambda f, x: lax.fori_loop(
        0, len(x), lambda k, out: out.at[k].set(f(x[k])), jnp.zeros_like(x)
    ),
    "map of what is worked out again": lambda f, x: lax.map(jax.checkpoint(f), x),
    "loop worked out again": jax.checkpoint(lambda f, x: lax.map(f, x), static_argnums=0),
    "map of a choice": lambda f, x: lax.map(lambda t: lax.cond(t > 0, f, jnp.exp, t), x),
    "batched": lambda f, x: jax.vmap(lambda t: lax.map(f, t[None])[0])(x),
    "compiled": lambda f, x: jax.jit(lambda x: lax.map(f, x))(x),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_every_order_in_every_loop(x64, loop):
    expected = (jnp.cos(X), -jnp.sin(X), -jnp.cos(X))
    for modes in MODES:
        fn = lambda x: LOOPS[loop](wave, x).sum()  # noqa: E731
        for mode in modes:
            fn = DERIVATIVE[mode](fn)
        found = fn(X)
        while found.ndim > 1:
            found = jnp.diagonal(found, axis1=0, axis2=1).T
        np.testing.assert_allclose(found, expected[len(modes) - 1], rtol=1e-14, err_msg=str(modes))


def test_a_pytree_an_integer_and_a_static_argument():
    @partial(custom_jvp, nondiff_argnums=(0,))
    def power(sign, table, index):
        return {"out": sign * lax.stop_gradient(table["x"])[index] ** 3}

    @partial(power.defjvp, symbolic_zeros=True)
    def _(sign, primals, tangents):
        (table, index), (moves, _) = primals, tangents
        change = sign * 3 * table["x"][index] ** 2 * moves["x"][index]
        return power(sign, *primals), {"out": change}

    def looped(x):
        return lax.map(lambda i: power(-1, {"x": x}, i)["out"], jnp.arange(3)).sum()

    np.testing.assert_allclose(looped(X), -(X**3).sum(), rtol=1e-6)
    np.testing.assert_allclose(jax.hessian(looped)(X), jnp.diag(-6 * X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(power(2, {"x": X}, 1)["out"], 2 * X[1] ** 3, rtol=1e-6)


def test_the_rule_is_told_what_does_not_move():
    seen = []
    product = custom_jvp(lambda x, y: x * y)

    @partial(product.defjvp, symbolic_zeros=True)
    def _(primals, tangents):
        seen.append([is_zero(t) for t in tangents])
        return product(*primals), sum(
            d * p for d, p in zip(tangents, primals[::-1], strict=True) if not is_zero(d)
        )

    jax.jit(jax.grad(product))(2.0, 3.0)
    jax.grad(lambda y: jax.vmap(product, (0, None))(X, y).sum())(3.0)
    jax.grad(lambda x: lax.map(lambda t: product(t, 3.0), x).sum())(X)
    assert [True, False] in seen
    assert [False, True] in seen
    assert [False, False] not in seen


def test_a_call_without_derivatives_is_compiled_once():
    traced = []
    twice = custom_jvp(lambda x: traced.append(x) or 2 * x)
    twice.defjvp(lambda primals, tangents: (twice(*primals), 2 * tangents[0]))
    for x in X:
        twice(x)
        jax.jit(lambda x: twice(x) + 1)(x)
    assert len(traced) == 1


def test_values_are_not_traced_where_derivatives_alone_are_asked_for():
    traced = []
    twice = custom_jvp(lambda x: traced.append(x) or {"out": 2 * x})
    twice.defjvp(lambda primals, tangents: ({"out": 2 * primals[0]}, {"out": 2 * tangents[0]}))
    assert jax.jit(jax.grad(lambda x: twice(x)["out"]))(1.0) == 2
    assert not traced
    assert jax.jit(lambda x: twice(x)["out"])(1.0) == 2
    assert len(traced) == 1


def test_calls_alike_need_nothing_that_could_be_forgotten():
    """JAX remembers what kinds of results there are, and does not ask the second call."""
    pair = custom_jvp(lambda x: (x, {"twice": 2 * x}))
    pair.defjvp(lambda primals, tangents: (pair(*primals), pair(*tangents)))
    for i in range(3):
        out = jax.jit(lambda x, i=i: pair(x + i))(X)
        np.testing.assert_array_equal(out[1]["twice"], 2 * (X + i))
        mapped = jax.jit(jax.vmap(lambda x, i=i: pair(x + i)))(X)
        np.testing.assert_array_equal(mapped[1]["twice"], 2 * (X + i))
        _rules._made.cache_clear()


def test_all_rules_of_the_library_hold_in_loops():
    """None is set by JAX's own decorators, which loops forget, nor is a function used that was."""
    for path in Path(pathmix.__file__).parent.rglob("*.py"):
        if path.name != "_rules.py":
            assert not re.search(
                r"jax\.custom_[jv]+p\b|jax import .*custom_[jv]+p"
                r"|jnp\.logaddexp\(|nn\.(softplus|log_sigmoid)\(",
                path.read_text(),
            )


# ---- mixtures ----


def row(name):
    return next(row for row in families.ROWS if str(row) == name)


def model(row):
    """The free parameters and weights of a row's mixture, points, and how it is built."""
    theta, size = list(map(jnp.asarray, row.arrays("float64"))), row.size
    weights = jnp.arange(1.0, size + 1) / sum(range(1, size + 1))

    def build(leaves, **options):
        *free, w = leaves
        full = list(theta)
        for i, t in zip(row.free, free, strict=True):
            full[i] = t
        components = row.make(*full)
        return pathmix.MixtureSameFamily(dist.Categorical(probs=w), components, **options)

    leaves = [*(theta[i] for i in row.free), weights]
    points = row.value("float64")[0][families.smooth_points(row), 0]
    return build, leaves, jnp.asarray(points[:4])


def curvature(fn, leaves, x):
    """How the gradient of ``Σ fn²`` moves along the leaves, each by a tenth, and along ``x``."""
    args = (leaves, x) if jnp.issubdtype(x.dtype, jnp.floating) else (leaves,)
    along = jax.tree.map(lambda t: jnp.where(t == 0, 0.1, 0.1 * jnp.abs(t)), args)

    def total(leaves, x=x):
        return jnp.sum(fn(leaves, x) ** 2)

    gradient = jax.grad(total, argnums=tuple(range(len(args))))
    return jax.jit(lambda *args: jax.jvp(gradient, args, along)[1])(*args)


def check_in_a_loop(row, fn):
    """``fn`` of a mixture and a point: of all points at once, and one by one."""
    build, leaves, x = model(row)
    at_once = curvature(lambda leaves, x: fn(build(leaves), x), leaves, x)
    one_by_one = curvature(lambda leaves, x: lax.map(lambda t: fn(build(leaves), t), x), leaves, x)
    # sums of four points in another order, of numbers that cancel to a thousandth
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-8, 1e-11), one_by_one, at_once)


QUICK = ["Gamma", "Poisson", "FoldedDistribution of Normal"]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.slow
def test_log_densities_in_a_loop(x64, name):
    check_in_a_loop(row(name), lambda mixture, x: mixture.log_prob(x))


@pytest.mark.slow
@pytest.mark.parametrize("row", families.ROWS, ids=str)
def test_log_densities_of_every_family_in_a_loop(x64, row):
    check_in_a_loop(row, lambda mixture, x: mixture.log_prob(x))


# second derivatives of its incomplete beta functions take seven minutes to compile, without a loop
TOO_LONG = ["Truncated StudentT right"]
TAILED = [row for row in families.ROWS if row.oracle.tails and not row.event_shape]


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in TAILED if str(row) not in TOO_LONG], ids=str)
def test_tails_of_every_family_in_a_loop(x64, row):
    check_in_a_loop(row, lambda mixture, x: mixture.log_survival_function(x))


def test_posteriors_in_a_loop(x64):
    check_in_a_loop(row("StudentT"), lambda mixture, x: mixture.posterior_marginal(x).probs)


@pytest.mark.slow
def test_tails_in_a_loop(x64):
    check_in_a_loop(row("Gamma"), lambda mixture, x: mixture.log_survival_function(x))


def test_quantiles_in_a_loop(x64):
    build, leaves, _ = model(row("Logistic"))
    q = jnp.array([0.2, 0.5, 0.9])
    at_once = curvature(lambda leaves, q: build(leaves).icdf(q), leaves, q)
    looped = curvature(lambda leaves, q: lax.map(build(leaves).icdf, q), leaves, q)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-8, 1e-9), looped, at_once)


@pytest.mark.parametrize("name", ["Normal", pytest.param("Gamma", marks=pytest.mark.slow)])
def test_draws_in_a_loop(x64, name):
    """Draws move by their rule alone: forgotten, they would have no second derivative at all."""
    build, leaves, _ = model(row(name))
    keys = jax.random.split(jax.random.key(1), 3)

    def draw(leaves, key):
        return build(leaves, reparameterize=True).rsample(key)

    at_once = curvature(lambda leaves, keys: jax.vmap(partial(draw, leaves))(keys), leaves, keys)
    looped = curvature(lambda leaves, keys: lax.map(partial(draw, leaves), keys), leaves, keys)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-8, 1e-9), looped, at_once)
    assert all(jnp.any(t != 0) for t in jax.tree.leaves(looped))
