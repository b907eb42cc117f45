"""Densities of many points are written out in one pass: they are those of few points at a time."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Mixture, MixtureSameFamily
from pathmix._components import canonical
from pathmix._evaluation import _written_out
from pathmix._evaluation._cdf_of_scalars import at_once
from pathmix._evaluation._stages import OF_PAIRS, OF_POINTS, of_each, staged
from pathmix._evaluation._written_out import (
    _density,
    is_slope_written_out,
    is_written_out,
    stages_of,
)
from pathmix._special import log1p
from pathmix._tuning import BY_ONE_KERNEL, SHARED_BADLY, WRITTEN_OUT

RNG = np.random.default_rng(0)
N = 12_000  # of three components more values than are looked at pair by pair


def numbers(k, low=0.3, high=3.0):
    return jnp.asarray(RNG.uniform(low, high, k))


FAMILIES = {
    "Normal": lambda k: dist.Normal(numbers(k, -3.0), numbers(k)),
    "StudentT": lambda k: dist.StudentT(5.0, numbers(k, -3.0), numbers(k)),
    "Gamma": lambda k: dist.Gamma(numbers(k), numbers(1)),
    "Beta": lambda k: dist.Beta(numbers(k), numbers(k)),
    "Poisson": lambda k: dist.Poisson(numbers(k).at[0].set(0.0)),
    "Uniform": lambda k: dist.Uniform(numbers(k, -3.0, 0.0), numbers(k)),
}


@pytest.mark.parametrize("k", [3, WRITTEN_OUT])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("by", ["probs", "logits"])
def test_as_few_points_at_a_time(name, k, by, x64):
    components, w = FAMILIES[name](k), jnp.asarray(RNG.uniform(0.1, 1.0, k)).at[1].set(0.0)
    weights = dist.Categorical(
        **{by: w / w.sum() if by == "probs" else jnp.log(w)}, validate_args=False
    )
    mixture = MixtureSameFamily(weights, components)
    x = np.array(mixture.sample(jax.random.key(1), (N,)), float)
    x[:6] = [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e-30]
    assert is_written_out(canonical(components), jnp.asarray(x))
    whole = jax.jit(mixture.log_prob)(x)
    few = jnp.concatenate([mixture.log_prob(part) for part in np.split(x, 24)])
    np.testing.assert_allclose(whole, few, rtol=1e-13, atol=1e-14)


def test_slopes_as_of_few_points_at_a_time(x64):
    components, w = FAMILIES["Normal"](3), jnp.array([0.3, 0.0, 0.7])
    mixture = MixtureSameFamily(dist.Categorical(probs=w, validate_args=False), components)
    x = np.array(mixture.sample(jax.random.key(1), (N,)), float)
    x[:5] = [np.inf, -np.inf, 0.0, 1e30, -1e-30]
    assert is_slope_written_out(canonical(components), jnp.asarray(x))
    slope = jax.jit(jax.grad(lambda x: mixture.log_prob(x).sum()))
    few = jnp.concatenate([slope(part) for part in np.split(x, 24)])
    np.testing.assert_allclose(slope(x), few, rtol=1e-11, atol=1e-12)
    bend = jax.jvp(slope, (x[5:],), (jnp.ones(N - 5),))[1]
    parts = [jax.jvp(slope, (part,), (jnp.ones_like(part),))[1] for part in np.split(x[5:], 5)]
    np.testing.assert_allclose(bend, np.concatenate(parts), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_in_stages():
    """Of components, of points, of pairs, and of neither, through calls of all kinds."""

    def fn(parameters, x):
        a, b = parameters
        total = jax.jit(lambda a, x: log1p(a) * x + jnp.exp(b))(a, x) + jnp.sin(x)
        return total, jax.nn.softplus(x), a * b, 2 * b

    a, b, x = jnp.arange(4.0)[:, None], jnp.array([[0.5]]), jnp.linspace(0.0, 1.0, 7)
    stages = staged(jax.make_jaxpr(fn)((0.0, 0.0), 0.0), (True, False))
    names = lambda *kinds: {step.primitive.name for step in stages.of(*kinds)}  # noqa: E731
    assert "sin" in names(OF_POINTS)
    assert "exp" in names(0)
    assert not names(OF_PAIRS) & {"sin", "exp", "bitcast_convert_type"}
    # a compiler may fuse products and sums here and not there
    close = partial(np.testing.assert_allclose, rtol=2 * np.finfo(np.float32).eps)
    for k, out in enumerate(of_each(stages, [a, b], x, 4)):
        jax.tree.map(close, tuple(out), fn((a[k], b[0]), x))


@pytest.mark.parametrize(
    "fn",
    [
        lambda t, x: jax.lax.fori_loop(0, 3, lambda i, y: y + t, x),
        lambda t, x: jnp.stack([t, x]).sum(),
        lambda t, x: jnp.arange(3.0)[x.astype(int)] * t,
        lambda t, x: jax.jit(lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x))(t + x),
    ],
    ids=["loop", "array", "table", "branches"],
)
def test_what_is_not_on_numbers_has_no_stages(fn):
    assert staged(jax.make_jaxpr(fn)(0.5, 0.5), (True,)) is None


def several():
    each = [
        dist.Gamma(2.0, 1.0),
        dist.Normal(0.0, 1.0),
        dist.Gamma(0.5, 1.0),
        dist.Normal(3.0, 2.0),
    ]
    return Mixture(dist.Categorical(logits=numbers(4)), each)


TURNS = {
    "Gamma": lambda: MixtureSameFamily(dist.Categorical(logits=numbers(3)), FAMILIES["Gamma"](3)),
    "Normal": lambda: MixtureSameFamily(dist.Categorical(logits=numbers(6)), FAMILIES["Normal"](6)),
    "several": several,
}


def test_inverse_gammas_far_out(precision):
    """The square of the inverse underflows in single precision, and is not taken."""
    a, x = 1.5, jnp.asarray(1e25, precision)
    mixture = MixtureSameFamily(
        dist.Categorical(logits=jnp.zeros(2)), dist.InverseGamma(a, 2 * jnp.ones(2))
    )
    exact = stats.invgamma(a, scale=2).logpdf(1e25)
    np.testing.assert_allclose(mixture.log_prob(x), exact, rtol=4 * jnp.finfo(precision).eps)


@pytest.mark.parametrize("n", [997, 4000])
@pytest.mark.parametrize("name", TURNS)
def test_in_turns(name, n, x64):
    """What one thread does by parts is what it does at once, derivatives and batches too."""
    mixture = TURNS[name]()
    x = np.array(mixture.sample(jax.random.key(2), (n,)))
    x[:4] = [np.nan, np.inf, 0.0, -1.0]
    value = lambda m, x: m.log_prob(x)  # noqa: E731
    slope = lambda m, x: jax.grad(lambda x: value(m, x).sum())(x)  # noqa: E731
    for fn in (value, slope):
        whole = jax.jit(fn)
        parts = [whole(mixture, part) for part in np.array_split(x, 40)]
        if name == "Normal" or (fn is value and n < 1000):  # others are too much work
            assert "stablehlo.while" in whole.lower(mixture, x).as_text()
        np.testing.assert_allclose(whole(mixture, x), np.concatenate(parts), rtol=1e-12)
        twice = jax.vmap(fn, in_axes=(None, 0))(mixture, np.stack([x, x[::-1]]))
        np.testing.assert_allclose(twice[0], whole(mixture, x), rtol=1e-12)
    of_all = jax.jit(jax.grad(lambda m, x: value(m, x).sum(), allow_int=True))
    total = jax.tree.leaves(of_all(mixture, x[4:]))
    pieces = [jax.tree.leaves(of_all(mixture, part)) for part in np.array_split(x[4:], 40)]
    for t, *ts in zip(total, *pieces, strict=True):
        np.testing.assert_allclose(t, sum(ts), rtol=1e-9, atol=1e-9)


def test_other_devices_take_no_turns(monkeypatch):
    mixture, x = TURNS["Normal"](), jnp.zeros(2000)
    text = lambda: jax.jit(lambda x: mixture.log_prob(x)).lower(x).as_text()  # noqa: E731
    assert "stablehlo.while" in text()
    assert "optimization_barrier" in text()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    jax.clear_caches()
    assert "stablehlo.while" not in text()
    assert "optimization_barrier" not in text()


@pytest.mark.parametrize(("name", "loops"), [("Normal", False), ("Gamma", True)])
def test_short_terms_of_few_components_need_no_loop(name, loops, x64):
    """A loop takes as long to compile as all the rest; slopes are those of few points at a time."""
    mixture = MixtureSameFamily(dist.Categorical(logits=numbers(3)), FAMILIES[name](3))
    x = mixture.sample(jax.random.key(2), (600,))
    assert ("while" in jax.jit(mixture.log_prob).lower(x).as_text()) == loops
    slope = jax.jit(jax.grad(lambda x: mixture.log_prob(x).sum()))
    few = jnp.concatenate([slope(part) for part in np.split(x, 2)])
    np.testing.assert_allclose(slope(x), few, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.slow
def test_derivatives_as_of_few_points_at_a_time(several, x64):
    halves = dist.Categorical(logits=jnp.array([0.2, -0.3, 0.5]))
    loc = jnp.array([0.0, 2.0, -1.0])

    def total(loc, logits, x):
        weights = dist.Categorical(logits=logits)
        if several:
            each = [dist.Normal(loc[0], 1.0), dist.Cauchy(loc[1], 1.0), dist.Normal(loc[2], 2.0)]
            return Mixture(weights, each).log_prob(x).sum()
        return MixtureSameFamily(weights, dist.Logistic(loc, 1.0)).log_prob(x).sum()

    x = jnp.asarray(RNG.normal(size=3 * N))
    of = lambda x: jax.jit(jax.grad(total, (0, 1, 2)))(loc, halves.logits, x)  # noqa: E731
    parts = [of(part) for part in np.split(x, 60)]
    whole = of(x)
    for i in (0, 1):
        np.testing.assert_allclose(whole[i], sum(part[i] for part in parts), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole[2], np.concatenate([part[2] for part in parts]), rtol=1e-12)
    forward = jax.jvp(lambda loc: total(loc, halves.logits, x), (loc,), (jnp.ones(3),))[1]
    np.testing.assert_allclose(forward, whole[0].sum(), rtol=1e-9)


def test_batches(x64):
    mixture = MixtureSameFamily(
        dist.Categorical(logits=jnp.asarray(RNG.normal(size=(4, 3)))),
        dist.Normal(jnp.asarray(RNG.normal(size=(4, 3))), jnp.ones((4, 3))),
    )
    x = RNG.normal(size=(N, 4))
    whole = mixture.log_prob(x)
    few = jnp.concatenate([mixture.log_prob(part) for part in np.split(x, 96)])
    np.testing.assert_allclose(whole, few, rtol=1e-13)
    mapped = jax.vmap(lambda m, x: m.log_prob(x), in_axes=(0, 1), out_axes=1)(
        mixture, jnp.asarray(x)
    )
    np.testing.assert_allclose(mapped, whole, rtol=1e-13)


@pytest.mark.parametrize(
    ("components", "n", "is_it"),
    [
        (lambda: dist.Normal(jnp.zeros(3), 1.0), N, True),
        (lambda: dist.Normal(jnp.zeros(3), 1.0), SHARED_BADLY[0] // 3, False),  # too few values
        (lambda: dist.Normal(jnp.zeros(3), 1.0), 1000, True),  # one thread's turns
        (lambda: dist.Gamma(jnp.ones(3), 1.0), SHARED_BADLY[1] // 3, False),  # too much for one
        (lambda: dist.Normal(jnp.zeros(WRITTEN_OUT + 1), 1.0), N, False),  # too many components
        (lambda: dist.BetaBinomial(jnp.ones(3), 1.0, 5), N, False),  # too long
        (lambda: dist.TruncatedNormal(jnp.zeros(3), 1.0, low=0.0), N, True),  # most of parameters
    ],
)
def test_of_which_it_is_worth_it(components, n, is_it):
    assert is_written_out(canonical(components()), jnp.zeros(n)) == is_it


def test_slopes_of_long_densities_are_not(monkeypatch):
    components = canonical(dist.StudentT(5.0, jnp.zeros(3), 1.0))
    assert is_slope_written_out(components, jnp.zeros(N))
    of_pairs = len(stages_of(_density, components, jnp.zeros(N)).of(OF_PAIRS))
    monkeypatch.setattr(_written_out, "LONG_SLOPE", of_pairs - 1)
    assert is_written_out(components, jnp.zeros(N))
    assert not is_slope_written_out(components, jnp.zeros(N))


@pytest.mark.parametrize(("k", "together"), [(3, True), (BY_ONE_KERNEL + 1, False)])
def test_what_parameters_decide_is_worked_out_by_one_kernel(k, together):
    components, x = dist.StudentT(5.0 + jnp.arange(k), jnp.zeros(k), 1.0), jnp.zeros(N)
    mixture = MixtureSameFamily(dist.Categorical(logits=jnp.zeros(k)), components)
    program = jax.jit(lambda m, x: m.log_prob(x)).lower(mixture, x).compile().as_text()
    kernels = program[program.index("ENTRY") :].count(" fusion(")
    assert (kernels <= 8) == together


CDFS = {
    "Dagum": lambda k: dist.Dagum(numbers(k), numbers(k), numbers(k)),
    "Gumbel": lambda k: dist.Gumbel(numbers(k, -3.0), numbers(k)),
    "TruncatedNormal": lambda k: dist.TruncatedNormal(numbers(k, -3.0), numbers(k), low=0.0),
}


@pytest.mark.parametrize(
    ("name", "k", "n", "at_a_time"),
    [
        ("Gumbel", 16, 4000, 16),
        ("Dagum", 16, 4000, 4),
        ("Dagum", 13, 4000, 13),  # a prime number
        ("TruncatedNormal", 5, 4000, 0),  # five would be too much at once
        ("TruncatedNormal", 3, 4000, 3),
        ("TruncatedNormal", 16, 4000, 2),
        ("Gumbel", 16, 60, 0),  # too few values
    ],
)
def test_cdfs_as_of_few_points_at_a_time(name, k, n, at_a_time, precision):
    components, w = CDFS[name](k), jnp.asarray(RNG.uniform(0.1, 1.0, k)).at[1].set(0.0)
    mixture = MixtureSameFamily(dist.Categorical(probs=w / w.sum()), components)
    x = np.array(mixture.sample(jax.random.key(1), (n,)))
    x[:4] = [np.nan, np.inf, -np.inf, 0.0]
    if precision == "float32":  # formulas of doubles are longer
        assert at_once(canonical(components), jnp.asarray(x)) == at_a_time
    rtol = 20 * jnp.finfo(precision).eps

    def parts(fn):
        return np.concatenate([fn(part) for part in np.split(x, 20 * n // 200)])

    whole = jax.jit(mixture.cdf)(x)
    np.testing.assert_allclose(whole, parts(mixture.cdf), rtol=rtol, atol=rtol)
    along = lambda x: jax.grad(lambda x: mixture.cdf(x).sum())(x)  # noqa: E731
    np.testing.assert_allclose(along(x)[4:], parts(along)[4:], rtol=rtol, atol=rtol)
    of_all = jax.jit(jax.grad(lambda m, x: m.cdf(x).sum(), allow_int=True))
    total, pieces = of_all(mixture, x[4:]), [of_all(mixture, y) for y in np.array_split(x[4:], 12)]
    # errors of a sum of n numbers of either sign, each at most about one
    close = partial(np.testing.assert_allclose, rtol=rtol, atol=n * rtol)
    for t, *ts in zip(jax.tree.leaves(total), *map(jax.tree.leaves, pieces), strict=True):
        close(t, sum(ts))
    twice = jax.vmap(mixture.cdf)(np.stack([x, x[::-1]]))
    np.testing.assert_allclose(twice[0], whole, rtol=rtol, atol=rtol)
