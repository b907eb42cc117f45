"""Is one component more worth having? The likelihood ratio, against what chance makes of it.

Twice the log likelihood that one more component gains has no known law: the smaller mixture lies
at an edge of the larger one's parameters. Its law under the smaller one is found by drawing from
that, and by fitting both to each such sample (McLachlan 1987).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float

from pathmix._checks import is_concrete, require_counts
from pathmix._components import Canonical
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._em import EM
from pathmix._estimation._nearest import nearest_of
from pathmix._estimation._parameters import read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._progress import over_blocks
from pathmix._estimation._runs import run
from pathmix._estimation._start import starts_of
from pathmix._estimation._structure import Structure
from pathmix._estimation._sweep import Model, Task
from pathmix._estimation._template import components_of
from pathmix._estimation._totals import totals_of
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Reals


class LikelihoodRatioTest(NamedTuple):
    """What :func:`likelihood_ratio_test` found of ``k`` components against ``k + 1``.

    Example:
        >>> import numpy as np
        >>> from pathmix import LikelihoodRatioTest
        >>> LikelihoodRatioTest(1, 9.0, np.array([1.0, 0.2, 11.0])).p_value
        0.5
    """

    k: int
    """The smaller number of components, which chance is tried with."""
    statistic: float
    """Twice the log likelihood that one more component gains."""
    samples: Float[np.ndarray, " samples"]
    """The same of samples from the fitted mixture of ``k`` components."""

    @property
    def p_value(self) -> float:
        """How often chance gains as much: ``(1 + #{samples ≥ statistic}) / (1 + samples)``.

        A sample whose fit failed counts as one that gained more.
        """
        as_large = int(np.sum(~(self.samples < self.statistic)))
        return (1 + as_large) / (1 + len(self.samples))

    def __repr__(self) -> str:
        return (
            f"LikelihoodRatioTest({self.k} against {self.k + 1} components: "
            f"statistic={self.statistic:.4g}, p_value={self.p_value:.3g}, "
            f"{len(self.samples)} samples)"
        )


def likelihood_ratio_test(
    family: Any,
    data: Any,
    k: Any,
    *,
    key: Array,
    structure: Structure | None = None,
    num_samples: Any = 99,
    num_starts: Any = 10,
    missing: bool | None = None,
    max_steps: Any = 1000,
    tolerance: float = 1e-8,
    progress: bool | None = None,
) -> LikelihoodRatioTest:
    """Test ``k`` components against ``k + 1``, by a parametric bootstrap.

    It costs ``2 (num_samples + 1)`` fits of ``num_starts`` starts each, by one compiled program.

    Args:
        family: As :func:`start` takes it.
        data: Rows ``n *event``; NaN for a missing entry, which the samples then miss, too.
        k: The number of components that is doubted.
        key: A ``jax.random.key``, for starts and samples.
        structure: What the components share: ``Tied()`` or ``Spherical()``; nothing by default.
        num_samples: How many samples; no p-value is less than ``1 / (num_samples + 1)``.
        num_starts: How many starts of each fit, of the data and of the samples alike.
        missing: Whether entries are missing.
        max_steps: As in :func:`fit`.
        tolerance: As in :func:`fit`.
        progress: Whether to show a bar; by default, if it takes longer than two seconds.

    Raises:
        TypeError: The data are traced, or ``family`` is none.
        ValueError: The data do not fit the family, or are fewer than ``k + 1``.

    Example:
        >>> import jax, numpy as np, numpyro.distributions as dist
        >>> from pathmix import likelihood_ratio_test
        >>> rng = np.random.default_rng(0)
        >>> counts = np.concatenate([rng.poisson(2, 60), rng.poisson(20, 40)])
        >>> found = likelihood_ratio_test(
        ...     dist.Poisson, counts, 1, key=jax.random.key(0), num_samples=19
        ... )
        >>> found.p_value
        0.05
    """
    if not is_concrete(data):
        raise TypeError(
            "expected data that are known for likelihood_ratio_test, got traced ones. Use it "
            "outside of jit."
        )
    require_counts(k=k, num_starts=num_starts, num_samples=num_samples, max_steps=max_steps)
    structure = structure or Structure()
    fewer, more = (components_of(family, data, int(n), structure) for n in (k, k + 1))
    rows = read_data(more, data, None, None, None, None, missing=missing)
    key, own = jax.random.split(key)
    gain = partial(
        _gain,
        fewer=fewer,
        more=more,
        structure=structure,
        num_starts=int(num_starts),
        max_steps=max_steps,
        tolerance=jnp.asarray(tolerance, rows.x.dtype),
    )
    statistic, null = gain(own, rows)
    if not np.isfinite(statistic):
        raise ValueError(
            "expected data that are possible under mixtures of the family, got a likelihood of "
            "zero, or an infinite one. Look for constant columns and values off the support."
        )
    samples = []
    for mine in over_blocks(jax.random.split(key, num_samples), num_samples, shown=progress):
        samples.append(float(gain(mine, _drawn(mine, null, rows))[0]))
    return LikelihoodRatioTest(int(k), float(statistic), np.array(samples))


@jax.jit
def _drawn(key: Array, null: Model, rows: Data) -> Data:
    """As many rows of the mixture; what was missing is missing."""
    weights = dist.Categorical(probs=null.weights, validate_args=False)
    mixture = MixtureSameFamily(weights, null.components.distribution)
    x = mixture.sample(jax.random.fold_in(key, 1), (len(rows.x),))
    return rows._replace(x=x.astype(rows.x.dtype))


@partial(jax.jit, static_argnames=("structure", "num_starts", "max_steps"))
def _gain(
    key: Array,
    rows: Data,
    *,
    fewer: Canonical,
    more: Canonical,
    structure: Structure,
    num_starts: int,
    max_steps: int,
    tolerance: Reals,
) -> tuple[Reals, Model]:
    """Twice the log likelihood that one more component gains, and the mixture without it."""

    def best(components: Canonical) -> tuple[Reals, Model]:
        k = components.own_shape[-1]
        nearest = nearest_of(key, rows, jnp.asarray(k), k, num_starts)
        models = starts_of(nearest, components, rows, jnp.asarray(k), structure)
        held = jax.tree.map(jnp.asarray, read_fixed(None, components))
        task = Task(rows, held, Prior(), jnp.zeros((), rows.x.dtype))
        found = run(models, task, EM(), max_steps, tolerance, progress=False).best
        return totals_of(found, rows).log_likelihood, found

    (less, null), (greater, _) = best(fewer), best(more)
    return 2 * (greater - less), null
