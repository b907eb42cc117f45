"""What components share: said once when a mixture is made, and seen in its shapes from then on."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._components import Canonical
from pathmix._estimation._parameters import leaves

_SCALES = ("scale", "scale_tril", "cov_factor", "cov_diag")


@dataclass(frozen=True)
class Structure:
    """Which scales are one and the same; none, by default."""

    by_components: bool = False
    """Whether all components have one scale, or one covariance matrix."""
    by_coordinates: bool = False
    """Whether all coordinates have one scale."""
    rank: int | None = None
    """Of covariances that are those of so many factors, and a diagonal."""

    def check(self, components: Canonical) -> None:
        """Refuse components that have nothing to share so."""
        names = [leaf.name for leaf in leaves(components)]
        if self.by_coordinates and ("scale" not in names or not components.event_shape):
            raise ValueError(
                "expected a family with a scale for each coordinate for Spherical(), such as "
                f"dist.Normal for rows of numbers, got {components.family.name} components of "
                f"event shape {components.event_shape}."
            )
        if self.by_components and not set(names) & set(_SCALES):
            raise ValueError(
                "expected a family with a scale or a covariance for Tied(), got "
                f"{components.family.name}."
            )

    def of_rank(self, d: Distribution) -> Distribution:
        """Return a distribution with a covariance of this rank, where there is one."""
        if self.rank is None:
            return d
        if not isinstance(d, dist.MultivariateNormal | dist.LowRankMultivariateNormal):
            raise ValueError(
                f"expected dist.MultivariateNormal for LowRank({self.rank}), got "
                f"{type(d).__name__}."
            )
        size = d.event_shape[0]
        if self.rank > size:
            raise ValueError(
                f"expected a rank of at most {size}, the size of the rows, got {self.rank}."
            )
        columns, ones = jnp.zeros((size, self.rank)), jnp.ones(size)
        return dist.LowRankMultivariateNormal(jnp.zeros(size), columns, ones)

    def shared(self, components: Canonical) -> Canonical:
        """Return the same with scales of size one where they are shared."""
        new = []
        for leaf, p, n in zip(
            leaves(components), components.parameters, components.event_dims, strict=True
        ):
            if leaf.name in _SCALES:
                axes: tuple[int, ...] = (0,) if self.by_components else ()
                if self.by_coordinates and leaf.name == "scale":
                    axes += tuple(range(p.ndim - n, p.ndim))
                p = jnp.mean(p, axis=axes, keepdims=True) if axes else p
            new.append(p)
        return components.of(new)


def Tied() -> Structure:  # noqa: N802, named as a kind
    """All components have one covariance.

    >>> Tied().by_components
    True
    """
    return Structure(by_components=True)


def Spherical() -> Structure:  # noqa: N802
    """All coordinates of a component have one scale.

    >>> Spherical().by_coordinates
    True
    """
    return Structure(by_coordinates=True)


def LowRank(rank: int) -> Structure:  # noqa: N802
    """Covariances are those of ``rank`` factors and a diagonal: mixtures of factor analysers.

    Components are then ``LowRankMultivariateNormal``.

    >>> LowRank(2).rank
    2
    """
    if not isinstance(rank, int) or rank < 1:
        raise ValueError(f"expected rank to be an integer ≥ 1, got {rank!r}.")
    return Structure(rank=rank)
