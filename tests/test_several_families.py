"""What is special to mixtures of several families: lists of components, programs, errors.

Values, tails, quantiles, draws, derivatives, batches: the laws of the families hold for these
mixtures as well, by rows of their table (cases/several.py).
"""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from scipy import stats

from cases.listed import mix, shares
from pathmix import (
    Mixture,
    MixtureSameFamily,
    RandomVariable,
)
from pathmix import random_variables as rv

KEY = jax.random.key(0)


def normal_and_t():
    return mix([dist.Normal(0.0, 1.0), dist.StudentT(3.0, 0.5, 4.0)])


def gamma_and_normal(**options):
    return mix([dist.Gamma(2.0, 1.0), dist.Normal(-1.0, 0.7)], **options)


def half_normal_and_uniform():
    return mix([dist.HalfNormal(1.0), dist.Uniform(-1.0, 0.5)])


@pytest.mark.slow
def test_second_derivatives_of_quantiles(x64):
    flat, unravel = jax.flatten_util.ravel_pytree(gamma_and_normal())
    quantile = lambda v: unravel(v).icdf(0.37)  # noqa: E731
    slope = jax.jit(jax.grad(quantile))
    hessian = jax.hessian(quantile)(flat)
    eye = 1e-5 * np.eye(len(flat))
    wanted = np.stack([(slope(flat + e) - slope(flat - e)) / 2e-5 for e in eye])
    np.testing.assert_allclose(hessian, wanted, rtol=1e-5, atol=1e-6)


# ---- shapes ----


@pytest.mark.slow
def test_batches():
    loc = jnp.array([0.0, 1.0, 2.0])
    m = Mixture(
        dist.Categorical(logits=jnp.zeros(2)), [dist.Normal(loc, 1.0), dist.Cauchy(0.0, 1.0)]
    )
    assert (m.batch_shape, m.log_prob(0.3).shape, m.sample(KEY, (4,)).shape) == ((3,), (3,), (4, 3))
    one = lambda loc: Mixture(  # noqa: E731
        dist.Categorical(logits=jnp.zeros(2)), [dist.Normal(loc, 1.0), dist.Cauchy(0.0, 1.0)]
    )
    wanted = [one(t).log_prob(0.3) for t in loc]
    np.testing.assert_allclose(m.log_prob(0.3), wanted, rtol=1e-6)
    np.testing.assert_allclose(m[1:].log_prob(0.3), wanted[1:], rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(one)(loc).log_prob(0.3), wanted, rtol=1e-6)
    assert m[0].batch_shape == ()
    wide = m.expand((5, 3))
    assert wide.batch_shape == (5, 3)
    np.testing.assert_allclose(wide.log_prob(0.3)[2], wanted, rtol=1e-6)
    assert [d.batch_shape for d in wide.components_distributions] == [(5, 3), (5, 3)]


def test_mixtures_within():
    """Those of one family, and of several, are taken apart."""
    inner = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.2, 0.8])), dist.Normal(jnp.array([0.0, 3.0]), 1.0)
    )
    m = mix([inner, dist.Laplace(0.0, 1.0), mix([dist.Cauchy(0.0, 1.0), dist.Normal(1.0, 2.0)])])
    assert m.num_components == 5
    flat = [0.2 / 6, 0.8 / 6, 2 / 6, 3 / 6 / 3, 3 / 6 * 2 / 3]
    np.testing.assert_allclose(m.mixture_distribution.probs, flat, rtol=1e-6)
    kinds = [type(d).__name__ for d in m.components_distributions]
    assert kinds == ["Normal", "Normal", "Laplace", "Cauchy", "Normal"]
    x = jnp.linspace(-3, 5, 7)
    logits = dist.Categorical(logits=jnp.log(jnp.asarray(shares(2))))
    by_logits = Mixture(logits, [inner, dist.Cauchy()])
    each = [np.exp(d.log_prob(x)) for d in (inner, dist.Cauchy())]
    np.testing.assert_allclose(np.exp(by_logits.log_prob(x)), shares(2) @ each, rtol=2e-6)


def test_a_batch_of_mixtures_within():
    halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
    loc = jnp.array([[0.0, 1.0], [2.0, -3.0], [0.5, 0.7]])
    one = lambda loc: mix([MixtureSameFamily(halves, dist.Normal(loc, 1.0)), dist.Cauchy()])  # noqa: E731
    m = one(loc)
    assert (m.batch_shape, m.num_components) == ((3,), 3)
    np.testing.assert_allclose(m.log_prob(0.3), [one(t).log_prob(0.3) for t in loc], rtol=1e-6)


