"""What the library uses of NumPyro beyond its public names: one file, and each part as it was."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import transforms

import pathmix
from pathmix import _numpyro

SOURCES = sorted(Path(pathmix.__file__).parent.rglob("*.py"))
PRIVATE = re.compile(
    r"_PYRO_STACK|_InverseTransform|\bt\._inverse\(|Distribution\._validate_args|_expanded_sizes"
    r"|\"_mask\"|gather_pytree|from numpyro[\w.]* import (\w+, )*_"
)


def test_no_other_file_uses_private_parts():
    users = {path.name for path in SOURCES if PRIVATE.search(path.read_text())}
    assert users == {"_numpyro.py"}


def test_open_handlers():
    assert not _numpyro.open_handlers()
    with numpyro.handlers.seed(rng_seed=0):
        (handler,) = _numpyro.open_handlers()
        assert isinstance(handler, numpyro.handlers.seed)
        assert not _numpyro.enumerates(handler)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_switch_of_validation(is_on):
    with numpyro.validation_enabled(is_on):
        assert _numpyro.validates_by_default() is is_on


def test_inverses_of_transforms():
    t = transforms.ExpTransform()
    assert _numpyro.preimage(t, jnp.e) == pytest.approx(1)
    assert _numpyro.is_inverse(t.inv)
    assert not _numpyro.is_inverse(t)


def test_fields_of_distributions():
    d = dist.Normal(jnp.zeros(2), 1.0)
    assert set(_numpyro.array_fields(dist.Normal)) == {"loc", "scale"}
    assert _numpyro.BATCH_SHAPE in _numpyro.static_fields(dist.Normal)
    assert set(_numpyro.EXPANSIONS) <= set(_numpyro.static_fields(dist.ExpandedDistribution))
    assert hasattr(d.mask(jnp.array([True, False])), _numpyro.MASK)
