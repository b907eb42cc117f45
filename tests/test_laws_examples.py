"""Small examples with values by hand: batches by vmap, NaN values, half precision."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from scipy import special, stats

from pathmix import MixtureSameFamily

LOC, SCALE, W = (-1.0, 2.0), (0.5, 1.0), (0.25, 0.75)


def normals(loc, scale=SCALE, w=W, dtype="float32"):
    """The mixture; NumPyro's own check of weights takes 1 for too much in half precision."""
    weights = dist.Categorical(probs=jnp.asarray(w, dtype), validate_args=False)
    components = dist.Normal(jnp.asarray(loc, dtype), jnp.asarray(scale, dtype))
    return MixtureSameFamily(weights, components)


# ---- a function that returns a mixture, under vmap ----

SHIFTS = np.array([0.0, 1.0, -2.0], "float32")


def test_a_mixture_made_under_vmap_is_a_batch():
    m = jax.vmap(lambda shift: normals(jnp.array(LOC) + shift))(jnp.asarray(SHIFTS))
    assert (m.batch_shape, m.event_shape) == ((3,), ())
    components = stats.norm(np.array(LOC) + SHIFTS[:, None], SCALE)
    np.testing.assert_allclose(m.mean, components.mean() @ W, rtol=1e-6, atol=1e-6)
    wanted = np.log(components.pdf(0.5) @ W)
    np.testing.assert_allclose(m.log_prob(0.5), wanted, rtol=1e-5)
    np.testing.assert_allclose(m.cdf(0.5), components.cdf(0.5) @ W, rtol=1e-5)
    assert m.sample(jax.random.key(0), (5,)).shape == (5, 3)
    assert m.expand((2, 3)).batch_shape == (2, 3)


def test_a_mixture_made_under_two_vmaps():
    m = jax.vmap(jax.vmap(lambda shift: normals(jnp.array(LOC) + shift)))(
        jnp.asarray(SHIFTS)[:, None] + jnp.arange(2.0)
    )
    assert m.batch_shape == (3, 2)
    assert m.log_prob(0.5).shape == (3, 2)


def test_a_mixture_that_scan_stacks_is_a_batch():
    _, m = jax.lax.scan(lambda c, s: (c, normals(jnp.array(LOC) + s)), 0, jnp.asarray(SHIFTS))
    assert m.batch_shape == (3,)
    assert m.variance.shape == (3,)


# ---- NaN in, NaN out ----

ONE_TWO = jnp.array([1.0, 2.0])
NAN = {
    "LogNormal": dist.LogNormal(ONE_TWO, 1.0),
    "StudentT": dist.StudentT(3.0, ONE_TWO, 1.0),
    "Gumbel": dist.Gumbel(ONE_TWO, 1.0),
    "Gamma": dist.Gamma(ONE_TWO, 1.0),
    "Beta": dist.Beta(ONE_TWO, 2.0),
    "Uniform": dist.Uniform(0.0, ONE_TWO),
    "Poisson": dist.Poisson(ONE_TWO),
}


@pytest.mark.parametrize("components", NAN.values(), ids=NAN)
def test_nan_in_nan_out(components):
    m = MixtureSameFamily(dist.Categorical(probs=jnp.array([0.3, 0.7])), components)
    x = jnp.array([jnp.nan, 0.5 if not m.is_discrete else 1.0])

    @jax.jit
    def every(x):
        return m.log_prob(x), m.cdf(x), m.log_cdf(x), m.log_survival_function(x)

    for value in every(x):
        np.testing.assert_array_equal(np.isnan(value), [True, False])
    assert m.posterior_mode(x).tolist()[0] == -1
    assert m.posterior_mode(x).tolist()[1] in (0, 1)


def test_a_nan_row_of_vectors_has_no_mode():
    m = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.3, 0.7])),
        dist.Normal(jnp.array([[0.0, 0.0], [3.0, 3.0]]), 1.0).to_event(1),
    )
    x = jnp.array([[0.1, jnp.nan], [0.1, 0.1], [2.9, 3.0]])
    assert m.posterior_mode(x).tolist() == [-1, 0, 1]


# ---- half precision: the mixture of −1 and 2 at 0.5 ----

X = 0.5


def exact():
    """Gradient in the locations, posterior, and slope of the quantile at cdf(0.5)."""
    joint = np.array(W) * stats.norm.pdf(X, LOC, SCALE)
    r = joint / joint.sum()
    gradient = r * (X - np.array(LOC)) / np.array(SCALE) ** 2
    return gradient, r, 1 / joint.sum()


def test_the_exact_values_are_those_of_the_formulas():
    """By differences of SciPy's densities."""
    log_density = lambda loc: special.logsumexp(stats.norm.logpdf(X, loc, SCALE) + np.log(W))  # noqa: E731
    step = 1e-6 * np.eye(2)
    slopes = [(log_density(LOC + s) - log_density(LOC - s)) / 2e-6 for s in step]
    np.testing.assert_allclose(exact()[0], slopes, rtol=1e-8)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    """Every number is that of float32, rounded: within one unit of the last place."""
    gradient, posterior, slope = exact()
    eps = float(jnp.finfo(dtype).eps)
    x, m = jnp.asarray(X, dtype), normals(LOC, dtype=dtype)
    found = jax.grad(lambda loc: normals(loc, dtype=dtype).log_prob(x))(jnp.asarray(LOC, dtype))
    of_x = m.posterior_marginal(x).probs
    q = m.cdf(x)
    assert found.dtype == of_x.dtype == q.dtype == m.log_prob(x).dtype == dtype
    np.testing.assert_allclose(np.asarray(found, float), gradient, rtol=eps)
    np.testing.assert_allclose(np.asarray(of_x, float), posterior, rtol=eps)
    np.testing.assert_allclose(float(q), W @ stats.norm.cdf(X, LOC, SCALE), rtol=eps)
    at = jax.grad(lambda q: m.icdf(q))(q)
    # q is rounded to half precision: its quantile and the density there move a little
    moved = eps * float(q) * slope * 2
    assert abs(float(at) - slope) <= slope * (eps + moved)