def test_one_family_is_a_mixture_of_it(x64):
    m = mix([dist.Normal(0.0, 1.0), dist.Normal(2.0, 0.5)])
    same = MixtureSameFamily(
        dist.Categorical(probs=jnp.asarray(shares(2))),
        dist.Normal(jnp.array([0.0, 2.0]), jnp.array([1.0, 0.5])),
    )
    x = jnp.linspace(-2, 4, 9)
    np.testing.assert_array_equal(m.log_prob(x), same.log_prob(x))
    np.testing.assert_array_equal(m.icdf(0.3), same.icdf(0.3))


def test_leaves_are_weights_and_parameters():
    """And nothing more, so that an optimiser of leaves moves what there is."""
    m = mix([dist.Laplace(), dist.Normal(2.0, 0.5), dist.Cauchy(), dist.Normal(-3.0, 1.0)])
    assert [leaf.shape for leaf in jax.tree.leaves(m)] == [(4,), (1,), (1,), (2,), (2,), (1,), (1,)]
    again = pickle.loads(pickle.dumps(m))
    np.testing.assert_array_equal(again.log_prob(0.3), m.log_prob(0.3))
    doubled = jax.tree.map(lambda t: 2 * t, m)
    assert doubled.components_distributions[1].loc == 4.0


def test_supports():
    assert gamma_and_normal().support is dist.constraints.real
    support = half_normal_and_uniform().support
    assert np.asarray(support(jnp.array([-1.1, -0.5, 9.0]))).tolist() == [False, True, True]
    given = gamma_and_normal(support=dist.constraints.positive)
    assert given.support is dist.constraints.positive
    assert not mix([dist.Poisson(6.0), dist.Geometric(0.2)]).support(jnp.array(-1))


def test_the_mixture_shows_its_components():
    text = repr(normal_and_t())
    assert text.startswith("Mixture(Normal, StudentT, num_components=2, ")
    first, second = text.splitlines()[2:]
    assert first.split(maxsplit=2)[2] == "Normal(loc=0, scale=1)"
    assert second.split(maxsplit=2)[2] == "StudentT(df=3, loc=0.5, scale=4)"


def test_the_entropy_of_several_families(x64):
    """Of two that hardly overlap it is that of which one, and of each: the panels see both."""
    weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
    m = Mixture(weights, [dist.Normal(0.0, 1.0), dist.Laplace(1e4, 0.01)])
    each = [stats.norm.entropy(), stats.laplace.entropy(scale=0.01)]
    wanted = stats.entropy([0.3, 0.7]) + np.dot([0.3, 0.7], each)
    np.testing.assert_allclose(m.entropy(), wanted, atol=1e-8)


def test_numpyros_arguments_are_understood(x64):
    weights, components = (
        dist.Categorical(probs=jnp.array([0.4, 0.6])),
        [dist.Normal(), dist.Cauchy()],
    )
    theirs = dist.MixtureGeneral(weights, components, support=dist.constraints.real)
    ours = Mixture(weights, components, support=dist.constraints.real)
    x = jnp.linspace(-3, 3, 5)
    np.testing.assert_allclose(ours.log_prob(x), theirs.log_prob(x), rtol=1e-12)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_exports(platform):
    m = gamma_and_normal()
    shape = jax.ShapeDtypeStruct((10,), jnp.float32)
    exported = jax.export.export(jax.jit(lambda m, x: m.log_prob(x)), platforms=[platform])(
        m, shape
    )
    assert exported.out_avals[0].shape == (10,)


# ---- programs ----


def model(y=None):
    loc = numpyro.sample("loc", dist.Normal(0.0, 10.0))
    with numpyro.plate("rows", 40):
        weights = dist.Categorical(probs=jnp.array([0.9, 0.1]))
        numpyro.sample(
            "y", Mixture(weights, [dist.Normal(loc, 1.0), dist.StudentT(2.0, loc, 10.0)]), obs=y
        )


@pytest.mark.slow
def test_a_robust_likelihood_in_a_model():
    """Outliers at 50 pull the mean by six, and the posterior by nothing."""
    y = np.concatenate([np.random.default_rng(0).normal(2, 1, 35), np.full(5, 50.0)])
    kernel = numpyro.infer.NUTS(model)
    mcmc = numpyro.infer.MCMC(kernel, num_warmup=150, num_samples=150, progress_bar=False)
    mcmc.run(KEY, y)
    loc = mcmc.get_samples()["loc"]
    assert abs(loc.mean() - y[:35].mean()) < 0.3 < abs(y.mean() - 2)


