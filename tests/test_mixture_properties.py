"""Laws that hold for every mixture: of one, permuted, merged, batched, moved and stretched."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpyro.distributions import transforms
from scipy import stats

from cases.mixtures import CONTINUOUS, DISCRETE, all_rows, by_logits, by_probs, mostly_float32, rows

few = settings(max_examples=8, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 2**20)
sizes = st.sampled_from([1, 4])  # few, as each shape is compiled
batches = st.sampled_from([(), (2, 3)])
METHODS = ("log_prob", "log_cdf", "log_survival_function")


def close(actual, wanted, ulps=64):
    """Equal but for rounding, relative to one."""
    eps = np.finfo(np.asarray(actual).dtype).eps
    np.testing.assert_allclose(actual, wanted, rtol=ulps * eps, atol=ulps * eps)


def eagerly(mixture, x):
    """The functions of a point and the statistics of a scalar mixture."""
    return {
        **{name: getattr(mixture, name)(x) for name in METHODS},
        "mean": mixture.mean,
        "variance": mixture.variance,
    }


everything = jax.jit(eagerly)
jitted_log_prob = jax.jit(lambda mixture, x: mixture.log_prob(x))


def same(actual, wanted, ulps=64):
    for name in wanted:
        close(actual[name], wanted[name], ulps)


def random_normals(seed, batch, k):
    """Random weights, locations and scales, ``*batch k``."""
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.ones(k), size=batch).astype("float32")
    loc = generator.normal(0, 3, (*batch, k)).astype("float32")
    scale = np.exp(generator.normal(0, 0.5, (*batch, k))).astype("float32")
    return probs, loc, scale


@all_rows([*CONTINUOUS, *DISCRETE])
@mostly_float32
def test_a_mixture_of_one_is_its_component(row, precision):
    """By NumPyro's own density, and SciPy's cdf."""
    one = row.make(*(jnp.asarray(each[:1]) for each in row.arrays(precision).values()))
    mixture = by_probs(np.ones(1, precision), one)
    x = mixture.sample(jax.random.key(0), (10,))
    log_prob, cdf = jax.jit(lambda m, x: (m.log_prob(x), m.cdf(x)))(mixture, x)
    tolerance = {"float32": 2e-4, "float64": 1e-9}[precision]
    np.testing.assert_allclose(
        log_prob, one.log_prob(x[:, None])[:, 0], rtol=tolerance, atol=tolerance
    )
    first = [each[0] for each in row.params.values()]
    np.testing.assert_allclose(
        cdf, row.cdf(np.asarray(x, float), *first), rtol=tolerance, atol=1e-6
    )


@all_rows([*CONTINUOUS, *DISCRETE])
def test_numpy_parameters_are_accepted(row):
    """NumPyro keeps them as they are."""
    arrays = row.arrays("float32").values()
    by_numpy, by_jax = (row.make(*map(as_array, arrays)) for as_array in (np.asarray, jnp.asarray))
    weights = np.array([0.5, 0.3, 0.2], "float32")
    actual = by_probs(weights, by_numpy).log_prob(np.float32(1))
    np.testing.assert_allclose(actual, by_probs(weights, by_jax).log_prob(1.0), rtol=1e-6)


@given(seeds, batches, sizes)
@few
def test_against_a_loop(seed, batch, k):
    """Batches and samples broadcast as the plain loop says."""
    probs, loc, scale = random_normals(seed, batch, k)
    x = np.random.default_rng(seed).normal(0, 3, (4, *batch)).astype("float32")
    log_p = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        b = at[1:]
        log_p[at] = np.log(np.sum(probs[b] * stats.norm.pdf(x[at], loc[b], scale[b])))
    mixture = by_probs(probs, dist.Normal(loc, scale))
    np.testing.assert_allclose(jitted_log_prob(mixture, x), log_p, rtol=1e-5, atol=1e-5)


@given(seeds, batches, sizes)
@few
def test_the_order_of_components_does_not_matter(seed, batch, k):
    probs, loc, scale = random_normals(seed, batch, k)
    order = np.random.default_rng(seed).permutation(k)
    x = np.full(batch, 0.7, "float32")
    wanted = everything(by_probs(probs, dist.Normal(loc, scale)), x)
    shuffled = by_probs(probs[..., order], dist.Normal(loc[..., order], scale[..., order]))
    same(everything(shuffled, x), wanted, 256)


@given(seeds, sizes)
@few
def test_identical_components_merge(seed, k):
    """A component in two parts is the component; their posterior weights add up."""
    probs, loc, scale = random_normals(seed, (), k)
    split = np.append(probs, 0.3 * probs[-1])
    split[k - 1] *= 0.7
    parts = by_probs(split, dist.Normal(np.append(loc, loc[-1]), np.append(scale, scale[-1])))
    whole = by_probs(probs, dist.Normal(loc, scale))
    same(everything(parts, 0.7), everything(whole, 0.7), 256)
    posterior = parts.posterior_marginal(0.7).probs
    close(posterior[k - 1] + posterior[k], whole.posterior_marginal(0.7).probs[k - 1])


@given(seeds, sizes)
@few
def test_identical_components_have_no_gradient_in_the_weights(seed, k):
    probs, loc, scale = random_normals(seed, (), k)
    same_loc, same_scale = np.full_like(loc, loc[0]), np.full_like(scale, scale[0])
    gradient = jax.grad(lambda a: by_logits(a, dist.Normal(same_loc, same_scale)).log_prob(0.7))(
        np.log(probs)
    )
    close(gradient, np.zeros(k))


@given(seeds, sizes, st.floats(-50, 50, width=32), st.floats(0.125, 8, width=32))
@few
def test_moving_and_stretching(seed, k, shift, factor):
    """x → shift + factor · x, as new parameters and as a transformed mixture."""
    probs, loc, scale = random_normals(seed, (), k)
    base = by_probs(probs, dist.Normal(loc, scale))
    moved = by_probs(probs, dist.Normal(shift + factor * loc, factor * scale))
    x = np.float32(0.7)
    y = shift + factor * x
    near = max(1, abs(shift)) / (factor * scale.min())
    atol = 1e-5 * near * (1 + np.abs(x - loc).max() / scale.min())
    np.testing.assert_allclose(moved.log_prob(y), base.log_prob(x) - np.log(factor), atol=atol)
    np.testing.assert_allclose(moved.mean, shift + factor * base.mean, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(moved.stddev, factor * base.stddev, rtol=1e-5)
    outer = dist.TransformedDistribution(base, transforms.AffineTransform(shift, factor))
    np.testing.assert_allclose(outer.log_prob(y), moved.log_prob(y), atol=atol)


@given(seeds, sizes)
@settings(few, max_examples=2)
def test_jit_is_eager(seed, k):
    probs, loc, scale = random_normals(seed, (2,), k)
    mixture = by_probs(probs, dist.Normal(loc, scale))
    x = np.array([0.7, -1.0], "float32")
    same(everything(mixture, x), eagerly(mixture, x), 256)


@given(seeds, sizes)
@few
def test_vmap_is_a_loop(seed, k):
    """The mixture made inside, over batched parameters and over points."""
    probs, loc, scale = random_normals(seed, (3,), k)
    x = np.random.default_rng(seed).normal(size=(3,)).astype("float32")

    def one(probs, loc, scale, x):
        return everything(by_probs(probs, dist.Normal(loc, scale)), x)

    mapped = jax.vmap(one)(probs, loc, scale, x)
    for b in range(3):
        wanted = one(probs[b], loc[b], scale[b], x[b])
        same({name: each[b] for name, each in mapped.items()}, wanted, 256)
    same(everything(by_probs(probs, dist.Normal(loc, scale)), x), mapped, 256)


@given(seeds, sizes)
@few
def test_the_joint_sums_to_the_density(seed, k):
    """And divides into the posterior."""
    probs, loc, scale = random_normals(seed, (), k)
    mixture = by_probs(probs, dist.Normal(loc, scale))
    joint = mixture.component_log_probs(0.7)
    assert joint.shape == (k,)
    close(jax.nn.logsumexp(joint), mixture.log_prob(0.7))
    close(jax.nn.softmax(joint), mixture.posterior_marginal(0.7).probs)


@rows(CONTINUOUS)
def test_the_density_is_the_slope_of_the_cdf(row, x64):
    """And both tails add up to one."""
    mixture = row.mixture("float64")
    x = mixture.sample(jax.random.key(3), (20,))

    def both(m, x):
        slope = jax.jvp(m.cdf, (x,), (jnp.ones_like(x),))[1]
        return slope, jnp.exp(m.log_prob(x)), m.cdf(x) + jnp.exp(m.log_survival_function(x))

    slope, density, total = jax.jit(both)(mixture, x)
    np.testing.assert_allclose(slope, density, rtol=1e-8)
    np.testing.assert_allclose(total, 1, rtol=1e-13)


@all_rows([row for row in CONTINUOUS if row.name in ("Normal", "Gamma", "Beta", "Gumbel")])
def test_moments_are_those_of_draws(row):
    """Within 5 standard errors of 1e5 draws: false alarm 6e-7."""
    mixture = row.mixture("float32")
    x = np.asarray(mixture.sample(jax.random.key(4), (10**5,)), float)
    assert abs(x.mean() - mixture.mean) < 5 * x.std() / np.sqrt(x.size)
    squares = (x - x.mean()) ** 2
    assert abs(squares.mean() - mixture.variance) < 5 * squares.std() / np.sqrt(x.size)


@pytest.mark.parametrize("mutant", ["logits as probs", "softmax dropped", "components swapped"])
def test_the_loop_catches_mutants(mutant):
    """The comparison with the loop fails by far more than its tolerance."""
    probs, loc, scale = random_normals(0, (), 3)
    right = by_probs(probs, dist.Normal(loc, scale)).log_prob(0.7)
    wrong = {
        "logits as probs": by_logits(probs, dist.Normal(loc, scale)),
        "softmax dropped": by_probs(np.exp(probs), dist.Normal(loc, scale)),
        "components swapped": by_probs(probs[::-1], dist.Normal(loc, scale)),
    }[mutant].log_prob(0.7)
    assert abs(right - wrong) > 1e-2
