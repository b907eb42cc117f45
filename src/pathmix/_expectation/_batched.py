"""Integrands of which each member of a batch of mixtures has its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax


@dataclass(frozen=True)
class OfMember:
    """An integrand ``fn(x, theirs)`` of a draw and of what belongs to its member of the batch."""

    fn: Callable[[Any, Any], Any]
    batched: Any
    """A pytree of arrays ``*batch …``."""
    batch_dim: int

    def map_events(self, x: Any, event_dim: int) -> Any:
        """Apply ``fn`` to every event of ``x``, ``num_samples *batch … *event``."""
        fn = self.fn
        for _ in range(x.ndim - event_dim - self.batch_dim - 1):  # the components, in strata
            fn = jax.vmap(fn, (0, None))
        for _ in range(self.batch_dim):
            fn = jax.vmap(fn)
        return jax.vmap(fn, (0, None))(x, self.batched)


def of_member(fn: Any, batched: Any, batch_shape: tuple[int, ...]) -> OfMember:
    """Return the integrand once each of its arrays is known to have the batch in front."""
    for leaf in jax.tree.leaves(batched):
        shape = jax.numpy.shape(leaf)
        if shape[: len(batch_shape)] != batch_shape:
            raise ValueError(
                "expected every array of `batched` to have the batch shape of the mixture, "
                f"{batch_shape}, in front, got shape {shape}. Broadcast it by jnp.broadcast_to."
            )
    return OfMember(fn, jax.tree.map(jax.numpy.asarray, batched), len(batch_shape))
