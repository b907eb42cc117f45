"""Strict weather for every test: both precisions, warnings as errors (see pyproject.toml)."""

import resource
import zlib

import jax
import pytest

ONE_IN = {
    "test_families.py": 4,
    "test_mixture_draws.py": 4,
    "test_mixture_edges.py": 4,
    "test_mixture_properties.py": 2,
    "test_mixture_quantile.py": 4,
    "test_mixture_quantile_gradients.py": 2,
    "test_mixture_values.py": 4,
    "test_mixture_zero_weights.py": 2,
    "test_random_variable_array.py": 4,
    "test_random_variables.py": 3,
}
"""Of these large tables the default run takes one row in so many, always the same ones, because
each row compiles programs of its own; `make test-all` takes all."""


def pytest_collection_modifyitems(items):
    """Mark as slow the rows of large tables that the default run leaves out."""
    for item in items:
        share = ONE_IN.get(item.path.name, 1) if hasattr(item, "callspec") else 1
        if zlib.crc32(item.name.encode()) % share:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="module")
def bounded_caches():
    """Forget compiled programs once they fill 4 GiB: the sweeps compile thousands of them."""
    yield
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 4 * 2**20:  # in KiB, on Linux
        jax.clear_caches()


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
