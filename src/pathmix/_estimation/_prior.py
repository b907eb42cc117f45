"""Prior distributions of weights and parameters: a fit is then the mode of the posterior."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float
from numpyro.distributions import Distribution

from pathmix._components import Canonical
from pathmix._estimation._data import Data
from pathmix._special import triangular_inverse
from pathmix._typing import Matrix, Reals
from pathmix._where import where


class ConjugateNormal(NamedTuple):
    r"""The conjugate prior of normal components (Fraley & Raftery 2007).

    Given the covariance, a location is normal about ``mean`` with that covariance over
    ``shrinkage``; a covariance is inverse Wishart with ``df`` degrees of freedom and ``scale``:

    .. math:: \hat\Sigma_k = \frac{\Lambda + \frac{\kappa n_k}{\kappa + n_k}
        (\bar x_k - \mu_0)(\bar x_k - \mu_0)^\top + W_k}{\nu + n_k + d + 2}

    What is ``None`` is taken from the data: their mean, ``d + 2`` degrees of freedom, and their
    covariance over :math:`K^{2/d}`. With it no component shrinks to a point.

    Example:
        >>> ConjugateNormal().shrinkage
        0.01
    """

    mean: Float[Array, " d"] | None = None
    shrinkage: float | Array = 0.01
    df: float | Array | None = None
    scale: Float[Array, "d d"] | None = None

    def of_data(self, rows: Data, k: int) -> "Conjugate":
        """Return the same with what was left to the data, to those rows that are seen in full."""
        x, weights = rows.x, rows.weights
        if rows.observed is not None:
            weights = where(jnp.all(rows.observed, axis=-1), weights, 0.0)
        size = x.shape[-1]
        total = jnp.sum(weights)
        mean = weights @ x / total
        away = x - mean
        scatter = (weights[:, None] * away).T @ away / (total - 1)
        known = mean, self.shrinkage, size + 2, scatter / k ** (2 / size)
        given = self.mean, self.shrinkage, self.df, self.scale
        return Conjugate(
            *(
                jnp.asarray(a if b is None else b, x.dtype)
                for a, b in zip(known, given, strict=True)
            )
        )


class Conjugate(NamedTuple):
    """The same, with nothing left open."""

    mean: Float[Array, " d"]
    shrinkage: Float[Array, ""]
    df: Float[Array, ""]
    scale: Float[Array, "d d"]

    def update(
        self, loc: Float[Array, "k d"], scatter: Matrix, count: Float[Array, "k 1"]
    ) -> tuple[Array, Matrix, Array]:
        """Return locations, scatters and what divides these, of those that the data alone have."""
        kappa, size = self.shrinkage, loc.shape[-1]
        away = loc - self.mean
        pull = (kappa * count / (kappa + count))[..., None]
        scatter = self.scale + scatter + pull * away[..., :, None] * away[..., None, :]
        shrunk = (count * loc + kappa * self.mean) / (count + kappa)
        return shrunk, scatter, self.df + count + size + 2

    def log_density(self, loc: Float[Array, "k d"], factor: Matrix) -> Reals:
        """Return the log density of all components, up to a constant."""
        inverse = triangular_inverse(factor)
        z = jnp.einsum("kde,ke->kd", inverse, loc - self.mean, precision="highest")
        spread = jnp.einsum("kde,ef,kdf->k", inverse, self.scale, inverse, precision="highest")
        log_det = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
        powers = (self.df + loc.shape[-1] + 2) * log_det
        return -jnp.sum(0.5 * (self.shrinkage * jnp.sum(z**2, -1) + spread) + powers)


class Prior(NamedTuple):
    """What is believed of weights and parameters before the data."""

    concentration: Float[Array, " k"] | None = None
    """Of a Dirichlet distribution of the weights."""
    normal: Conjugate | None = None
    parameters: tuple[Distribution | None, ...] = ()

    @property
    def is_general(self) -> bool:
        """Whether it takes a maximum that is not closed."""
        return any(d is not None for d in self.parameters)

    def of_counts(self, counts: Float[Array, " k"]) -> Float[Array, " k"]:
        """Return what the weights are proportional to, given what each component has."""
        if self.concentration is None:
            return counts
        return jnp.maximum(counts + self.concentration - 1, 0.0)

    def log_density(self, weights: Float[Array, " k"], components: Canonical) -> Reals:
        """Return the log density of weights and parameters, up to a constant."""
        total = jnp.zeros((), weights.dtype)
        if self.concentration is not None:
            power = self.concentration - 1
            log_w = jnp.log(where(weights > 0, weights, 1.0))
            absent = where(power > 0, -jnp.inf, 0.0)  # of a weight of zero
            total += jnp.sum(power * where(weights > 0, log_w, 0.0))
            total += jnp.sum(where(weights > 0, 0.0, absent))
        if self.normal is not None:
            k, size = components.own_shape[-1], components.event_shape[0]
            loc, factor = components.parameters
            total += self.normal.log_density(
                jnp.broadcast_to(loc, (k, size)), jnp.broadcast_to(factor, (k, size, size))
            )
        return total + self.of_parameters(components)

    def of_parameters(self, components: Canonical) -> Reals:
        """Return the log density of the parameters that have a distribution of their own."""
        total = jnp.zeros((), components.dtype)
        for d, p in zip(self.parameters, components.parameters, strict=False):
            if d is not None:
                total += jnp.sum(d.log_prob(p))
        return total


def read_prior(prior: Any, components: Canonical, names: tuple[str, ...], rows: Data) -> Prior:
    """Return the prior that ``fit`` was given, checked."""
    if prior is None:
        return Prior()
    if isinstance(prior, ConjugateNormal):
        if components.family.name != "MultivariateNormal":
            raise NotImplementedError(
                "expected MultivariateNormal components for ConjugateNormal, got "
                f"{components.family.name}. Give NumPyro distributions of its parameters instead: "
                f"prior={{{names[0]!r}: …}}."
            )
        return Prior(normal=prior.of_data(rows, components.own_shape[-1]))
    if not isinstance(prior, Mapping):
        raise TypeError(
            "expected prior to be a ConjugateNormal or a mapping from names of parameters to "
            f"distributions, got {type(prior).__name__}."
        )
    allowed = ("weights", "components", *names)
    for name, d in prior.items():
        if name not in allowed:
            raise ValueError(f"expected priors of {', '.join(allowed)}, got one of {name!r}.")
        if not isinstance(d, Distribution | ConjugateNormal):
            raise TypeError(f"expected a distribution for {name!r}, got {type(d).__name__}.")
    concentration = None
    if "weights" in prior:
        if not isinstance(prior["weights"], dist.Dirichlet):
            raise NotImplementedError(
                "expected a Dirichlet distribution of the weights, got "
                f"{type(prior['weights']).__name__}."
            )
        concentration = jnp.asarray(prior["weights"].concentration, components.dtype)
        concentration = jnp.broadcast_to(concentration, components.own_shape[-1:])
    normal = prior.get("components")
    rest = read_prior(normal, components, names, rows) if normal is not None else Prior()
    return Prior(concentration, rest.normal, tuple(prior.get(name) for name in names))