def test_random_variables():
    weights = dist.Categorical(probs=jnp.array([0.9, 0.1]))

    def program():
        return rv.Mixture(weights, [dist.Normal(), dist.Cauchy()], name="x", with_component=True)

    sites = handlers.trace(handlers.seed(program, KEY)).get_trace()
    assert sites["x_component"]["value"] in (0, 1)
    assert isinstance(
        rv.Mixture(weights, [dist.Normal(), dist.Cauchy()], value=0.3), RandomVariable
    )
    assert float(
        rv.Mixture(weights, [dist.Normal(), dist.Cauchy()], value=0.3) + 1
    ) == pytest.approx(1.3)
    with pytest.raises(ValueError, match="expected a name with with_component=True"):
        rv.Mixture(weights, [dist.Normal(), dist.Cauchy()], with_component=True)


# ---- errors ----


class Unknown(dist.Distribution):
    support = dist.constraints.real

    def log_prob(self, value):
        return -(value**2)


HALF = dist.Categorical(probs=jnp.array([0.5, 0.5]))
BAD = {
    "one distribution": (
        TypeError,
        HALF,
        dist.Normal(jnp.zeros(2)),
        "expected a list of distributions, got one Normal",
    ),
    "no list": (TypeError, HALF, 3, "expected a list of at least one"),
    "empty": (TypeError, HALF, [], "expected a list of at least one distribution"),
    "a number": (TypeError, HALF, [dist.Normal(), 1.0], "got float at place 1"),
    "weights": (
        TypeError,
        [0.5, 0.5],
        [dist.Normal(), dist.Cauchy()],
        "expected mixture_distribution to be",
    ),
    "continuous weights": (
        ValueError,
        dist.Normal(),
        [dist.Normal(), dist.Cauchy()],
        "integer-valued",
    ),
    "count": (ValueError, HALF, [dist.Normal()], "2 categories and 1 components"),
    "events": (
        ValueError,
        HALF,
        [dist.Normal(), dist.Normal(jnp.zeros(2)).to_event(1)],
        "components of one event shape",
    ),
    "batches": (
        ValueError,
        HALF,
        [dist.Normal(jnp.zeros(2)), dist.Cauchy(jnp.zeros(3))],
        "batch shapes that broadcast",
    ),
    "a mass between counts": (
        ValueError,
        HALF,
        [dist.Delta(0.5), dist.Poisson(1.0)],
        r"at whole numbers, got Delta at 0\.5",
    ),
    "unknown": (
        NotImplementedError,
        HALF,
        [dist.Normal(), Unknown()],
        "whose parameters are known, got Unknown",
    ),
}


@pytest.mark.parametrize(("kind", "weights", "components", "text"), BAD.values(), ids=BAD)
def test_bad_arguments(kind, weights, components, text):
    with pytest.raises(kind, match=text):
        Mixture(weights, components)
    with pytest.raises(kind, match=text):
        jax.jit(lambda x: Mixture(weights, components).log_prob(x))(0.0)


def test_a_mass_among_counts_is_known_to_be_at_one():
    at = lambda v: Mixture(HALF, [dist.Delta(v), dist.Poisson(1.0)]).log_prob(0)  # noqa: E731
    with pytest.raises(ValueError, match=r"got Delta at a traced float\. Give .* Delta\(0\)"):
        jax.jit(at)(0.0)
    np.testing.assert_allclose(jax.jit(at)(0), jnp.log(0.5 + 0.5 * jnp.exp(-1.0)), rtol=1e-6)


def test_gradients_that_are_not_known():
    with pytest.raises(
        NotImplementedError, match=r"without point masses .* Stratified\(\) or Score"
    ):
        Mixture(HALF, [dist.Normal(), dist.Delta(0.0)], reparameterize=True)
    with pytest.raises(ValueError, match="expected continuous components for pathwise"):
        Mixture(HALF, [dist.Poisson(1.0), dist.Geometric(0.5)], reparameterize=True)
    normal = dist.Normal(jnp.zeros(2), 1.0).to_event(1)
    other = dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2))
    with pytest.raises(NotImplementedError, match="no known successive conditional"):
        Mixture(HALF, [normal, other], reparameterize=True)


def test_checks_hold_where_a_mixture_is_an_argument():
    m = Mixture(HALF, [dist.Exponential(), dist.Gamma(2.0)], validate_args=True)
    np.testing.assert_allclose(jax.jit(lambda m: m.log_prob(1.0))(m), m.log_prob(1.0), rtol=1e-6)
    leaves, tree = jax.tree.flatten(m)
    assert jax.tree.unflatten(tree, leaves).support(jnp.array([-1.0, 1.0])).tolist() == [
        False,
        True,
    ]


def test_checked_parameters_and_values():
    wrong = dist.Gamma(-1.0, 1.0, validate_args=False)
    with pytest.raises(ValueError, match="Gamma parameter `concentration`"):
        Mixture(HALF, [dist.Normal(), wrong], validate_args=True)
    m = Mixture(HALF, [dist.Exponential(), dist.Gamma(2.0)], validate_args=True)
    with pytest.raises(ValueError, match="expected values in the support"):
        m.log_prob(-1.0)
