"""Where a fit starts: components around rows that lie far from each other.

Rows are chosen by k-means++ (Arthur & Vassilvitskii 2007): each with a probability that grows with
its squared distance to those chosen before. Every component then gets the parameters that suit the
rows nearest to its own, and a little of all others: so that none collapses onto a few points, and
none has nothing.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax
from jaxtyping import Bool, Float, Int
from numpyro.distributions import Distribution

from pathmix._checks import require_counts
from pathmix._components import Canonical, canonical
from pathmix._estimation._compiling import is_little, quickly
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._factors import begun
from pathmix._estimation._gaussian import Ellipses, Moments, moments
from pathmix._estimation._maximise import em_step, has_sums
from pathmix._estimation._ordered import ORDERED
from pathmix._estimation._parameters import kind_of, leaves, read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._structure import Structure
from pathmix._estimation._sweep import Model, Task, over_parts
from pathmix._estimation._unconstrained import inside
from pathmix._mixture import MixtureSameFamily
from pathmix._outside import numpyro_of
from pathmix._typing import Reals, Value
from pathmix._where import where

There = Bool[Array, " k"]
_OTHERS = 0.2
"""What a component has of rows that are nearest to others."""
_ROUNDS = 10
"""Rounds of k-means, in every other of several starts: they lead many of them to the same place."""
_STEPS = 30
"""Steps of a maximum that is not closed."""
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


def components_of(family: Any, data: Any, k: int, structure: Structure) -> Canonical:
    """Return components of a family for such data, whose parameters do not matter."""
    one = structure.of_rank(_template(family, data, structure))
    components = _full(canonical(one.expand((k,))))
    structure.check(components)
    return components


def _full(components: Canonical) -> Canonical:
    """The same with parameters of its own for each component and coordinate."""
    scalars = components.factors()
    inner = components if scalars is None else scalars

    def spread(p: Array, n: int) -> Array:
        return jnp.broadcast_to(p, inner.own_shape + p.shape[p.ndim - n :])

    return components.of(inner.map(spread).parameters)


@quickly(static_argnames=("k", "num_starts"))
def nearest_of(
    key: Array, rows: Data, count: Array, k: int, num_starts: int
) -> Int[Array, "starts n"]:
    """Return which of ``count`` centres, among ``k``, each row is nearest to, for several starts.

    It says nothing of components: one program serves all families of the same data.
    """
    rounds = where(jnp.arange(num_starts) % 2 == 0, _ROUNDS, 0)
    x, there = _flat(rows), jnp.arange(k) < count
    one = lambda key, rounds: _nearest(key, rounds, x, rows.weights, there)  # noqa: E731
    return jax.vmap(one)(jax.random.split(key, num_starts), rounds)


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
    others = 0.0 if kind_of(components) in ORDERED else _OTHERS  # ends and medians want their own
    weights = where(jnp.arange(k) < count, 1 / count, 0.0).astype(components.dtype)
    shares = (1 - others) * jax.nn.one_hot(nearest, k, dtype=components.dtype) + others * weights
    given = rows._replace(shares=shares)
    held = jax.tree.map(jnp.asarray, read_fixed(None, components))
    task = Task(given, held, Prior(), jnp.zeros((), components.dtype))
    guess = _guess(components, given, shares.T, structure)
    model = Model(weights, structure.shared(guess))
    steps = 2 if has_sums(components, task.prior) else _STEPS
    return lax.fori_loop(0, steps, lambda _, m: inside(em_step(m, task)[0], m), model)


def _flat(rows: Data) -> Float[Array, "n e"]:
    """Rows of numbers in units of their spread; what is missing is the mean."""
    x = rows.x.reshape(len(rows.x), -1)
    observed = None if rows.observed is None else rows.observed.reshape(x.shape)
    mean, spread = _columns(x, rows.weights, observed)
    away = (x - mean) / where(spread > 0, spread, 1.0)
    return away if observed is None else observed * away


def _columns(
    x: Float[Array, "n e"], weights: Reals, observed: Bool[Array, "n e"] | None
) -> tuple[Float[Array, " e"], Float[Array, " e"]]:
    """The mean and the spread of what was seen of each column."""
    weight = weights[:, None] * (jnp.ones_like(x) if observed is None else observed)
    total = jnp.maximum(jnp.sum(weight, axis=0), jnp.finfo(x.dtype).tiny)
    mean = jnp.sum(weight * x, axis=0) / total
    return mean, jnp.sqrt(jnp.sum(weight * (x - mean) ** 2, axis=0) / total)


def _nearest(
    key: Array, rounds: Array, x: Float[Array, "n e"], weights: Reals, there: There
) -> Int[Array, " n"]:
    """Which of some centres each row is nearest to: k-means from rows that k-means++ chooses."""

    def choose(carry: tuple[Array, Array], key: Array) -> tuple[tuple[Array, Array], Array]:
        nearest, first = carry
        chance = where(first, weights, weights * nearest)
        chance = where(jnp.sum(chance) > 0, chance, weights)  # all rows are chosen ones
        centre = x[jax.random.categorical(key, jnp.log(chance))]
        return (jnp.minimum(nearest, _squares(x, centre)), jnp.zeros_like(first)), centre

    def improve(i: Array, centres: Array) -> Array:
        own = (_closest(x, centres, there) == jnp.arange(len(there))[:, None]) * weights
        total = jnp.sum(own, axis=1, keepdims=True)
        moves = (total > 0) & (i < rounds)
        return where(moves, own @ x / where(total > 0, total, 1.0), centres)

    begin = jnp.ones(len(x), x.dtype), jnp.array(True)  # noqa: FBT003
    centres = lax.scan(choose, begin, jax.random.split(key, len(there)))[1]
    return _closest(x, lax.fori_loop(0, _ROUNDS, improve, centres), there)


def _squares(x: Float[Array, "n e"], centre: Float[Array, " e"]) -> Float[Array, " n"]:
    return jnp.sum((x - centre) ** 2, axis=-1)


def _closest(x: Float[Array, "n e"], centres: Float[Array, "k e"], there: There) -> Array:
    squares = lax.map(lambda centre: _squares(x, centre), centres)
    return jnp.argmin(where(there[:, None], squares, jnp.inf), axis=0)


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
    if kind_of(components) in _ELLIPTICAL:  # for sums about a far location lose all digits
        by_name["scale_tril"] = jax.vmap(jnp.diag)(by_name["scale"])

    def guess(name: str, old: Value) -> Value:
        new = by_name.get(name)
        return old if new is None or new.shape != old.shape else new.astype(old.dtype)

    named = zip(leaves(components), components.parameters, strict=True)
    return components.of([guess(leaf.name, p) if leaf.estimated else p for leaf, p in named])


def _of_factors(components: Canonical, rows: Data, structure: Structure) -> Canonical:
    """Factors from correlations; where entries are missing, as if coordinates were independent."""
    mean, spread = _columns(rows.x, rows.weights, rows.observed)
    plain = Ellipses(None, mean[None], jnp.diag(where(spread > 0, spread, 1.0))[None])

    def sums_of(part: Data) -> Moments:
        assert part.shares is not None
        return moments(plain, part, part.shares.T * part.weights)

    sums = over_parts(sums_of, rows, components)
    rank = components.parameters[1].shape[-1]
    return components.of(begun(mean, sums, rank, shared=structure.by_components))


def _template(family: Any, data: Any, structure: Structure) -> Distribution:
    """A distribution of the family for one row."""
    family, shape = numpyro_of(family), np.shape(data)
    if isinstance(family, MixtureSameFamily):
        raise TypeError(
            "expected a class of NumPyro distributions such as dist.Normal, or a distribution, got "
            f"a {type(family).__name__}. A mixture is a start itself: pass it to fit."
        )
    if isinstance(family, Distribution):
        d = family
        if d.batch_shape:
            raise ValueError(
                f"expected a distribution without a batch, got batch shape {d.batch_shape}."
            )
    elif family in _PLAIN or (isinstance(family, type) and issubclass(family, Distribution)):
        d = _of_class(family, data, structure)
    else:
        raise TypeError(
            "expected a class of NumPyro distributions such as dist.Normal, or a distribution, got "
            f"{family!r}."
        )
    missing = len(shape) - 1 - len(d.event_shape)
    if missing > 0:
        d = d.expand(shape[1 : 1 + missing]).to_event(missing)
    return d


_PLAIN = {
    dist.Bernoulli: dist.BernoulliProbs,
    dist.Geometric: dist.GeometricProbs,
    dist.Categorical: dist.CategoricalProbs,
}


def _of_class(family: Any, data: Any, structure: Structure) -> Distribution:
    """A distribution of a class, at plain values of its parameters, which need no checks."""
    if family is dist.LowRankMultivariateNormal:
        if structure.rank is None:
            raise ValueError(
                "expected structure=LowRank(rank) with LowRankMultivariateNormal, or a "
                "distribution of that class, whose cov_factor says the rank, got the class."
            )
        family = dist.MultivariateNormal
    family = _PLAIN.get(family, family)
    if family is dist.CategoricalProbs:
        return dist.CategoricalProbs(
            jnp.full(int(np.nanmax(data)) + 1, 1.0) / (np.nanmax(data) + 1), validate_args=False
        )
    if family in (dist.MultivariateNormal, dist.MultivariateStudentT):
        size = np.shape(data)[-1]
        df = {"df": 5.0} if family is dist.MultivariateStudentT else {}
        dtype = jnp.result_type(float)
        loc, root = np.zeros(size, dtype), np.eye(size, dtype=dtype)
        return family(**df, loc=loc, scale_tril=root, validate_args=False)
    if family is dist.Dirichlet:
        return dist.Dirichlet(jnp.ones(np.shape(data)[-1]), validate_args=False)
    if family in (dist.Uniform, dist.Pareto):
        return family(1.0, 2.0, validate_args=False)
    names = [n for n in family.arg_constraints if not family.arg_constraints[n].is_discrete]
    if len(names) < len(family.arg_constraints):
        raise ValueError(
            f"expected a {family.__name__} distribution, which has arguments that are not "
            "estimated, got the class. Pass one, with any parameters."
        )
    plain = {n: dist.biject_to(family.arg_constraints[n])(jnp.zeros(())) for n in names}
    return family(**plain, validate_args=False)
