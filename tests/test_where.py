"""Choices are those of JAX, in value, type and derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pathmix._where import where

FLAG = np.array([[True], [False]])
PAIRS = {
    "arrays": (jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])),
    "a Python number": (jnp.array([1.0, 2.0]), 0.0),
    "an infinite one": (-jnp.inf, jnp.array([3.0, 4.0])),
    "two of them": (1.0, 0.0),
    "integers": (2, 1),
    "an integer and a float": (jnp.array([1, 2]), 0.5),
    "half and single precision": (jnp.float16(1.0), jnp.float32(2.0)),
    "flags": (jnp.array([True, False]), False),
}


@pytest.mark.parametrize("name", PAIRS)
def test_as_jax_does(name, precision):
    x, y = PAIRS[name]
    found, wanted = where(FLAG, x, y), jnp.where(FLAG, x, y)
    np.testing.assert_array_equal(found, wanted)
    assert (found.dtype, found.weak_type) == (wanted.dtype, wanted.weak_type)


def test_derivatives(precision):
    x = jnp.array([1.0, 2.0], precision)
    choose = lambda x: where(x > 1, x**3, 2 * x).sum()  # noqa: E731
    np.testing.assert_array_equal(jax.grad(choose)(x), [2.0, 12.0])
    np.testing.assert_array_equal(jax.hessian(choose)(x), [[0.0, 0.0], [0.0, 12.0]])
    assert jax.make_jaxpr(choose)(x).pretty_print().count("jit") == 0
