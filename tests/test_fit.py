"""What a fit takes into account: weights, what is missing, errors, labels, priors, what is held."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import EM, ConjugateNormal, Fit, MixtureSameFamily, Spherical, Tied, fit, start

A = jnp.array


@pytest.fixture
def data(x64):
    """Two clouds of 60 points, and how often each point counts."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)) + 3 * (rng.uniform(size=(60, 1)) < 0.5)
    return x, rng.integers(0, 4, 60)


def clouds(x):
    return start(dist.MultivariateNormal, x, 2, key=jax.random.key(0))


def numbers(mixture):
    """Weights and parameters in one vector."""
    components = mixture._components
    return jnp.concatenate([jnp.ravel(p) for p in (mixture._weights[0], *components.parameters)])


def test_whole_weights_are_repetitions(data):
    x, w = data
    once = fit(clouds(x), x, weights=w, tolerance=1e-13)
    again = fit(clouds(x), np.repeat(x, w, axis=0), tolerance=1e-13)
    np.testing.assert_allclose(numbers(once.mixture), numbers(again.mixture), atol=1e-10)
    for name in ("log_likelihood", "aic", "bic", "icl", "counts", "num_observations"):
        np.testing.assert_allclose(getattr(once, name), getattr(again, name), rtol=1e-10)


def test_order_of_rows_does_not_matter(data):
    x, w = data
    one, other = fit(clouds(x), x, weights=w), fit(clouds(x), x[::-1], weights=w[::-1])
    np.testing.assert_allclose(numbers(one.mixture), numbers(other.mixture), atol=1e-9)


@pytest.mark.parametrize("family", [dist.MultivariateNormal, dist.MultivariateStudentT])
@pytest.mark.slow
def test_full_covariances_with_missing_entries(family, x64):
    """At the end no direction is uphill in the likelihood of what is seen, by NumPyro's margins."""
    rng = np.random.default_rng(1)
    heavy = np.sqrt(3 / rng.chisquare(3, (80, 1)))
    x = heavy * rng.normal(size=(80, 2)) @ A([[1.0, 0.6], [0.0, 0.8]])
    x += 9 * (rng.uniform(size=(80, 1)) < 0.4)
    holes = rng.uniform(size=x.shape) < 0.25
    x = np.where(holes, np.nan, x)
    begun = start(family, x, 2, key=jax.random.key(2))
    found = fit(begun, x, tolerance=1e-14, max_steps=3000)
    components = found.mixture.components_distribution

    def seen(loc, factor, log_w):
        covariance = factor @ jnp.swapaxes(factor, 1, 2)
        scales = jnp.sqrt(jnp.diagonal(covariance, axis1=1, axis2=2))
        rows = []
        for row, gone in zip(x, holes, strict=True):
            there = np.flatnonzero(~gone)
            if len(there) == 2:
                d = components
                full = (
                    dist.MultivariateNormal(loc, scale_tril=factor)
                    if family is dist.MultivariateNormal
                    else dist.MultivariateStudentT(d.df, loc, factor)
                )
                rows.append(full.log_prob(row))
            elif len(there) == 1:
                i = there[0]
                one = (
                    dist.Normal(loc[:, i], scales[:, i])
                    if family is dist.MultivariateNormal
                    else dist.StudentT(components.df, loc[:, i], scales[:, i])
                )
                rows.append(one.log_prob(row[i]))
        log_w = jax.nn.log_softmax(log_w)
        return jax.scipy.special.logsumexp(jnp.stack(rows) + log_w, axis=1).sum()

    at = components.loc, components.scale_tril, jnp.log(found.mixture.mixture_distribution.probs)
    np.testing.assert_allclose(seen(*at), found.log_likelihood, rtol=1e-12)
    d_loc, d_factor, d_w = jax.grad(seen, argnums=(0, 1, 2))(*at)
    for slope in (d_loc, jnp.tril(d_factor), d_w):
        np.testing.assert_allclose(slope, 0, atol=2e-3)


