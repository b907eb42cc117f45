"""Whose a row is, how likely, and what it may have been, given what was seen of it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._data import Data, marginalises, read_data
from pathmix._estimation._gaussian import expected_values
from pathmix._estimation._sweep import Model, memberships, of_rows
from pathmix._mixture import MixtureSameFamily, working
from pathmix._typing import Value
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


def as_seen(
    mixture: MixtureSameFamily, data: Any, noise: Any, projection: Any, *, missing: bool | None
) -> tuple[Model, Data]:
    """Return a mixture, and rows that need not be those it was fitted to, checked."""
    if mixture.batch_shape:
        raise ValueError(
            f"expected a fit of one mixture, got batch shape {mixture.batch_shape}. Use jax.vmap, "
            "over the fits."
        )
    mixture = working(mixture)
    components = mixture._components
    rows = read_data(components, data, None, None, noise, projection, missing=missing, whole=False)
    return Model(mixture._weights.values(), components), rows


@jax.jit
def whose(model: Model, rows: Data) -> Float[Array, "n k"]:
    """Return the posterior of the components for each row."""
    share: Array = of_rows(lambda part: memberships(model, part)[0].T, rows, model.components)
    return share


@jax.jit
def completed(model: Model, rows: Data) -> Value:
    """Return the mean of each row's values given what was seen; those that were are as they are."""
    if rows.is_complete:
        return rows.x
    components = model.components

    def of_part(part: Data) -> Value:
        share = memberships(model, part)[0]
        mean = _means(components, part)
        return jnp.einsum("kn,kn...->n...", share, where(_lift(share > 0, mean), mean, 0.0))

    mean: Array = of_rows(of_part, rows, components)
    exact = rows.noise is None and rows.projection is None
    return where(rows.observed, rows.x, mean) if exact and rows.observed is not None else mean


def _means(components: Canonical, rows: Data) -> Float[Array, "k n *event"]:
    """Of each component: of independent coordinates those that are seen say nothing of others."""
    if components.factors() is None:
        return expected_values(components, rows)
    family, k = components.family, components.own_shape[-1]
    if family.mean is None or family.name.startswith("Categorical"):
        raise NotImplementedError(
            "expected components whose mean is known and means something, to fill in missing "
            f"entries, got {family.name}. Take the most probable value of each row's component."
        )
    mean = jnp.broadcast_to(family.mean(components.theta), (k, *components.event_shape))
    return jnp.broadcast_to(mean[:, None], (k, *rows.x.shape))


def _lift(t: Array, like: Array) -> Array:
    return t.reshape(t.shape + (1,) * (like.ndim - t.ndim))
