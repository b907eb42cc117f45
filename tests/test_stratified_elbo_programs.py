"""The stratified ELBO in programs: other latents, several mixtures, plates, state, fallbacks."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import SVI, Trace_ELBO

from cases.expectations import assert_unbiased, independent
from cases.guides import (
    GRID,
    START,
    bounds,
    gaussian_elbo,
    gaussian_model,
    guide,
    moving_guide,
    normals,
    parameters,
)
from cases.mixtures import by_logits
from pathmix import Mixture, MixtureSameFamily
from pathmix.infer import AutoMixture, Stratified_ELBO

FULL = pytest.param(False, id="full", marks=pytest.mark.slow)
BOTH = pytest.mark.parametrize("sticking", [pytest.param(True, id="sticking"), FULL])


def same(one, other, **tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


# Other latents of the guide, before the mixture and after it.


def chain():
    """Three normals, each about the one before."""
    a = numpyro.sample("a", dist.Normal(0.0, 1.0))
    z = numpyro.sample("z", dist.Normal(a, 1.0))
    b = numpyro.sample("b", dist.Normal(z, 1.0))
    numpyro.sample("y", dist.Normal(b, 1.0), obs=1.0)


def chain_guide():
    p = parameters(CHAIN)
    a = numpyro.sample("a", dist.Normal(p["at_a"], 0.8))
    mixture = by_logits(p["logits"] + 0.2 * a, dist.Normal(p["loc"] + p["slope"] * a, p["scale"]))
    z = numpyro.sample("z", mixture)
    numpyro.sample("b", dist.Normal(p["at_b"] * z, 0.7))


CHAIN = {**START, "at_a": jnp.array(0.3), "at_b": jnp.array(0.6), "slope": jnp.array(0.4)}


def chain_elbo(p):
    """By quadrature over ``a`` and ``z``, and in closed form over ``b``."""
    a, z = jnp.linspace(-5, 5, 201)[:, None], jnp.linspace(-9, 9, 601)
    q_a = dist.Normal(p["at_a"], 0.8).log_prob(a)
    components = dist.Normal((p["loc"] + p["slope"] * a)[:, None], p["scale"])
    q_z = by_logits((p["logits"] + 0.2 * a)[:, None], components).log_prob(z)
    square = lambda at: (p["at_b"] * z - at) ** 2 + 0.49  # noqa: E731
    about_b = -0.5 * square(z) - 0.5 * square(1.0) - jnp.log(2 * jnp.pi)
    entropy_b = 0.5 + jnp.log(0.7) + 0.5 * jnp.log(2 * jnp.pi)
    log_p = dist.Normal(0.0, 1.0).log_prob(a) + dist.Normal(a, 1.0).log_prob(z) + about_b
    values = jnp.exp(q_a + q_z) * (log_p - q_a - q_z + entropy_b)
    return jnp.trapezoid(jnp.trapezoid(values, z, axis=1), a[:, 0])


@BOTH
def test_latents_before_and_after_the_mixture(sticking):
    objective = Stratified_ELBO(50, sticking_the_landing=sticking)
    estimates = jax.value_and_grad(bounds(objective, chain, chain_guide))
    assert_unbiased(independent(estimates, CHAIN, keys=400), jax.value_and_grad(chain_elbo)(CHAIN))


def test_draws_without_a_gradient_are_differentiated_by_their_score():
    """A coin before the mixture, which moves it, and NumPyro's distribution of it has no path."""
    logit = {"of_coin": jnp.array(0.4)}

    def model():
        coin = numpyro.sample("coin", dist.Bernoulli(0.3))
        z = numpyro.sample("z", dist.Normal(2.0 * coin, 1.0))
        numpyro.sample("y", dist.Normal(z, 1.0), obs=1.0)

    def guided():
        p = parameters({**START, **logit})
        coin = numpyro.sample("coin", dist.Bernoulli(logits=p["of_coin"]))
        numpyro.sample("z", by_logits(p["logits"], dist.Normal(p["loc"] + coin, p["scale"])))

    def exact(p):
        def given(coin):
            log_q = by_logits(p["logits"], dist.Normal(p["loc"] + coin, p["scale"])).log_prob(GRID)
            log_p = dist.Normal(2.0 * coin, 1.0).log_prob(GRID)
            log_p += dist.Normal(GRID, 1.0).log_prob(1.0) + jnp.log(0.3 if coin else 0.7)
            return jnp.trapezoid(jnp.exp(log_q) * (log_p - log_q), GRID)

        share = jnp.stack([jax.nn.sigmoid(-p["of_coin"]), jax.nn.sigmoid(p["of_coin"])])
        return share @ (jnp.stack([given(0), given(1)]) - jnp.log(share))

    p = {**START, **logit}
    estimates = jax.grad(bounds(Stratified_ELBO(200), model, guided))
    assert_unbiased(independent(estimates, p, keys=400), jax.grad(exact)(p))


