"""Full covariances: sums, maxima, and rows of which a part is seen.

A row that misses entries, or was measured with errors, or through a projection, is one thing:
``y = P x + e`` with ``e ~ N(0, S)`` (Bovy, Hogg & Roweis 2011, "Extreme deconvolution"). A missing
entry is a row of zeros in ``P``. With ``C = P Σ Pᵀ + S``, the part of ``x`` that is not seen has
mean ``loc + Σ Pᵀ C⁻¹ (y − P loc)`` and covariance ``Σ − Σ Pᵀ C⁻¹ P Σ``, which the sums contain.

Student t components are normal ones whose covariance is ``Σ/u`` in each row, with an unseen ``u``:
sums weight rows by ``E[u] = (df + d)/(df + |z|²)`` then, with ``d`` and ``z`` of what is seen.
"""

import math
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._estimation._parameters import Held, Mask, of_leaf
from pathmix._estimation._prior import Prior
from pathmix._families import student_normaliser
from pathmix._special import cholesky, solve_rows, triangular_inverse
from pathmix._typing import ComponentFirst, Matrix, Reals
from pathmix._where import where

Shares = Float[Array, "k n"]

_einsum = partial(jnp.einsum, precision="highest")
_matmul = partial(jnp.matmul, precision="highest")


class Ellipses(NamedTuple):
    """Parameters ``1`` or ``k`` of each; ``df`` is ``None`` for normal components."""

    df: Float[Array, " k"] | None
    loc: Float[Array, "k d"]
    factor: Float[Array, "k d d"]

    def spread(self, k: int) -> "Ellipses":
        """Return the same with locations and factors for each component."""
        size = self.loc.shape[-1]
        loc = jnp.broadcast_to(self.loc, (k, size))
        return Ellipses(self.df, loc, jnp.broadcast_to(jnp.tril(self.factor), (k, size, size)))


class Moments(NamedTuple):
    """Sums over rows about the locations in use, which lose no digits where these are large."""

    counts: Float[Array, " k"]
    mass: Float[Array, " k"]
    """The same, with each row times its ``E[u]``, as in the other two."""
    first: Float[Array, "k d"]
    second: Float[Array, "k d d"]

    def about(self, move: Float[Array, "#k d"]) -> "Moments":
        """Return the sums about locations that are farther by ``move``."""
        first = self.first - self.mass[:, None] * move
        cross = move[:, :, None] * self.first[:, None, :]
        square = self.mass[:, None, None] * move[:, :, None] * move[:, None, :]
        second = self.second - cross - jnp.swapaxes(cross, 1, 2) + square
        return Moments(self.counts, self.mass, first, second)


class Seen(NamedTuple):
    """What a row says of ``x = loc + L z``."""

    square: ComponentFirst
    """``|C^(−1/2) (y − P loc)|²``."""
    log_det: ComponentFirst
    """Of the root of ``C``."""
    size: Float[Array, " n"]
    """How many numbers are seen."""
    mean: Float[Array, "d k n"]
    """Of ``z``."""
    shrunk: Float[Array, "m d k n"]
    """``A``, with ``AᵀA`` the identity less the covariance of ``z``."""


def ellipses(components: Canonical) -> Ellipses:
    """Return locations and factors of (LowRank)MultivariateNormal and MultivariateStudentT ones."""
    if components.family.name == "LowRankMultivariateNormal":
        loc, columns, own = components.parameters
        square = _matmul(columns, jnp.swapaxes(columns, 1, 2))
        return Ellipses(None, loc, cholesky(square + own[..., None] * jnp.eye(own.shape[-1])))
    *df, loc, factor = components.parameters
    return Ellipses(df[0] if df else None, loc, factor)


def seen_log_density(components: Canonical, rows: Data) -> ComponentFirst:
    """Return the log density of what is seen of each row, ``k n``."""
    d = ellipses(components)
    seen = see(d.spread(components.own_shape[-1]), rows)
    normal = -0.5 * (seen.square + seen.size * math.log(2 * math.pi)) - seen.log_det
    if d.df is None:
        return normal
    finite = d.df[:, None] < jnp.inf
    df = where(finite, d.df[:, None], 1.0)
    kernel = 0.5 * (df + seen.size) * jnp.log1p(seen.square / df)
    return where(finite, student_normaliser(df, seen.size) - kernel - seen.log_det, normal)


def expected_values(components: Canonical, rows: Data) -> Float[Array, "k n d"]:
    """Return the mean of ``x`` given what is seen of each row; NaN where there is none."""
    d = ellipses(components).spread(components.own_shape[-1])
    seen = see(d, rows)
    mean = d.loc[:, None] + _einsum("kde,ekn->knd", d.factor, seen.mean)
    if d.df is None:
        return mean
    has_mean = d.df[:, None] + seen.size > 1
    return where(has_mean[..., None], mean, jnp.nan)


def moments(d: Ellipses, rows: Data, share: Shares) -> Moments:
    """Return the sums of rows that are seen in full, or in part."""
    count = jnp.sum(share, axis=1)
    d = d.spread(len(share))
    if rows.is_complete:
        away = rows.x - d.loc[:, None]
        if d.df is not None:
            z = solve_rows(d.factor[:, None], jnp.moveaxis(away, -1, 0))
            share = share * _precision(d.df, jnp.sum(z**2, axis=0), rows.x.shape[-1])
        part = share[..., None] * away
        second = _matmul(jnp.swapaxes(part, 1, 2), away)
        return Moments(count, jnp.sum(share, axis=1), jnp.sum(part, axis=1), second)
    seen = see(d, rows)
    by_u = share if d.df is None else share * _precision(d.df, seen.square, seen.size)
    first = _einsum("kn,dkn->kd", by_u, seen.mean)
    second = _einsum("kn,dkn,ekn->kde", by_u, seen.mean, seen.mean)
    second -= _einsum("kn,mdkn,mekn->kde", share, seen.shrunk, seen.shrunk)
    second += count[:, None, None] * jnp.eye(second.shape[-1], dtype=second.dtype)
    first = _einsum("kde,ke->kd", d.factor, first)
    left = _matmul(d.factor, second)
    second = _matmul(left, jnp.swapaxes(d.factor, 1, 2))
    return Moments(count, jnp.sum(by_u, axis=1), first, second)


