"""Covariances of low rank and a diagonal: mixtures of factor analysers.

A value is ``x = loc + W z + e``, with unseen ``z ~ N(0, 1)`` and ``e ~ N(0, D)`` of a diagonal
``D``. Given memberships the best location is the mean of a component's rows, whatever ``W`` and
``D``, and what else its rows say is their scatter about it: the sums are those of full covariances,
and so are rows of which a part is seen. ``W`` and ``D`` take steps of EM for a factor analyser of
that scatter (Rubin & Thayer 1982, "EM algorithms for ML factor analysis"), which never lower what
is expected: an alternating form of the EM of Ghahramani & Hinton (1997, "The EM algorithm for
mixtures of factor analyzers"; Meng & van Dyk 1997, "The EM algorithm: an old folk-song sung to a
fast new tune"; McLachlan & Peel 2000, "Finite mixture models", chapter 8).
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._gaussian import Moments, ellipses, location_move
from pathmix._estimation._parameters import Held, of_leaf
from pathmix._special import cholesky, solve_rows
from pathmix._where import where

_STEPS = 4
"""Steps of EM on a scatter, which are cheap beside the pass over rows that it is a sum of."""
_LEAST = 0.05
"""The least share of a variance that factors, or what is a coordinate's own, have at a start."""

_einsum = partial(jnp.einsum, precision="highest")
_matmul = partial(jnp.matmul, precision="highest")


class Factors(NamedTuple):
    """``W`` and the diagonal of ``D``, ``1`` or ``k`` of each."""

    columns: Float[Array, "k d rank"]
    own: Float[Array, "k d"]


class Scatter(NamedTuple):
    """What is known of rows: how many there are, and their mean square about the locations."""

    counts: Float[Array, " k"]
    mean: Float[Array, "k d d"]


def maximise_factors(
    components: Canonical, sums: Moments, held: Held
) -> tuple[Array, Array, Array]:
    """Return locations, factors and diagonals that are better, given the sums of rows.

    What components share is estimated from all of them. Of a component that is flat along a
    coordinate there is no diagonal: NaN, and no likelihood.
    """
    loc, columns, own = components.parameters
    hold_loc, hold_columns, hold_own = held.parameters
    move = location_move(ellipses(components), sums, hold_loc)
    count = sums.counts[:, None, None]
    empty = count == 0
    scatter = Scatter(sums.counts, sums.about(move).second / where(empty, 1.0, count))
    keep_columns = of_leaf(hold_columns, columns) | _of(empty, columns)
    keep_own = of_leaf(hold_own, own) | _of(empty[..., 0], own)

    def step(_: Array, old: Factors) -> Factors:
        unseen = _unseen(old, scatter)
        new = where(keep_columns, columns, _columns(old, scatter, unseen))
        rest = where(keep_own, own, _own(old, new, scatter, unseen))
        return Factors(new, rest)

    better = lax.fori_loop(0, _STEPS, step, Factors(columns, own))
    return loc + move, better.columns, better.own


def _of(empty: Array, like: Array) -> Array:
    """Whether nothing is counted: of all components, if they share it."""
    return empty if len(like) == len(empty) else jnp.all(empty, axis=0, keepdims=True)


class Unseen(NamedTuple):
    """What is expected of ``z`` of each component's rows: its mean is ``gain (x − loc)``."""

    gain: Float[Array, "k rank d"]
    cross: Float[Array, "k d rank"]
    """The mean of ``(x − loc) zᵀ``."""
    square: Float[Array, "k rank rank"]
    """The mean of ``z zᵀ``."""
    root: Float[Array, "k rank rank"]
    """The factor of the precision of ``z`` given ``x``, ``1 + WᵀD⁻¹W``."""


