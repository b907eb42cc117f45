"""A mixture with other parts, and all that was chosen when it was made."""

from typing import Any

from pathmix._components import Canonical


def remade(mixture: Any, weights: Canonical, components: Canonical) -> Any:
    """Return ``mixture`` with these parts, whose event and batch shapes may be others."""
    new = mixture._of_kind(components)
    batch = components.batch_shape[:-1]
    if weights is not mixture._mixture or batch != mixture.batch_shape:
        weights = weights.expand(batch)
        new._shared_weights = 0
    new._mixture, new._components = weights, components
    new._batch_shape, new._event_shape = batch, components.event_shape
    return new
