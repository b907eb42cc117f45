"""Whose a row is, and how likely, given what was seen of it."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pathmix._estimation._data import Data, marginalises
from pathmix._estimation._sweep import Model, memberships
from pathmix._mixture import MixtureSameFamily
from pathmix._where import where


@partial(jax.jit, static_argnames="missing")
def given_what_was_seen(
    mixture: MixtureSameFamily, x: Array, *, missing: bool
) -> tuple[Float[Array, "n k"], Float[Array, " n"]]:
    """Return the posterior of the components for rows ``n *event``, and ``log f`` of each.

    A NaN is an entry that was not seen, and marginalised, if entries are ``missing``.
    """
    components = mixture._components
    if missing and not marginalises(components):
        raise NotImplementedError(
            f"expected data without NaN for {components.family.name} components, whose margins are "
            "not known, got NaN. Drop those rows."
        )
    observed = ~jnp.isnan(x) if missing else None
    x = x if observed is None else where(observed, x, 0.0)
    rows = Data(x, observed, jnp.ones(len(x), x.dtype))
    share, total = memberships(Model(mixture._weights.values(), components), rows)
    return share.T, total.value
