"""A family of one's own, made by following docs/families.md: as good as one of the library's.

Maxwell: the length of a vector of three independent normals, whose square is a gamma variable. The
oracle is SciPy's; derivatives are differences of it.
"""

from dataclasses import replace
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.special import gammainc, gammaincc
from numpyro.distributions import constraints
from scipy import stats

from pathmix import MixtureSameFamily, families

SCALE, PROBS = np.array([0.7, 2.0]), np.array([0.4, 0.6])
X = np.array([0.2, 1.1, 2.5, 6.0])


class Maxwell(dist.Distribution):
    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, *, validate_args=None):
        self.scale = scale
        super().__init__(jnp.shape(scale), validate_args=validate_args)

    def sample(self, key, sample_shape=()):
        z = jax.random.normal(
            key, (3, *sample_shape, *self.batch_shape), jnp.result_type(self.scale)
        )
        return self.scale * jnp.sqrt(jnp.sum(z * z, axis=0))

    def log_prob(self, value):
        return log_density(Scale(self.scale), value)


class Scale(NamedTuple):
    scale: jax.Array


def log_density(theta, x):
    inside = x > 0
    z = jnp.where(inside, x, 1.0) / theta.scale
    log_p = 2 * jnp.log(z) - z * z / 2 - jnp.log(theta.scale) + 0.5 * jnp.log(2 / jnp.pi)
    return jnp.where(inside, log_p, -jnp.inf)


def tail(incomplete_gamma, outside):
    def log_tail(theta, x):
        inside = x > 0
        z = jnp.where(inside, x, 1.0) / theta.scale
        return jnp.where(inside, jnp.log(incomplete_gamma(1.5, z * z / 2)), outside)

    return log_tail


log_cdf, log_survival = tail(gammainc, -jnp.inf), tail(gammaincc, 0.0)
MAXWELL = families.Family(
    "Maxwell",
    log_density,
    Scale,
    log_cdf=log_cdf,
    log_survival=log_survival,
    velocity=families.implicit(log_cdf, log_survival),
)
families.register(Maxwell, MAXWELL)


def mixture(scale=SCALE, probs=PROBS):
    weights = dist.Categorical(probs=probs)
    return MixtureSameFamily(weights, Maxwell(jnp.asarray(scale)), reparameterize=True)


def exact(fn, scale=SCALE, probs=PROBS, x=X):
    return sum(
        p * getattr(stats.maxwell, fn)(x, scale=s) for p, s in zip(probs, scale, strict=True)
    )


def test_it_keeps_the_laws(x64):
    assert "velocity" in families.check(Maxwell(jnp.asarray(SCALE)), X)


def test_densities_tails_quantiles_posteriors(x64):
    m = mixture()
    np.testing.assert_allclose(m.log_prob(X), np.log(exact("pdf")), rtol=1e-12)
    np.testing.assert_allclose(m.cdf(X), exact("cdf"), rtol=1e-12)
    np.testing.assert_allclose(m.log_survival_function(X), np.log(exact("sf")), rtol=1e-11)
    np.testing.assert_allclose(m.icdf(exact("cdf")), X, rtol=1e-12)
    parts = PROBS * stats.maxwell.pdf(X[:, None], scale=SCALE)
    shares = parts / parts.sum(-1, keepdims=True)
    np.testing.assert_allclose(m.posterior_marginal(X).probs, shares, rtol=1e-12)


def test_draws(x64):
    draws = mixture().sample(jax.random.key(0), (5000,))
    assert stats.kstest(draws, lambda x: exact("cdf", x=x)).pvalue > 1e-4


def quantile_at(level, scale, probs):
    """Where the exact cdf is `level`, by Newton's method to rounding."""
    x = 1.5
    for _ in range(60):
        x = x - (exact("cdf", scale, probs, x) - level) / exact("pdf", scale, probs, x)
    return x


