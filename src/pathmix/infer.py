"""Inference with mixtures, in NumPyro's way.

:func:`relabel` gives the components of a mixture the same labels in all posterior draws, and
:func:`memberships` says from them which component each point is from.

    >>> import jax.numpy as jnp, numpyro.distributions as dist
    >>> from pathmix import MixtureSameFamily
    >>> weights, locs = jnp.array([[0.5, 0.5], [0.5, 0.5]]), jnp.array([[-3.0, 3.0], [3.0, -3.0]])
    >>> draws = MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(locs, 1.0))
    >>> print(memberships(draws, jnp.array([-3.0, 3.0])).round(3))
    [[1. 0.]
     [0. 1.]]
"""

from pathmix._infer import Relabelled as Relabelled
from pathmix._infer import memberships as memberships
from pathmix._infer import relabel as relabel

__all__ = [
    "Relabelled",
    "memberships",
    "relabel",
]