def test_factorised_components_with_missing_entries(x64):
    """A missing entry of independent coordinates is one factor less."""
    rng = np.random.default_rng(3)
    x = np.where(rng.uniform(size=(200, 3)) < 0.3, np.nan, rng.poisson([[2.0, 9.0, 4.0]], (200, 3)))
    mixture = MixtureSameFamily(
        dist.Categorical(A([1.0])), dist.Poisson(A([[1.0, 1.0, 1.0]])).to_event(1)
    )
    found = fit(mixture, x)
    rate = found.mixture.components_distribution.base_dist.rate
    np.testing.assert_allclose(rate[0], np.nanmean(x, axis=0), rtol=1e-10)


def test_a_row_that_misses_everything_counts_nothing(data):
    x, _ = data
    more = np.concatenate([x, np.full((3, 2), np.nan)])
    one, other = fit(clouds(x), x), fit(clouds(x), more)
    np.testing.assert_allclose(numbers(one.mixture), numbers(other.mixture), atol=1e-8)
    np.testing.assert_allclose(one.bic, other.bic)


def test_errors_of_measurement(x64):
    """Bovy, Hogg & Roweis (2011), one component: the sum of covariances is that of the data."""
    rng = np.random.default_rng(4)
    errors = rng.uniform(0.5, 1.0, (4000, 2))
    x = rng.normal(size=(4000, 2)) @ A([[2.0, 1.0], [0.0, 1.0]]) + errors * rng.normal(
        size=(4000, 2)
    )
    one = MixtureSameFamily(
        dist.Categorical(A([1.0])), dist.MultivariateNormal(A([[0.0, 0]]), A(np.cov(x.T))[None])
    )
    by_sd = fit(one, x, noise=errors, tolerance=1e-12)
    by_covariance = fit(one, x, noise=errors[..., None] ** 2 * np.eye(2), tolerance=1e-12)
    np.testing.assert_allclose(numbers(by_sd.mixture), numbers(by_covariance.mixture), atol=1e-9)
    got = by_sd.mixture.components_distribution.covariance_matrix[0]
    # a variance v + s² is estimated with a standard error of (v + s²) √(2/n): at most .12
    np.testing.assert_allclose(got, [[4.0, 2.0], [2.0, 2.0]], atol=0.5)
    through = np.broadcast_to(np.eye(2), (4000, 2, 2))
    projected = fit(one, x, noise=errors, projection=through, tolerance=1e-12)
    np.testing.assert_allclose(numbers(projected.mixture), numbers(by_sd.mixture), atol=1e-9)


def test_a_label_is_a_membership(data):
    x, _ = data
    labels = (np.arange(60) % 2).astype(int)
    found = fit(clouds(x), x, labels=labels)
    expected = np.stack([x[::2].mean(axis=0), x[1::2].mean(axis=0)])
    np.testing.assert_allclose(found.mixture.components_distribution.loc, expected, rtol=1e-9)
    np.testing.assert_allclose(found.counts, [30, 30])


def test_what_is_fixed_stays(data):
    x, _ = data
    begun = clouds(x)
    components = begun.components_distribution
    found = fit(begun, x, fixed={"loc": [True, False], "weights": True})
    new = found.mixture.components_distribution
    np.testing.assert_array_equal(new.loc[0], components.loc[0])
    assert np.max(np.abs(new.loc[1] - components.loc[1])) > 1e-3
    np.testing.assert_array_equal(found.mixture._weights[0], begun._weights[0])
    # about the location that is held, not about the mean
    away = x - components.loc[0]
    r = found.mixture.posterior_marginal(x).probs[:, 0]
    expected = (r[:, None] * away).T @ away / r.sum()
    np.testing.assert_allclose(new.covariance_matrix[0], expected, rtol=1e-3)
    whole = fit(begun, x, fixed={"components": [1]})
    assert whole.num_parameters == 6
    np.testing.assert_array_equal(
        whole.mixture.components_distribution.scale_tril[1], components.scale_tril[1]
    )


