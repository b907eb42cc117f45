"""How many components, of which kind: fits of all, and criteria side by side."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax import Array

from pathmix._checks import is_concrete, require_counts
from pathmix._components import Canonical
from pathmix._estimation._beliefs import read_prior
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._parameters import leaves
from pathmix._estimation._prior import Prior
from pathmix._estimation._selection import Found, Selection, selection
from pathmix._estimation._structure import Structure
from pathmix._estimation._template import components_of
from pathmix._estimation._together import best_of

_CRITERIA = ("aic", "bic", "icl")


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
        own = jax.random.fold_in(key, i)
        fits = best_of(
            own, components, rows, priors, counts, structure, num_starts, max_steps, tolerance
        )
        found += [Found(name, n, one) for n, one in zip(counts, fits, strict=True)]
    return selection(found, criterion)


def _prior(
    prior: Any, name: str, named: Mapping[str, Any], components: Canonical, rows: Data, n: int
) -> Prior:
    """What is believed of the first ``n`` components of an entry."""
    if isinstance(prior, Mapping) and prior and set(prior) <= set(named):
        prior = prior.get(name)
    return read_prior(prior, components, tuple(x.name for x in leaves(components)), rows, n)


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
