"""Sums that a step of EM is a function of: what other engines may add up over their own data."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pathmix._checks import require
from pathmix._components import Canonical
from pathmix._estimation._beliefs import read_prior
from pathmix._estimation._data import read_data
from pathmix._estimation._maximise import has_sums, of_sums, row_sums, with_counts
from pathmix._estimation._parameters import Held, leaves, read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._result import with_model
from pathmix._estimation._sweep import Model, Sums, Task, sweep
from pathmix._mixture import MixtureSameFamily, working
from pathmix._typing import Reals


class Statistics(NamedTuple):
    """What a step of EM needs of rows: sums, which add up over blocks, files and machines.

    A pytree; ``+`` and ``sum`` add. They are sums under one mixture, of memberships and about its
    locations: only those of the same mixture may be added.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, Statistics, statistics
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> both = statistics(mixture, jnp.array([0, 1])) + statistics(mixture, jnp.array([9, 11]))
        >>> isinstance(both, Statistics), float(both.num_observations)
        (True, 4.0)
    """

    sums: Any
    """The counts of the components, and sums as their family needs them."""
    log_likelihood: Reals
    """Of the rows, under the mixture."""
    num_observations: Reals
    """The sum of their weights."""

    def __add__(self, other: Any) -> "Statistics":
        """Return the statistics of both blocks."""
        if not isinstance(other, Statistics):
            return NotImplemented
        total: Statistics = jax.tree.map(jnp.add, self, other)
        return total

    def __radd__(self, other: Any) -> "Statistics":
        """Let ``sum`` start from zero."""
        return self if isinstance(other, int) and other == 0 else NotImplemented


def statistics(
    mixture: Any, data: Any, *, weights: Any = None, missing: bool | None = None
) -> Statistics:
    """Return the sums of some rows that :func:`update` makes a step of EM of.

    With them EM runs wherever the data are: each worker returns the statistics of its rows, their
    sum is the one thing that travels.

    Args:
        mixture: A mixture of a family whose maximum is a function of sums, without a batch.
        data: Rows ``n *event``; NaN for a missing entry.
        weights: How often each row counts, ``n``.
        missing: Whether entries are missing, where that cannot be seen, under jit.

    Raises:
        NotImplementedError: The family has no such sums.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, statistics, update
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> blocks = jnp.array([0, 1, 1, 2, 0]), jnp.array([1, 9, 11, 10, 12])
        >>> total = sum(statistics(mixture, block) for block in blocks)
        >>> print(update(mixture, total).components_distribution.rate.round(1))
        [0.8 9.8]
    """
    mixture = working(mixture)
    check_sums(mixture)
    components = mixture._components
    rows = read_data(components, data, weights, None, None, None, missing=missing, whole=False)
    held = jax.tree.map(jnp.asarray, read_fixed(None, components))
    task = Task(rows, held, Prior(), jnp.zeros((), components.dtype))
    sums, likely = sums_under(Model(mixture._weights.values(), components), task)
    return Statistics(sums, likely, rows.size)


@jax.jit
def sums_under(model: Model, task: Task) -> tuple[Sums, Reals]:
    """Return the sums under a mixture, and the log likelihood of the rows."""
    return sweep(lambda part: row_sums(model.components, part), model, task)


def update(
    mixture: Any, statistics: Any, *, fixed: Any = None, prior: Any = None
) -> MixtureSameFamily:
    """Return the mixture that a step of EM leads to, from the statistics of all rows under it.

    Args:
        mixture: The mixture that the statistics were taken under.
        statistics: Their sum, of :func:`statistics`.
        fixed: What stays as it is, as in :func:`fit`.
        prior: A Dirichlet for ``"weights"`` and a :class:`ConjugateNormal` with a mean and a scale
            for ``"components"``, as in :func:`fit`. It counts once, however many the parts of the
            sum were.

    Raises:
        TypeError: What is given are no statistics.
        NotImplementedError: With the prior the maximum is no function of sums.
        ValueError: A covariance of the statistics is singular.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, statistics, update
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> counts = jnp.array([0, 1, 1, 2, 0, 1, 9, 11, 10, 12])
        >>> for _ in range(20):  # EM, step by step
        ...     mixture = update(mixture, statistics(mixture, counts))
        >>> print(mixture.components_distribution.rate.round(2))
        [ 0.83 10.47]
    """
    mixture = working(mixture)
    check_sums(mixture)
    if not isinstance(statistics, Statistics):
        raise TypeError(
            f"expected the Statistics of pathmix.statistics, got {type(statistics).__name__}."
        )
    held = jax.tree.map(jnp.asarray, read_fixed(fixed, mixture._components))
    believed = prior_of_sums(prior, mixture._components)
    model = Model(mixture._weights.values(), mixture._components)
    new = step_of(model, statistics.sums, held, believed)
    there = ~jnp.any(jnp.stack([jnp.any(jnp.isnan(p)) for p in new.components.parameters]))
    text = (
        "expected statistics of rows that are not flat in any direction, got components whose "
        "covariance is singular. Add more rows up, or leave coordinates out."
    )
    return with_model(mixture, require(new, there, text))


@jax.jit
def step_of(model: Model, sums: Sums, held: Held, prior: Prior) -> Model:
    """Return the most likely mixture, given its sums."""
    parameters = of_sums(model.components, sums, held, prior)
    return with_counts(model, parameters, sums[0], held, prior)


def prior_of_sums(prior: Any, components: Canonical) -> Prior:
    """Return a prior that can be added to sums, checked."""
    believed = read_prior(prior, components, tuple(x.name for x in leaves(components)), None)
    if believed.is_general:
        names = [name for name in prior if name not in ("weights", "components")]
        raise NotImplementedError(
            "expected a prior that can be added to sums, a Dirichlet of weights and a "
            f"ConjugateNormal of components, got one of {', '.join(names)}. Use fit with "
            "method=EM(), or Gradient(optimiser, batch_size=...)."
        )
    return believed


def check_sums(mixture: MixtureSameFamily) -> None:
    """Refuse families whose maximum is no function of sums, and batches."""
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(f"expected a pathmix.MixtureSameFamily, got {type(mixture).__name__}.")
    if mixture.batch_shape:
        raise ValueError(
            f"expected a mixture without a batch, got batch shape {mixture.batch_shape}."
        )
    components: Canonical = mixture._components
    if not has_sums(components, Prior()):
        raise NotImplementedError(
            "expected a family whose maximum is a function of sums over rows (Normal, LogNormal, "
            "MultivariateNormal, Poisson, Categorical and others of pathmix's page on fitting), "
            f"got {components.family.name}. Use fit with method=EM(), or Gradient(optimiser, "
            "batch_size=...)."
        )