def test_priors_move_the_estimate(x64):
    """A Dirichlet and a Gamma prior of counts: the mode in closed form, K = 1."""
    x = np.array([0, 2, 3, 3, 1, 4])
    mixture = MixtureSameFamily(dist.Categorical(A([1.0])), dist.Poisson(A([1.0])))
    found = fit(mixture, x, prior={"rate": dist.Gamma(3.0, 2.0)}, tolerance=1e-14)
    rate = found.mixture.components_distribution.rate[0]
    np.testing.assert_allclose(rate, (x.sum() + 2.0) / (len(x) + 2.0), rtol=1e-6)
    two = MixtureSameFamily(dist.Categorical(A([0.5, 0.5])), dist.Poisson(A([1.0, 50.0])))
    labels = np.array([0, 0, 0, 0, 0, 1])
    prior = {"weights": dist.Dirichlet(A([3.0, 3.0]))}
    found = fit(two, x, prior=prior, labels=labels)
    np.testing.assert_allclose(found.mixture.mixture_distribution.probs, [0.7, 0.3], rtol=1e-9)


def test_conjugate_prior_in_closed_form(data):
    x, _ = data
    found = fit(
        start(dist.MultivariateNormal, x, 1, key=jax.random.key(0)), x, prior=ConjugateNormal()
    )
    n, d = x.shape
    scatter = (x - x.mean(0)).T @ (x - x.mean(0))
    expected = (np.cov(x.T) + scatter) / (d + 2 + n + d + 2)
    np.testing.assert_allclose(
        found.mixture.components_distribution.covariance_matrix[0], expected, rtol=1e-9
    )


def test_estimate_differentiates_in_data_and_weights(data):
    x, w = jnp.asarray(data[0]), jnp.asarray(data[1], float)
    begun = clouds(x)

    def estimate(x, w):
        return numbers(fit(begun, x, weights=w, tolerance=1e-15, max_steps=3000).mixture)

    rng, h = np.random.default_rng(5), 1e-5
    dx, dw = rng.normal(size=x.shape), rng.normal(size=60) * (w > 0)
    slope = jax.jvp(estimate, (x, w), (dx, dw))[1]
    ahead, behind = (estimate(x + s * h * dx, w + s * h * dw) for s in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), atol=1e-6)
    assert np.max(np.abs(slope)) > 0.1


@pytest.mark.slow
def test_both_modes_differentiate_an_estimate_alike(data):
    x, w = jnp.asarray(data[0]), jnp.asarray(data[1], float)
    begun = clouds(x)

    def estimate(x):
        found = fit(begun, x, weights=w, tolerance=1e-15, max_steps=3000).mixture
        return numbers(found) @ jnp.arange(14.0)

    dx = np.random.default_rng(5).normal(size=x.shape)
    forward = jax.jvp(estimate, (x,), (dx,))[1]
    np.testing.assert_allclose(jnp.vdot(jax.grad(estimate)(x), dx), forward, rtol=1e-9)


def test_many_fits_at_once(x64):
    x = jax.random.normal(jax.random.key(5), (20, 100)) + 4 * (jnp.arange(100) % 3 == 0)
    begun = MixtureSameFamily(
        dist.Categorical(A([0.5, 0.5])), dist.Normal(A([0.0, 3.0]), A([1.0, 1]))
    )
    mapped = jax.jit(jax.vmap(lambda x: fit(begun, x)))(x)
    assert isinstance(mapped, Fit)
    assert mapped.mixture.batch_shape == (20,)
    for i in (0, 7):
        alone = fit(begun, x[i])
        np.testing.assert_allclose(mapped.log_likelihood[i], alone.log_likelihood, rtol=1e-12)
        np.testing.assert_allclose(numbers(mapped.mixture[i]), numbers(alone.mixture), atol=1e-6)