def _precision(df: Array, square: Reals, size: Reals | int) -> Reals:
    finite = jnp.isfinite(df)[:, None]
    df = where(finite, df[:, None], 1.0)
    return where(finite, (df + size) / (df + square), 1.0)


def see(d: Ellipses, rows: Data) -> Seen:
    """Return what rows say of each component's values."""
    n, size = rows.x.shape
    loc, factor = d.loc, d.factor
    there = jnp.ones((n, size), factor.dtype) if rows.observed is None else rows.observed
    there = there.astype(factor.dtype)
    if rows.projection is None:
        seen_loc, seen_factor = loc[:, None], factor[:, None]
    else:
        seen_loc = _einsum("nmd,kd->knm", rows.projection, loc)
        seen_factor = _einsum("nmd,kde->knme", rows.projection, factor)
    seen_factor = seen_factor * there[..., None]
    # identity rows stand for what is missing: their part of the determinant is one
    errors = (1 - there)[..., None] * jnp.eye(size, dtype=factor.dtype)
    if rows.noise is not None:
        errors += rows.noise * there[..., None] * there[..., None, :]
    square = _matmul(seen_factor, jnp.swapaxes(seen_factor, -1, -2))
    root = cholesky(square + errors)
    z = solve_rows(root, jnp.moveaxis((rows.x - seen_loc) * there, -1, 0))
    shrunk = solve_rows(root, jnp.moveaxis(seen_factor, (-2, -1), (0, 1)))
    log_det = jnp.sum(jnp.log(jnp.diagonal(root, axis1=-2, axis2=-1)), axis=-1)
    mean = jnp.sum(shrunk * z[:, None], axis=0)
    return Seen(jnp.sum(z**2, axis=0), log_det, jnp.sum(there, axis=-1), mean, shrunk)


def maximise(
    d: Ellipses, sums: Moments, held: Held, prior: Prior, *, with_errors: bool = False
) -> tuple[Array, Array]:
    """Return the locations and factors that the sums have; those before where there is nothing.

    Of a component that is flat there is no factor: NaN, and no likelihood.

    A factor that components share is that of their covariances pooled. A location that they share
    is weighted by the precisions in use. Covariances follow the locations. Where values were
    measured with errors, a singular covariance is as good an estimate as any other: a rounding
    error keeps its root.
    """
    *_, hold_loc, hold_factor = held.parameters
    sums = _with_prior_rows(sums, d, prior)
    count, move = sums.counts[:, None], location_move(d, sums, hold_loc)
    scatter = sums.about(move).second
    if len(d.factor) < len(sums.counts):
        scatter, count = (jnp.sum(t, axis=0, keepdims=True) for t in (scatter, count))
    if prior.normal is not None:
        scatter += prior.normal.scale
        count += prior.normal.df + scatter.shape[-1] + 1
    covariance = scatter / where(count == 0, 1.0, count)[..., None]
    if with_errors:
        covariance += _rounding(covariance)
    factor = cholesky(covariance)
    keep = of_leaf(hold_factor, d.factor) | (count == 0)[..., None]
    return d.loc + move, where(keep, d.factor, factor)


def _with_prior_rows(sums: Moments, d: Ellipses, prior: Prior) -> Moments:
    """The sums with what is believed of locations: as one row at its mean, of a small weight.

    To a covariance it counts as one row, whatever its weight.
    """
    if prior.normal is None:
        return sums
    about = prior.about(len(sums.counts)).astype(sums.mass.dtype)
    weight, away = prior.normal.shrinkage * about, prior.normal.mean - d.loc
    return Moments(
        sums.counts + about,
        sums.mass + weight,
        sums.first + weight[:, None] * away,
        sums.second + weight[:, None, None] * away[:, :, None] * away[:, None, :],
    )


def _rounding(covariance: Matrix) -> Matrix:
    """The identity, times the rounding error of the matrix."""
    size = covariance.shape[-1]
    trace = jnp.trace(covariance, axis1=-2, axis2=-1)[..., None, None]
    return 8 * jnp.finfo(covariance.dtype).eps * trace * jnp.eye(size, dtype=covariance.dtype)


def location_move(d: Ellipses, sums: Moments, held: Mask) -> Float[Array, "#k d"]:
    """Return how far locations move that are not held: to the means of rows."""
    mass = sums.mass[:, None]
    move = sums.first / where(mass == 0, 1.0, mass)
    if len(d.loc) < len(mass):
        move = _shared_move(d, sums)
    return where(of_leaf(held, move), 0.0, move)


def _shared_move(d: Ellipses, sums: Moments) -> Float[Array, "1 d"]:
    """How far the location moves that all components share."""
    inverse = triangular_inverse(d.spread(len(sums.counts)).factor)
    precision = _matmul(jnp.swapaxes(inverse, 1, 2), inverse)
    weight = jnp.sum(sums.mass[:, None, None] * precision, axis=0)
    pull = _einsum("kde,ke->d", precision, sums.first)
    root = cholesky(weight)
    return solve_rows(root, solve_rows(root, pull), transposed=True)[None]
