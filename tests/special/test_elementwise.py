"""The wrapper that makes loops differentiable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pathmix._special import forward_differentiable


def _loop_exponential(x, y):
    """exp(x y) by a series whose loop reverse mode cannot pass."""

    def step(carry):
        n, term, total = carry
        return n + 1, term * x * y / n, total + term

    start = (jnp.ones_like(x), jnp.ones_like(x), jnp.zeros_like(x))
    return jax.lax.while_loop(lambda c: jnp.any(jnp.abs(c[1]) > 1e-18), step, start)[2]


_EXPONENTIAL = forward_differentiable(_loop_exponential)


@pytest.mark.parametrize("argument", [0, 1])
def test_reverse_mode_to_third_order(x64, argument):
    f = lambda v: _EXPONENTIAL(v, 0.7) if argument == 0 else _EXPONENTIAL(0.7, v)  # noqa: E731
    third = jax.grad(jax.grad(jax.grad(f)))(0.4)
    # The series and its derivatives are sums of about 20 terms of order one.
    np.testing.assert_allclose(third, 0.7**3 * np.exp(0.28), rtol=1e-13)


def test_modes_compose_and_mixed_derivatives_agree(x64):
    point = jnp.array([0.4, 0.7])
    f = lambda v: _EXPONENTIAL(v[0], v[1])  # noqa: E731
    expected = np.exp(0.28) * np.array([[0.49, 1.28], [1.28, 0.16]])
    for outer, inner in [
        (jax.jacfwd, jax.jacfwd),
        (jax.jacfwd, jax.jacrev),
        (jax.jacrev, jax.jacfwd),
        (jax.jacrev, jax.jacrev),
    ]:
        np.testing.assert_allclose(outer(inner(f))(point), expected, rtol=1e-13)


def test_a_closed_form_is_used_only_for_its_argument(x64):
    marked = forward_differentiable(_loop_exponential, {0: lambda x, y: 100 + 0 * x * y})
    assert jax.grad(marked, argnums=0)(0.4, 0.7) == 100
    np.testing.assert_allclose(jax.grad(marked, argnums=1)(0.4, 0.7), 0.4 * np.exp(0.28))


def test_partials_of_arguments_without_tangents_are_not_computed():
    def forbidden(x, y):
        raise AssertionError("this partial derivative is not needed")

    careful = forward_differentiable(_loop_exponential, {1: forbidden})
    jax.grad(careful)(0.4, 0.7)
    jax.jit(jax.grad(careful))(0.4, 0.7)


def test_broadcasting_and_dtypes(precision):
    value = _EXPONENTIAL(jnp.zeros((3, 1), jnp.float32), jnp.ones(4, jnp.float32))
    assert value.shape == (3, 4)
    assert value.dtype == jnp.float32
    assert _EXPONENTIAL(1, 2).dtype == jnp.dtype(precision)
    assert _EXPONENTIAL(jnp.float32(1), 2.0).dtype == jnp.float32


def test_gradients_of_broadcast_arguments_are_summed(x64):
    gradient = jax.grad(lambda y: _EXPONENTIAL(jnp.array([0.1, 0.2]), y).sum())(0.5)
    np.testing.assert_allclose(gradient, 0.1 * np.exp(0.05) + 0.2 * np.exp(0.1), rtol=1e-13)


def test_repeated_differentiation_does_not_trace_again():
    traces = []

    def counted(x):
        traces.append(None)
        return x * x

    square = forward_differentiable(counted)
    for _ in range(3):
        jax.grad(square)(2.0)
    first = len(traces)
    for _ in range(3):
        jax.grad(square)(3.0)
    assert len(traces) == first
