"""Margins and conditionals against dense linear algebra, and as identities of densities."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import stats

from pathmix import MixtureSameFamily

pytestmark = pytest.mark.usefixtures("x64")
few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # x64, the same for all
)
RNG = np.random.default_rng(7)
LOC = RNG.normal(size=(3, 4))
ROOT = RNG.normal(size=(3, 4, 4))
SIGMA = ROOT @ np.swapaxes(ROOT, -1, -2) + 0.3 * np.eye(4)
WEIGHTS = np.array([0.3, 0.7, 0.0])
DF = np.array([2.0, 5.0, np.inf])
FAMILIES = {
    "covariance": lambda: dist.MultivariateNormal(jnp.array(LOC), jnp.array(SIGMA)),
    "precision": lambda: dist.MultivariateNormal(
        jnp.array(LOC), precision_matrix=jnp.array(np.linalg.inv(SIGMA))
    ),
    "shared factor": lambda: dist.MultivariateNormal(
        jnp.array(LOC), scale_tril=jnp.array(np.linalg.cholesky(SIGMA[0]))
    ),
    "low rank": lambda: dist.LowRankMultivariateNormal(
        jnp.array(LOC), jnp.array(ROOT[..., :2]), jnp.full((3, 4), 0.6)
    ),
    "student": lambda: dist.MultivariateStudentT(
        jnp.array(DF), jnp.array(LOC), jnp.array(np.linalg.cholesky(SIGMA))
    ),
    "gamma": lambda: dist.Gamma(jnp.exp(jnp.array(LOC)), jnp.ones((3, 1))).to_event(1),
    "laplace": lambda: dist.Laplace(jnp.array(LOC), 1.0).to_event(1),
}
AXES = ([2, 0], 0, [0, 1], -1, [3, 1, 0])


def mixture_of(name, **options):
    return MixtureSameFamily(
        dist.Categorical(probs=jnp.array(WEIGHTS), validate_args=False), FAMILIES[name](), **options
    )


def rest_of(axes):
    return [i for i in range(4) if i not in np.atleast_1d(axes) % 4]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("axes", AXES, ids=str)
def test_densities_factor(name, axes):
    mixture, x = mixture_of(name), np.abs(RNG.normal(size=(5, 4)))
    given = mixture.conditional(axes, x[:, axes])
    assert given.batch_shape == (5,)
    assert given.event_shape == (len(rest_of(axes)),)
    total = mixture.marginal(axes).log_prob(x[:, axes]) + given.log_prob(x[:, rest_of(axes)])
    np.testing.assert_allclose(total, mixture.log_prob(x), rtol=1e-10)


@pytest.mark.parametrize("name", ["covariance", "precision", "shared factor"])
def test_margin_and_conditional_are_those_of_dense_algebra(name):
    mixture = mixture_of(name)
    sigma = np.broadcast_to(SIGMA[0], SIGMA.shape) if name == "shared factor" else SIGMA
    a, b, x = [2, 0], [1, 3], RNG.normal(size=2)
    own, given = mixture.marginal(a), mixture.conditional(a, x)
    w = []
    for k in range(3):
        aa, ba = sigma[k][np.ix_(a, a)], sigma[k][np.ix_(b, a)]
        gain = ba @ np.linalg.inv(aa)
        of_k = own.components_distribution, given.components_distribution
        np.testing.assert_allclose(of_k[0].covariance_matrix[k], aa, rtol=1e-10)
        np.testing.assert_allclose(of_k[1].loc[k], LOC[k, b] + gain @ (x - LOC[k, a]), rtol=1e-10)
        want = sigma[k][np.ix_(b, b)] - gain @ ba.T
        np.testing.assert_allclose(of_k[1].covariance_matrix[k], want, rtol=1e-10)
        w.append(WEIGHTS[k] * stats.multivariate_normal.pdf(x, LOC[k, a], aa))
    np.testing.assert_allclose(given._weights.values(), np.array(w) / sum(w), rtol=1e-10)


@pytest.mark.parametrize("name", ["low rank", "student", "gamma"])
def test_margin_of_a_margin(name):
    mixture, x = mixture_of(name), np.abs(RNG.normal(size=5))
    twice, once = mixture.marginal([3, 1]).marginal(-1), mixture.marginal(1)
    np.testing.assert_allclose(twice.log_prob(x), once.log_prob(x), rtol=1e-10)


@pytest.mark.slow
@few
@given(
    seed=st.integers(0, 2**20),
    name=st.sampled_from(["covariance", "student"]),
    sizes=st.sampled_from([(1, 1), (1, 2), (2, 1)]),
)
def test_identities(seed, name, sizes):
    """Of what is given of one part after the other, and of margins taken before and after."""
    rng = np.random.default_rng(seed)
    mixture, x, (n, m) = mixture_of(name), 3 * rng.normal(size=4), sizes
    a, b = np.split(rng.permutation(4)[: n + m], [n])
    rest = [i for i in range(4) if i not in {*a, *b}]
    left = [i for i in range(4) if i not in a]
    given_a, both = mixture.conditional(a.tolist(), x[a]), [*a.tolist(), *b.tolist()]
    among = [left.index(i) for i in b]
    one_by_one, at_once = given_a.conditional(among, x[b]), mixture.conditional(both, x[both])
    np.testing.assert_allclose(one_by_one.log_prob(x[rest]), at_once.log_prob(x[rest]), rtol=1e-10)
    np.testing.assert_allclose(one_by_one.mean, at_once.mean, rtol=1e-10, atol=1e-10)
    margin = mixture.marginal(both).conditional(list(range(n)), x[a])
    np.testing.assert_allclose(
        given_a.marginal(among).log_prob(x[b]), margin.log_prob(x[b]), rtol=1e-10
    )


def test_low_rank_stays_low_rank():
    mixture = mixture_of("low rank")
    for part in (mixture.marginal([2, 1]), mixture.conditional(0, 1.0)):
        assert type(part.components_distribution) is dist.LowRankMultivariateNormal


def test_tables():
    probs = RNG.dirichlet(np.ones(3), size=(2, 2))
    mixture = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.4, 0.6])),
        dist.Categorical(probs=jnp.array(probs)).to_event(1),
    )
    joint = np.einsum("k,ki,kj->ij", [0.4, 0.6], probs[:, 0], probs[:, 1])
    given = mixture.conditional(0, 2)
    got = np.exp([given.log_prob(jnp.array([j])) for j in range(3)])
    np.testing.assert_allclose(got, joint[2] / joint[2].sum(), rtol=1e-10)


def test_batches():
    mixture = mixture_of("covariance").expand((5,))
    given = mixture.conditional([0, 1], RNG.normal(size=(3, 1, 2)))
    assert given.batch_shape == (3, 5)
    assert given.mean.shape == (3, 5, 2)
    assert given.mixture_distribution.batch_shape == (3, 5)


def test_far_out_weights_are_finite():
    def logits(value):
        return mixture_of("covariance").conditional(0, value)._weights.logits

    w = np.exp(logits(400.0))
    np.testing.assert_allclose(w.sum(), 1, rtol=1e-12)
    assert w[2] == 0
    slope = jax.grad(lambda v: logits(v)[0])(400.0)
    assert np.isfinite(slope)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["covariance", "low rank", "student", "gamma"])
def test_derivatives(name):
    def value(x, mixture):
        return mixture.conditional([2, 0], x).log_prob(jnp.array([0.7, 0.9]))

    mixture, x = mixture_of(name), jnp.array([0.3, 1.2])
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(jax.grad(value, 1)(x, mixture)))
    check_grads(
        lambda x: value(x, mixture), (x,), order=2, modes=["fwd", "rev"], rtol=1e-5, atol=1e-6
    )


ROOTED = {
    "covariance": lambda loc, root: dist.MultivariateNormal(loc, root @ jnp.swapaxes(root, -1, -2)),
    "low rank": lambda loc, root: dist.LowRankMultivariateNormal(
        loc, root[..., :2], jnp.exp(root[..., 2])
    ),
    "student": lambda loc, root: dist.MultivariateStudentT(
        jnp.exp(loc[..., 0]) + 2, loc, jnp.tril(root, -1) + 3 * jnp.eye(4)
    ),
}


SLOW_ROWS = [pytest.param(name, marks=pytest.mark.slow) for name in ("covariance", "low rank")]


@pytest.mark.parametrize("name", ["student", *SLOW_ROWS])
def test_derivatives_in_parameters_are_differences(name):
    def value(logits, loc, root):
        mixture = MixtureSameFamily(dist.Categorical(logits=logits), ROOTED[name](loc, root))
        given = mixture.conditional([2, 0], jnp.array([0.3, 1.2]))
        return given.log_prob(jnp.array([0.7, 0.9])) + jnp.sum(given.mean)

    at = jnp.array([0.3, -0.2, 0.1]), jnp.array(LOC), jnp.array(ROOT)
    check_grads(value, at, order=1, modes=["fwd", "rev"], rtol=1e-5, atol=1e-5)


def test_conditional_student_t_against_draws():
    """Draws of all coordinates of which the first is near the given value."""
    mixture, at, near = mixture_of("student"), 0.8, 0.1
    draws = np.asarray(mixture.sample(jax.random.key(0), (200_000,)))
    kept = draws[abs(draws[:, 0] - at) < near][:, 2]
    assert len(kept) > 3000
    cdf = mixture.conditional(0, at).marginal(1).cdf
    # of the window, values of the cdf feel its width squared: some 10⁻³, much below the noise
    assert stats.kstest(kept[:, None], lambda x: np.asarray(cdf(x)).reshape(x.shape)).pvalue > 1e-6
    other = mixture.conditional(0, at + 3.0).marginal(1).cdf  # what a wrong value would be
    assert (
        stats.kstest(kept[:, None], lambda x: np.asarray(other(x)).reshape(x.shape)).pvalue < 1e-6
    )


def test_jit_and_vmap():
    mixture, x = mixture_of("student"), RNG.normal(size=(4, 2))
    eager = mixture.conditional([1, 2], x).log_prob(jnp.ones(2))
    one = lambda x: mixture.conditional([1, 2], x).log_prob(jnp.ones(2))  # noqa: E731
    np.testing.assert_allclose(jax.jit(one)(x), eager, rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(one)(x), eager, rtol=1e-12)


def test_options_carry_over():
    mixture = mixture_of("covariance", reparameterize=True, allow_nan_stats=False)
    for part in (mixture.marginal(0), mixture.conditional(0, 0.0)):
        assert part.reparameterize
        assert not part.allow_nan_stats


ERRORS = [
    (lambda m: m.marginal(4), ValueError, "between -4 and 3"),
    (lambda m: m.marginal([]), ValueError, "at least one axis"),
    (lambda m: m.marginal([1, -3]), ValueError, "each axis once"),
    (lambda m: m.marginal(1.0), TypeError, "int or a sequence of ints"),
    (lambda m: m.conditional([0, 1, 2, 3], jnp.ones(4)), ValueError, "got all of them"),
    (lambda m: m.conditional([0, 1], jnp.ones(3)), ValueError, r"shape \(\*batch, 2\)"),
    (lambda m: m.marginal(0).marginal(0), NotImplementedError, "vector events for `marginal`"),
    (
        lambda m: MixtureSameFamily(
            dist.Categorical(probs=jnp.ones(2) / 2), dist.Dirichlet(jnp.ones((2, 3)))
        ).marginal(0),
        NotImplementedError,
        "margins are known .*got Dirichlet",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call(mixture_of("covariance"))
    with pytest.raises(kind, match=text):
        jax.jit(lambda m: call(m)._weights.values())(mixture_of("covariance"))
