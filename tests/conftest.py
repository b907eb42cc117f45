"""Strict weather for every test: both precisions, warnings as errors (see pyproject.toml)."""

import ctypes
import gc
import os
import zlib
from collections import defaultdict
from pathlib import Path

import jax
import pytest

SECOND_PRECISION = {
    "test_mixture_edges.py",
    "test_mixture_properties.py",
    "test_mixture_quantile.py",
    "test_mixture_quantile_gradients.py",
    "test_mixture_quantile_levels.py",
    "test_mixture_zero_weights.py",
    "test_random_variables.py",
}
"""Of these tables every row runs by default, in float32; `make test-all` adds float64."""
FIRST_PRECISION = {
    "test_continuous_edges.py",
    "test_discrete_edges.py",
    "test_mixture_quantile_tails.py",
}
"""Of these every row runs by default, in float64; `make test-all` adds float32."""
ONE_IN = {
    "test_algebra.py": 2,
    "test_auto_mixture.py": 2,
    "test_beta_tails.py": 3,
    "test_censored_mixtures.py": 24,
    "test_continuous_edges.py": 12,
    "test_density.py": 12,
    "test_discrete_edges.py": 8,
    "test_eager_calls.py": 4,
    "test_expectation.py": 2,
    "test_expectation_batched.py": 3,
    "test_expectation_discrete.py": 4,
    "test_family_tails.py": 2,
    "test_far_out.py": 72,
    "test_fit.py": 3,
    "test_fit_expanded.py": 2,
    "test_fit_families.py": 32,
    "test_fit_methods.py": 8,
    "test_fit_priors.py": 2,
    "test_fit_references.py": 3,
    "test_gamma_tails.py": 6,
    "test_guide_diagnostics.py": 2,
    "test_hurdles_over_densities.py": 3,
    "test_information.py": 12,
    "test_interop.py": 4,
    "test_interop_borrowed.py": 48,
    "test_interop_families.py": 80,
    "test_intervals.py": 4,
    "test_keeping.py": 16,
    "test_keeping_damaged.py": 16,
    "test_kept_slopes.py": 24,
    "test_likelihood_ratio.py": 4,
    "test_many_components.py": 24,
    "test_mixture_batches.py": 4,
    "test_mixture_draws.py": 20,
    "test_mixture_edges.py": 16,
    "test_mixture_fallbacks.py": 12,
    "test_mixture_mode.py": 4,
    "test_mixture_nested.py": 4,
    "test_mixture_no_gradient.py": 2,
    "test_mixture_numpyro.py": 2,
    "test_mixture_properties.py": 12,
    "test_mixture_pytree.py": 6,
    "test_mixture_quantile.py": 14,
    "test_mixture_quantile_gradients.py": 8,
    "test_mixture_quantile_levels.py": 4,
    "test_mixture_quantile_tails.py": 6,
    "test_mixture_supports.py": 6,
    "test_mixture_surface.py": 4,
    "test_mixture_values.py": 12,
    "test_mixture_zero_weights.py": 8,
    "test_modes.py": 8,
    "test_multivariate_programs.py": 2,
    "test_natural_gradients.py": 4,
    "test_parts.py": 12,
    "test_pathwise_blocks.py": 6,
    "test_pathwise_errors.py": 2,
    "test_pathwise_rosenblatt.py": 2,
    "test_random_variable_array.py": 10,
    "test_random_variables.py": 14,
    "test_rules.py": 2,
    "test_several_density.py": 20,
    "test_several_families.py": 3,
    "test_several_fits.py": 6,
    "test_several_masses.py": 3,
    "test_sklearn.py": 3,
    "test_stratified_elbo.py": 4,
    "test_stratified_elbo_enumeration.py": 4,
    "test_stratified_elbo_programs.py": 2,
    "test_torch_unbiased.py": 2,
    "test_transformed_supports.py": 4,
    "test_truncated_masses.py": 24,
    "test_truncated_mixtures.py": 24,
    "test_truncated_moments.py": 4,
    "test_truncated_tails.py": 24,
    "test_unconstrained.py": 3,
    "test_vector_supports.py": 4,
    "test_von_mises_tails.py": 6,
    "test_written_out.py": 12,
}
"""Of these products of families with shapes, operators and edges the default run takes one row of
each test in so many, always the same ones, and one at least: more rows of what takes less time. All
checks are to end within half an hour of two cores. The tables of laws, which are not here, keep a
row of each law for each family: test_laws_coverage.py counts them."""
LIMIT = 3 * 2**30
"""Bytes of a process above which it forgets its compiled programs."""
CELLS = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "law(names): what the test holds of its row's family")


def is_left_out(item, table):
    """Whether the default run leaves out this row of a large table, or this precision of it."""
    parameters, file = getattr(item, "callspec", None), item.path.name
    if parameters is None:
        return False
    if table.is_later(item):
        return True
    if file in SECOND_PRECISION and parameters.params.get("precision") == "float64":
        return True
    return file in FIRST_PRECISION and parameters.params.get("precision") == "float32"


def taken(items):
    """Of the rows of each test those that the default run takes, one in so many."""
    rows = defaultdict(list)
    for item in items:
        rows[item.path.name, getattr(item, "originalname", item.name)].append(item)
    for (file, _), some in rows.items():
        some.sort(key=lambda item: (bool(list(item.iter_markers("slow"))), crc(item.name)))
        yield from some[: -(-len(some) // ONE_IN.get(file, 1))]


def crc(name):
    """A number that follows no order of the names."""
    return zlib.crc32(name.encode())


def pytest_collection_modifyitems(config, items):
    """Mark as slow what only `make test-all` runs, and count what the others cover."""
    from cases import table  # here, because the package's types are checked if imported late

    now = set(taken(item for item in items if not is_left_out(item, table)))
    for item in items:
        if item not in now:
            item.add_marker(pytest.mark.slow)
    config.stash[CELLS] = table.covered(items)


def resident():
    """The bytes of memory that this process holds now; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


@pytest.fixture(autouse=True)
def bounded_caches(request):
    """Forget compiled programs once they fill the memory: the sweeps compile thousands of them."""
    yield
    limits = request.config.stash
    if resident() > limits.get(MOST, LIMIT):
        jax.clear_caches()
        gc.collect()
        if hasattr(trim := ctypes.CDLL(None), "malloc_trim"):
            trim.malloc_trim(0)
        # what is left now is not programs, and must not have every test clear them
        limits[MOST] = max(LIMIT, resident() + LIMIT // 3)


MOST = pytest.StashKey()


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
