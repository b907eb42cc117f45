"""One step of EM: memberships of the rows under a mixture, and the best mixture of these.

Which families have closed maxima stands in the tables ``CLOSED`` and ``ORDERED``; normals with
covariances have their own, and every other family takes a step of Newton's method. No step lowers
the log likelihood.
"""

from functools import partial

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax

from pathmix._components import Canonical, places_of, split, which_of
from pathmix._estimation._closed import CLOSED, Closed, solve, sums_of
from pathmix._estimation._expanded import expanded_sums, is_large, middle_of
from pathmix._estimation._factors import maximise_factors
from pathmix._estimation._gaussian import ellipses, maximise, moments
from pathmix._estimation._narrow import few, num_narrow
from pathmix._estimation._newton import newton_step
from pathmix._estimation._ordered import ORDERED, has_order, ordered_step
from pathmix._estimation._parameters import Held, kind_of, leaves, of_leaf
from pathmix._estimation._powers import of_components
from pathmix._estimation._prior import Prior
from pathmix._estimation._student import student_step
from pathmix._estimation._sweep import (
    Model,
    Part,
    Sums,
    Task,
    log_likelihood,
    memberships,
    sweep,
)
from pathmix._typing import Reals
from pathmix._where import where

_GAUSSIAN = (dist.MultivariateNormal, dist.LowRankMultivariateNormal)


def em_step(model: Model, task: Task) -> tuple[Model, Reals]:
    """Return a mixture that is not less likely, and the log posterior of the one before.

    That is ``Σ_n v_n (log f − level)`` and the log density of the prior.
    """
    parameters, counts, gained = _parameters(model, task)
    believed = task.prior.log_density(model.weights, model.components)
    return with_counts(model, parameters, counts, task.held, task.prior), gained + believed


def with_counts(
    model: Model, parameters: tuple[Array, ...], counts: Array, held: Held, prior: Prior
) -> Model:
    """Return the mixture of new parameters, with weights as the components have of the data."""
    counts = prior.of_counts(counts)
    total = jnp.sum(counts)
    weights = where(total > 0, counts / where(total > 0, total, 1.0), model.weights)
    return keep_held(Model(weights, model.components.of(parameters)), model, held)


def keep_held(new: Model, old: Model, held: Held) -> Model:
    """Put back what is held; the weights that are not share what the others leave."""
    pairs = zip(held.parameters, new.components.parameters, old.components.parameters, strict=True)
    parameters = [where(of_leaf(m, q), q, p).astype(q.dtype) for m, p, q in pairs]
    free = where(held.weights, 0.0, new.weights)
    left, total = 1 - jnp.sum(where(held.weights, old.weights, 0.0)), jnp.sum(free)
    shared = where(total > 0, left * free / where(total > 0, total, 1.0), old.weights)
    weights = where(held.weights, old.weights, shared)
    return Model(weights, new.components.of(parameters))


def has_sums(components: Canonical, prior: Prior) -> bool:
    """Whether the maximum is a function of sums over rows."""
    if which_of(components) is not None:
        pairs = zip(split(components), prior.by_family(components), strict=True)
        return all(has_sums(*pair) for pair in pairs)
    if not any(leaf.estimated for leaf in leaves(components)):
        return True
    kind = kind_of(components)
    return (kind in CLOSED or kind in _GAUSSIAN) and not prior.is_general


def row_sums(components: Canonical, part: Part) -> Sums:
    """Return the sums over rows that a closed maximum is a function of; the counts come first."""
    if which_of(components) is not None:
        pairs = zip(split(components), places_of(components), strict=True)
        each = [row_sums(c, Part(part.data, part.shares[_index(at)])) for c, at in pairs]
        return jnp.sum(part.shares, axis=1), each
    return jnp.sum(part.shares, axis=1), _sums_of_family(components, part)


def _sums_of_family(components: Canonical, part: Part) -> Sums:
    if kind_of(components) in _GAUSSIAN:
        return moments(ellipses(components), part.data, part.shares)
    if kind_of(components) in CLOSED:
        return sums_of(_entry(components), _scalars(components), part)
    return ()  # nothing is estimated


