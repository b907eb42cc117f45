"""Prior distributions of weights and parameters: a fit is then the mode of the posterior."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float
from numpyro.distributions import Distribution

from pathmix._components import Canonical, split, which_of
from pathmix._estimation._data import Data
from pathmix._estimation._parameters import of_leaf
from pathmix._special import triangular_inverse
from pathmix._typing import Matrix, Reals
from pathmix._where import where


class ConjugateNormal(NamedTuple):
    """The conjugate prior of normal components (Fraley & Raftery 2007).

    Given the covariance, a location is normal about ``mean``, ``μ``, with that covariance over
    ``shrinkage``, ``κ``; a covariance is inverse Wishart with ``df`` degrees of freedom, ``ν``, and
    ``scale``, ``Λ``. A component of ``n_k`` rows of mean ``x̄_k`` and scatter ``W_k`` then has the
    covariance
    ``(Λ + κ n_k / (κ + n_k) · (x̄_k − μ)(x̄_k − μ)ᵀ + W_k) / (ν + n_k + d + 2)``.

    A covariance that all components share has the one prior: its denominator is
    ``ν + n + d + 1 + K``, its numerator has the sums over components. With the prior no component
    shrinks to a point.

    Example:
        >>> ConjugateNormal().shrinkage
        0.01
    """

    mean: Float[Array, " d"] | None = None
    """The middle of the locations; by default that of the data."""
    shrinkage: float | Array = 0.01
    """How many rows the prior of a location is worth."""
    df: float | Array | None = None
    """The degrees of freedom; by default ``d + 2``."""
    scale: Float[Array, "d d"] | None = None
    """The scale matrix; by default the covariance of the data over ``K^(2/d)``."""

    def of_data(self, rows: Data | None, components: Canonical, k: int) -> "Conjugate":
        """Return the same with what was left to the data, to those rows that are seen in full."""
        size = components.event_shape[-1]
        known: tuple[Any, ...] = (None, self.shrinkage, size + 2, None)
        if rows is not None and rows.projection is None:
            mean, spread = _mean_and_covariance(rows)
            known = mean, self.shrinkage, size + 2, spread / k ** (2 / size)
        elif self.mean is None or self.scale is None:
            raise ValueError(
                "expected mean and scale in ConjugateNormal, as they are not taken from data in "
                "blocks or seen through a projection, got none. Some rows will do: their mean, and "
                "their covariance over K^(2/d)."
            )
        given = self.mean, self.shrinkage, self.df, self.scale
        whole = (a if b is None else b for a, b in zip(known, given, strict=True))
        return Conjugate(*(jnp.asarray(p, components.dtype) for p in whole))


def _mean_and_covariance(rows: Data) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Of those rows that are seen in full."""
    x, weights = rows.x, rows.weights
    if rows.observed is not None:
        weights = where(jnp.all(rows.observed, axis=-1), weights, 0.0)
    total = jnp.sum(weights)
    mean = weights @ x / total
    away = x - mean
    return mean, (weights[:, None] * away).T @ away / (total - 1)


class Conjugate(NamedTuple):
    """The same, with nothing left open."""

    mean: Float[Array, " d"]
    shrinkage: Float[Array, ""]
    df: Float[Array, ""]
    scale: Float[Array, "d d"]

    def log_density(
        self, loc: Float[Array, "#k d"], factor: Matrix, present: Bool[Array, " k"]
    ) -> Reals:
        """Return the log density of components, up to a constant: a location each, and factors."""
        k, size = len(present), self.mean.shape[-1]
        inverse = triangular_inverse(factor)
        spread = jnp.einsum("kde,ef,kdf->k", inverse, self.scale, inverse, precision="highest")
        log_det = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
        of_factors = -0.5 * spread - (self.df + size + 1) * log_det
        away = jnp.broadcast_to(loc - self.mean, (k, size))
        each = jnp.broadcast_to(inverse, (k, size, size))
        z = jnp.einsum("kde,ke->kd", each, away, precision="highest")
        of_locs = -0.5 * self.shrinkage * jnp.sum(z**2, axis=-1) - log_det
        known = where(present[: len(factor)], of_factors, 0.0)
        return jnp.sum(where(present, of_locs, 0.0)) + jnp.sum(known)


class Prior(NamedTuple):
    """What is believed of weights and parameters before the data."""

    concentration: Float[Array, " k"] | None = None
    """Of a Dirichlet distribution of the weights."""
    normal: Conjugate | None = None
    parameters: tuple[Distribution | None, ...] = ()
    present: Bool[Array, " k"] | None = None
    """The components that it is about, ``None`` for all; others have no weight, and get none."""

    @property
    def is_general(self) -> bool:
        """Whether it takes a maximum that is not closed."""
        return any(d is not None for d in self.parameters)

    def of_counts(self, counts: Float[Array, " k"]) -> Float[Array, " k"]:
        """Return what the weights are proportional to, given what each component has."""
        if self.concentration is None:
            return counts
        return jnp.maximum(counts + self.concentration - 1, 0.0)

    def about(self, k: int) -> Bool[Array, " k"]:
        """Return which of the components it is about."""
        return jnp.ones(k, bool) if self.present is None else self.present

    def by_family(self, components: Canonical) -> "list[Prior]":
        """Return what it says of the parameters of each family's components."""
        if which_of(components) is None:
            return [self]
        out, rest = [], self.parameters[1:]
        for family in split(components):
            size = len(family.parameters)
            out.append(Prior(None, self.normal if is_normal(family) else None, rest[:size]))
            rest = rest[size:]
        return out

    def log_density(self, weights: Float[Array, " k"], components: Canonical) -> Reals:
        """Return the log density of weights and parameters, up to a constant."""
        total = jnp.zeros((), weights.dtype)
        if self.concentration is not None:
            power = self.concentration - 1
            log_w = jnp.log(where(weights > 0, weights, 1.0))
            absent = where(power > 0, -jnp.inf, 0.0)  # of a weight of zero
            total += jnp.sum(power * where(weights > 0, log_w, 0.0))
            total += jnp.sum(where(weights > 0, 0.0, absent))
        families = split(components)
        for own, family in zip(self.by_family(components), families, strict=True):
            total += own._of_family(family)
        return total

    def _of_family(self, components: Canonical) -> Reals:
        total = jnp.zeros((), components.dtype)
        if self.normal is not None:
            loc, factor = components.parameters
            total += self.normal.log_density(loc, factor, self.about(components.own_shape[-1]))
        for log_p in self.of_parameters(components):
            total += jnp.sum(log_p)
        return total

    def of_parameters(self, components: Canonical) -> list[Reals]:
        """Return the log densities of parameters that have a distribution, ``k *event`` of each."""
        pairs = zip(self.parameters, components.parameters, strict=False)
        log_p = [d.log_prob(p) for d, p in pairs if d is not None]
        if self.present is None:
            return log_p
        return [where(of_leaf(self.present, t), t, 0.0) for t in log_p]


def is_normal(components: Canonical) -> bool:
    """Whether the conjugate prior is about such components."""
    return bool(components.family.name == "MultivariateNormal")