# Several mixtures.


def two_mixtures():
    p = parameters(PAIR)
    z = numpyro.sample("z", normals(p))
    numpyro.sample("b", by_logits(p["other"], dist.Normal(p["at_b"] + 0.5 * z, 0.7)))


PAIR = {**START, "other": jnp.array([0.2, -0.1, 0.0]), "at_b": jnp.array([-1.0, 0.0, 1.0])}


def pair_model():
    z = numpyro.sample("z", dist.Normal(0.5, 2.0))
    b = numpyro.sample("b", dist.Normal(z, 1.0))
    numpyro.sample("y", dist.Normal(b, 1.0), obs=0.7)


def pair_elbo(p):
    z, b = jnp.linspace(-8, 8, 401)[:, None], jnp.linspace(-9, 9, 601)
    q_z = normals(p).log_prob(z)
    mixture = by_logits(p["other"], dist.Normal(p["at_b"] + 0.5 * z[..., None], 0.7))
    log_q = q_z + mixture.log_prob(b)
    log_p = dist.Normal(0.5, 2.0).log_prob(z) + dist.Normal(z, 1.0).log_prob(b)
    log_p += dist.Normal(b, 1.0).log_prob(0.7)
    values = jnp.exp(log_q) * (log_p - log_q)
    return jnp.trapezoid(jnp.trapezoid(values, b, axis=1), z[:, 0])


@pytest.mark.slow
def test_two_mixtures_are_stratified_by_all_pairs():
    estimates = jax.value_and_grad(bounds(Stratified_ELBO(50), pair_model, two_mixtures))
    assert_unbiased(independent(estimates, PAIR, keys=300), jax.value_and_grad(pair_elbo)(PAIR))


def moving_second():
    p = parameters(PAIR)
    z = numpyro.sample("z", normals(p))
    components = dist.Normal(p["at_b"] + 0.5 * z, 0.7)
    numpyro.sample("b", by_logits(p["other"], components, reparameterize=True))


@pytest.mark.slow
def test_a_product_beyond_max_evaluations_is_drawn_by_paths():
    objective = Stratified_ELBO(50, max_evaluations=5)
    estimates = jax.value_and_grad(bounds(objective, pair_model, moving_second))
    assert_unbiased(independent(estimates, PAIR, keys=300), jax.value_and_grad(pair_elbo)(PAIR))


def test_a_product_beyond_max_evaluations_needs_draws_that_move():
    with pytest.raises(
        ValueError,
        match=r"reparameterize=True of the mixture at the guide's site "
        r"'b', which would raise the evaluations of the model beyond max_eval",
    ):
        Stratified_ELBO(max_evaluations=5).loss(jax.random.key(0), PAIR, pair_model, two_mixtures)


# Plates.


def local_model():
    with numpyro.plate("local", 3):
        z = numpyro.sample("z", dist.Normal(0.5, 2.0))
        numpyro.sample("y", dist.Normal(z, 1.5), obs=0.7)


def local_guide(reparameterize=True):
    p = parameters()
    with numpyro.plate("local", 3):
        numpyro.sample("z", normals(p, reparameterize=reparameterize))


def test_a_batch_of_mixtures_is_drawn_by_paths():
    estimates = jax.value_and_grad(bounds(Stratified_ELBO(50), local_model, local_guide))
    exact = jax.value_and_grad(lambda p: 3 * gaussian_elbo(p))
    assert_unbiased(independent(estimates, START, keys=400), exact(START))


def test_a_batch_of_mixtures_needs_draws_that_move():
    with pytest.raises(ValueError, match=r"'z', which is a batch of mixtures, \(3,\)"):
        Stratified_ELBO().loss(
            jax.random.key(0), START, local_model, lambda: local_guide(reparameterize=False)
        )


def test_a_plate_of_one_is_no_batch():
    def in_a_plate(program):
        def placed():
            with numpyro.plate("one", 1):
                program()

        return placed

    losses = [
        Stratified_ELBO().loss(jax.random.key(0), START, *map(wrap, (gaussian_model, guide)))
        for wrap in (lambda program: program, in_a_plate)
    ]
    assert abs(losses[0] - losses[1]) < 1.0
    estimates = jax.grad(bounds(Stratified_ELBO(50), in_a_plate(gaussian_model), in_a_plate(guide)))
    assert_unbiased(independent(estimates, START, keys=300), jax.grad(gaussian_elbo)(START))


