"""Priors, wherever a fit takes them: numbers of components, blocks of data, several families."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import (
    EM,
    ConjugateNormal,
    Mixture,
    MixtureSameFamily,
    OnlineEM,
    Tied,
    fit,
    select,
    start,
    statistics,
    update,
)

A = jnp.array
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 0.0], [9.0, 0.0]])
CLOUDS = (CENTRES[:, None] + RNG.normal(size=(2, 25, 2))).reshape(-1, 2)
COUNTS = np.concatenate([RNG.poisson(2, 30), RNG.poisson(25, 20)])
KNOWN = ConjugateNormal(np.array([3.0, 1.0]), 0.5, scale=np.array([[4.0, 0.5], [0.5, 2.0]]))


def even():
    return dist.Categorical(probs=A([0.5, 0.5]))


def two(*components):
    return MixtureSameFamily(even(), *components)


def ellipses(scale_tril=None):
    factor = jnp.tile(jnp.eye(2), (2, 1, 1)) if scale_tril is None else scale_tril
    return two(dist.MultivariateNormal(A([[1.0, 0.0], [6.0, 1.0]]), scale_tril=factor))


def numbers(mixture):
    return jax.flatten_util.ravel_pytree(mixture)[0]


def log_posterior(mixture, x, prior):
    """By NumPyro's own densities of the conjugate prior, of one factor for each or for all."""
    d = mixture.components_distribution
    size = x.shape[-1]
    factors = jnp.broadcast_to(d.scale_tril, (d.loc.shape[0], size, size))
    total = mixture.log_prob(x).sum()
    of_loc = dist.MultivariateNormal(prior.mean, scale_tril=factors / np.sqrt(prior.shrinkage))
    total += of_loc.log_prob(d.loc).sum()
    own = mixture._components.parameters[1]  # one, if they share it
    covariance = own @ jnp.swapaxes(own, -1, -2)
    spread = jnp.trace(prior.scale @ jnp.linalg.inv(covariance), axis1=-2, axis2=-1)
    power = (size + 2) + size + 1  # of an inverse Wishart distribution with d + 2 degrees
    return total - 0.5 * jnp.sum(spread + power * jnp.linalg.slogdet(covariance)[1])


# ---- the conjugate prior ----


@pytest.mark.parametrize(
    "is_tied", [pytest.param(False, marks=pytest.mark.slow), True], ids=["full", "tied"]
)
def test_the_mode_of_the_posterior_is_found(is_tied, x64):
    """With one factor for all there is one inverse Wishart prior; nothing is uphill at the end."""
    begun = ellipses(jnp.eye(2)) if is_tied else ellipses()
    found = fit(begun, CLOUDS, prior=KNOWN, tolerance=1e-14, progress=False).mixture
    weights = found.mixture_distribution.probs
    locs = found.components_distribution.loc

    def value(parts):
        loc, factor = parts
        d = dist.MultivariateNormal(loc, scale_tril=jnp.tril(factor))
        return log_posterior(
            MixtureSameFamily(dist.Categorical(probs=weights), d), jnp.asarray(CLOUDS), KNOWN
        )

    factor = found._components.parameters[1]
    slope = jax.grad(value)((locs, factor[0] if is_tied else factor))
    for s in slope:  # of sums of some fifty terms of about one
        np.testing.assert_allclose(s, 0.0, atol=1e-5)


def test_what_is_held_is_the_prior_mode_s_condition(x64):
    """The covariance of a component whose location is held is about that."""
    begun = MixtureSameFamily(
        dist.Categorical(probs=A([1.0])),
        dist.MultivariateNormal(A([[1.0, -1.0]]), scale_tril=jnp.eye(2)[None]),
    )
    found = fit(begun, CLOUDS, prior=KNOWN, fixed={"loc": True}, progress=False).mixture
    away, off = CLOUDS - A([1.0, -1.0]), A([1.0, -1.0]) - KNOWN.mean
    scatter = away.T @ away + KNOWN.scale + 0.5 * off[:, None] * off
    np.testing.assert_allclose(
        found.components_distribution.covariance_matrix[0], scatter / (50 + 4 + 4), rtol=1e-9
    )


