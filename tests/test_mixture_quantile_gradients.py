"""Derivatives of quantiles, in q and in every parameter, against central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import CONTINUOUS, by_logits, by_probs, rows

Q = np.array([0.03, 0.31, 0.5, 0.72, 0.96])
STEP = 1e-5
TOLERANCE = 2e-6
"""Central differences err by STEP² and by 64 eps/STEP, relative to derivatives of about 1."""


def central_differences(function, arguments):
    """The Jacobian of ``function(arguments)`` with respect to every number of a list of arrays."""
    result = []
    for i, argument in enumerate(arguments):
        columns = []
        for j in range(argument.size):
            step = np.zeros(argument.size)
            step[j] = STEP * max(1.0, abs(argument.flat[j]))
            step = step.reshape(argument.shape)
            ends = (
                function([*arguments[:i], argument + s, *arguments[i + 1 :]]) for s in (step, -step)
            )
            columns.append((next(ends) - next(ends)) / (2 * step.max()))
        result.append(np.stack(columns, -1).reshape(*columns[0].shape, *argument.shape))
    return result


def close(actual, wanted):
    for a, w in zip(actual, wanted, strict=True):
        np.testing.assert_allclose(a, w, rtol=TOLERANCE, atol=TOLERANCE)


def quantile_of(row):
    """The quantiles at Q + shift as a function of [shift, logits, *parameters]."""

    def quantile(arguments):
        shift, logits, *theta = arguments
        return by_logits(logits, row.make(*theta)).icdf(Q + shift)

    return quantile


def arguments_of(row):
    return [np.zeros(()), np.log([0.5, 0.3, 0.2]), *row.arrays("float64").values()]


@rows(CONTINUOUS)
def test_gradients(row, x64):
    """In reverse mode by the Jacobian, in forward mode along one direction."""
    quantile, arguments = quantile_of(row), arguments_of(row)
    tangents = [np.cos(np.arange(a.size) + 1.0).reshape(a.shape) for a in arguments]
    both = jax.jit(lambda a: (jax.jacrev(quantile)(a), jax.jvp(quantile, (a,), (tangents,))[1]))
    backward, forward = both(arguments)
    wanted = central_differences(jax.jit(quantile), arguments)
    close(backward, wanted)
    pairs = zip(wanted, tangents, strict=True)
    directional = sum(np.tensordot(w, t, t.ndim) for w, t in pairs)
    np.testing.assert_allclose(forward, directional, rtol=1e-5, atol=1e-5)


def normal_quantile(arguments):
    """By probabilities that are not normalised."""
    shift, probs, loc, scale = arguments
    return by_probs(probs, dist.Normal(loc, scale)).icdf(Q + shift)


def normal_arguments():
    return [
        np.zeros(()),
        np.array([1.0, 0.6, 0.4]),
        np.array([-2.0, 0.5, 4]),
        np.array([0.5, 1, 2]),
    ]


def test_gradients_by_probabilities(x64):
    backward = jax.jit(jax.jacrev(normal_quantile))(normal_arguments())
    close(backward, central_differences(jax.jit(normal_quantile), normal_arguments()))


def test_the_gradient_at_a_zero_weight_is_one_sided(x64):
    """Forward differences err by the step, 1e-7."""
    shift, _, loc, scale = normal_arguments()
    probs = np.array([0.0, 0.4, 0.6])
    quantile = jax.jit(lambda p: normal_quantile([shift, p, loc, scale]))
    wanted = (quantile(probs + np.array([1e-7, 0, 0])) - quantile(probs)) / 1e-7
    actual = jax.jit(jax.jacrev(quantile))(probs)[:, 0]
    np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)


def test_second_derivatives(x64):
    jacobian = jax.jacrev(normal_quantile)
    actual = jax.jit(jax.jacfwd(jacobian))(normal_arguments())
    fast = jax.jit(jacobian)
    for i in range(4):
        wanted = central_differences(lambda a, i=i: np.asarray(fast(a)[i]), normal_arguments())
        for a, w in zip(actual[i], wanted, strict=True):
            np.testing.assert_allclose(a, w, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("q", [1e-30, 1e-10, 0.5, 1 - 1e-6])
def test_the_slope_is_one_over_the_density(q, precision):
    mixture = by_probs([0.3, 0.7], dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])))
    x, slope = jax.jit(jax.value_and_grad(mixture.icdf))(jnp.asarray(q))
    assert jnp.isfinite(slope)
    np.testing.assert_allclose(slope, jnp.exp(-mixture.log_prob(x)), rtol=1e-4)


def test_in_a_gap_gradients_are_infinite_or_finite_but_never_nan(precision):
    """No mass between the components: the slope in q may overflow."""

    def quantile(q, probs, loc):
        return by_probs(probs, dist.Normal(loc, 1e-3)).icdf(q)

    theta = jnp.array(0.4), jnp.array([0.4, 0.6]), jnp.array([-1e6, 1e6])
    for gradient in jax.jit(jax.jacrev(quantile, (0, 1, 2)))(*theta):
        assert not jnp.isnan(gradient).any()
    tangent = jax.jit(lambda *t: jax.jvp(quantile, t, t)[1])(*theta)
    assert not jnp.isnan(tangent)


def test_the_ends_move_with_the_support(x64):
    """d icdf(0) is the slope of the lowest bound, d icdf(1) that of the highest."""

    def ends(low, high):
        return by_probs([0.5, 0.5], dist.Uniform(low, high)).icdf(jnp.array([0.0, 1.0]))

    jacobian = jax.jit(jax.jacrev(ends, (0, 1)))(jnp.array([0.0, 2.0]), jnp.array([3.0, 4.0]))
    np.testing.assert_array_equal(jacobian[0], [[1, 0], [0, 0]])
    np.testing.assert_array_equal(jacobian[1], [[0, 0], [0, 1]])


def test_quantiles_of_counts_have_no_gradient(precision):
    def quantile(q, rate):
        return by_probs([0.5, 0.5], dist.Poisson(rate)).icdf(q)

    gradients = jax.jit(jax.grad(quantile, (0, 1)))(0.4, jnp.array([1.0, 5.0]))
    assert not any(map(np.any, gradients))
