"""Successive conditional distributions of components, and how they move together.

Given the coordinates before it, coordinate i of component k is ``ℓ + s·u``: a location and a scale
that depend on those coordinates, and a ``u`` whose distribution does not. When the coordinates
before it move, the conditional quantile at ``x_i`` moves by the ``drift`` ``dℓ + u ds``, and the
conditional density falls by ``d log s``.

Arrays are ``k *points`` here, with the components first and the long axes last; what is needed of
one coordinate is a ``row``, and only one row at a time is worked out.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from jax import Array
from numpyro.distributions import Distribution, ExpandedDistribution, Independent
from numpyro.distributions import TransformedDistribution as Transformed

from pathmix._typing import ComponentFirst, Reals

State = Any
Row = Any


class Terms(NamedTuple):
    """Conditional log cdf, log survival, log density and its slope, each ``k *points``."""

    log_cdf: Array
    log_survival: Array
    log_prob: Array
    score: Array


class Conditionals(ABC):
    """Coordinates one after the other; as they stand here, independent: nothing drifts.

    ``rows`` is a pytree of arrays with the event along their first axis.
    """

    rows: Row

    @abstractmethod
    def terms(self, row: Row) -> Terms:
        """Return the conditional distribution of one coordinate at its value."""

    def start(self, a: ComponentFirst) -> State:
        """Return the state of the recurrence before the first coordinate."""
        del a

    def drift(self, state: State, row: Row) -> tuple[Any, Any]:
        """Return the drift of the quantile and the change of the log scale, ``k *points``."""
        del state, row
        return 0.0, 0.0

    def advance(self, state: State, row: Row, relative: Reals, dx: Reals) -> State:
        """Return the state after a coordinate moved by ``dx``, by ``relative`` to its quantile."""
        del row, relative, dx
        return state

    def complete(self, dx: Reals) -> Reals:
        """Return the velocity of all coordinates, given that of the free ones; event first."""
        return dx


def elementwise(d: Distribution) -> Distribution:
    """Return the scalar distributions, ``*batch k *event``, that make up a factorised ``d``."""
    if not d.event_dim:
        return d
    if isinstance(d, Independent):
        return elementwise(d.base_dist)
    if isinstance(d, ExpandedDistribution):
        return elementwise(d.base_dist).expand(d.shape())
    if isinstance(d, Transformed) and not any(t.domain.event_dim for t in d.transforms):
        return Transformed(elementwise(d.base_dist), d.transforms, validate_args=False)
    raise no_conditionals(d)


def no_conditionals(d: Distribution) -> NotImplementedError:
    """Return the error for components whose successive conditionals are not known."""
    return NotImplementedError(
        f"{type(d).__name__} components with event shape {d.event_shape} have no known successive "
        "conditional distributions, which pathwise gradients of the mixture weights need: expected "
        "scalar or factorised (Independent) components, MultivariateNormal, "
        "LowRankMultivariateNormal, MultivariateStudentT or Dirichlet. Use reparameterize=False "
        "with a sum over components, by `component_log_probs`."
    )
