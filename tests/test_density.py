"""Log densities streamed over components: exact far out, in any blocks, and in bounded memory."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from scipy.special import logsumexp
from scipy.stats import norm

from pathmix import MixtureSameFamily
from pathmix._components import canonical
from pathmix._evaluation import _blocks, _density

K, E = 6, 3


def normals(p):
    components = dist.Normal(p["loc"], p["scale"]).to_event(1)
    return MixtureSameFamily(dist.Categorical(logits=p["logits"]), components)


def full(p):
    factor = jnp.exp(p["scale"])[..., None] * jnp.eye(E) + jnp.tril(p["below"], -1)
    components = dist.MultivariateNormal(p["loc"], scale_tril=factor)
    return MixtureSameFamily(dist.Categorical(probs=jax.nn.softmax(p["logits"])), components)


def parameters(dtype, far=0.0):
    rng = np.random.default_rng(0)
    p = {
        "logits": rng.normal(size=K),
        "loc": far + 2 * rng.normal(size=(K, E)),
        "scale": np.exp(0.3 * rng.normal(size=(K, E))),
        "below": 0.3 * rng.normal(size=(K, E, E)),
    }
    return {name: value.astype(dtype) for name, value in p.items()}


def direct(p, x):
    """The log density and its gradients by SciPy and NumPy, in double precision."""
    p, x = {name: np.asarray(v, float) for name, v in p.items()}, np.asarray(x, float)[:, None]
    log_w = p["logits"] - logsumexp(p["logits"])
    joint = log_w + norm.logpdf(x, p["loc"], p["scale"]).sum(-1)
    value = logsumexp(joint, axis=-1)
    r, z = np.exp(joint - value[:, None])[..., None], (x - p["loc"]) / p["scale"]
    gradients = {
        "logits": (r[..., 0] - np.exp(log_w)).sum(0),
        "loc": (r * z / p["scale"]).sum(0),
        "scale": (r * (z * z - 1) / p["scale"]).sum(0),
    }
    return value, gradients


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("far", [0.0, 1e3, 1e6])
def test_far_points_are_as_exact_as_near_ones(far, small, monkeypatch):
    """Rounding ``x`` to float32 is not an error; each term then adds a few units of its own."""
    for module in () if small else (_blocks, _density):
        monkeypatch.setattr(module, "SMALL", 0)
    jax.clear_caches()
    p = parameters("float32", far)
    x = (far + 3 * np.random.default_rng(1).normal(size=(400, E))).astype("float32")
    value, gradients = direct(p, x)
    ours = jax.jit(lambda p: normals(p).log_prob(x))(p)
    terms = 1 + np.abs(value)  # sums of E squares and K terms, each to 2⁻²⁴
    assert np.max(np.abs(ours - value) / terms) < 16 * 2**-24
    found = jax.jit(jax.grad(lambda p: normals(p).log_prob(x).sum()))(p)
    for name, expected in gradients.items():
        # the responsibilities' relative error is the absolute one of log densities up to ~30
        np.testing.assert_allclose(found[name], expected, atol=len(x) * 2**-18, err_msg=name)
    jax.clear_caches()  # they hold this plan


def by_terms(mixture, x):
    return jax.nn.logsumexp(mixture.component_log_probs(x), axis=-1)


def by_numpyro(mixture, x):
    """The components' own log densities, all at once."""
    x = jnp.expand_dims(x, x.ndim - mixture.event_dim)
    log_w = jax.nn.log_softmax(mixture.mixture_distribution.logits)
    return jax.nn.logsumexp(log_w + mixture.components_distribution.log_prob(x), axis=-1)


by_density = MixtureSameFamily.log_prob


# blocks of one component, of two or three, and of all; samples that can be split, and not; in five
# stretches of points
@pytest.mark.parametrize(
    ("blocked", "block", "n"),
    [
        (by_density, 1, 7),
        (by_density, 50, 8),
        (by_density, 10**6, 8),
        (by_density, 50, 25),
        (by_terms, 50, 8),
    ],
)
@pytest.mark.parametrize("make", [normals, full])
def test_blocks_change_nothing(blocked, make, block, n, x64, monkeypatch):
    for module in (_blocks, _density):
        monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(_blocks, "BLOCK", block)
    monkeypatch.setattr(_blocks, "STRETCH", (1, 5 * E))
    jax.clear_caches()
    p, x = parameters("float64"), np.random.default_rng(2).normal(size=(n, E))
    streamed = lambda p, x: jnp.sum(blocked(make(p), x) ** 2)  # noqa: E731
    at_once = lambda p, x: jnp.sum(by_numpyro(make(p), x) ** 2)  # noqa: E731

    def derivatives(fn):
        orders = (jax.value_and_grad, jax.jacfwd, jax.hessian)
        return jax.jit(lambda p, x: [order(fn, argnums=(0, 1))(p, x) for order in orders])(p, x)

    ours, expected = derivatives(streamed), derivatives(at_once)
    jax.clear_caches()  # they hold this size of block
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11), ours, expected
    )
    (_, reverse), forward, _ = ours
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), forward, reverse
    )


