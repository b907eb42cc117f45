"""Mixtures of some of the coordinates, and whose a row is of which only these were seen."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float
from numpyro.distributions import Distribution

from pathmix._components import Canonical
from pathmix._estimation import given_what_was_seen
from pathmix._mixture import MixtureSameFamily

_ELLIPTICAL = ("MultivariateNormal", "LowRankMultivariateNormal", "MultivariateStudentT")


def margin(mixture: MixtureSameFamily, axes: Sequence[int]) -> MixtureSameFamily:
    """Return the mixture of some coordinates of vectors; of a single one, a mixture of scalars."""
    components, chosen = mixture._components, np.array(axes)
    scalars = components.factors()
    if scalars is not None:
        own = _of_factors(scalars, chosen)
    elif components.family.name in _ELLIPTICAL:
        own = _of_elliptical(components.plain, chosen)
    else:
        raise NotImplementedError(
            "expected components whose margins are known (independent coordinates, "
            "MultivariateNormal, LowRankMultivariateNormal or MultivariateStudentT), got "
            f"{components.family.name}. Draw two of the coordinates with pathmix.plot.ellipses."
        )
    return MixtureSameFamily(mixture.mixture_distribution, own)


def _of_factors(scalars: Canonical, axes: np.ndarray) -> Distribution:
    """Independent coordinates; a parameter that they share has an axis of size one."""

    def pick(p: Array, n: int) -> Array:
        axis = p.ndim - n - 1
        p = p if p.shape[axis] == 1 else jnp.take(p, axes, axis=axis)
        return jnp.squeeze(p, axis) if len(axes) == 1 else p

    own = scalars.map(pick).distribution
    return own if len(axes) == 1 else own.to_event(1)


def _of_elliptical(d: Distribution, axes: np.ndarray) -> Distribution:
    """Of a Student t, NumPyro's ``covariance_matrix`` is that of its scale."""
    loc = d.loc[..., axes]
    matrix = d.covariance_matrix[..., axes, :][..., axes]
    heavy = isinstance(d, dist.MultivariateStudentT)
    if len(axes) == 1:
        loc, scale = loc[..., 0], jnp.sqrt(matrix[..., 0, 0])
        return dist.StudentT(d.df, loc, scale) if heavy else dist.Normal(loc, scale)
    if heavy:
        return dist.MultivariateStudentT(d.df, loc, jnp.linalg.cholesky(matrix))
    return dist.MultivariateNormal(loc, matrix)


def memberships(mixture: MixtureSameFamily, rows: np.ndarray) -> Float[np.ndarray, "n k"]:
    """Return the posterior of the components given what was seen of each row, ``n d``."""
    missing = bool(np.isnan(rows).any())
    return np.asarray(given_what_was_seen(mixture, jnp.asarray(rows), missing=missing)[0])
