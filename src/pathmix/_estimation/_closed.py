"""Closed maxima of the expected log likelihood, of scalars and of factorised events.

Each is the maximum of ``Σ_n r_n log p(x_n; θ)``, a function of weighted sums over rows. The one
table says which families have one; every other family is fitted by Newton's method (``_newton``).
A parameter that components or coordinates share has an axis of size one there, and is estimated
from all of them: the mixture's shapes are the model.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._parameters import Held, of_leaf
from pathmix._estimation._sweep import Part
from pathmix._typing import Reals, Value
from pathmix._where import where

Parameters: TypeAlias = tuple[Array, ...]
Hold: TypeAlias = Callable[[int, Array], Array]
"""Of a parameter's place and its new value: the old one where it is held, or nothing is counted."""
Tables: TypeAlias = Float[Array, "k *event category"]
Features: TypeAlias = Callable[[Value, Parameters], tuple[Array, ...]]


class Closed(NamedTuple):
    """A closed maximum: what is summed, and the parameters that the sums have."""

    features: Features
    """Of values ``n *event`` and parameters ``k 1 *event``: arrays ``k n *event``, with an axis of
    size one where they do not depend on the component."""
    solve: Callable[..., Parameters]
    """Of the count and the sums, ``k *event``, and the parameters in use before."""
    recentred: Callable[[tuple[Array, ...], Parameters, Parameters], tuple[Array, ...]] | None = (
        None
    )
    """The sums of some parameters as those of others, if the features depend on them."""


def sums_of(entry: Closed, scalars: Canonical, part: Part) -> tuple[Array, ...]:
    """Return the count and the sums of the features, ``k *event``."""
    x, observed = part.data.x, part.data.observed
    aligned = tuple(jnp.expand_dims(p, 1) for p in scalars.parameters)
    ones = jnp.ones((1, *x.shape), part.shares.dtype)
    features = (ones, *entry.features(x, aligned))
    if observed is not None:
        lift = (1,) * (features[0].ndim - observed.ndim)
        features = tuple(
            where(observed.reshape(lift + observed.shape + (1,) * (t.ndim - x.ndim - 1)), t, 0.0)
            for t in features
        )
    return tuple(_contract(part.shares, t) for t in features)


def _contract(share: Array, t: Array) -> Array:
    """``Σ_n r_kn t_kn…``; what no component changes, by a product of matrices."""
    if len(t) == 1:
        return jnp.tensordot(share, t[0], axes=1, precision="highest")
    return jnp.einsum("kn,kn...->k...", share, t, precision="highest")


def pooled(t: Array, like: Array) -> Array:
    """Sum ``t`` over the axes along which ``like`` is shared."""
    axes = tuple(i for i, (a, b) in enumerate(zip(t.shape, like.shape, strict=True)) if b == 1 < a)
    return jnp.sum(t, axis=axes, keepdims=True)


def _mean(count: Reals, total: Reals, like: Array) -> Reals:
    """The mean, as ``like`` is shared; NaN where nothing is counted."""
    return _over(pooled(total, like), pooled(count, like))


def _over(total: Reals, count: Reals) -> Reals:
    """``total / count``; NaN where nothing is counted, which has no derivative."""
    some = count > 0
    return where(some, total / where(some, count, 1.0), jnp.nan)


# ---- one parameter, by the mean of one function of the value ----


def _by_mean(feature: Callable[[Value], Reals], of_mean: Callable[[Reals], Reals]) -> Closed:
    def solve(count: Reals, total: Reals, old: Parameters, hold: Hold) -> Parameters:
        return (of_mean(_mean(count, total, old[0])),)

    return Closed(lambda x, _: (feature(x)[None],), solve)


def _identity(x: Value) -> Value:
    return x


def _logit(m: Reals) -> Reals:
    return jnp.log(m) - jnp.log1p(-m)


def _binomial(of_probs: Callable[[Reals], Reals]) -> Closed:
    def solve(count: Reals, total: Reals, old: Parameters, hold: Hold) -> Parameters:
        value, trials = old
        return of_probs(_over(pooled(total, value), pooled(count * trials, value))), trials

    return Closed(lambda x, _: (x[None],), solve)


def _categorical(of_probs: Callable[[Reals], Reals]) -> Closed:
    """The parameter is a table with one more axis; the count is that of its values."""

    def features(x: Value, old: Parameters) -> tuple[Array, ...]:
        values = jnp.arange(old[0].shape[-1])
        return ((x[..., None] == values)[None].astype(old[0].dtype),)

    def solve(count: Reals, total: Tables, old: Parameters, hold: Hold) -> Parameters:
        total = pooled(total, old[0])
        return (of_probs(_over(total, jnp.sum(total, axis=-1, keepdims=True))),)

    return Closed(features, solve)


# ---- location and scale ----


def _normal(to_normal: Callable[[Value], Reals]) -> Closed:
    """Sums about the location in use, which lose no digits where it is large.

    A location that components share is weighted by their precisions in use, and the scales follow
    it: a conditional maximum in turn (Meng & Rubin 1993), which never lowers the likelihood.
    """

    def features(x: Value, old: Parameters) -> tuple[Reals, ...]:
        away = to_normal(x) - old[0]
        return away, away**2

    def solve(count: Reals, total: Reals, square: Reals, old: Parameters, hold: Hold) -> Parameters:
        loc, scale = old
        precision = (jnp.min(scale) / scale) ** 2
        move = _over(pooled(total * precision, loc), pooled(count * precision, loc))
        move = hold(0, loc + move) - loc
        square = about(move, count, total, square)[2]
        return loc + move, jnp.sqrt(jnp.maximum(_mean(count, square, scale), 0.0))

    def recentred(sums: tuple[Array, ...], old: Parameters, new: Parameters) -> tuple[Array, ...]:
        return about(new[0] - old[0], *sums)

    return Closed(features, solve, recentred)


def about(move: Reals, count: Reals, total: Reals, square: Reals) -> tuple[Reals, Reals, Reals]:
    """Sums of distances and their squares about locations that are farther by ``move``."""
    return count, total - count * move, square - 2 * move * total + count * move**2


CLOSED: dict[Any, Closed] = {
    dist.Normal: _normal(_identity),
    dist.LogNormal: _normal(jnp.log),
    dist.HalfNormal: _by_mean(jnp.square, jnp.sqrt),
    dist.Exponential: _by_mean(_identity, lambda m: 1 / m),
    dist.Poisson: _by_mean(_identity, _identity),
    dist.BernoulliProbs: _by_mean(_identity, _identity),
    dist.BernoulliLogits: _by_mean(_identity, _logit),
    dist.GeometricProbs: _by_mean(_identity, lambda m: 1 / (1 + m)),
    dist.GeometricLogits: _by_mean(_identity, lambda m: -jnp.log(m)),
    dist.BinomialProbs: _binomial(_identity),
    dist.BinomialLogits: _binomial(_logit),
    dist.CategoricalProbs: _categorical(_identity),
    dist.CategoricalLogits: _categorical(jnp.log),
}
"""By the class of the distribution; of Independent ones, by that of the coordinates."""


def solve(entry: Closed, scalars: Canonical, sums: tuple[Array, ...], held: Held) -> Parameters:
    """Return the parameters that the sums have; those before where nothing was counted."""
    old = scalars.parameters

    def hold(i: int, new: Array) -> Array:
        return where(of_leaf(held.parameters[i], old[i]) | jnp.isnan(new), old[i], new)

    return tuple(hold(i, new) for i, new in enumerate(entry.solve(*sums, old, hold)))