@pytest.mark.slow
def test_rows_in_stretches_change_nothing(data, monkeypatch):
    from pathmix._estimation import _sweep

    x, w = data
    whole = fit(clouds(x), x, weights=w)
    monkeypatch.setattr(_sweep, "SWEPT", 50)
    jax.clear_caches()
    parts = fit(clouds(x), x, weights=w)
    jax.clear_caches()
    np.testing.assert_allclose(numbers(whole.mixture), numbers(parts.mixture), atol=1e-9)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_single_precision_agrees_with_double(factor):
    """On data of any scale, and far from zero beside their spread."""
    rng = np.random.default_rng(6)
    x = (
        (100 + 0.01 * rng.normal(size=300) + 0.05 * (rng.uniform(size=300) < 0.4)) * factor
    ).astype("float32")
    single = fit(start(dist.Normal, x, 2, key=jax.random.key(0)), x)
    with jax.enable_x64(True):
        double = fit(
            start(dist.Normal, x.astype("float64"), 2, key=jax.random.key(0)), x.astype(float)
        )
    one, two = (f.mixture.components_distribution for f in (single, double))
    order, other = np.argsort(one.loc), np.argsort(two.loc)
    np.testing.assert_allclose(one.loc[order], two.loc[other], rtol=1e-5)
    # 1e-3 of themselves: the locations are rounded to 4e-4 deviations of a component
    np.testing.assert_allclose(one.scale[order], two.scale[other], rtol=1e-2)


@pytest.mark.parametrize(
    ("family", "factor"),
    [
        (dist.MultivariateNormal, 1.0),
        (dist.MultivariateNormal, 1e-6),
        (dist.MultivariateNormal, 1e6),
        pytest.param(dist.MultivariateStudentT, 1.0, marks=pytest.mark.slow),
        pytest.param(dist.MultivariateStudentT, 1e6, marks=pytest.mark.slow),
    ],
)
def test_single_precision_of_covariances(family, factor):
    """A start far from data that are narrow has lost their covariances before the first step."""
    rng = np.random.default_rng(6)
    clouds = 0.01 * rng.normal(size=(300, 2)) + 0.05 * (rng.uniform(size=(300, 1)) < 0.4)
    x = ((100 + clouds) * factor).astype("float32")
    ends = []
    for exact in (False, True):
        with jax.enable_x64(exact):
            rows = x.astype("float64" if exact else "float32")
            d = fit(start(family, rows, 2, key=jax.random.key(0)), rows).mixture
            d = d.components_distribution
            order = np.argsort(d.loc[:, 0])
            ends.append((np.asarray(d.loc[order]), np.asarray(d.scale_tril[order])))
    (loc, root), (exact_loc, exact_root) = ends
    np.testing.assert_allclose(loc, exact_loc, rtol=1e-5)
    # a hundredth of the deviations: the locations are rounded to 8e-4 of these
    np.testing.assert_allclose(root, exact_root, atol=1e-4 * factor)


def test_acceleration_ends_where_plain_em_does(data):
    x, _ = data
    begun = start(dist.MultivariateNormal, x, 3, key=jax.random.key(1), structure=Tied())
    plain = fit(begun, x, method=EM(memory=0), tolerance=1e-13, max_steps=5000)
    fast = fit(begun, x, tolerance=1e-13)
    np.testing.assert_allclose(fast.log_likelihood, plain.log_likelihood, atol=1e-7)
    assert fast.steps < 0.7 * plain.steps


def test_structures(data):
    x, _ = data
    tied = start(dist.MultivariateNormal, x, 2, key=jax.random.key(0), structure=Tied())
    assert tied._components.parameters[1].shape == (1, 2, 2)
    assert fit(tied, x).num_parameters == 1 + 4 + 3
    round_ones = start(dist.Normal, x, 2, key=jax.random.key(0), structure=Spherical())
    assert round_ones._components.parameters[1].shape == (2, 1)
    assert fit(round_ones, x).num_parameters == 1 + 4 + 2


def test_identical_rows_do_not_break_a_start(x64):
    x = np.array([1.0] * 30 + [2.0, 2.5, 3.0])
    begun = start(dist.Normal, x, 3, key=jax.random.key(0))
    assert np.all(np.isfinite(begun.log_prob(x)))
    components = begun.components_distribution
    assert (
        len({(float(a), float(b)) for a, b in zip(components.loc, components.scale, strict=True)})
        > 1
    )


