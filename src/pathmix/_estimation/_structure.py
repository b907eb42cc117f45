"""What components share: said once when a mixture is made, and seen in its shapes from then on."""

from dataclasses import dataclass

import jax.numpy as jnp

from pathmix._components import Canonical
from pathmix._estimation._parameters import leaves

_SCALES = ("scale", "scale_tril")


@dataclass(frozen=True)
class Structure:
    """Which scales are one and the same; none, by default."""

    by_components: bool = False
    """Whether all components have one scale, or one covariance matrix."""
    by_coordinates: bool = False
    """Whether all coordinates have one scale."""

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