@pytest.mark.parametrize("transposed", [False, True], ids=["forwards", "transposed"])
def test_points_go_through_in_stretches_that_a_cache_holds(transposed):
    """Of 25 points in a batch of 2, the stretches are cut from the samples alone."""
    seen = []
    components = canonical(dist.Normal(jnp.zeros((2, K, E)), 1.0).to_event(1))

    def fn(rows):
        seen.append(rows.shape)
        return jnp.sum(rows, axis=0)

    n = 5**7
    x = jnp.arange(n * 2 * E, dtype=float).reshape(n, 2, E)
    out = _blocks.by_stretches(fn, components, x, transposed=transposed)
    np.testing.assert_array_equal(out, x.sum(-1))
    assert seen == [(E, 5, 5**5, 2) if transposed else (E, 1, 5**6, 2)]  # of n · 2 · E = 468750
    prime = jnp.ones((100_003, 2, E))  # without divisors it goes through at once
    _blocks.by_stretches(fn, components, prime)
    assert seen[1:] == [(E, 1, 100_003, 2)]


def test_overflowing_squares_are_not_felt_without_weight():
    """The first component is 10⁴⁰ deviations away: its square and its slopes are infinite."""
    p = {"loc": jnp.zeros((2, E)), "scale": jnp.array([[1e-30], [1e10]]) * jnp.ones((2, E))}
    p = p | {"logits": jnp.zeros(2)}
    fn = lambda p, x: normals(p).log_prob(x)  # noqa: E731
    x = jnp.full(E, 1e10)
    gradient = jax.jit(jax.grad(fn, argnums=(0, 1)))(p, x)
    slope = jax.jvp(lambda loc: fn(p | {"loc": loc}, x), (p["loc"],), (p["scale"],))[1]
    assert not np.any(gradient[0]["scale"][0])
    assert not np.any(gradient[0]["loc"][0])
    # rounding the log density, about 70, is an error of the weight
    np.testing.assert_allclose(gradient[0]["loc"][1], 1e-10, rtol=70 * 2**-22)
    np.testing.assert_allclose(gradient[1], -1e-10, rtol=70 * 2**-22)
    np.testing.assert_allclose(slope, E, rtol=70 * 2**-22)  # one deviation, at z = 1, thrice


def betas(p):
    """Of which NumPyro keeps a Dirichlet inside, besides its parameters."""
    return dist.Beta(p["scale"], 1 + p["scale"]).to_event(1)


def vectors(p):
    """Events of two vectors, whose components share a factor."""
    factor = jnp.eye(E) + 0.1 * jnp.tril(p["below"][0], -1)
    loc = jnp.stack([p["loc"], -p["loc"]], 1)
    return dist.MultivariateNormal(loc, scale_tril=factor).to_event(1)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("make", [betas, vectors])
@pytest.mark.parametrize("blocked", [by_density, by_terms])
def test_gradients_are_those_of_a_sum_over_components(blocked, make):
    def mixture(p):
        return MixtureSameFamily(dist.Categorical(logits=p["logits"]), make(p))

    p = parameters("float64")
    x = np.random.default_rng(2).uniform(size=(5, *make(p).event_shape))
    got, expected = (
        jax.jit(jax.value_and_grad(lambda p, x: jnp.sum(fn(mixture(p), x)), argnums=(0, 1)))(p, x)  # noqa: B023
        for fn in (blocked, by_numpyro)
    )
    assert np.all(got[1][1] != 0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11), got, expected)


@pytest.mark.parametrize("gradient", [False, True])
def test_memory_is_that_of_the_points(gradient):
    """Ten million points, 64 components: the terms alone would take 2.4 GiB."""
    shape = lambda *s: jax.ShapeDtypeStruct(s, jnp.float32)  # noqa: E731
    p = {"logits": shape(64), "loc": shape(64, 16), "scale": shape(64, 16)}
    fn = lambda p, x: normals(p).log_prob(x)  # noqa: E731
    if gradient:
        fn = jax.value_and_grad(lambda p, x: jnp.mean(normals(p).log_prob(x)))
    used = jax.jit(fn).lower(p, shape(10**7, 16)).compile().memory_analysis()
    total = used.argument_size_in_bytes + used.output_size_in_bytes + used.temp_size_in_bytes
    assert total < 3 * 2**30


VECTORS_OF_ONE_LOCATION = {
    "normal": (
        lambda L: dist.MultivariateNormal(0.5, scale_tril=L),
        lambda c: stats.multivariate_normal(np.full(3, 0.5), c),
    ),
    "Student t": (
        lambda L: dist.MultivariateStudentT(5.0, 0.5, L),
        lambda c: stats.multivariate_t(np.full(3, 0.5), c, df=5),
    ),
}


@pytest.mark.parametrize(
    ("make", "exact"), VECTORS_OF_ONE_LOCATION.values(), ids=VECTORS_OF_ONE_LOCATION
)
def test_a_location_that_is_one_number_is_that_of_all_coordinates(make, exact, x64):
    factors = np.array([[[1.0, 0, 0], [0.3, 0.8, 0], [0, 0.2, 1.2]], 2 * np.eye(3)])
    weights, x = np.array([0.3, 0.7]), np.array([1.0, -0.5, 2.0])
    m = MixtureSameFamily(dist.Categorical(probs=jnp.asarray(weights)), make(jnp.asarray(factors)))
    pairs = zip(weights, factors, strict=True)
    wanted = sum(w * exact(f @ f.T).pdf(x) for w, f in pairs)
    np.testing.assert_allclose(np.exp(m.log_prob(x)), wanted, rtol=1e-12)
    np.testing.assert_allclose(m.mean, np.full(3, 0.5))
