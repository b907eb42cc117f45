"""What is counted of rows under a mixture."""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from pathmix._estimation._compiling import quickly
from pathmix._estimation._data import Data
from pathmix._estimation._expanded import Logs, logs
from pathmix._estimation._sweep import Model, for_all, log_likelihood, memberships, over_parts
from pathmix._typing import Reals
from pathmix._where import where


class Totals(NamedTuple):
    """Sums over rows: those of blocks of data add up."""

    log_likelihood: Reals
    entropy: Reals
    counts: Float[Array, " k"]
    size: Reals
    first: Float[Array, " e"]
    """Of the rows about a centre, flattened."""
    second: Float[Array, "e e"]

    def spread(self) -> Float[Array, "e e"]:
        """Return the covariance of the rows."""
        mean = self.first / self.size
        return self.second / self.size - mean[:, None] * mean


def centre_of(data: Data) -> Float[Array, " e"]:
    """Return the mean of the rows."""
    mean: Array = data.weights @ data.x.reshape(len(data.x), -1) / data.size
    return mean


def spread_of(data: Data) -> Float[Array, "e e"]:
    """Return the covariance of the rows; zero where they were measured with errors."""
    away = _away(data, centre_of(data))
    return jnp.matmul((data.weights[:, None] * away).T, away, precision="highest") / data.size


def _away(rows: Data, centre: Float[Array, " e"]) -> Float[Array, "n e"]:
    """Rows about a centre; zero if measured, for values may have less spread than their errors."""
    away = rows.x.reshape(len(rows.x), -1) - centre
    measured = rows.noise is not None or rows.projection is not None
    return jnp.zeros_like(away) if measured else away


@quickly(once=True)
def totals_of(model: Model, data: Data, centre: Float[Array, " e"] | None = None) -> Totals:
    """Return what is counted of the data under a mixture; the centre is their mean by default."""
    about = centre_of(data) if centre is None else centre
    plain = partial(_totals, for_all(model, data), data, about, None)
    products = logs(model, data)
    if products is None:
        return plain()
    by_products = partial(_totals, model, data, about, products)
    out: Totals = lax.cond(products.accurate, by_products, plain)
    return out


def _totals(model: Model, data: Data, about: Float[Array, " e"], known: Logs | None) -> Totals:
    def of_part(rows: Data) -> Totals:
        share, total = memberships(model, rows, None if known is None else known.of(rows))
        surprise = where(share > 0, share * -jnp.log(where(share > 0, share, 1.0)), 0.0)
        entropy = jnp.sum(rows.weights * jnp.sum(surprise, axis=0))
        away = _away(rows, about)
        part = rows.weights[:, None] * away
        return Totals(
            log_likelihood(rows, total),
            entropy,
            share @ rows.weights,
            rows.size,
            jnp.sum(part, axis=0),
            jnp.matmul(part.T, away, precision="highest"),
        )

    each = None if known is None else known.each
    out: Totals = over_parts(of_part, data, model.components, each)
    return out
