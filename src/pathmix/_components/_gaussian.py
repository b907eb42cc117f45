"""Components that are Gaussian, whatever class they are written as: locations and roots."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from pathmix._components._canonical import Canonical
from pathmix._components._opaque import Opaque
from pathmix._components._recipes import Constructed, Factorised, Recipe
from pathmix._layout import pad_left
from pathmix._typing import Shape

NORMAL = Constructed(dist.Normal, ("loc", "scale"), (0, 0), 0)
STUDENT_T = Constructed(dist.StudentT, ("df", "loc", "scale"), (0, 0, 0), 0)
FACTORISED_NORMAL = Factorised(NORMAL, 1)
FULL_NORMAL = Constructed(dist.MultivariateNormal, ("loc", "scale_tril"), (1, 2), 1)
FULL_STUDENT_T = Constructed(dist.MultivariateStudentT, ("df", "loc", "scale_tril"), (0, 1, 2), 1)


class Gaussian(NamedTuple):
    """``x = loc + root z`` with ``z`` standard normal; a scalar is a vector of one coordinate."""

    loc: Float[Array, "*#batch d"]
    root: Float[Array, "*#batch d j"]

    @property
    def batch_shape(self) -> Shape:
        """``*batch k``."""
        return jnp.broadcast_shapes(self.loc.shape[:-1], self.root.shape[:-2])


def kind_of(components: Canonical) -> type[Distribution] | None:
    """Return the class of a vector, or of scalars and of the coordinates of a factorised one."""
    if isinstance(components.recipe, Opaque):
        return None
    factors = components.recipe.factors() if components.event_dim < 2 else None
    kind: type[Distribution] | None = getattr(factors or components.recipe, "kind", None)
    return kind


def gaussian(components: Canonical) -> Gaussian | None:
    """Return locations and roots, each ``*batch k``; None of components that are not Gaussian."""
    kind, parameters = kind_of(components), components.parameters
    if kind is dist.Normal:
        loc, scale = parameters
        if not components.event_dim:
            return Gaussian(loc[..., None], scale[..., None, None])
        size = components.event_shape[-1]
        return Gaussian(_full(loc, size), _diagonal(scale, size))
    if kind is dist.MultivariateNormal:
        loc, factor = parameters
        return Gaussian(_full(loc, factor.shape[-1]), jnp.tril(factor))
    if kind is dist.LowRankMultivariateNormal:
        loc, w, diag = parameters
        return Gaussian(loc, beside(w, _diagonal(jnp.sqrt(diag), diag.shape[-1])))
    return None


def as_gaussian(components: Canonical) -> Gaussian:
    """Return the same of components that have been checked to be Gaussian."""
    found = gaussian(components)
    assert found is not None
    return found


def beside(a: Float[Array, "*#a d i"], b: Float[Array, "*#b d j"]) -> Float[Array, "*c d i+j"]:
    """Return matrices side by side, of batches that broadcast."""
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    parts = [jnp.broadcast_to(t, batch + t.shape[-2:]) for t in (a, b)]
    return jnp.concatenate(parts, axis=-1)


def components_of(
    recipe: Recipe | Opaque,
    parameters: Sequence[Array],
    event_shape: Shape,
    batch_shape: Shape,
    *,
    is_discrete: bool = False,
) -> Canonical:
    """Return components of parameters ``*batch k *event`` that broadcast to ``*batch k``."""
    assert not isinstance(recipe, Opaque)
    rank, dims = len(batch_shape), recipe.event_dims
    full = [pad_left(p, rank + n) for p, n in zip(parameters, dims, strict=True)]
    plain = Canonical(recipe, full, event_shape, is_discrete=is_discrete)
    return plain.expanded_to(batch_shape)


def _full(t: Array, size: int) -> Array:
    """A number that coordinates share, for each of them."""
    return jnp.broadcast_to(t, (*t.shape[:-1], size))


def _diagonal(t: Array, size: int) -> Array:
    return _full(t, size)[..., None] * jnp.eye(size, dtype=t.dtype)
