"""The cdf of a mixture of scalars of one family, ``Σ_k w_k P(X_k ≤ x)``.

Compilers fuse the sum over components with the cdfs, as a loop inside the one over the points. Of
short cdfs they unroll it, and the points are vectorised; long ones are written out here, some
components at a time, so that there is less to compile.
"""

import math
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation._stages import OF_PAIRS, Stages
from pathmix._evaluation._written_out import stages_of, written_out_of
from pathmix._families import given
from pathmix._layout import is_symbolic
from pathmix._tuning import AT_ONCE, SHARED_BADLY, UNROLLED
from pathmix._typing import Reals, Value
from pathmix._weights import PerWeight, share


def at_once(components: Canonical, x: Value) -> int:
    """Return how many components are written out at a time; 0 if none are."""
    count = components.own_shape[-1]
    size = count * math.prod(x.shape)
    if is_symbolic(size) or size <= SHARED_BADLY[0] or components.family.limit is not None:
        return 0
    stages = stages_of(_cdf, components, x)
    of_pairs = 0 if stages is None else len(stages.of(OF_PAIRS))
    if not of_pairs or UNROLLED[0] < of_pairs <= UNROLLED[1]:
        return 0
    sizes = [n for n in range(2, count + 1) if count % n == 0]
    short = [n for n in sizes if n * of_pairs <= AT_ONCE[0]]
    return max(short) if short else min((n for n in sizes if n * of_pairs <= AT_ONCE[1]), default=0)


def cdf_of_scalars(w: PerWeight, components: Canonical, x: Value) -> Reals:
    """Return ``Σ_k w_k P(X_k ≤ x)``, some components ``at_once``."""
    stages = given(stages_of(_cdf, components, x))
    each, count = at_once(components, x), components.own_shape[-1]
    parameters = components.component_first(x.ndim).parameters
    first = jnp.moveaxis(w, -1, 0)
    if each == count:
        return _sum(stages, parameters, first, x)
    own = [i for i, p in enumerate(parameters) if len(p) > 1]
    cut = lambda t: t.reshape(count // each, each, *t.shape[1:])  # noqa: E731

    def more(total: Reals, some: Any) -> tuple[Reals, None]:
        w, *theirs = some
        mine = dict(zip(own, theirs, strict=True))
        given_to = [mine.get(i, p) for i, p in enumerate(parameters)]
        return total + _sum(stages, given_to, w, x), None

    start = jnp.zeros(x.shape, jnp.result_type(w, components.dtype))
    return lax.scan(more, start, (cut(first), *[cut(parameters[i]) for i in own]))[0]


def _sum(stages: Stages, parameters: Any, w: Array, x: Value) -> Reals:
    terms = written_out_of(stages, parameters, x, len(w))
    return reduce(jnp.add, [share((w[k], term)) for k, (term,) in enumerate(terms)])


@jax.jit
def _cdf(one: Canonical, x: Value) -> Reals:
    return one.family.cdf_at(one.theta, x)
