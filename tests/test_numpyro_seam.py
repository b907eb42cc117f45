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
    r"|\._(potential_fn|unpack_latent|init_locs|init_latent|unpack_and_constrain)\b"
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


def test_the_latents_of_a_guide():
    def model():
        scale = numpyro.sample("scale", dist.Exponential(2.0))
        numpyro.sample("x", dist.Normal(0.0, scale).expand([2]))

    guide = numpyro.infer.autoguide.AutoDiagonalNormal(model)
    with numpyro.handlers.seed(rng_seed=0):
        guide()
    assert _numpyro.unconstrained_shapes(guide) == {"scale": (), "x": (2,)}
    assert _numpyro.first_point(guide).shape == (3,)
    z = jnp.array([0.5, 1.0, -1.0])
    latents = _numpyro.latents_of(guide, z, {})
    assert latents["scale"] == pytest.approx(jnp.exp(0.5))
    # the density of the logarithm of the scale has the scale as its Jacobian
    normals = dist.Normal(0.0, latents["scale"]).log_prob(z[1:]).sum()
    exact = dist.Exponential(2.0).log_prob(latents["scale"]) + 0.5 + normals
    assert _numpyro.log_joint(guide)(z) == pytest.approx(float(exact), rel=1e-5)