def _unseen(old: Factors, scatter: Scatter) -> Unseen:
    """Return that, of the factors in use."""
    scaled = jnp.swapaxes(old.columns / old.own[..., None], 1, 2)
    identity = jnp.eye(old.columns.shape[-1], dtype=old.columns.dtype)
    root = cholesky(_matmul(scaled, old.columns) + identity)
    gain = _solved(root, scaled)
    cross = _matmul(scatter.mean, jnp.swapaxes(gain, 1, 2))
    square = _solved(root, jnp.broadcast_to(identity, root.shape)) + _matmul(gain, cross)
    return Unseen(gain, cross, square, root)


def _columns(old: Factors, scatter: Scatter, unseen: Unseen) -> Float[Array, "k d rank"]:
    """The best ``W``: a regression of the values on what is expected of ``z``.

    Where components share it, each row of it is one of all, by the precisions of that coordinate.
    """
    if len(old.columns) == len(scatter.counts):
        across = jnp.swapaxes(unseen.cross, 1, 2)
        return jnp.swapaxes(_solved(cholesky(unseen.square), across), 1, 2)
    weight = scatter.counts[:, None] * jnp.min(old.own, axis=0) / old.own
    square = _einsum("kd,kij->dij", weight, unseen.square)
    cross = _einsum("kd,kdi->di", weight, unseen.cross)
    return _solved(cholesky(square), cross[..., None])[None, ..., 0]


def _own(old: Factors, new: Array, scatter: Scatter, unseen: Unseen) -> Float[Array, "k d"]:
    """The best diagonal, given ``W``: what it leaves over, as a sum of squares, never negative."""
    size = new.shape[1]
    left = jnp.eye(size, dtype=new.dtype) - _matmul(new, unseen.gain)
    rest = jnp.sum(_matmul(left, scatter.mean) * left, axis=-1)
    half = solve_rows(unseen.root[:, None], jnp.moveaxis(new, -1, 0))
    rest += jnp.sum(half**2, axis=0)
    if len(old.own) == len(scatter.counts):
        return rest
    total = jnp.sum(scatter.counts)
    return (scatter.counts @ rest / where(total > 0, total, 1.0))[None]


def _solved(root: Float[Array, "#k i i"], y: Float[Array, "#k i j"]) -> Float[Array, "#k i j"]:
    """``(root rootᵀ)⁻¹ y``."""
    rows = jnp.moveaxis(y, 1, 0)
    out = solve_rows(root[:, None], solve_rows(root[:, None], rows), transposed=True)
    return jnp.moveaxis(out, 0, 1)


def begun(
    centre: Float[Array, " d"], sums: Moments, rank: int, *, shared: bool
) -> tuple[Array, Array, Array]:
    """Return parameters to start from: principal components of the correlations.

    The sums are about a ``centre``. No column is zero, for EM leaves those as they are. Of factors
    that are to be ``shared`` each component has those of all.
    """
    count = where(sums.counts > 0, sums.counts, 1.0)[:, None]
    move = sums.first / count
    scatter = sums.about(move).second
    if shared:
        scatter = jnp.broadcast_to(jnp.sum(scatter, axis=0), scatter.shape)
        count = jnp.broadcast_to(jnp.sum(sums.counts), count.shape)
    return centre + move, *_principal(scatter / count[..., None], rank)


def _principal(
    covariance: Float[Array, "k d d"], rank: int
) -> tuple[Float[Array, "k d rank"], Float[Array, "k d"]]:
    """The first eigenvectors of correlations, by what their eigenvalues are above the others."""
    scale = jnp.sqrt(jnp.diagonal(covariance, axis1=-2, axis2=-1))
    scale = where(scale > 0, scale, 1.0)
    values, vectors = jnp.linalg.eigh(covariance / (scale[..., None] * scale[..., None, :]))
    size = scale.shape[-1]
    rest = jnp.sum(jnp.maximum(values[..., : size - rank], 0.0), axis=-1) / max(size - rank, 1)
    first, values = vectors[..., size - rank :], values[..., size - rank :]
    above = jnp.sqrt(jnp.maximum(values - rest[..., None], _LEAST))
    new = first * above[..., None, :]
    own = jnp.maximum(1 - jnp.sum(new**2, axis=-1), _LEAST)
    return scale[..., None] * new, scale**2 * own