DATA = jnp.array([0.1, 0.9, -0.4, 1.3, 0.6, 2.0])


def subsampled():
    z = numpyro.sample("z", dist.Normal(0.5, 2.0))
    with numpyro.plate("data", 6, subsample_size=2) as rows:
        numpyro.sample("y", dist.Normal(z, 1.5), obs=DATA[rows])


def test_subsampled_plates():
    def whole(z):
        each = dist.Normal(z[:, None], 1.5).log_prob(DATA).sum(1)
        return dist.Normal(0.5, 2.0).log_prob(z) + each

    def exact(p):
        log_q = normals(p).log_prob(GRID)
        return jnp.trapezoid(jnp.exp(log_q) * (whole(GRID) - log_q), GRID)

    estimates = jax.value_and_grad(bounds(Stratified_ELBO(20), subsampled, guide))
    assert_unbiased(independent(estimates, START, keys=1000), jax.value_and_grad(exact)(START))


def test_the_model_sees_the_rows_that_the_guide_chose():
    seen = []

    def model(x):
        z = numpyro.sample("z", dist.Normal(0.5, 2.0))
        with numpyro.plate("data", 6, subsample_size=2) as rows:
            local = numpyro.sample("local", dist.Normal(z, 1.0))
            seen.append(rows)
            numpyro.sample("y", dist.Normal(local, 1.5), obs=x[rows])

    def guided(x):
        guide()
        with numpyro.plate("data", 6, subsample_size=2) as rows:
            seen.append(rows)
            numpyro.sample("local", dist.Normal(x[rows], 1.0))

    Stratified_ELBO().loss(jax.random.key(0), START, model, guided, DATA)
    assert len({tuple(np.asarray(rows)) for rows in seen}) == 1


# What handlers do to sites.


@BOTH
def test_scale_and_mask_act_as_under_trace_elbo(sticking):
    """The expected bound and gradient, of ``0.3 log p − 0.3 log q``, and of ``log p`` alone."""

    def scaled(program):
        return handlers.scale(program, scale=0.3)

    objective = Stratified_ELBO(50, sticking_the_landing=sticking)
    estimates = jax.value_and_grad(bounds(objective, scaled(gaussian_model), scaled(guide)))
    exact = jax.value_and_grad(lambda p: 0.3 * gaussian_elbo(p))
    assert_unbiased(independent(estimates, START, keys=300), exact(START))

    def cross(p):
        log_p = dist.Normal(0.5, 2.0).log_prob(GRID) + dist.Normal(GRID, 1.5).log_prob(0.7)
        return jnp.trapezoid(jnp.exp(normals(p).log_prob(GRID)) * log_p, GRID)

    masked = handlers.mask(guide, mask=False)
    estimates = jax.value_and_grad(bounds(objective, gaussian_model, masked))
    assert_unbiased(independent(estimates, START, keys=300), jax.value_and_grad(cross)(START))


@pytest.mark.slow
def test_factors_and_parameters_of_the_model():
    def model():
        shift = numpyro.param("shift", 0.2)
        z = numpyro.sample("z", dist.Normal(0.5, 2.0))
        numpyro.factor("likelihood", dist.Normal(z + shift, 1.5).log_prob(0.7))

    p = {**START, "shift": jnp.array(0.2)}

    def exact(p):
        log_q = normals(p).log_prob(GRID)
        log_p = dist.Normal(0.5, 2.0).log_prob(GRID)
        log_p += dist.Normal(GRID + p["shift"], 1.5).log_prob(0.7)
        return jnp.trapezoid(jnp.exp(log_q) * (log_p - log_q), GRID)

    estimates = jax.value_and_grad(bounds(Stratified_ELBO(50), model, guide))
    assert_unbiased(independent(estimates, p, keys=300), jax.value_and_grad(exact)(p))


def test_a_transformed_mixture():
    """A positive latent: the exponential of the mixture."""

    def model():
        z = numpyro.sample("z", dist.LogNormal(0.5, 2.0))
        numpyro.sample("y", dist.Normal(jnp.log(z), 1.5), obs=0.7)

    def guided():
        exponential = dist.transforms.ExpTransform()
        mixture = normals(parameters())
        numpyro.sample("z", dist.TransformedDistribution(mixture, exponential))

    estimates = jax.value_and_grad(bounds(Stratified_ELBO(50), model, guided))
    exact = jax.value_and_grad(gaussian_elbo)
    assert_unbiased(independent(estimates, START, keys=300), exact(START))