@pytest.mark.slow
def test_a_support_that_begins_at_the_location_holds_all_rows_at_the_start(x64):
    truth = dist.Levy(3.0, 0.5)
    x = truth.sample(jax.random.key(0), (500,))
    assert bool(jnp.all(jnp.isfinite(start(dist.Levy, x, 3, key=jax.random.key(1)).log_prob(x))))
    found = fit(start(dist.Levy, x, 1, key=jax.random.key(1)), x)
    # twice the gain of two parameters is chi-squared: beyond 20 with probability 5e-5; the scale's
    # standard error is .5 √(2/500) = .032 where the location is known
    assert truth.log_prob(x).sum() < found.log_likelihood < truth.log_prob(x).sum() + 10
    np.testing.assert_allclose(found.mixture.component_distribution.scale, 0.5, atol=0.15)
    for few in (jnp.full(9, 2.0), jnp.array([100.0, 100.00001, 100.00002], jnp.float32)):
        same = start(dist.Levy, few, 2, key=jax.random.key(1))
        assert bool(jnp.all(jnp.isfinite(same.log_prob(few))))


def test_degenerate_and_empty_components_are_named(x64):
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.normal(size=100), 50 + 1e-4 * rng.normal(size=5)])
    begun = MixtureSameFamily(
        dist.Categorical(A([0.5, 0.4, 0.1])), dist.Normal(A([0.0, 50.0, 1e6]), A([1.0, 1.0, 1.0]))
    )
    found = fit(begun, x)
    np.testing.assert_array_equal(found.degenerate, [False, True, False])
    np.testing.assert_array_equal(found.empty, [False, False, True])
    assert "degenerate=[1]" in repr(found)
    assert "empty=[2]" in repr(found)
    assert np.all(np.isfinite(numbers(found.mixture)))


@pytest.mark.slow
def test_identical_components_are_named(x64):
    """No step parts them; one by itself, or without weight, is not like another."""
    x = np.random.default_rng(8).normal(size=40)
    weights = dist.Categorical(A([0.3, 0.2, 0.5, 0.0]))
    loc = A([0.5, 0.5, -1.0, 0.5])
    found = fit(MixtureSameFamily(weights, dist.Normal(loc, A([1.0]))), x)
    np.testing.assert_array_equal(found.identical, [True, True, False, False])
    assert "identical=[0, 1]" in repr(found)
    assert not fit(start(dist.Normal, x, 2, key=jax.random.key(0)), x).identical.any()


def test_weights_by_another_distribution_become_a_categorical(x64):
    x = np.array([-0.3, 0.1, 0.4, 4.8, 5.2])
    mixture = MixtureSameFamily(dist.Binomial(1, 0.5), dist.Normal(A([0.0, 5.0]), A([1.0])))
    found = fit(mixture, x).mixture.mixture_distribution
    np.testing.assert_allclose(jax.nn.softmax(found.logits), [0.6, 0.4], atol=1e-3)


SINGULAR = {
    "a constant column": lambda x: np.column_stack([x, np.ones(len(x))]),
    "columns that add up": lambda x: np.column_stack([x, x[:, 0] + x[:, 1]]),
    "fewer rows than columns": lambda x: np.column_stack([x[:6]] * 4)[:5],
}


@pytest.mark.parametrize("structure", [None, Tied()], ids=["full", "tied"])
@pytest.mark.parametrize("name", SINGULAR)
def test_flat_data_have_no_fit_and_say_so(name, structure, data):
    """Covariances have no root there, and the likelihood no bound."""
    x = SINGULAR[name](data[0])
    begun = start(dist.MultivariateNormal, x, 1, key=jax.random.key(0), structure=structure)
    found = fit(begun, x)
    assert not found.converged
    assert found.degenerate.all()
    assert jnp.isfinite(found.log_likelihood)
