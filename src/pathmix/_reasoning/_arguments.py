"""What functions of mixtures take, checked."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical, has_atoms
from pathmix._families import multivariate_normal, normal
from pathmix._mixture import MixtureSameFamily


def check_mixtures(name: str, *mixtures: Any) -> None:
    """Raise unless the arguments are mixtures of the same event shape."""
    for mixture in mixtures:
        if not isinstance(mixture, MixtureSameFamily):
            raise TypeError(
                f"expected pathmix.MixtureSameFamily for `{name}`, got "
                f"{type(mixture).__name__}. Use MixtureSameFamily.from_numpyro for NumPyro's own."
            )
    shapes = {mixture.event_shape for mixture in mixtures}
    if len(shapes) > 1:
        raise ValueError(
            f"expected mixtures of one event shape for `{name}`, got "
            f"{' and '.join(str(mixture.event_shape) for mixture in mixtures)}."
        )


def check_scalar(name: str, *mixtures: Any, instead: str) -> None:
    """Raise ``NotImplementedError`` unless the mixtures are continuous and scalar."""
    check_mixtures(name, *mixtures)
    for mixture in mixtures:
        fits = not mixture.event_shape and not mixture.is_discrete
        fits = fits and not has_atoms(mixture._components)
        if not fits or not mixture._components.selectable:
            raise NotImplementedError(
                f"expected scalar mixtures of continuous, known components for `{name}`, got "
                f"{mixture._components.family.name} components of event shape "
                f"{mixture.event_shape}. {instead}"
            )


def gaussian(name: str, mixture: Any) -> tuple[Array, Array]:
    """Return means ``*batch k d`` and lower Cholesky factors ``*batch k d d`` of Gaussians.

    Scalars have ``d = 1``, factorised ones diagonal factors.
    """
    components: Canonical = mixture._components
    scalars = components.factors()
    own = components.own_shape
    if components.selectable and components.family is multivariate_normal:
        theta = components.theta
        loc, factor = theta.loc, theta.scale_tril
    elif scalars is not None and scalars.family is normal and components.event_dim <= 1:
        loc, scale = jnp.broadcast_arrays(scalars.theta.loc, scalars.theta.scale)
        loc, scale = (t.reshape(*t.shape[: len(own)], -1) for t in (loc, scale))
        d = components.event_shape[0] if components.event_dim else 1
        loc, scale = (jnp.broadcast_to(t, (*t.shape[:-1], d)) for t in (loc, scale))
        return loc, scale[..., None] * jnp.eye(d, dtype=scale.dtype)
    else:
        raise NotImplementedError(
            f"expected Normal, factorised Normal or MultivariateNormal components for `{name}`, "
            f"got {components.family.name}. Estimate it from draws: pathmix.expectation."
        )
    d = components.event_shape[0]
    loc = jnp.broadcast_to(loc, (*own, d))
    return loc, jnp.broadcast_to(factor, (*own, d, d))