@pytest.mark.slow
def test_a_mixture_of_several_families():
    def mixture(p):
        w = dist.Categorical(logits=p["logits"])
        return Mixture(w, [dist.Normal(p["loc"][0], p["scale"][0]), dist.Gamma(3.0, p["scale"][1])])

    def guided():
        numpyro.sample("z", mixture(parameters()))

    def exact(p):
        log_q = mixture(p).log_prob(GRID)
        log_p = dist.Normal(0.5, 2.0).log_prob(GRID) + dist.Normal(GRID, 1.5).log_prob(0.7)
        return jnp.trapezoid(jnp.exp(log_q) * (log_p - log_q), GRID)

    p = {**START, "loc": jnp.array([-0.8, 0.0])}
    estimates = jax.grad(bounds(Stratified_ELBO(50), gaussian_model, guided))
    assert_unbiased(independent(estimates, p, keys=300), jax.grad(exact)(p))


@pytest.mark.slow
def test_a_mixture_of_counts():
    """Draws of discrete components cannot move; their own densities carry the gradient."""
    p = {"logits": jnp.array([0.3, -0.4]), "rate": jnp.array([1.5, 4.0])}
    n = jnp.arange(60)

    def mixture(p):
        return by_logits(p["logits"], dist.Poisson(p["rate"]))

    def model():
        count = numpyro.sample("n", dist.Poisson(3.0))
        numpyro.sample("y", dist.Normal(1.0 * count, 2.0), obs=2.5)

    def guided():
        numpyro.sample("n", mixture(parameters(p)))

    def exact(p):
        log_q = mixture(p).log_prob(n)
        log_p = dist.Poisson(3.0).log_prob(n) + dist.Normal(1.0 * n, 2.0).log_prob(2.5)
        return jnp.sum(jnp.exp(log_q) * (log_p - log_q))

    estimates = jax.grad(bounds(Stratified_ELBO(100), model, guided))
    assert_unbiased(independent(estimates, p, keys=400), jax.grad(exact)(p))


def test_a_component_of_no_weight():
    """Its gradient says what it would add; where its draws are impossible it adds nothing."""

    def mixture(p):
        w = dist.Categorical(probs=jnp.array([1.0, 0.0]))
        return MixtureSameFamily(w, dist.Normal(p["loc"], p["scale"]))

    def model():
        numpyro.sample("z", dist.Exponential(1.0))

    def guided():
        p = parameters({"loc": jnp.array([9.0, -9.0]), "scale": jnp.array([0.1, 0.1])})
        numpyro.sample("z", mixture(p))

    p = {"loc": jnp.array([9.0, -9.0]), "scale": jnp.array([0.1, 0.1])}
    objective = Stratified_ELBO(sticking_the_landing=False)  # of which this gradient has no noise
    bound = jax.value_and_grad(bounds(objective, model, guided))
    value, gradient = bound(p, jax.random.key(0))
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient["loc"], [-1.0, 0.0], atol=1e-3)


# Running it.