def direction(t):
    """Parameters along a line, both of components and weights."""
    scale, probs = SCALE * (1 + t * np.array([0.3, -0.2])), PROBS + t * np.array([0.1, -0.1])
    return scale, probs


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
@pytest.mark.slow
def test_draws_move_as_the_quantile_to_second_order(level, x64):
    """Differences of step 1e-4 leave 1e-8 of the first derivative and 1e-7 of the second."""
    x = quantile_at(level, *direction(0.0))

    def draw(t):
        scale = SCALE * (1 + t * jnp.array([0.3, -0.2]))
        return mixture(scale, PROBS + t * jnp.array([0.1, -0.1])).reparameterize_sample(x)

    first, second = jax.grad(draw)(0.0), jax.grad(jax.grad(draw))(0.0)
    step = 1e-4
    up, down = (quantile_at(level, *direction(s)) for s in (step, -step))
    np.testing.assert_allclose(first, (up - down) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(second, (up - 2 * x + down) / step**2, rtol=1e-4, atol=1e-5)
    assert abs(first) > 1e-3


def test_factorised_batched_and_expanded(x64):
    weights = dist.Categorical(probs=PROBS)
    scales = np.stack([SCALE, 2 * SCALE], -1)
    vectors = MixtureSameFamily(weights, Maxwell(jnp.asarray(scales)).to_event(1), True)
    x = np.array([0.5, 3.0])
    wanted = np.log(PROBS @ np.prod(stats.maxwell.pdf(x, scale=scales), -1))
    assert vectors.log_prob(x) == pytest.approx(wanted, rel=1e-12)
    batch = jax.vmap(lambda s: mixture(SCALE * s))(jnp.array([1.0, 2.0]))
    wanted = [np.log(exact("pdf", SCALE * s, x=1.3)) for s in (1.0, 2.0)]
    np.testing.assert_allclose(batch.log_prob(1.3), wanted, rtol=1e-12)
    shared = MixtureSameFamily(weights, Maxwell(jnp.asarray(1.5)).expand((2,)))
    assert shared.log_prob(1.3) == pytest.approx(stats.maxwell.logpdf(1.3, scale=1.5), rel=1e-12)


@families.custom_jvp
def square(z):
    """Of which only the rule knows how it moves."""
    return jax.lax.stop_gradient(z * z)


square.defjvp(lambda primals, tangents: (square(*primals), 2 * primals[0] * tangents[0]))


def test_derivatives_of_its_own_hold_in_loops(x64):
    class Ruled(Maxwell):
        pass

    def log_density_by_rule(theta, x):
        z = x / theta.scale
        return log_density(theta, x) + z * z / 2 - square(z) / 2

    def total(scale, components):
        m = MixtureSameFamily(dist.Categorical(probs=PROBS), components(scale))
        return jax.lax.map(m.log_prob, X).sum()

    families.register(Ruled, replace(MAXWELL, log_density=log_density_by_rule))
    found, wanted = (jax.hessian(total)(jnp.asarray(SCALE), c) for c in (Ruled, Maxwell))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


BROKEN = {
    "density": {"log_density": lambda theta, x: log_density(theta, x) + 1e-3},
    "slope of the cdf": {"log_cdf": lambda theta, x: 2 * log_cdf(theta, x)},
    "tails": {"log_survival": lambda theta, x: 2 * log_survival(theta, x)},
    "velocity": {"velocity": lambda theta, tangent, x: 0 * x * theta.scale},
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_is_named(law, x64):
    class Broken(Maxwell):
        pass

    families.register(Broken, replace(MAXWELL, **BROKEN[law]))
    with pytest.raises(ValueError, match=f"keep the law `{law}`"):
        families.check(Broken(jnp.asarray(SCALE)), X)


def test_errors_of_registration():
    with pytest.raises(TypeError, match=r"expected a subclass of numpyro.distributions.Distrib"):
        families.register(Scale, MAXWELL)
    with pytest.raises(TypeError, match=r"expected a pathmix.families.Family, got function"):
        families.register(Maxwell, log_density)
    with pytest.raises(ValueError, match=r"expected parameters of Maxwell, which are .*size"):
        families.register(Maxwell, MAXWELL, parameters=("size",))
    one_tail = families.Family("One", log_density, Scale, log_cdf=log_cdf)
    with pytest.raises(ValueError, match="expected both log tails of One or neither, got one"):
        families.register(Maxwell, one_tail)
    with pytest.raises(ValueError, match=r"expected components of batch shape \(k,\)"):
        families.check(Maxwell(jnp.ones(())), X)

    class Unknown(Maxwell):
        pass

    with pytest.raises(NotImplementedError, match="knows no family for Unknown"):
        families.family_of(Unknown)
    unknown = MixtureSameFamily(dist.Categorical(probs=PROBS), Unknown(jnp.asarray(SCALE)))
    with pytest.raises(NotImplementedError, match=r"pathmix\.families\.register"):
        unknown.cdf(1.0)