def test_a_prior_keeps_components_off_single_points(x64):
    """Four of six points coincide: without a prior the likelihood has no bound."""
    x = np.array([[0.0, 0.0]] * 4 + [[3.0, 1.0], [4.0, -1.0], [5.0, 0.5], [3.5, 2.0]])
    begun = two(
        dist.MultivariateNormal(A([[0.0, 0.0], [4.0, 0.5]]), jnp.tile(jnp.eye(2), (2, 1, 1)))
    )
    assert fit(begun, x, progress=False).degenerate[0]
    found = fit(begun, x, prior=ConjugateNormal(), progress=False)
    assert found.converged
    assert not found.degenerate.any()


@pytest.mark.slow
def test_a_prior_keeps_selections_sound(x64):
    x = np.array([[0.0, 0.0]] * 4 + [[3.0, 1.0], [4.0, -1.0], [5.0, 0.5], [3.5, 2.0]])
    free = select(dist.MultivariateNormal, x, [2], key=KEY, num_starts=3)
    kept = select(dist.MultivariateNormal, x, [2], key=KEY, num_starts=3, prior=ConjugateNormal())
    assert free.table["degenerate"][0] > 0
    assert kept.table["degenerate"][0] == 0


@pytest.mark.slow
def test_weights_of_less_precision_than_the_rest(x64):
    weights = np.array([0.5, 0.5], np.float32)
    begun = MixtureSameFamily(dist.Categorical(probs=weights), dist.Poisson(A([1.0, 20.0])))
    found = fit(begun, COUNTS)
    np.testing.assert_allclose(
        numbers(found.mixture), numbers(fit(two(dist.Poisson(A([1.0, 20.0]))), COUNTS).mixture)
    )


# ---- numbers of components ----


@pytest.mark.parametrize(
    "kind", ["counts", *(pytest.param(k, marks=pytest.mark.slow) for k in ("full", "tied"))]
)
@pytest.mark.slow
def test_selections_are_fits_with_the_prior(kind, x64):
    """Components that fill a kind up have no part in the prior: neither weight nor density."""
    if kind == "counts":
        family, x, structure = dist.Poisson, COUNTS, None
        prior = {"rate": dist.Gamma(60.0, 5.0), "weights": dist.Dirichlet(A([4.0]))}
    else:
        family, x, structure = dist.MultivariateNormal, CLOUDS, Tied() if kind == "tied" else None
        prior = {"components": ConjugateNormal(), "weights": dist.Dirichlet(A([2.0]))}
    entry = (family, structure) if structure else family
    given = prior if structure else {"a": prior}  # by the name of the family
    chosen = select({"a": entry}, x, [2, 3], key=KEY, num_starts=3, prior=given, tolerance=1e-13)
    begun = two(dist.Poisson(A([2.0, 25.0])))
    if kind != "counts":
        begun = start(family, x, 2, key=KEY, structure=structure)
    expected = fit(begun, x, prior=prior, tolerance=1e-13)
    for column in ("log_likelihood", "num_parameters", "bic"):
        np.testing.assert_allclose(
            chosen.table[column][0], getattr(expected, column), rtol=1e-7, err_msg=column
        )
    if kind == "counts":  # by far the rows of one component, with what is believed of its rate
        low = COUNTS[:30]
        rate = np.sort(expected.mixture.components_distribution.rate)[0]
        np.testing.assert_allclose(rate, (low.sum() + 59) / (30 + 5), rtol=0.02)


@pytest.mark.slow
def test_each_family_has_its_own_prior(x64):
    kinds = {"few": dist.Poisson, "many": dist.Geometric}
    prior = {"few": {"rate": dist.Gamma(30.0, 20.0)}}
    chosen = select(kinds, COUNTS, [1], key=KEY, prior=prior)
    mean = (COUNTS.sum() + 29) / (len(COUNTS) + 20)
    few = dist.Poisson(mean).log_prob(COUNTS).sum()
    many = dist.GeometricProbs(1 / (1 + COUNTS.mean())).log_prob(COUNTS).sum()
    np.testing.assert_allclose(chosen.table["log_likelihood"], [few, many], rtol=1e-8)


# ---- blocks of data ----


WEIGHTS = dist.Dirichlet(A([9.0, 2.0]))
BLOCKS = {
    "Poisson": (
        lambda: two(dist.Poisson(A([1.0, 20.0]))), COUNTS[::5], {"weights": WEIGHTS},
    ),
    "ellipses": (ellipses, CLOUDS[::3][:16], {"weights": WEIGHTS, "components": KNOWN}),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param("Poisson", marks=pytest.mark.slow), "ellipses"])
