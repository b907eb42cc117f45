"""Laws of mixtures of every family about the shapes and types of their parameters.

Expanded, broadcast and batched parameters, half precision, and leaves that go through a file: one
compiled program per family, every value held to the exact mixture.
"""

import io
from functools import partial

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from cases import mixed, table


def mix(row, make, theta):
    """The mixture of what is made of the parameters of each part."""
    w = jnp.asarray(mixed.weights(row.size, "float32"))
    parts = zip(row.parts, row.of_parts(theta), strict=True)
    return row.mixed([make(*each) for each in parts], w)


def alike(row, theta, coordinates=()):
    """The first component in place of all, in so many coordinates."""
    one = row.make(*(t[0] for t in theta))
    return one.expand((row.size, *coordinates)).to_event(len(coordinates))


def sharing(row, theta):
    """The parameters, those that components share as scalars of the first component."""
    shared = table.shared_names(row)
    if len(shared) == len(row.params):
        return theta
    return [t[0] if name in shared else t for name, t in zip(row.params, theta, strict=True)]


def of_first(theta):
    """The parameters of each part's first component for all of it."""
    return [np.broadcast_to(t[:1], t.shape) for t in theta]


def of_first_part(row, fn, theta):
    """The parameters, of which those of the first part are changed."""
    first, *rest = row.of_parts(theta)
    return [*map(fn, first), *(t for own in rest for t in own)]


def full(row, theta):
    """What components share, for each of them."""
    parts = zip(row.parts, row.of_parts(theta), strict=True)
    return [np.broadcast_to(t, (part.size,)) for part, own in parts for t in sharing(part, own)]


def pairs(x):
    """Vectors of two of the points."""
    return jnp.stack([x, x[::-1]], -1)


def log_densities(row, theta, x):
    """Of the same points by every form of the parameters."""
    found = {
        "batched": mixed.mixture(row, theta := list(theta)).log_prob(x),
        "expanded": mix(row, alike, theta).log_prob(x),
    }
    batch = [jnp.stack([t, jnp.roll(t, 1)]) for t in theta]
    found["batches"] = mixed.mixture(row, batch).log_prob(x[:, None])
    if len(row.parts) > 1:
        some = of_first_part(row, lambda t: jnp.stack([t, jnp.roll(t, 1)]), theta)
        found["batches of some"] = mixed.mixture(row, some).log_prob(x[:, None])
    if makes_vectors(row):
        found["expanded vectors"] = mix(row, partial(alike, coordinates=(2,)), theta).log_prob(
            pairs(x)
        )
    if table.APPLIES["broadcast"](row):
        shared = mix(row, lambda part, own: part.make(*sharing(part, own)), theta)
        found["broadcast"] = shared.log_prob(x)
    return found


def makes_vectors(row):
    """Whether coordinates of this kind have a joint density."""
    has_masses = any(part.oracle.atomic for part in row.parts) or (row.counts and not row.discrete)
    return table.is_scalar(row) and not has_masses


def exact_log_densities(row, theta, x):
    """What the forms should give, with the error allowed."""
    w = mixed.weights(row.size)
    terms = lambda theta: mixed.terms(row, "log_prob", x, theta, "float32")  # noqa: E731
    first = terms(of_first(theta))
    wanted = {"batched": terms(theta).mixed(w), "expanded": first.mixed(w)}
    rolled = partial(np.roll, shift=1)
    for name, other in {
        "batches": list(map(rolled, theta)),
        "batches of some": of_first_part(row, rolled, theta),
    }.items():
        both = [wanted["batched"], terms(other).mixed(w)]
        wanted[name] = tuple(np.stack(each, -1) for each in zip(*both, strict=True))
    twice = mixed.Terms(first.value + first.value[::-1], first.allowed + first.allowed[::-1])
    wanted["expanded vectors"] = twice.mixed(w)
    wanted["broadcast"] = terms(full(row, theta)).mixed(w)
    return wanted


@table.law("expanded", "broadcast", "batched")
def test_forms_of_parameters(row):
    theta, x = row.arrays("float32"), mixed.body(row, "float32")
    run = jax.jit(lambda theta, x: log_densities(row, theta, x))
    found, wanted = run(theta, x), exact_log_densities(row, theta, x)
    for name, actual in found.items():
        assert actual.dtype == np.float32
        mixed.check(actual, *wanted[name], name)


