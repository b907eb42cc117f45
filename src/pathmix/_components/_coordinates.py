"""Some coordinates of the components: their margins, and their conditionals given the others."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax

from pathmix._components._canonical import Canonical
from pathmix._components._gaussian import NORMAL, STUDENT_T, beside, components_of, kind_of
from pathmix._components._groups import joined, regrouped, split, which_of
from pathmix._components._opaque import Opaque
from pathmix._components._recipes import Factorised
from pathmix._families import Axes, LowRank, MultivariateStudentT, conditional_of, margin_of
from pathmix._special import lower_factor
from pathmix._typing import Value

_ELLIPTICAL = dist.MultivariateNormal, dist.LowRankMultivariateNormal, dist.MultivariateStudentT


def splits(components: Canonical) -> bool:
    """Whether margins and conditionals of vectors are known, of all families."""
    if components.factors() is not None:
        return True
    if which_of(components) is not None:
        return all(map(splits, split(components)))
    return kind_of(components) in _ELLIPTICAL


def margin(components: Canonical, axes: Axes) -> Canonical:
    """Return the components of some coordinates, in their order."""
    return _of_each(lambda group: _margin(group, axes), components)


def scalar_margin(components: Canonical, axis: int) -> Canonical:
    """Return the scalar components of one coordinate."""
    return _of_each(lambda group: _scalar_margin(group, axis), components)


def conditional(components: Canonical, known: Axes, x: Value) -> Canonical:
    """Return the components of all other coordinates given the known ones, ``*batch known``.

    ``x`` has the batch of the result.
    """
    return _of_each(lambda group: _conditional(group, known, x), components)


def _of_each(fn: Callable[[Canonical], Canonical], components: Canonical) -> Canonical:
    """``fn`` of the components of each family, of which some may become one and the same."""
    which = which_of(components)
    if which is None or components.factors() is not None:
        return fn(components)
    return joined(*regrouped([fn(group) for group in split(components)], which))


def _margin(components: Canonical, axes: Axes) -> Canonical:
    if components.factors() is not None:
        return _chosen(components, axes, components.expanded)
    theta = margin_of(components.theta, axes)
    return components_of(components.recipe, _arrays(theta), (len(axes),), components.batch_shape)


def _scalar_margin(components: Canonical, axis: int) -> Canonical:
    one, scalars = _margin(components, (axis,)), components.factors()
    if scalars is not None:
        taken = one.factors()
        assert taken is not None
        parameters = taken.map(lambda p, n: jnp.squeeze(p, p.ndim - n - 1)).parameters
        return components_of(
            scalars.recipe, parameters, (), one.batch_shape, is_discrete=one.is_discrete
        )
    theta = one.theta
    if isinstance(theta, LowRank):
        root = beside(theta.cov_factor, jnp.sqrt(theta.cov_diag)[..., None])
        scale = lower_factor(root)[..., 0, 0]
        return components_of(NORMAL, (theta.loc[..., 0], scale), (), one.batch_shape)
    loc, scale = theta.loc[..., 0], theta.scale_tril[..., 0, 0]
    if isinstance(theta, MultivariateStudentT):
        return components_of(STUDENT_T, (theta.df, loc, scale), (), one.batch_shape)
    return components_of(NORMAL, (loc, scale), (), one.batch_shape)


def _conditional(components: Canonical, known: Axes, x: Value) -> Canonical:
    rest = tuple(i for i in range(components.event_shape[0]) if i not in known)
    shape = (*x.shape[:-1], components.batch_shape[-1])
    if components.factors() is not None:
        chosen = _chosen(components, rest, ())
        return components_of(
            chosen.recipe,
            chosen.parameters,
            chosen.event_shape,
            lax.broadcast_shapes(shape, components.batch_shape),
            is_discrete=components.is_discrete,
        )
    theta = conditional_of(components.theta, known, rest, x)
    return components_of(components.recipe, _arrays(theta), (len(rest),), shape)


def _chosen(components: Canonical, axes: Axes, expanded: Any) -> Canonical:
    """Independent coordinates; a parameter that they share has an axis of size one."""
    scalars = components.factors()
    assert scalars is not None
    assert not isinstance(scalars.recipe, Opaque)

    def pick(p: Array, n: int) -> Array:
        axis = p.ndim - n - 1
        return p if p.shape[axis] == 1 else jnp.take(p, np.array(axes), axis=axis)

    return Canonical(
        Factorised(scalars.recipe, 1),
        scalars.map(pick).parameters,
        (len(axes),),
        expanded,
        is_discrete=components.is_discrete,
    )


def _arrays(theta: Any) -> tuple[Array, ...]:
    """The parameters of an elliptical family, without what was worked out from them."""
    return tuple(p for name, p in theta._asdict().items() if name != "inverse")
