"""All that the library uses of NumPyro beyond its public names.

A release that moves one of these changes this file alone; tests/test_numpyro_seam.py says which.
"""

import sys
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution
from numpyro.distributions.transforms import Transform, _InverseTransform
from numpyro.distributions.util import lazy_property as lazy_property
from numpyro.infer.util import compute_log_probs as compute_log_probs
from numpyro.primitives import _PYRO_STACK
from numpyro.primitives import Messenger as Messenger
from numpyro.util import _validate_model
from numpyro.util import check_model_guide_match as check_model_guide_match
from numpyro.util import find_stack_level as find_stack_level

MASK = "_mask"
"""The attribute that holds the mask of a masked distribution."""
EXPANSIONS = ("_expanded_sizes", "_interstitial_sizes")
"""The static fields of an expanded distribution that are ordered dictionaries."""
BATCH_SHAPE = "_batch_shape"
"""The static field of the batch shape."""


def open_handlers() -> list[Any]:
    """Return the stack of effect handlers that are open now, the innermost last."""
    return _PYRO_STACK


def check_plates(model_trace: Any) -> None:
    """Warn of batch axes that no plate declares, as NumPyro's objectives do."""
    _validate_model(model_trace, plate_warning="loose")


def enumerates(handler: Any) -> bool:
    """Whether a handler enumerates discrete variables."""
    module = sys.modules.get("numpyro.contrib.funsor.enum_messenger")
    return module is not None and isinstance(handler, module.BaseEnumMessenger)


def validates_by_default() -> bool:
    """Whether NumPyro's switch ``enable_validation`` is on."""
    return bool(Distribution._validate_args)


def preimage(t: Transform, y: Any) -> Any:
    """Return ``t⁻¹(y)``, without the cache of NumPyro's own inverse."""
    return t.inv(y) if is_inverse(t) else t._inverse(y)


def is_inverse(t: Transform) -> bool:
    """Whether a transform is the inverse of another, ``t.inv``."""
    return isinstance(t, _InverseTransform)


def array_fields(kind: type[Distribution]) -> tuple[str, ...]:
    """Return the fields of a class that hold arrays, in NumPyro's order, which is not fixed."""
    return tuple(kind.gather_pytree_data_fields())


def static_fields(kind: type[Distribution]) -> tuple[str, ...]:
    """Return the fields of a class that hold none, likewise."""
    return tuple(kind.gather_pytree_aux_fields())


def log_joint(guide: Any) -> Callable[[Any], Any]:
    """Return the log density of a guide's model, as a function of the unconstrained vector.

    The guide is one of NumPyro's ``AutoContinuous`` that has seen its model; discrete latents that
    the model enumerates are summed out.
    """
    potential, unpack = guide._potential_fn, guide._unpack_latent
    return lambda z: -potential(unpack(z))


def log_joint_given(guide: Any, model: Any, args: Any, kwargs: Any) -> Callable[[Any], Any]:
    """Return the log density of a model with these arguments, at a guide's unconstrained vector."""
    # imported where it is needed: NumPyro's inference is slow to import
    from numpyro.infer.util import potential_energy

    unpack = guide._unpack_latent
    return lambda z: -potential_energy(model, args, kwargs, unpack(z))


def unconstrained_shapes(guide: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each latent in the unconstrained vector, in its order there."""
    return {name: jnp.shape(value) for name, value in guide._init_locs.items()}


def first_point(guide: Any) -> Any:
    """Return the unconstrained vector at which a guide has found its model's density finite."""
    return guide._init_latent


def latents_of(guide: Any, z: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Return the latents, and what follows from them, at unconstrained vectors ``*sample d``."""
    return guide._unpack_and_constrain(z, params)
