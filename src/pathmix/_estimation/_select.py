"""How many components, of which kind: fits of all, and criteria side by side.

All numbers of components of a kind are fitted by one compiled program: those with fewer are filled
up with components without weight, which nothing comes of.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array

from pathmix._checks import is_concrete, require_counts
from pathmix._components import Canonical
from pathmix._estimation._beliefs import read_prior
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._em import EM
from pathmix._estimation._faults import is_flat
from pathmix._estimation._parameters import leaves, read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._result import Fit, result
from pathmix._estimation._runs import BEST, SHORT, at, go_on, ranked
from pathmix._estimation._start import components_of, starts_of
from pathmix._estimation._structure import Structure
from pathmix._estimation._sweep import Model, Task
from pathmix._estimation._totals import Totals, totals_of
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Flags

_CRITERIA = ("aic", "bic", "icl")
_METHOD = EM()


class Selection(NamedTuple):
    """What :func:`select` found: a table, which ``print`` shows, and the fit of its best row.

    Example:
        >>> import jax, numpy as np, numpyro.distributions as dist
        >>> from pathmix import select
        >>> counts = np.array([0, 1, 1, 2, 0, 1, 9, 11, 10, 12])
        >>> chosen = select(dist.Poisson, counts, range(1, 3), key=jax.random.key(0))
        >>> chosen.table["bic"].round(1)
        array([83. , 50.8])
        >>> chosen.best.mixture.num_components
        2
    """

    best: Fit
    """The fit of the best row."""
    table: dict[str, np.ndarray]
    """Columns of equal length: ``name``, ``k``, ``log_likelihood``, ``num_parameters``, ``aic``,
    ``bic``, ``icl``, ``converged``, and ``degenerate``, how many components are."""
    criterion: str
    """By which column the best was chosen."""

    @property
    def row(self) -> int:
        """The best row: the least criterion among those without degenerate components, if any."""
        return _best(self.table, self.criterion)

    def __repr__(self) -> str:
        columns = {
            "name": "{}", "k": "{}", "log_likelihood": "{:.3f}", "num_parameters": "{}",
            "aic": "{:.2f}", "bic": "{:.2f}", "icl": "{:.2f}", "degenerate": "{}",
        }  # fmt: skip
        lines = [[name.replace("_", " ") for name in columns] + [""]]
        for i in range(len(self.table["k"])):
            cells = [form.format(self.table[name][i]) for name, form in columns.items()]
            mark = (
                "best" if i == self.row else "" if self.table["converged"][i] else "not converged"
            )
            lines.append([*cells, mark])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        put = lambda cells: "  ".join(  # noqa: E731
            c.ljust(w) if j in (0, len(widths) - 1) else c.rjust(w)
            for j, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "\n".join(put(cells).rstrip() for cells in lines)


def select(
    families: Any,
    data: Any,
    k: Any = range(1, 10),
    *,
    key: Array,
    criterion: str = "bic",
    weights: Any = None,
    prior: Any = None,
    num_starts: int = 10,
    missing: bool | None = None,
    max_steps: int = 1000,
    tolerance: float = 1e-8,
) -> Selection:
    """Fit mixtures of several families and numbers of components, and say which one is best.

    Fits with degenerate components are in the table, but are not the best: their likelihood rests
    on a few points. Whether chance gains as much, :func:`likelihood_ratio_test` asks.

    Args:
        families: By name: a family as :func:`start` takes it, or a tuple of one and a structure,
            ``{"full": dist.MultivariateNormal, "tied": (dist.MultivariateNormal, Tied())}``. A
            family alone is named after its class.
        data: Rows ``n *event``; NaN for a missing entry.
        k: The numbers of components, an iterable of integers, or one.
        key: A ``jax.random.key``, for the starts.
        criterion: ``"bic"``, ``"aic"`` or ``"icl"``; the smaller, the better.
        weights: How often each row counts, ``n``.
        prior: As in :func:`fit`, for each of the fits, or priors by the names of the families. The
            criteria then have the likelihood at the mode of the posterior, without the prior's
            density (Fraley & Raftery 2007, "Bayesian regularization for normal mixture estimation
            and model-based clustering", for BIC).
        num_starts: How many starts of each; each takes a few steps, the best three go on.
        missing: Whether entries are missing.
        max_steps: As in :func:`fit`.
        tolerance: As in :func:`fit`.

    Raises:
        TypeError: An entry is no family, or its structure none, or a prior no distribution.
        ValueError: The criterion is not known, a number of components or of starts is none, the
            data are impossible under all that was tried, or a prior does not fit all the mixtures.

    Example:
        >>> import jax, numpy as np, numpyro.distributions as dist
        >>> from pathmix import select
        >>> rng = np.random.default_rng(0)
        >>> counts = np.concatenate([rng.poisson(2, 60), rng.poisson(20, 40)])
        >>> chosen = select(dist.Poisson, counts, range(1, 4), key=jax.random.key(0))
        >>> chosen.table["k"][chosen.row]
        np.int64(2)
    """
    if not is_concrete(data, weights):
        raise TypeError(
            "expected data that are known for select, which compares fits, got traced ones. Use it "
            "outside of jit."
        )
    named = families if isinstance(families, Mapping) else {_name(families): families}
    counts = _check(named, k, criterion, num_starts)
    found = []
    for i, (name, entry) in enumerate(named.items()):
        family, structure = entry if isinstance(entry, tuple) else (entry, Structure())
        components = components_of(family, data, max(counts), structure)
        rows = read_data(components, data, weights, None, None, None, missing=missing)
        priors = [_prior(prior, name, named, components, rows, n) for n in counts]
        keys = jax.random.split(jax.random.fold_in(key, i), num_starts)
        models = _starts(keys, components, rows, jnp.asarray(counts), structure)
        fits = best_of(models, components, rows, priors, max_steps, tolerance)
        found += [Found(name, n, one) for n, one in zip(counts, _apart(fits), strict=True)]
    lines = [one.row() for one in found]
    table = {column: np.array([line[column] for line in lines]) for column in lines[0]}
    return Selection(found[_best(table, criterion)].fit(), table, criterion)


class Ended(NamedTuple):
    """A run at its end, with components without weight; or several, with a first axis."""

    state: Any
    totals: Totals
    flat: Flags


def _apart(ended: Ended) -> list[Ended]:
    """One by one, as NumPy's arrays: what follows are small sums and slices."""
    there = jax.device_get(ended)
    return [at(there, j) for j in range(len(there.state.step))]


class Found(NamedTuple):
    """A fit of so many components."""

    name: str
    k: int
    ended: Ended

    def row(self) -> dict[str, Any]:
        """Return its line in the table."""
        totals, p = self.ended.totals, self._num_parameters()
        likely, entropy, size = (
            float(t) for t in (totals.log_likelihood, totals.entropy, totals.size)
        )
        bic = p * np.log(size) - 2 * likely
        return {
            "name": self.name,
            "k": self.k,
            "log_likelihood": likely,
            "num_parameters": p,
            "aic": 2 * p - 2 * likely,
            "bic": bic,
            "icl": bic + 2 * entropy,
            "converged": bool(self.ended.state.converged),
            "degenerate": int(np.sum(self.ended.flat[: self.k])),
        }

    def fit(self) -> Fit:
        """Return it without the components that have no weight."""
        model = self._model()
        weights = dist.Categorical(probs=model.weights, validate_args=False)
        mixture = MixtureSameFamily(weights, model.components.distribution)
        totals = self.ended.totals
        totals = totals._replace(counts=totals.counts[: self.k])
        return result(mixture, model, totals, self._num_parameters(), self.ended.state)

    def _model(self) -> Model:
        model, k = self.ended.state.best, self.k
        parameters = [p[:k] if len(p) > 1 else p for p in model.components.parameters]
        return Model(model.weights[:k], model.components.of(parameters))

    def _num_parameters(self) -> int:
        components = self._model().components
        if components.own_shape[-1] != self.k:  # all parameters are shared
            return read_fixed(None, components).free(components) + self.k - 1
        return read_fixed(None, components).free(components)


def best_of(
    models: Model,
    components: Canonical,
    rows: Data,
    priors: list[Prior],
    max_steps: int,
    tolerance: float,
) -> Ended:
    """Return the best run of each of several problems, ``problems starts``: all are run together.

    As in :func:`fit`, each start takes a few steps, and the best ones go on to the end.
    """
    held = jax.tree.map(jnp.asarray, read_fixed(None, components))
    prior, own = _together(priors)
    task = Task(rows, held, prior, jnp.zeros((), rows.x.dtype))
    axes = Task(None, None, own, None)  # type: ignore[arg-type]
    bound = jnp.asarray(tolerance, rows.x.dtype)
    go = partial(go_on, task=task, method=_METHOD, bound=bound, progress=None, axes=axes)
    states = _begin(models, max_steps)
    if len(states) > BEST:
        states = _best_first([go(s, steps=SHORT) for s in states], task, BEST)
    best = _best_first([go(s, steps=max_steps) for s in states], task, 1)[0]
    return Ended(best, *_counted(best, rows))


def _prior(
    prior: Any, name: str, named: Mapping[str, Any], components: Canonical, rows: Data, n: int
) -> Prior:
    """What is believed of the first ``n`` components of an entry."""
    if isinstance(prior, Mapping) and prior and set(prior) <= set(named):
        prior = prior.get(name)
    return read_prior(prior, components, tuple(x.name for x in leaves(components)), rows, n)


def _together(priors: list[Prior]) -> tuple[Prior, Any]:
    """The priors of several problems as one, and which of its parts are each problem's own."""
    first = priors[0]
    each = [one._replace(parameters=()) for one in priors]
    stacked: Prior = jax.tree.map(lambda *t: jnp.stack(t), *each)
    axes: Any = Prior(*(None if part is None else 0 for part in each[0]))  # type: ignore[arg-type]
    whole, shared = stacked._replace(parameters=first.parameters), {"parameters": None}
    return whole, axes._replace(**shared)


# Compiled as wholes, for else each slice of each array would be a program of its own.


@partial(jax.jit, static_argnames="max_steps")
def _begin(models: Model, max_steps: int) -> list[Any]:
    """States before the first step, of all problems, one for each start."""
    states = jax.vmap(jax.vmap(lambda m: _METHOD.begin(m, max_steps)))(models)
    return [at(states, (slice(None), j)) for j in range(models.weights.shape[1])]


@partial(jax.jit, static_argnames="count")
def _best_first(states: list[Any], task: Task, count: int) -> list[Any]:
    """The ``count`` most likely states of each problem."""
    stacked = jax.tree.map(lambda *t: jnp.stack(t, axis=1), *states)
    best = jax.vmap(lambda s: at(s, ranked(s, task)[:count]))(stacked)
    return [at(best, (slice(None), i)) for i in range(count)]


@jax.jit
def _counted(states: Any, rows: Data) -> tuple[Totals, Flags]:
    totals = jax.vmap(totals_of, (0, None))(states.best, rows)
    return totals, jax.vmap(lambda s, t: is_flat(s.best, t.spread()) | s.flat)(states, totals)


@partial(jax.jit, static_argnames="structure")
def _starts(
    keys: Array, components: Canonical, rows: Data, counts: Array, structure: Structure
) -> Model:
    """Starts of each number of components, ``problems starts``."""
    return jax.vmap(lambda n: starts_of(keys, components, rows, n, structure))(counts)


def _best(table: dict[str, np.ndarray], criterion: str) -> int:
    possible = np.isfinite(table[criterion])
    if not possible.any():
        raise ValueError(
            "expected data that are possible under some of the mixtures, got a likelihood of zero, "
            "or an infinite one, under all. Look for constant columns and values off the supports."
        )
    sound = possible & (table["degenerate"] == 0)
    return int(np.argmin(np.where(sound if sound.any() else possible, table[criterion], np.inf)))


def _name(family: Any) -> str:
    family = family[0] if isinstance(family, tuple) else family
    return str(getattr(family, "__name__", type(family).__name__))


def _check(named: Mapping[str, Any], k: Any, criterion: Any, num_starts: Any) -> list[int]:
    """The numbers of components, after a look at what else was given."""
    if not named:
        raise ValueError("expected at least one family to select from, got none.")
    if criterion not in _CRITERIA:
        raise ValueError(
            f"expected criterion to be one of {', '.join(_CRITERIA)}, got {criterion!r}."
        )
    for name, entry in named.items():
        if isinstance(entry, tuple) and not (len(entry) == 2 and isinstance(entry[1], Structure)):
            raise TypeError(
                f"expected {name!r} to be a family, or a tuple of one and a structure such as "
                f"Tied(), got {entry!r}."
            )
    require_counts(num_starts=num_starts)
    counts = [k] if isinstance(k, int | np.integer) else list(k)
    if not counts or any(not isinstance(n, int | np.integer) or n < 1 for n in counts):
        raise ValueError(f"expected numbers of components, integers ≥ 1, in k, got {k!r}.")
    return [int(n) for n in counts]
