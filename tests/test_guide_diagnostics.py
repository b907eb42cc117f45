"""What is said of a guide, against closed forms, ArviZ and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.autoguide import AutoDiagonalNormal, AutoMultivariateNormal, AutoNormal
from scipy.stats import genpareto

from pathmix import MixtureSameFamily
from pathmix._infer._guide_modes import masses_of_modes, modes_of_components
from pathmix._infer._pareto import generalised_pareto_shape, pareto_k
from pathmix.infer import AutoMixture, FromPrior, diagnose, guide_report


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.7, 1.5])
def test_the_shape_of_pareto_tails_is_found(shape):
    """The standard error of the most likely shape is ``(1 + k)/√n``; its bias is smaller."""
    x = np.sort(genpareto(shape).rvs(4000, random_state=np.random.default_rng(0)))
    assert abs(generalised_pareto_shape(x) - shape) < 4 * (1 + abs(shape)) / 4000**0.5


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_pareto_k_is_that_of_arviz(scale):
    arviz = pytest.importorskip("arviz")
    log_weights = scale * np.random.default_rng(1).standard_t(5, size=1000)
    expected = float(arviz.psislw(log_weights)[1])
    # they differ in whether a tail of 94.9 has 94 or 95 weights
    assert pareto_k(log_weights) == pytest.approx(expected, abs=0.02)


def test_weights_that_are_the_same_have_no_tail():
    assert pareto_k(np.zeros(100)) == -np.inf
    assert np.isnan(pareto_k(np.zeros(10)))


def test_noise_of_rounding_has_no_tail():
    rng = np.random.default_rng(0)
    noise = 1e-8 * np.minimum(rng.pareto(1.0, 1000), 900)
    assert pareto_k(noise) > 0.3
    assert pareto_k(noise, rounding=1e-5) == -np.inf
    assert pareto_k(noise + 1e-3 * rng.pareto(2.0, 1000), rounding=1e-5) > 0.2


def mixture(locs, scales, weights):
    components = dist.Normal(jnp.asarray(locs), jnp.asarray(scales)[:, None]).to_event(1)
    return MixtureSameFamily(dist.Categorical(probs=jnp.asarray(weights)), components)


def test_components_that_share_a_mode():
    """Two at one place, one far away, one without weight, and a broad one between."""
    locs = [[0.0, 0.0], [0.3, 0.0], [20.0, 0.0], [0.0, 0.0], [10.0, 0.0]]
    weights = jnp.array([0.4, 0.3, 0.2, 0.0, 0.1])
    modes = modes_of_components(mixture(locs, [1.0, 1.0, 1.0, 1.0, 6.0], weights))
    assert len({modes[0], modes[2]}) == 2
    assert modes[0] == modes[1]
    assert modes[3] == -1
    masses = masses_of_modes(np.asarray(weights), modes)
    assert len(masses) == 2
    assert sum(masses.values()) == pytest.approx(1)


def test_components_along_a_curved_ridge_are_one_mode():
    angle = np.linspace(0, np.pi, 12)
    locs = 6 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    even = np.full(12, 1 / 12)
    assert len(set(modes_of_components(mixture(locs, np.ones(12), even)))) == 1
    # without those in the middle there are two
    ends = np.where((angle > 1) & (angle < 2), 0.0, 1.0)
    modes = modes_of_components(mixture(locs, np.ones(12), ends / ends.sum()))
    assert len(set(modes[modes >= 0])) == 2


def normal_model(scale, y):
    x = numpyro.sample("x", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    numpyro.sample("y", dist.Normal(x, scale).to_event(1), obs=y)


NORMAL = {"auto_logits": jnp.zeros(1), "auto_locs": jnp.full((1, 2), 0.5)}


@pytest.mark.slow
def test_evidence_and_elbo_have_closed_forms():
    """Posterior N(y/2, 1/2), evidence N(y; 0, 2); guides too wide by a known factor."""
    y = jnp.ones(2)
    guide = AutoMixture(normal_model, 1, init=FromPrior())
    params = NORMAL | {"auto_scales": jnp.full((1, 2), 0.5**0.5)}
    evidence = 2 * float(dist.Normal(0.0, 2**0.5).log_prob(1.0))
    options = {"key": jax.random.key(0), "num_samples": 4000}
    exact = diagnose(normal_model, guide, params, 1.0, y, **options)
    assert exact.log_evidence.value == pytest.approx(evidence, abs=1e-5)
    assert exact.effective_samples == pytest.approx(4000, rel=1e-4)
    assert exact.mode_masses == {0: pytest.approx(1)}
    wide = params | {"auto_scales": jnp.full((1, 2), 0.5**0.5 * 1.5)}
    found = diagnose(normal_model, guide, wide, 1.0, y, **options)
    kl = 2 * 0.5 * (1.5**2 - 1 - 2 * np.log(1.5))
    assert abs(found.elbo.value - (evidence - kl)) < 4 * found.elbo.standard_error
    assert abs(found.log_evidence.value - evidence) < 4 * found.log_evidence.standard_error
    # E[w²]/E[w]² of a normal over one 1.5 times as wide, in two coordinates
    share = (1.5**2 / (2 * 1.5**2 - 1) ** 0.5) ** -2
    assert found.effective_samples == pytest.approx(4000 * share, rel=0.05)
    assert found.pareto_k < 0
    # other data than the guide has seen first
    other = diagnose(normal_model, guide, params, 1.0, 2 * y, **options)
    assert abs(other.elbo.value - exact.elbo.value) > 0.5


@pytest.mark.parametrize("kind", [AutoDiagonalNormal, AutoMultivariateNormal])
def test_guides_of_one_normal(kind):
    params = {"auto_loc": jnp.full(2, 0.5)}
    params |= {"auto_scale": jnp.full(2, 0.5**0.5), "auto_scale_tril": 0.5**0.5 * jnp.eye(2)}
    y, options = jnp.ones(2), {"key": jax.random.key(0), "num_samples": 50}
    found = diagnose(normal_model, kind(normal_model), params, 1.0, y, **options)
    evidence = 2 * float(dist.Normal(0.0, 2**0.5).log_prob(1.0))
    assert found.log_evidence.value == pytest.approx(evidence, abs=1e-5)
    assert found.elbo.value == pytest.approx(evidence, abs=1e-5)


def test_a_guide_that_is_too_narrow_is_told():
    """``w ∝ e^{x²(1/σ² − 1)/2}``: of scale 1/2 the shape of its tail is 3/4 of one coordinate."""
    guide = AutoMixture(normal_model, 1, init=FromPrior())
    narrow = NORMAL | {"auto_scales": jnp.full((1, 2), 0.5**0.5 / 2)}
    options = {"key": jax.random.key(0), "num_samples": 4000}
    found = diagnose(normal_model, guide, narrow, 1.0, jnp.ones(2), **options)
    assert found.pareto_k > 0.5


def test_masses_in_the_posterior_are_not_those_of_the_guide():
    """Two modes of masses 0.3 and 0.7, to which a guide gives one half each."""

    def model():
        weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
        numpyro.sample("x", MixtureSameFamily(weights, dist.Normal(jnp.array([-6.0, 6.0]))))

    guide = AutoMixture(model, 2, init=FromPrior())
    params = {
        "auto_logits": jnp.zeros(2),
        "auto_locs": jnp.array([[-6.0], [6.0]]),
        "auto_scales": jnp.ones((2, 1)),
    }
    found = diagnose(model, guide, params, key=jax.random.key(0), num_samples=4000)
    assert found.mode_masses == {0: pytest.approx(0.5), 1: pytest.approx(0.5)}
    # the standard error of a share of 0.3 from 4000 draws, half of which are here
    error = (0.3 * 0.7 / 4000) ** 0.5
    assert found.posterior_masses[0] == pytest.approx(0.3, abs=4 * error)
    assert sum(found.posterior_masses.values()) == pytest.approx(1)


def test_other_guides_of_one_normal_can_be_diagnosed():
    guide = AutoMultivariateNormal(normal_model)
    params = {"auto_loc": jnp.full(2, 0.5), "auto_scale_tril": jnp.eye(2) * 0.5**0.5}
    found = diagnose(normal_model, guide, params, 1.0, jnp.ones(2), key=jax.random.key(0))
    assert found.effective_samples == pytest.approx(2000, rel=1e-4)
    assert found.mode_masses == {0: 1.0}


@pytest.mark.slow
def test_guide_report_is_of_the_elbo():
    """At the posterior itself stratified and pathwise gradients of locations have no variance."""
    guide = AutoMixture(normal_model, 1, init=FromPrior())
    params = NORMAL | {"auto_scales": jnp.full((1, 2), 0.5**0.5)}
    options = {"key": jax.random.key(0), "num_samples": 512}
    report = guide_report(normal_model, guide, params, 1.0, jnp.ones(2), **options)
    for name, errors in report.items():
        assert set(errors.gradient) == set(params)
        assert float(errors.value) < 1e-5, name
    assert np.max(report["Stratified()"].gradient["auto_locs"]) < 1e-5
    wide = params | {"auto_scales": jnp.full((1, 2), 1.0)}
    report = guide_report(normal_model, guide, wide, 1.0, jnp.ones(2), **options)
    # log p − log q = −x²/2 + …, of slope −x: a standard error of 1/√512, itself known to 4 × 9 %
    np.testing.assert_allclose(report["Stratified()"].gradient["auto_locs"], 512**-0.5, rtol=0.4)


def test_what_is_refused():
    guide = AutoMixture(normal_model, 1, init=FromPrior())
    options = {"key": jax.random.key(0)}
    with pytest.raises(ValueError, match="expected num_samples ≥ 25, got 3"):
        diagnose(normal_model, guide, NORMAL, 1.0, jnp.ones(2), num_samples=3, **options)
    other = AutoMultivariateNormal(normal_model)
    params = {"auto_loc": jnp.zeros(2), "auto_scale_tril": jnp.eye(2)}
    with pytest.raises(TypeError, match="expected an AutoMixture, got AutoMultivariateNormal"):
        guide_report(normal_model, other, params, 1.0, jnp.ones(2), **options)
    with pytest.raises(TypeError, match=r"AutoContinuous kind, got numpyro.*AutoNormal"):
        diagnose(normal_model, AutoNormal(normal_model), {}, 1.0, jnp.ones(2), **options)