# ---- files ----


def saved_and_loaded(m):
    """Through a file that knows the order of the leaves and nothing else."""
    leaves, tree = jax.tree.flatten(m)
    file = io.BytesIO()
    np.savez(file, *leaves)
    file.seek(0)
    with np.load(file) as arrays:
        return jax.tree.unflatten(tree, [jnp.asarray(arrays[name]) for name in arrays.files])


@table.law("saved", "oracle value")
def test_saved_and_loaded(row):
    theta, x = row.arrays("float32"), mixed.body(row, "float32")
    m = mixed.mixture(row, [jnp.asarray(t) for t in theta])
    run = jax.jit(lambda m, x: m.log_prob(x))
    found = run(saved_and_loaded(m), x)
    wanted = mixed.terms(row, "log_prob", x, theta, "float32").mixed(mixed.weights(row.size))
    mixed.check(found, *wanted, "log_prob")
    np.testing.assert_array_equal(run(m, x), found)


def test_leaves_in_another_order_are_noticed():
    row = table.ROWS[0]
    m = mixed.mixture(row, [jnp.asarray(t) for t in row.arrays("float32")])
    leaves, tree = jax.tree.flatten(m)
    wrong = jax.tree.unflatten(tree, leaves[::-1])
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(wrong.log_prob(1.0), m.log_prob(1.0))


# ---- half precision ----

HALVES = ("float16", "bfloat16")


def halved(row, dtype):
    """Parameters of floating point in half precision, and points."""
    theta = [t.astype(dtype) if t.dtype == np.float32 else t for t in row.arrays("float32")]
    x = mixed.body(row, "float32")
    x = on_grid(x) if row.name == "Dirichlet" else np.clip(x, -6e4, 6e4)  # as float16 reaches
    return theta, x.astype(dtype)


def on_grid(x):
    """Points of the simplex that half precision has exactly, by multiples of 1/64."""
    parts = np.maximum(np.round(62 * x), 1)[..., :-1] / 64
    return np.concatenate([parts, 1 - parts.sum(-1, keepdims=True)], -1)


def single(tree):
    """The same numbers in float32."""
    half = lambda t: t.dtype in map(jnp.dtype, HALVES)  # noqa: E731
    return jax.tree.map(lambda t: t.astype("float32") if half(t) else t, tree)


def in_both(row, theta, x):
    """The log density in half precision, and of the same numbers in float32."""
    w = mixed.weights(row.size, "float32")
    weights = jnp.asarray(w).astype(x.dtype)

    def log_prob(weights, theta, x):
        return row.mixture(theta, weights).log_prob(x)

    return log_prob(weights, theta, x), log_prob(*single((weights, theta, x)))


def units(actual, wanted):
    """Distance in units of the last place of half precision; NaN and infinities must agree."""
    wanted = wanted.astype(actual.dtype)
    info = jnp.finfo(actual.dtype)
    actual, wanted = np.asarray(actual, float), np.asarray(wanted, float)
    place = np.maximum(np.abs(np.nan_to_num(wanted, posinf=0, neginf=0)), float(info.tiny))
    same = (actual == wanted) | (np.isnan(actual) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0, np.abs(actual - wanted) / (place * float(info.eps)))


@table.law("float16")
def test_half_precision_is_computed_in_single(row):
    """The same numbers in float32, rounded once; a unit more where sums are ordered otherwise."""
    if jax.__version_info__ >= (0, 11) and table.name(row) == "LowRankMultivariateNormal":
        pytest.skip("NumPyro's class factors a matrix, which JAX does not do in float16")
    run = jax.jit(lambda *each: [in_both(row, *h) for h in each])
    for dtype, (actual, wanted) in zip(HALVES, run(*(halved(row, d) for d in HALVES)), strict=True):
        assert actual.dtype == dtype
        assert np.isfinite(np.asarray(wanted)).any()
        assert np.all(units(actual, wanted) <= 1), (dtype, actual, wanted)
    if table.has_tails(row):
        for dtype in HALVES:
            theta, x = halved(row, dtype)
            cdf = jax.eval_shape(lambda t, x: mixed.mixture(row, t).cdf(x), theta, x)
            assert cdf.dtype == dtype
