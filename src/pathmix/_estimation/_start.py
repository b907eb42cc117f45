"""Where a fit starts: components around rows that lie far from each other.

Every component gets the parameters that suit the rows nearest to its own, and a little of all
others: so that none collapses onto a few points, and none has nothing.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jaxtyping import Float, Int

from pathmix._checks import require_counts
from pathmix._components import Canonical
from pathmix._estimation._compiling import is_little, quickly
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._factors import begun
from pathmix._estimation._gaussian import Ellipses, Moments, moments
from pathmix._estimation._maximise import em_step, has_sums
from pathmix._estimation._nearest import columns_of, nearest_of
from pathmix._estimation._ordered import ORDERED, OfRows
from pathmix._estimation._parameters import kind_of, leaves, read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._structure import Structure
from pathmix._estimation._sweep import Model, Task, over_parts
from pathmix._estimation._template import components_of
from pathmix._estimation._unconstrained import inside
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Value
from pathmix._where import where

_OTHERS = 0.2
"""What a component has of rows that are nearest to others."""
_STEPS = 30
"""Steps of a maximum that is not closed."""
_MARGIN = 0.1
"""How far below its least row a support begins, in units of that of the median above it."""
_FROM_LOCATION = (dist.Levy,)
"""Families whose support begins at their location."""
_ELLIPTICAL = (dist.MultivariateNormal, dist.MultivariateStudentT)


def start(
    family: Any,
    data: Any,
    k: int,
    *,
    key: Array,
    weights: Any = None,
    structure: Structure | None = None,
    num_starts: int = 1,
    missing: bool | None = None,
) -> MixtureSameFamily:
    """Return a mixture of ``k`` components of a family to start :func:`fit` from.

    Args:
        family: A class of NumPyro distributions, or a distribution whose parameters do not matter,
            for one that has arguments which are not estimated: ``dist.Binomial(total_count=10,
            probs=0.5)``. Of data ``n d`` a class of scalars becomes ``d`` independent coordinates.
        data: Rows ``n *event``; NaN for a missing entry.
        k: How many components.
        key: A ``jax.random.key``.
        weights: How often each row counts, ``n``.
        structure: What the components share: ``Tied()`` or ``Spherical()``; nothing by default.
            ``LowRank(rank)`` makes multivariate normals mixtures of factor analysers.
        num_starts: How many mixtures; more than one make up a batch, of which ``fit`` finds the
            best.
        missing: Whether entries are missing, where that cannot be seen, under jit.

    Returns:
        A mixture of batch shape ``()``, or ``(num_starts,)``.

    Raises:
        TypeError: ``family`` is neither a class of distributions nor one of them.
        ValueError: The data do not fit the family, or are fewer than ``k``.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import start
        >>> x = jnp.array([[0.0, 1.0], [0.1, 0.8], [5.0, 6.0], [5.2, 6.1], [5.1, 5.7]])
        >>> mixture = start(dist.Normal, x, 2, key=jax.random.key(0))
        >>> mixture.num_components, mixture.event_shape
        (2, (2,))
    """
    require_counts(k=k, num_starts=num_starts)
    structure = structure or Structure()
    components = components_of(family, data, int(k), structure)
    rows = read_data(components, data, weights, None, None, None, missing=missing)
    little = is_little(rows.x.size * int(k) * int(num_starts), key, components, rows)
    nearest = nearest_of(key, rows, jnp.asarray(k), int(k), int(num_starts), little=little)
    models = starts_of(nearest, components, rows, jnp.asarray(k), structure, little=little)
    if num_starts == 1:
        models = jax.tree.map(lambda t: t[0], models)
    weights_of = dist.Categorical(probs=models.weights, validate_args=False)
    return MixtureSameFamily(weights_of, models.components.distribution)


@quickly(once=True, static_argnames="structure")
def starts_of(
    nearest: Int[Array, "starts n"],
    components: Canonical,
    rows: Data,
    count: Array,
    structure: Structure,
) -> Model:
    """Return starts of ``count`` components, one each for ``nearest``; others have no weight."""
    return jax.vmap(lambda own: _one(own, components, rows, count, structure))(nearest)


def _one(
    nearest: Int[Array, " n"],
    components: Canonical,
    rows: Data,
    count: Array,
    structure: Structure,
) -> Model:
    k = components.own_shape[-1]
    alone = kind_of(components) in (*ORDERED, *_FROM_LOCATION)  # ends and medians want their own
    others = 0.0 if alone else _OTHERS
    weights = where(jnp.arange(k) < count, 1 / count, 0.0).astype(components.dtype)
    shares = (1 - others) * jax.nn.one_hot(nearest, k, dtype=components.dtype) + others * weights
    given = rows._replace(shares=shares)
    held = jax.tree.map(jnp.asarray, read_fixed(None, components))
    task = Task(given, held, Prior(), jnp.zeros((), components.dtype))
    guess = _guess(components, given, shares.T, structure)
    model = Model(weights, structure.shared(guess))
    steps = 2 if has_sums(components, task.prior) else _STEPS
    return lax.fori_loop(0, steps, lambda _, m: inside(em_step(m, task)[0], m), model)


def _guess(
    components: Canonical, rows: Data, share: Float[Array, "k n"], structure: Structure
) -> Canonical:
    """Parameters of the right size, by their names, where a maximum must be approached."""
    if kind_of(components) is dist.LowRankMultivariateNormal:
        return _of_factors(components, rows, structure)
    if components.factors() is None and kind_of(components) not in _ELLIPTICAL:
        return components
    share = (share * rows.weights).reshape(*share.shape, *(1,) * (rows.x.ndim - 1))
    if rows.observed is not None:
        share = where(rows.observed, share, 0.0)
    total = jnp.sum(share, axis=1)
    total = where(total > 0, total, 1.0)
    mean = jnp.sum(share * rows.x, axis=1) / total
    spread = jnp.sqrt(jnp.sum(share * (rows.x - mean[:, None]) ** 2, axis=1) / total)
    size = jnp.sqrt(jnp.sum(share * rows.x**2, axis=1) / total)
    positive = where(size > 0, size, 1.0)
    by_name = {
        "loc": mean,
        "scale": where(spread > 0, spread, positive),
        "rate": 1 / positive,
        "mean": positive,
    }
    if kind_of(components) in _FROM_LOCATION:
        by_name["loc"], by_name["scale"] = _from_least(where(share > 0, rows.x, jnp.nan), positive)
    if kind_of(components) in _ELLIPTICAL:  # for sums about a far location lose all digits
        by_name["scale_tril"] = jax.vmap(jnp.diag)(by_name["scale"])

    def guess(name: str, old: Value) -> Value:
        new = by_name.get(name)
        return old if new is None or new.shape != old.shape else new.astype(old.dtype)

    named = zip(leaves(components), components.parameters, strict=True)
    return components.of([guess(leaf.name, p) if leaf.estimated else p for leaf, p in named])


def _from_least(own: OfRows, size: Array) -> tuple[Array, Array]:
    """Locations a little below the least row of each component, and how far its median is above.

    Rows of others are NaN. What has no rows, or equal ones, takes ``size`` for a distance.
    """
    least, median = jnp.nanmin(own, axis=1), jnp.nanmedian(own, axis=1)
    of_all = jnp.nanmin(own, axis=(0, 1))
    least, median = (where(jnp.isnan(t), of_all, t) for t in (least, median))
    away = where(median > least, median - least, size)
    rounding = 4 * jnp.finfo(own.dtype).eps * jnp.abs(least)
    loc = least - jnp.maximum(_MARGIN * away, rounding)
    return loc, jnp.maximum(median - loc, away)


def _of_factors(components: Canonical, rows: Data, structure: Structure) -> Canonical:
    """Factors from correlations; where entries are missing, as if coordinates were independent."""
    mean, spread = columns_of(rows.x, rows.weights, rows.observed)
    plain = Ellipses(None, mean[None], jnp.diag(where(spread > 0, spread, 1.0))[None])

    def sums_of(part: Data) -> Moments:
        assert part.shares is not None
        return moments(plain, part, part.shares.T * part.weights)

    sums = over_parts(sums_of, rows, components)
    rank = components.parameters[1].shape[-1]
    return components.of(begun(mean, sums, rank, shared=structure.by_components))