@pytest.mark.parametrize("model", [gaussian_model, pytest.param(chain, marks=pytest.mark.slow)])
def test_how_particles_are_mapped_does_not_matter(model):
    """Of programs that draw nothing but the mixture, and of others."""
    p, program = (START, guide) if model is gaussian_model else (CHAIN, chain_guide)
    losses = [
        Stratified_ELBO(4, vectorize).loss(jax.random.key(5), p, model, program)
        for vectorize in (True, False, lambda fn, each: jax.vmap(fn)(each))
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


@pytest.mark.slow
def test_particles_differ():
    """Each has noise of its own: the variance falls with their number."""

    def variance(objective):
        loss = jax.jit(jax.vmap(lambda key: objective.loss(key, START, gaussian_model, guide)))
        return loss(jax.random.split(jax.random.key(1), 2000)).var()

    ratio = variance(Stratified_ELBO(1)) / variance(Stratified_ELBO(8))
    # of two variances of 2000 draws whose kurtosis is below 9: a relative error below 0.1
    assert 8 / 1.4 < ratio < 8 * 1.4


@pytest.mark.slow
def test_updates_under_jit_and_a_run():
    svi = SVI(gaussian_model, guide, numpyro.optim.Adam(0.05), Stratified_ELBO(4))
    state = svi.init(jax.random.key(0))
    (eager, loss), (compiled, same_loss) = svi.update(state), jax.jit(svi.update)(state)
    np.testing.assert_allclose(loss, same_loss, rtol=1e-5)
    same(svi.get_params(eager), svi.get_params(compiled), rtol=1e-4)
    result = svi.run(jax.random.key(1), 400, progress_bar=False)
    evidence = dist.Normal(0.5, (2.0**2 + 1.5**2) ** 0.5).log_prob(0.7)
    assert gaussian_elbo(result.params) > evidence - 0.01
    np.testing.assert_allclose(svi.evaluate(result.state), -evidence, atol=0.05)


def stateful(name):
    """A program that counts its runs and keeps its last draw."""

    def model():
        state = numpyro.primitives.mutable("state", {"runs": 0, "z": jnp.array(0.0)})
        z = numpyro.sample("z", dist.Normal(0.5, 2.0))
        state["runs"] = state["runs"] + 1
        state["z"] = z

    return model


def test_mutable_state():
    svi = SVI(stateful("model"), guide, numpyro.optim.Adam(0.05), Stratified_ELBO())
    state = svi.init(jax.random.key(0))
    runs = state.mutable_state["state"]["runs"]
    for _ in range(3):
        state, _ = jax.jit(svi.update)(state)
    assert state.mutable_state["state"]["runs"] == runs + 3


def test_state_is_that_of_one_draw():
    """As if a component had been chosen by its weight."""

    def kept(p, key):
        result = Stratified_ELBO().loss_with_mutable_state(key, p, stateful("model"), guide)
        return result["mutable_state"]["state"]["z"]

    given = {**START, "state": {"runs": 0, "z": jnp.array(0.0)}}
    z = independent(kept, given, keys=2000)
    moments = jnp.stack([z, z**2], axis=1)
    mixture = normals(START)
    exact = jnp.stack([mixture.mean, mixture.variance + mixture.mean**2])
    assert_unbiased(moments, exact)


def test_state_of_several_particles_is_ignored_as_numpyro_says():
    given = {**START, "state": {"runs": 0, "z": jnp.array(0.0)}}
    with pytest.warns(UserWarning, match="mutable state is currently ignored"):
        result = Stratified_ELBO(2).loss_with_mutable_state(
            jax.random.key(0), given, stateful("model"), guide
        )
    assert result["mutable_state"] is None


# Guides without a mixture.


@pytest.mark.parametrize("particles", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_guide_without_a_mixture_has_the_loss_of_trace_elbo(particles):
    def normal_guide():
        p = parameters({"loc": jnp.array(0.3), "scale": jnp.array(0.8)})
        numpyro.sample("z", dist.Normal(p["loc"], p["scale"]))

    p = {"loc": jnp.array(0.3), "scale": jnp.array(0.8)}
    values = [
        jax.value_and_grad(
            lambda p, o=objective: o.loss(jax.random.key(2), p, subsampled, normal_guide)
        )(p)
        for objective in (Stratified_ELBO(particles), Trace_ELBO(particles))
    ]
    for one, other in zip(*map(jax.tree.leaves, values), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mixture_that_moves_is_stratified_too():
    """``reparameterize=True`` does not turn it off: the loss is not that of ``Trace_ELBO``."""
    key = jax.random.key(0)
    losses = [
        objective.loss(key, START, gaussian_model, moving_guide)
        for objective in (Stratified_ELBO(), Trace_ELBO())
    ]
    assert abs(losses[0] - losses[1]) > 1e-3


# AutoMixture.


def two_scales():
    """A positive latent whose posterior has two modes, .2 and .8 of its mass."""
    log_scale = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.2, 0.8])), dist.Normal(jnp.array([-3.0, 3.0]), 0.4)
    )
    scale = numpyro.sample("scale", dist.LogNormal(0.0, 10.0))
    z = jnp.log(scale)
    numpyro.factor("target", log_scale.log_prob(z) - dist.Normal(0.0, 10.0).log_prob(z))


@pytest.mark.slow
def test_auto_mixture_learns_the_weights_of_separate_modes():
    auto = AutoMixture(two_scales, 2, init={"scale": jnp.exp(jnp.array([-2.8, 2.7]))})
    svi = SVI(two_scales, auto, numpyro.optim.Adam(0.03), Stratified_ELBO(4))
    found = svi.run(jax.random.key(0), 400, progress_bar=False)
    components = auto.get_components(found.params)
    # the bound is the evidence, zero, where the guide is the posterior: there it has no noise
    np.testing.assert_allclose(components.weights, [0.2, 0.8], atol=0.005)
    np.testing.assert_allclose(components.locs[:, 0], [-3.0, 3.0], atol=0.01)
    np.testing.assert_allclose(found.losses[-20:], 0.0, atol=0.005)
