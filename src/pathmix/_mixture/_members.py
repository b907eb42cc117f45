"""Members of a batch of mixtures, by an index of its batch axes."""

from typing import Any

import jax.numpy as jnp

from pathmix._components import Canonical
from pathmix._typing import Shape


def member(
    mixture: Canonical, components: Canonical, batch_shape: Shape, index: Any
) -> tuple[Canonical, Canonical]:
    """Return weights and components of the members at ``index``."""
    if not (mixture.selectable and components.selectable):
        raise NotImplementedError(
            f"expected components whose parameters are known, got {type(components.plain).__name__}"
            ". Index the parameters, and make the mixture of the member from them."
        )
    index = _of_batch(index, batch_shape)

    def pick(p: Any, n: int, *, behind: int) -> Any:
        axes = p.ndim - n - behind
        p = jnp.broadcast_to(p, batch_shape + p.shape[axes:])
        return p[index]

    return (
        mixture.map(lambda p, n: pick(p, n, behind=0)),
        components.map(lambda p, n: pick(p, n, behind=1)),
    )


def _of_batch(index: Any, batch_shape: Shape) -> tuple[Any, ...]:
    """``index`` as a tuple, without an ellipsis, which would reach beyond the batch."""
    entries = index if isinstance(index, tuple) else (index,)
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > len(batch_shape):
        raise IndexError(
            f"expected at most {len(batch_shape)} indices, for batch shape {batch_shape}, got "
            f"{used}: {index!r}."
        )
    rest = (slice(None),) * (len(batch_shape) - used)
    at = next((i for i, entry in enumerate(entries) if entry is Ellipsis), None)
    if at is None:
        return (*entries, *rest)
    return (*entries[:at], *rest, *entries[at + 1 :])
