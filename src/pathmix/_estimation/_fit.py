"""Fitting a mixture to data."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._checks import is_concrete, require, require_counts
from pathmix._components import Canonical
from pathmix._estimation._beliefs import read_prior
from pathmix._estimation._compiling import is_little
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._em import EM
from pathmix._estimation._gradient import Gradient
from pathmix._estimation._implicit import at_fixed_point
from pathmix._estimation._online import OnlineEM, fit_online
from pathmix._estimation._parameters import leaves, read_fixed
from pathmix._estimation._result import Fit, result
from pathmix._estimation._runs import run
from pathmix._estimation._sweep import Model, Task, memberships
from pathmix._estimation._totals import totals_of
from pathmix._mixture import MixtureSameFamily, working


def fit(
    mixture: Any,
    data: Any,
    *,
    weights: Any = None,
    method: Any = EM(),  # noqa: B008, a frozen value
    prior: Any = None,
    fixed: Any = None,
    labels: Any = None,
    noise: Any = None,
    projection: Any = None,
    missing: bool | None = None,
    max_steps: int = 1000,
    tolerance: float = 1e-8,
    progress: bool | None = None,
) -> Fit:
    """Return the mixture that makes data most likely, near ``mixture``, and how it was found.

    The mixture is the start and the model in one: its family, its number of components, and what
    these share. ``Normal(...).to_event(1)`` has diagonal covariances, with a ``scale`` of shape
    ``(k, 1)`` spherical ones; a ``MultivariateNormal`` with one ``scale_tril``, of shape
    ``(d, d)``, has a tied one. Of a batch of mixtures, as :func:`start` makes of several starts,
    each takes a few steps, the best three go on to the end, and the best one is returned.

    It works under ``jax.jit`` and ``jax.vmap``, where a thousand small fits are one call. The
    estimate differentiates in ``data`` and ``weights``, as what it is: a fixed point. A mixture in
    half precision is fitted, and returned, in float32.

    Args:
        mixture: Where to start, without a batch, or with one axis of different starts. With
            :class:`OnlineEM` also the :class:`OnlineState` in which a fit was cut off.
        data: Rows ``n *event``. A NaN is a missing entry, and marginalised exactly.
        weights: How often each row counts, ``n``; whole numbers are repetitions.
        method: How: :class:`EM`, :class:`Gradient`, or :class:`OnlineEM` for data in blocks.
        prior: What is believed beforehand: a :class:`ConjugateNormal`, or distributions by the
            names of parameters, a Dirichlet for ``"weights"`` and a ConjugateNormal for
            ``"components"`` among them. The estimate is then the mode of the posterior. A
            distribution without a batch is that of each component's parameter. Where several
            families have a parameter of one name, it goes by the family's too: ``"Gamma.rate"``.
        fixed: What stays as it is: names of parameters, or ``"weights"``, with True, or a truth
            value for each component; ``"components"`` with a list of whole components.
        labels: The component of each row, an integer; −1 where it is not known.
        noise: Measurement errors of MultivariateNormal components' values: standard deviations
            ``n d``, or covariances ``n d d``.
        projection: Matrices ``n m d`` of what was measured of each value; rows are ``n m`` then.
        missing: Whether entries are missing, where that cannot be seen, under jit.
        max_steps: When to stop in any case.
        tolerance: When to stop: what is left to gain, as estimated, for each observation.
        progress: Whether to show a bar; ``None`` shows one for what takes long, outside of jit.

    Raises:
        TypeError: ``mixture`` is no mixture, or a prior no distribution.
        ValueError: The data do not fit the mixture, are infinite, fewer than components, or
            impossible under it; weights are negative or all zero.
        NotImplementedError: Missing entries in a family whose margins are not known.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, fit
        >>> waiting = jnp.array([54.0, 51.0, 55.0, 53.0, 79.0, 85.0, 88.0, 81.0, 78.0])
        >>> start = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.Normal(jnp.array([50.0, 80.0]), jnp.array([10.0, 10.0])),
        ... )
        >>> found = fit(start, waiting)
        >>> print(found.mixture.components_distribution.loc.round(2))
        [53.25 82.2 ]
    """
    if isinstance(method, OnlineEM):
        given = {"labels": labels, "noise": noise, "projection": projection}
        _check_online({name: value for name, value in given.items() if value is not None})
        return fit_online(mixture, data, method, weights, fixed, prior, progress=progress)
    _check(mixture, method, max_steps, tolerance)
    mixture = working(mixture)
    components = mixture._components
    inner = mixture if not mixture.batch_shape else mixture[0]
    _check_columns(components)
    held = read_fixed(fixed, inner._components)
    names = tuple(leaf.name for leaf in leaves(components))
    rows = read_data(inner._components, data, weights, labels, noise, projection, missing=missing)
    believed = read_prior(prior, inner._components, names, rows)
    task = Task(rows, jax.tree.map(jnp.asarray, held), believed, jnp.zeros((), rows.x.dtype))
    model = Model(mixture._weights.values(), components)
    if mixture.batch_shape:
        model = _spread(model, mixture.batch_shape[0])
    state = run(model, task, method, max_steps, tolerance, progress=progress)
    stopped = jax.lax.stop_gradient(_likely(state, rows))
    found = at_fixed_point(stopped.best, task)
    little = is_little(rows.x.size * found.weights.size, found, rows)
    totals = totals_of(found, rows, little=little)
    return result(inner, found, totals, held.free(inner._components), stopped)


def _spread(model: Model, count: int) -> Model:
    """The same with all that starts share repeated."""
    return jax.tree.map(lambda p: jnp.broadcast_to(p, (count, *p.shape[1:])), model)


def _check(mixture: Any, method: Any, max_steps: Any, tolerance: Any) -> None:
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(
            f"expected a pathmix.MixtureSameFamily to start from, got {type(mixture).__name__}. "
            "pathmix.start(family, data, k, key=key) makes one."
        )
    if len(mixture.batch_shape) > 1:
        raise ValueError(
            "expected a mixture without a batch, or one axis of starts, got batch shape "
            f"{mixture.batch_shape}. Fit each with jax.vmap."
        )
    if not isinstance(method, EM | Gradient):
        raise TypeError(
            "expected method to be EM(), Gradient(optimiser) or OnlineEM(), got "
            f"{type(method).__name__}."
        )
    require_counts(max_steps=max_steps)
    if is_concrete(tolerance) and not tolerance >= 0:
        raise ValueError(f"expected tolerance ≥ 0, got {tolerance!r}.")


def _check_columns(components: Canonical) -> None:
    for leaf, p in zip(leaves(components), components.parameters, strict=True):
        known = leaf.name.endswith("cov_factor") and is_concrete(p)
        if known and np.any(np.all(np.asarray(p) == 0, axis=-2)):
            raise ValueError(
                "expected columns of cov_factor that are not zero to start from, as EM leaves "
                "those as they are, got some. pathmix.start with structure=LowRank(rank) makes "
                "others."
            )


def _check_online(given: dict[str, Any]) -> None:
    if given:
        raise NotImplementedError(
            f"expected no {', '.join(given)} with OnlineEM, got some. Use method=EM() for data in "
            "memory."
        )


def _likely(state: Any, rows: Data) -> Any:
    """The state, if the data were possible from the start; else say which rows were not."""
    value = state.value
    if is_concrete(value) and not bool(jnp.isfinite(value)):
        total = memberships(state.best, rows)[1].value
        bad = np.flatnonzero(~np.isfinite(np.asarray(total)) & (np.asarray(rows.weights) > 0))
        more = ", …" if len(bad) > 5 else ""
        raise ValueError(
            "expected data that are possible under the start, got a likelihood of zero, or an "
            f"infinite one, in rows {', '.join(map(str, bad[:5]))}{more}. Start elsewhere, or fit "
            "a family whose support has them."
        )
    return require(state, jnp.isfinite(value), "expected a start under which data are possible.")
