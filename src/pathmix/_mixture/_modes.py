"""Modes of mixtures: ascents of the density from every component, and what moves them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix import _evaluation
from pathmix._components import Canonical
from pathmix._mixture._ascent import ascend, expansion, rounding, solve
from pathmix._mixture._errors import check_no_atoms, no_modes_of_vectors
from pathmix._mixture._modes_of_counts import count_modes
from pathmix._mixture._starts import (
    MOST_IN_PAIRS,
    Chart,
    between,
    centres,
    fixed_points,
    is_flat,
)
from pathmix._mixture._valleys import distinct
from pathmix._rules import custom_jvp
from pathmix._typing import Flags, Reals, Value
from pathmix._weights import Weights
from pathmix._where import where

_ATOMS = (
    "A probability does not compare with a density: take the place of the heaviest point mass, or "
    "the mode of a mixture of the other components."
)


class Modes(NamedTuple):
    """Modes of a mixture, the highest first. How many there are is known when a program runs.

    ``mixture.modes()`` returns as many entries as it made ascents, so that shapes are known under
    jit. Of one mixture ``m.value[m.is_mode]`` are its modes.
    """

    value: Any
    """``*batch entries *event``; entries that are no mode, or one again, come last."""
    log_prob: Reals
    """The log density there, ``*batch entries``."""
    is_mode: Flags
    """Which entries are modes, each once, ``*batch entries``."""


class HighestPoints(Distribution):
    """The points where the density of a mixture is highest."""

    def mode(self: Any) -> Value:
        """Return the highest mode, where the density of the mixture is highest, ``*batch *event``.

        The highest end of ascents from the centre of every component, and from where the product
        of any two is highest (of at most 32 components): damped Newton steps, which never fall, all
        at once in one loop of a bounded number of them. Ends of supports and kinks, as Laplace's,
        are looked at by themselves; where a density is flat, as that of Uniform components, it is a
        point in the middle. Of discrete scalars it is the most probable value, by steps uphill, or
        among all values if these are at most 4096. A density that is infinite somewhere, as that of
        Gamma components of shape below one, has its mode there.

        Differentiable in every parameter, in both modes and to every order, by the implicit
        function theorem; at an end or kink it moves with that, and where two modes are about to
        merge, with no curvature between them, the derivative is NaN. Modes of discrete mixtures
        do not move.

        The mode of a *point's* component, the most probable one, is :meth:`posterior_mode`. All
        modes are in :meth:`modes`.

        Limits: an ascent finds a maximum, not for certain the highest one. Densities of vectors
        with kinks or ends within the support of the mixture are climbed as far as steps go.

        Raises:
            NotImplementedError: Components are point masses, whose probabilities do not compare
                with densities; events are discrete vectors; or the supports of components differ
                in kind.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])),
            ... )
            >>> print(mixture.mode().round(3))
            -1.0
        """
        value = self._highest(all_of_them=False)[0]
        return jnp.broadcast_to(value[0], self.batch_shape + self.event_shape)

    def modes(self: Any) -> Modes:
        """Return all modes that the ascents of :meth:`mode` find, the highest first.

        Two ends are one mode if the density has no valley on the line between them. Normal mixtures
        of vectors may have more modes than components, for which products of two are looked at.
        Limits and derivatives are those of :meth:`mode`; the work grows with the fifth power of
        the number of components, for each of their pairs is compared to every other one.

        Returns:
            A named tuple: ``value``, ``*batch entries *event``, ``log_prob`` and ``is_mode``,
            ``*batch entries``, which says of each entry whether it is a mode that did not come
            before.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.4, 0.6])),
            ...     dist.Normal(jnp.array([-2.0, 2.0])),
            ... )
            >>> m = mixture.modes()
            >>> print(m.value[m.is_mode].round(3))
            [ 1.999 -1.998]
        """
        axis, batch, events = len(self.batch_shape), self.batch_shape, self.event_shape
        found = []
        for t, inner in zip(self._highest(all_of_them=True), (events, (), ()), strict=True):
            full = jnp.broadcast_to(t, (len(t), *batch, *inner))
            found.append(jnp.moveaxis(full, 0, axis))
        return Modes(*found)

    def _highest(self: Any, *, all_of_them: bool) -> tuple[Array, ...]:
        """Values, log densities and which are modes, ``entries *batch``, highest first."""
        check_no_atoms(self._components, "mode", _ATOMS)
        if self.is_discrete:
            if self.event_shape:
                raise no_modes_of_vectors(self.event_shape)
            return count_modes(self)
        highest = _compiled if self._components.selectable else _highest
        out: tuple[Array, ...] = self._of_parts(lambda w, c, _: highest(w, c, all_of_them), ())
        return out


class Candidates(NamedTuple):
    """Points that may be modes, ``entries *batch …``: ends of ascents, then those that are fixed.

    ``key`` is what they are compared by: heights, and a little more or less than these.
    """

    u: Array
    """Ends of ascents, in the coordinates of the chart."""
    arrived: Flags
    """Which of these are maxima by slope and curvature."""
    key: Reals


def _highest(
    weights: Weights,
    components: Canonical,
    all_of_them: bool,  # noqa: FBT001  (static)
) -> tuple[Array, ...]:
    """The highest entry, or all of them in order; the heights of all, and which are modes."""
    middles = _middles(weights, components)
    fixed, edges = fixed_points(components, middles)
    fixed = fixed if edges is None else jnp.concatenate([fixed, edges])
    w, c = jax.tree.map(lax.stop_gradient, (weights, components))
    count = 0 if edges is None else len(edges)
    found = _candidates(w, c, lax.stop_gradient(middles), lax.stop_gradient(fixed), count)
    order = jnp.argmax(found.key, axis=0)[None]
    is_mode = jnp.take_along_axis(found.key, order, axis=0) > -jnp.inf
    if all_of_them:
        order, is_mode = _in_order(w, c, found, lax.stop_gradient(fixed))
    value = _moving(weights, components, found, fixed, order, is_mode)
    known = jnp.take_along_axis(found.key, order, axis=0) > -jnp.inf
    value = where(jnp.expand_dims(known, tuple(range(known.ndim, value.ndim))), value, jnp.nan)
    if not all_of_them:
        return value, is_mode
    return value, _evaluation.log_prob(weights, components, value), is_mode


_compiled = jax.jit(_highest, static_argnums=2)


def _in_order(
    weights: Weights, components: Canonical, found: Candidates, fixed: Array
) -> tuple[Array, Flags]:
    """The order of all, modes first, and which are modes in this order."""
    order = jnp.argsort(-found.key, axis=0, stable=True)
    height = jnp.take_along_axis(found.key, order, axis=0)
    value = _moving(weights, components, found, fixed, order, jnp.zeros(height.shape, bool))
    heights = _evaluation.log_prob(weights, components, value)
    is_mode = distinct(weights, components, value, heights) & (height > -jnp.inf)
    modes_first = jnp.argsort(~is_mode, axis=0, stable=True)
    take = lambda t: jnp.take_along_axis(t, modes_first, axis=0)  # noqa: E731
    return take(order), take(is_mode)


def _middles(weights: Weights, components: Canonical) -> Array:
    """The centres of components, ``k *batch *event``."""
    middles = centres(components)
    k_axis = middles.ndim - components.event_dim - 1
    batch = jnp.broadcast_shapes(weights.log().shape[:-1], middles.shape[:k_axis])
    middles = jnp.broadcast_to(middles, batch + middles.shape[k_axis:])
    return jnp.moveaxis(middles, k_axis, 0)


def _candidates(
    weights: Weights, components: Canonical, middles: Array, fixed: Array, edges: int
) -> Candidates:
    chart, k = Chart.of(weights, components), components.own_shape[-1]
    start = chart.to_line(middles)
    in_pairs = components.selectable and 1 < k <= MOST_IN_PAIRS
    if in_pairs and not is_flat(components):
        start = jnp.concatenate([start, between(chart, components, start)])
    objective = _objective(weights, components)
    ends = ascend(objective, start)
    heights = ends.value, _evaluation.log_prob(weights, components, fixed)
    preferred = [
        where(ends.arrived, 0.0, -1.0),
        jnp.full(len(fixed), -0.5).at[len(fixed) - edges :].set(1),
    ]
    keys = [_key(h, p) for h, p in zip(heights, preferred, strict=True)]
    return Candidates(ends.u, ends.arrived, jnp.concatenate(keys))


def _key(height: Reals, preferred: Array) -> Reals:
    """Heights, of which equal ones are told apart: edges, then maxima, then kinks, then others."""
    preferred = preferred.reshape(preferred.shape + (1,) * (height.ndim - preferred.ndim))
    key = height + (4 * preferred).astype(height.dtype) * rounding(height)
    return where(jnp.isnan(key), -jnp.inf, key)


def _objective(weights: Weights, components: Canonical) -> Any:
    chart = Chart.of(weights, components)
    return lambda u: _evaluation.log_prob(weights, components, chart.to_value(u))


# ---- what moves them ----


def _moving(
    weights: Weights,
    components: Canonical,
    found: Candidates,
    fixed: Array,
    order: Array,
    is_mode: Flags,
) -> Value:
    """The candidates in this order, ``entries *batch *event``, with derivatives in parameters."""
    count = len(found.u)
    climbed, place = order < count, jnp.clip(order, 0, count - 1)
    arrived = jnp.take_along_axis(found.arrived, place, axis=0)
    u = jnp.take_along_axis(found.u, place[..., None], axis=0)
    # what is no mode must not spoil the derivatives of others by a zero times NaN
    faith = where(climbed & is_mode, where(arrived, 1.0, jnp.nan), 0.0)
    u = _implicit(weights, components, u, faith.astype(u.dtype))
    inner = Chart.of(weights, components).to_value(u)
    events = tuple(range(order.ndim, fixed.ndim))
    outer = jnp.expand_dims(jnp.clip(order - count, 0, len(fixed) - 1), events)
    outer = jnp.take_along_axis(fixed, outer, axis=0)
    return where(jnp.expand_dims(climbed, events), inner, outer)


@custom_jvp
def _implicit(weights: Weights, components: Canonical, u: Array, faith: Array) -> Array:
    """Return ``u``, which moves with the parameters as a maximum does; 0 or NaN times that."""
    del weights, components, faith
    return u


@_implicit.defjvp
def _implicit_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    weights, components, _, faith = primals
    u = _implicit(*primals)
    slope = lambda w, c: jax.grad(lambda u: jnp.sum(_objective(w, c)(u)))(u)  # noqa: E731
    push = jax.jvp(slope, (weights, components), tangents[:2])[1]
    curvature = expansion(_objective(weights, components), u)[2]
    eye = jnp.eye(u.shape[-1], dtype=u.dtype)
    curvature = where((faith == 1)[..., None, None], -curvature, eye)
    return u, faith[..., None] * solve(curvature, push)
