"""Strict weather for every test: both precisions, warnings as errors (see pyproject.toml)."""

import jax
import pytest


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Run the test in one floating-point precision; its value is the dtype's name."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture
def x64():
    """Run the test in float64."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def key():
    """A fixed random key."""
    return jax.random.key(20)