def test_a_prior_counts_once_beside_all_blocks(name, x64):
    """Shares of 1/t weight blocks alike; until enough is seen the mixture stays: a step of EM."""
    make, x, prior = BLOCKS[name]
    half = len(x) // 2
    expected = fit(make(), x, prior=prior, method=EM(memory=0), max_steps=2, tolerance=0.0)
    found = fit(make(), [x[:half], x[half:]], prior=prior, method=OnlineEM(power=1.0))
    np.testing.assert_allclose(numbers(found.mixture), numbers(expected.mixture), rtol=1e-9)
    total = statistics(make(), x[:half]) + statistics(make(), x[half:])
    np.testing.assert_allclose(
        numbers(update(make(), total, prior=prior)), numbers(expected.mixture), rtol=1e-9
    )
    free = fit(make(), [x[:half], x[half:]], method=OnlineEM(power=1.0))
    assert np.abs(numbers(free.mixture) - numbers(found.mixture)).max() > 0.05


def test_rows_that_are_read_again_are_not_new(x64):
    """With each block the whole data, steps are EM's, damped: the end is the posterior's mode."""
    make, x, prior = BLOCKS["Poisson"]
    expected = fit(make(), x, prior=prior, tolerance=1e-14)
    found = fit(make(), [x], prior=prior, method=OnlineEM(passes=60, power=0.51), progress=False)
    np.testing.assert_allclose(numbers(found.mixture), numbers(expected.mixture), rtol=1e-3)


def test_a_fit_that_is_cut_off_reading_again_goes_on(x64):
    """The rows that are left were counted before."""
    make, x, prior = BLOCKS["Poisson"]
    half = len(x) // 2
    blocks = [x[:half], x[half:]]

    class Broken:
        times = 0

        def __iter__(self):
            self.times += 1
            yield blocks[0]
            if self.times == 2:
                raise OSError("no more")
            yield blocks[1]

    whole = fit(make(), blocks, prior=prior, method=OnlineEM(passes=2))
    with pytest.raises(OSError, match="no more") as caught:
        fit(make(), Broken(), prior=prior, method=OnlineEM(passes=2))
    assert caught.value.state.size == len(x)
    rest = fit(caught.value.state, blocks[1:], prior=prior, method=OnlineEM())
    np.testing.assert_allclose(numbers(rest.mixture), numbers(whole.mixture), rtol=1e-12)


ERRORS = {
    "blocks, general": (
        lambda: fit(BLOCKS["Poisson"][0](), [COUNTS], method=OnlineEM(),
                    prior={"rate": dist.Gamma(1.0, 1.0)}),
        NotImplementedError,
        "that can be added to sums, .* got one of rate. Use fit with method=EM",
    ),
    "blocks, open": (
        lambda: fit(ellipses(), [CLOUDS], method=OnlineEM(), prior=ConjugateNormal()),
        ValueError, "expected mean and scale in ConjugateNormal, .* in blocks",
    ),
    "weights": (
        lambda: fit(ellipses(), CLOUDS, prior={"weights": dist.Dirichlet(jnp.ones(3))}),
        ValueError, r"a Dirichlet of 2 concentrations, .* got shape \(3,\)",
    ),
    "several k": (
        lambda: select(dist.Poisson, COUNTS, [1, 2], key=KEY,
                       prior={"weights": dist.Dirichlet(jnp.ones(2))}),
        ValueError, r"a Dirichlet of 1 concentrations, .* got shape \(2,\)",
    ),
    "shape": (
        lambda: fit(two(dist.Poisson(A([1.0, 20.0]))), COUNTS,
                    prior={"rate": dist.Gamma(jnp.ones(3), 1.0)}),
        ValueError,
        r"prior of 'rate' that is one for all of shape \(2,\), .* got batch shape \(3,\)",
    ),
    "kind": (
        lambda: fit(ellipses(), CLOUDS, prior={"components": dist.Normal(0.0, 1.0)}),
        TypeError, "expected a ConjugateNormal for 'components', got Normal",
    ),
    "several": (
        lambda: fit(Mixture(even(), [dist.Poisson(2.0), dist.Geometric(0.1)]), COUNTS,
                    prior=ConjugateNormal()),
        NotImplementedError, "MultivariateNormal components for ConjugateNormal, got Poisson, Geom",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()
