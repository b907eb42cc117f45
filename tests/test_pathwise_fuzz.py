"""Not one non-finite gradient at drawn points, in float32, over extreme mixtures."""

import itertools

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from numpyro.distributions import transforms

from pathmix import MixtureSameFamily

SCALES = (1e-3, 1.0, 1e3)
SEPARATIONS = (0.0, 1.0, 5.0, 50.0)
WEIGHTS = ("equal", "random", "tiny", "zeros")
DRAWS = 16

# Each from a location, a scale and a shape (in 0.5 … 4), all ``k`` or ``k event``; families on
# a half line or an interval are spread out by their scale and shape instead of a location.
FAMILIES = {
    "Normal": lambda m, s, a: dist.Normal(m, s),
    "LogNormal": lambda m, s, a: dist.LogNormal(jnp.log(s) + jnp.clip(m / s, -20, 20), a / 4),
    "HalfNormal": lambda m, s, a: dist.HalfNormal(s + jnp.abs(m)),
    "Laplace": lambda m, s, a: dist.Laplace(m, s),
    "Logistic": lambda m, s, a: dist.Logistic(m, s),
    "Cauchy": lambda m, s, a: dist.Cauchy(m, s),
    "HalfCauchy": lambda m, s, a: dist.HalfCauchy(s + jnp.abs(m)),
    "StudentT": lambda m, s, a: dist.StudentT(a, m, s),
    "Gumbel": lambda m, s, a: dist.Gumbel(m, s),
    "Weibull": lambda m, s, a: dist.Weibull(s + jnp.abs(m), a),
    "Exponential": lambda m, s, a: dist.Exponential(1 / (s + jnp.abs(m))),
    "Gamma": lambda m, s, a: dist.Gamma(a * (1 + jnp.abs(m / s)), 1 / s),
    "InverseGamma": lambda m, s, a: dist.InverseGamma(a * (1 + jnp.abs(m / s)), s),
    "Chi2": lambda m, s, a: dist.Chi2(a * (1 + jnp.abs(m / s))),
    "Beta": lambda m, s, a: dist.Beta(a * (1 + jnp.abs(m / s)), 2 / a),
    "Kumaraswamy": lambda m, s, a: dist.Kumaraswamy(a * (1 + jnp.abs(m / s) / 5), 2 / a),
    "Pareto": lambda m, s, a: dist.Pareto(s + jnp.abs(m), 1 + a),
    "Uniform": lambda m, s, a: dist.Uniform(m, m + s),
    "TruncatedNormal": lambda m, s, a: dist.TruncatedNormal(m, s, low=m - s, high=m + a * s),
    "VonMises": lambda m, s, a: dist.VonMises(jnp.clip(m / s, -3, 3), a),
    "Transformed": lambda m, s, a: dist.TransformedDistribution(
        dist.Normal(m / s, a), transforms.AffineTransform(0.5, s)
    ),
}


def weights(kind, k, generator):
    if kind == "equal":
        return np.full(k, 1 / k)
    w = generator.dirichlet(np.ones(k))
    if kind == "tiny":
        w[: k // 2] = 1e-8
    if kind == "zeros":
        w[: k // 2] = 0.0
    return w / w.sum()


def configurations(k, event_shape):
    """All combinations of scale, separation and weights, stacked along axis 0, in float32."""
    generator = np.random.default_rng(11)
    stacks = [], [], [], []
    for scale, separation, kind in itertools.product(SCALES, SEPARATIONS, WEIGHTS):
        order = generator.permuted(
            np.broadcast_to(np.arange(k).reshape(-1, *[1] * len(event_shape)), (k, *event_shape)),
            axis=0,
        )
        s = scale * generator.uniform(0.5, 2.0, (k, *event_shape))
        a = generator.uniform(0.5, 4.0, (k, *event_shape))
        row = weights(kind, k, generator), scale * separation * (order - k // 2), s, a
        for stack, each in zip(stacks, row, strict=True):
            stack.append(each.astype("float32"))
    return tuple(map(np.stack, stacks))


def gradients(make, by, k, event_shape):
    """Draws, and the gradients of each to the weights and the three parameters."""

    def one(probs, m, s, a, key):
        w = probs if by == "probs" else jnp.log(probs)

        def mixture(w, m, s, a):
            components = make(m, s, a)
            if event_shape:
                components = components.to_event(len(event_shape))
            return MixtureSameFamily(dist.Categorical(**{by: w}), components, True)

        draws = mixture(w, m, s, a).sample(key, (DRAWS,))
        total = lambda x, *t: jnp.sum(mixture(*t).reparameterize_sample(x))  # noqa: E731
        per_draw = jax.vmap(lambda x: jax.grad(total, (1, 2, 3, 4))(x, w, m, s, a))
        return draws, per_draw(draws)

    stacks = configurations(k, event_shape)
    keys = jax.random.split(jax.random.key(1), len(stacks[0]))
    return stacks, jax.jit(jax.vmap(one))(*stacks, keys)


def check(name, by, k, event_shape=()):
    stacks, (draws, slopes) = gradients(FAMILIES[name], by, k, event_shape)
    assert np.isfinite(draws).all()
    problems = []
    grid = list(itertools.product(SCALES, SEPARATIONS, WEIGHTS))
    for argument, each in zip((by, "loc", "scale", "shape"), slopes, strict=True):
        assert each.dtype == jnp.float32
        bad = ~np.isfinite(np.asarray(each).reshape(len(grid), DRAWS, -1)).all(-1)
        for n, i in np.argwhere(bad)[:3]:
            theta = [stack[n].tolist() for stack in stacks] if k == 2 and not event_shape else ""
            problems.append(f"d/d{argument} at {draws[n, i]} for {grid[n]} {theta}: {each[n, i]}")
    assert not problems, f"{len(problems)}\n" + "\n".join(problems)
    # every parameter moves the draws of some configuration
    assert np.any(slopes[0])


SHAPES = list(itertools.product((1, 2, 16, 64), ((), (8,), (64,))))
DEFAULT = [(2, ()), (16, (8,))]


def shape_rows():
    slow = pytest.mark.slow
    for by, (k, event_shape) in itertools.product(("probs", "logits"), SHAPES):
        quick = by == "probs" and (k, event_shape) in DEFAULT
        yield pytest.param(by, k, event_shape, marks=[] if quick else [slow])


@pytest.mark.parametrize(("by", "k", "event_shape"), list(shape_rows()))
def test_gradients_of_normal_draws_are_finite(by, k, event_shape):
    if k > 1:
        check("Normal", by, k, event_shape)
    else:
        check_single(by, event_shape)


def check_single(by, event_shape):
    """One component: weights have no effect."""
    _, (draws, slopes) = gradients(FAMILIES["Normal"], by, 1, event_shape)
    assert np.isfinite(draws).all()
    assert all(np.isfinite(each).all() for each in slopes)
    assert not np.any(slopes[0])


def family_rows():
    slow = pytest.mark.slow
    for name, k in itertools.product([n for n in FAMILIES if n != "Normal"], (2, 16)):
        quick = (name, k) in {("Laplace", 2), ("Uniform", 2)}
        yield pytest.param(name, k, marks=[] if quick else [slow])


@pytest.mark.parametrize(("name", "k"), list(family_rows()))
def test_gradients_of_draws_of_every_family_are_finite(name, k):
    check(name, "probs", k)
