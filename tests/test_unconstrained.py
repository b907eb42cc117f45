"""Mixtures as vectors of numbers: maps written out by hand, there and back, what is held."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Mixture, MixtureSameFamily, families

A = jnp.array
THIRD = dist.Categorical(probs=A([0.3, 0.7]))
FACTOR = A([[[1.0, 0.0], [0.5, 2.0]], [[2.0, 0.0], [-0.5, 1.0]]])
LOC = A([[0.0, 1.0], [2.0, 3.0]])
NORMAL = MixtureSameFamily(THIRD, dist.Normal(A([-1.0, 1.0]), A([1.0, 2.0])))
SEVERAL = Mixture(
    dist.Categorical(logits=jnp.zeros(3)),
    [dist.Delta(0), dist.Poisson(3.0), dist.NegativeBinomial2(2.0, 1.0)],
)


def test_the_numbers_are_log_weights_locations_and_log_scales():
    begin, _ = families.unconstrained(NORMAL)
    expected = [np.log(0.3), np.log(0.7), -1, 1, 0, np.log(2)]
    np.testing.assert_allclose(begin, expected, rtol=1e-6)


def test_other_numbers_are_the_mixture_that_scipy_says(x64):
    _, build = families.unconstrained(NORMAL)
    numbers = np.array([0.2, -0.5, 3.0, -2.0, 0.4, -0.7])
    w = np.exp(numbers[:2]) / np.exp(numbers[:2]).sum()
    x = np.array([-2.5, 0.0, 3.3])
    f = stats.norm.pdf(x[:, None], numbers[2:4], np.exp(numbers[4:])) @ w
    found = build(A(numbers))
    np.testing.assert_allclose(found.log_prob(x), np.log(f), rtol=1e-6)  # NORMAL is in float32


MIXTURES = {
    "full": MixtureSameFamily(THIRD, dist.MultivariateNormal(LOC, scale_tril=FACTOR)),
    "covariances": MixtureSameFamily(
        THIRD, dist.MultivariateNormal(LOC, FACTOR @ FACTOR.swapaxes(1, 2))
    ),
    "tied": MixtureSameFamily(THIRD, dist.MultivariateNormal(LOC, scale_tril=FACTOR[0])),
    "independent": MixtureSameFamily(THIRD, dist.Gamma(1 + LOC, 2.0).to_event(1)),
    "half of them held": MixtureSameFamily(THIRD, dist.Binomial(10, A([0.2, 0.3]))),
    "several families": SEVERAL,
}
COUNTS = {
    "full": 2 + 4 + 6,
    "covariances": 2 + 4 + 6,
    "tied": 2 + 4 + 3,
    "independent": 2 + 4 + 1,
    "half of them held": 2 + 2,
    "several families": 3 + 1 + 2,
}


def parameters(mixture):
    """The weights and the parameters of the components."""
    return [mixture._weights.values(), *mixture._components.parameters]


@pytest.mark.parametrize("name", MIXTURES)
def test_there_and_back(name):
    begin, build = families.unconstrained(MIXTURES[name])
    assert begin.shape == (COUNTS[name],)
    pairs = zip(parameters(build(begin)), parameters(MIXTURES[name]), strict=True)
    # numbers up to 3 are off by a rounding, 2e-7, and as much, relatively, what they stand for
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", MIXTURES)
def test_every_number_moves_the_mixture(name):
    begin, build = families.unconstrained(MIXTURES[name])
    moved = parameters(build(begin + jnp.eye(begin.size)))
    pairs = zip(moved, parameters(build(begin)), strict=True)
    changed = [np.any(new != old, axis=tuple(range(1, new.ndim))) for new, old in pairs]
    np.testing.assert_array_equal(np.any(np.broadcast_arrays(*changed), axis=0), True)


def test_a_batch_under_jit_is_each_by_itself():
    begin, build = families.unconstrained(MIXTURES["full"])
    numbers = begin + 0.1 * jax.random.normal(jax.random.key(1), (3, 4, begin.size))
    found = jax.jit(build)(numbers)
    assert found.batch_shape == (3, 4)
    for i, j in ((0, 0), (2, 1)):
        pairs = zip(parameters(found[i, j]), parameters(build(numbers[i, j])), strict=True)
        for together, alone in pairs:
            np.testing.assert_allclose(together, alone, rtol=2e-6, atol=1e-6)


def test_what_is_fixed_stays():
    _, build = families.unconstrained(NORMAL, fixed={"scale": [True, False], "weights": True})
    found = build(A([5.0, 6.0, 0.0]))
    components = found.components_distribution
    np.testing.assert_array_equal(components.loc, [5.0, 6.0])
    np.testing.assert_array_equal(components.scale, [1.0, 1.0])
    np.testing.assert_allclose(found.mixture_distribution.probs, [0.3, 0.7], rtol=1e-6)


def test_weights_that_are_free_share_what_the_others_leave():
    _, build = families.unconstrained(SEVERAL, fixed={"weights": [True, False, False]})
    probs = build(A([np.log(3.0), 0.0, 0.0, 0.0, 0.0])).mixture_distribution.probs
    np.testing.assert_allclose(probs, [1 / 3, 1 / 2, 1 / 6], rtol=1e-6)


def test_one_component_has_no_number_for_its_weight():
    alone = MixtureSameFamily(dist.Categorical(A([1.0])), dist.Poisson(A([2.0])))
    begin, build = families.unconstrained(alone)
    np.testing.assert_allclose(begin, [np.log(2.0)], rtol=1e-6)
    np.testing.assert_allclose(build(begin).mean, 2.0, rtol=1e-6)


def test_half_precision_has_numbers_of_single_precision():
    begin, build = families.unconstrained(jax.tree.map(lambda t: t.astype(jnp.float16), NORMAL))
    assert begin.dtype == build(begin).log_prob(0.0).dtype == jnp.float32


def test_slopes_reach_the_numbers():
    """Of one normal, they vanish at the mean and at the logarithm of the standard deviation."""
    alone = MixtureSameFamily(dist.Categorical(A([1.0])), dist.Normal(A([0.0]), A([1.0])))
    _, build = families.unconstrained(alone)
    x = np.array([0.5, 1.0, 4.5], np.float32)
    slope = jax.grad(lambda v: build(v).log_prob(x).sum())
    np.testing.assert_allclose(slope(A([x.mean(), np.log(x.std())])), 0.0, atol=1e-5)
    np.testing.assert_allclose(slope(jnp.zeros(2)), [x.sum(), (x**2).sum() - 3], rtol=1e-5)


BATCH = MixtureSameFamily(dist.Categorical(jnp.ones((3, 2)) / 2), dist.Poisson(jnp.ones((3, 2))))
EMPTY = MixtureSameFamily(dist.Categorical(A([0.0, 1.0])), dist.Poisson(A([1.0, 2.0])))
FLAT = MixtureSameFamily(THIRD, dist.Poisson(A([0.0, 2.0]), validate_args=False))
ENDS = MixtureSameFamily(THIRD, dist.Uniform(A([0.0, 1.0]), A([2.0, 3.0])))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: families.unconstrained(dist.Normal()), TypeError, "expected a pathmix.Mixture"),
        (
            lambda: families.unconstrained(BATCH),
            ValueError,
            r"got batch shape \(3,\).*mixture\[0\]",
        ),
        (lambda: families.unconstrained(EMPTY), ValueError, "weights above zero.*Start from"),
        (lambda: families.unconstrained(FLAT), ValueError, "parameters inside of their constr"),
        (
            lambda: families.unconstrained(ENDS),
            NotImplementedError,
            "'low' of Uniform.*fixed={'low",
        ),
        (
            lambda: families.unconstrained(NORMAL, fixed={"rate": True}),
            ValueError,
            "components, weights, loc, scale",
        ),
        (
            lambda: families.unconstrained(NORMAL)[1](jnp.zeros((3, 5))),
            ValueError,
            r"expected numbers \*batch 6.*got shape \(3, 5\).*6 outputs",
        ),
        (lambda: families.unconstrained(NORMAL)[1](A(0.0)), ValueError, "expected numbers"),
    ],
)
def test_bad_input_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