def of_sums(
    components: Canonical, sums: Sums, held: Held, prior: Prior, *, with_errors: bool = False
) -> tuple[Array, ...]:
    """Return the parameters that the sums have."""
    if which_of(components) is not None:
        beliefs = prior.by_family(components)
        each = zip(split(components), sums[1], _held_of(components, held), beliefs, strict=True)
        return _joined(components, [of_sums(*own) for own in each])
    if kind_of(components) is dist.MultivariateNormal:
        return maximise(ellipses(components), sums[1], held, prior, with_errors=with_errors)
    if kind_of(components) is dist.LowRankMultivariateNormal:
        return maximise_factors(components, sums[1], held)
    if kind_of(components) in CLOSED:
        return solve(_entry(components), _scalars(components), sums[1], held)
    return components.parameters


def recentred(sums: Sums, old: Canonical, new: Canonical) -> Sums:
    """Return sums about the locations of ``old`` as they are about those of ``new``."""
    counts, inner = sums
    if which_of(old) is not None:
        each = zip(inner, split(old), split(new), strict=True)
        return counts, [recentred(*own) for own in each]
    if kind_of(old) in _GAUSSIAN:
        return counts, inner.about(ellipses(new).loc - ellipses(old).loc)
    move = _entry(old).recentred if kind_of(old) in CLOSED else None
    if move is None:
        return sums
    before, after = _scalars(old).parameters, _scalars(new).parameters
    return counts, move(inner, before, after)


def _parameters(model: Model, task: Task) -> tuple[tuple[Array, ...], Array, Reals]:
    components = model.components
    kind = kind_of(components)
    if has_sums(components, task.prior):
        sums, gained = _sums(model, task)
        noisy = task.data.noise is not None or task.data.projection is not None
        parameters = of_sums(components, sums, task.held, task.prior, with_errors=noisy)
        return parameters, sums[0], gained
    if which_of(components) is not None:
        return _by_family(model, task)
    if not task.prior.is_general:
        if kind in ORDERED and has_order(kind, _scalars(components)):
            return ordered_step(model, task, _scalars(components))
        if kind is dist.MultivariateStudentT:
            return student_step(model, task)
    return newton_step(model, task)


def _sums(model: Model, task: Task) -> tuple[Sums, Reals]:
    """The sums of all rows, and their log likelihood."""

    def each() -> tuple[Sums, Reals]:
        return sweep(lambda part: row_sums(model.components, part), model, task)

    if not is_large(model.components, task.data):
        return each()
    own, most = of_components(model.components), few(model.components)
    narrow = num_narrow(model, own, middle_of(model, task))
    return lax.cond(narrow <= most, partial(expanded_sums, model, task, narrow), each)


def _by_family(model: Model, task: Task) -> tuple[tuple[Array, ...], Array, Reals]:
    """Of components of several families: the memberships of all, and then family by family."""
    components, rows = model.components, task.data
    share, total = memberships(model, rows)
    gained = log_likelihood(rows, total, task.level)
    found, counts = [], jnp.zeros(len(share), share.dtype)
    families = zip(
        split(components),
        places_of(components),
        _held_of(components, task.held),
        task.prior.by_family(components),
        strict=True,
    )
    for family, at, held, prior in families:
        mine = _index(at)
        own = Task(rows._replace(shares=share[mine].T, labels=None), held, prior, task.level)
        parameters, count, _ = _parameters(Model(model.weights[mine], family), own)
        found.append(parameters)
        counts = counts.at[mine].set(count)
    return _joined(components, found), counts, gained


def _index(places: tuple[int, ...]) -> np.ndarray:
    return np.asarray(places)


def _held_of(components: Canonical, held: Held) -> list[Held]:
    """What is held, family by family."""
    out, rest = [], held.parameters[1:]
    for family, at in zip(split(components), places_of(components), strict=True):
        mine, size = _index(at), len(family.parameters)
        known = tuple(mask if jnp.ndim(mask) == 0 else mask[mine] for mask in rest[:size])
        out.append(Held(known, held.weights[mine]))
        rest = rest[size:]
    return out


def _joined(components: Canonical, found: list[tuple[Array, ...]]) -> tuple[Array, ...]:
    """The parameters of all components, of those of each family.

    What components have of other families is not looked at, and stays as it is.
    """
    new, old = list(components.parameters[:1]), list(components.parameters[1:])
    for own, at in zip(found, places_of(components), strict=True):
        new += [
            p if len(before) == 1 else before.at[_index(at)].set(p.astype(before.dtype))
            for before, p in zip(old[: len(own)], own, strict=True)
        ]
        old = old[len(own) :]
    return tuple(new)


def _entry(components: Canonical) -> Closed:
    return CLOSED[kind_of(components)]


def _scalars(components: Canonical) -> Canonical:
    scalars = components.factors()
    assert scalars is not None
    return scalars
