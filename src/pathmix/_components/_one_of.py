"""Components of several families as one batched distribution of NumPyro's kind."""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from pathmix._families import choose
from pathmix._typing import Reals, Value


class OneOf(Distribution):
    """Entry by entry of a batch the distribution that ``which`` says, a number from zero on.

    All of ``each`` have the batch shape; what they have where another one is meant is not felt.
    """

    arg_constraints: ClassVar = {"which": constraints.real}
    pytree_data_fields = ("which", "each")

    def __init__(self, which: Any, each: Sequence[Distribution]) -> None:
        self.which, self.each = jnp.asarray(which), tuple(each)
        shape = lax.broadcast_shapes(jnp.shape(which), *(d.batch_shape for d in each))
        super().__init__(shape, each[0].event_shape, validate_args=False)

    @constraints.dependent_property
    def support(self) -> Constraint | None:
        """The support that all have, or the space that they are in."""
        supports = [d.support for d in self.each]
        first = supports[0]
        if all(one is first for one in supports) or any(one is None for one in supports):
            return first
        integers = constraints.integer_interval(-jnp.inf, jnp.inf)
        counts = any(one.is_discrete for one in supports)  # with point masses among them
        space = integers if counts else constraints.real
        return constraints.independent(space, self.event_dim) if self.event_dim else space

    def sample(self, key: Array | None, sample_shape: tuple[int, ...] = ()) -> Value:
        """Draw from each, and choose."""
        if key is None:
            raise ValueError("expected a JAX random key, got None. Pass jax.random.key(seed).")
        keys = jax.random.split(key, len(self.each))
        draws = [
            d.expand(self.batch_shape).sample(k, sample_shape)
            for d, k in zip(self.each, keys, strict=True)
        ]
        whole = [x.dtype for x in draws if jnp.issubdtype(x.dtype, jnp.integer)]
        if whole:  # counts, and point masses whose place is a float
            draws = [x.astype(jnp.result_type(*whole)) for x in draws]
        return choose(self.which, draws, self.event_dim)

    def log_prob(self, value: Any) -> Reals:
        """Return the log density of the one that is meant."""
        return choose(self.which, [d.log_prob(value) for d in self.each])

    @property
    def mean(self) -> Reals:
        """The mean of the one that is meant."""
        return choose(self.which, [d.mean for d in self.each], self.event_dim)

    @property
    def variance(self) -> Reals:
        """The variance of the one that is meant."""
        return choose(self.which, [d.variance for d in self.each], self.event_dim)
