"""The velocity that a change of the weights gives a draw.

In one dimension it is ``−Σ_k dw_k F_k / f``. In several, coordinates move in turn, each by the
velocity of its conditional distribution given the coordinates before it (Graves 2016). With

- ``w_{k,i}`` the posterior weight of component k given the first i−1 coordinates,
- ``a_{k,i}`` the derivative of its log (up to a shift common to all k), and
- ``F_{k,i}, p_{k,i}`` the conditional cdf and density, ``f_i = Σ_k w_{k,i} p_{k,i}``,

coordinate i moves by

    dx_i = −Σ_k w_{k,i} F_{k,i} (a_{k,i} − Σ_j w_{j,i} a_{j,i}) / f_i + Σ_k ρ_{k,i} m_{k,i}

where ``ρ_{k,i} = w_{k,i} p_{k,i} / f_i`` and ``m_{k,i}`` is how far the conditional quantile of
component k at ``x_i`` moves with the coordinates before it; then ``a_{k,i+1} = a_{k,i} + d log
p_{k,i}``. Everything but ``a`` and ``dx`` is known from ``x``, so that this is a linear recurrence
in ``k`` numbers, which costs O(K·E) per draw, forwards and transposed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families import Conditionals, Terms, family
from pathmix._families._gather import component_first
from pathmix._typing import ComponentFirst, Flags, Reals, Value
from pathmix._weights import Tilt, Weights, bounded_exp

_LARGE = 1e4
"""Stands for an infinite log density, of which differences would be NaN."""


def weight_velocity(
    weights: Weights, tangent: Weights, components: Distribution, x: Value
) -> Value:
    """Return the velocity ``*points *event`` of ``x`` under the weights' ``tangent``."""
    events = components.event_dim
    x_k = jnp.expand_dims(x, x.ndim - events)
    conditionals = family(components).conditionals(components, x_k)
    points = jnp.broadcast_shapes(x.shape[: x.ndim - events], components.batch_shape[:-1])
    dx = conditionals.complete(_recurrence(weights.tilt(tangent), conditionals, points, x.dtype))
    return jnp.moveaxis(dx, 0, -1).reshape(points + components.event_shape)


def _recurrence(
    tilt: Tilt, conditionals: Conditionals, points: tuple[int, ...], dtype: jnp.dtype
) -> Reals:
    """Run along the event, one coordinate a step; return ``event *points``."""

    def per_component(t: Reals) -> ComponentFirst:
        t = component_first(t, 0, len(points))
        return jnp.broadcast_to(t, (t.shape[0], *points)).astype(dtype)

    positive = component_first(tilt.positive, 0, len(points))
    log_u, a = per_component(tilt.log_u), per_component(tilt.a)

    def step(carry, row):  # type: ignore[no-untyped-def]
        log_u, a, state = carry
        at = conditionals.terms(row)
        now = _coefficients(positive, log_u, at)
        drift, log_scale = conditionals.drift(state, row)
        level = jnp.sum(now.u * a, axis=0)
        dx = jnp.sum(now.pull * a, axis=0) - now.mean_pull * level
        dx += jnp.sum(now.responsibility * drift, axis=0)
        relative = dx - drift
        a = a + jnp.where(positive, at.score * relative - log_scale, 0.0)
        return (now.next_log_u, a, conditionals.advance(state, row, relative, dx)), dx

    start = log_u, a, conditionals.start(a)
    rows = conditionals.rows
    if len(jax.tree.leaves(rows)[0]) == 1:
        return step(start, jax.tree.map(lambda t: t[0], rows))[1][None]
    # the reverse pass works the coefficients out again, which is cheaper than to store them
    return lax.scan(jax.checkpoint(step, prevent_cse=False), start, rows)[1]


class _Coefficients(NamedTuple):
    """What the recurrence needs at one coordinate, each ``k *points`` but for ``mean_pull``."""

    pull: Array
    """``∓u F/f``: how far a rise of the component's weight moves the coordinate."""
    mean_pull: Array
    """``Σ_k ∓w_k F_k/f``, ``*points``."""
    u: Array
    responsibility: Array
    next_log_u: Array


def _coefficients(positive: Flags, log_u: ComponentFirst, at: Terms) -> _Coefficients:
    """Every ratio is the exponential of a difference of logs.

    As ``Σ_k dw_k = 0``, ``F`` may be replaced by ``−S``: it is, where the largest term of the
    mixture's survival is smaller than that of its cdf, so that both tails are exact.
    """
    log_p = jnp.minimum(at.log_prob, _LARGE)
    joint = jnp.where(positive, log_u + log_p, -jnp.inf)
    # by hand, as logsumexp would not share its exponentials with the responsibilities
    highest = lax.stop_gradient(jnp.max(joint, axis=0, keepdims=True))
    highest = jnp.where(highest > -jnp.inf, highest, 0.0)
    parts = jnp.exp(joint - highest)
    total = jnp.sum(parts, axis=0, keepdims=True)
    total = jnp.where(total > 0, total, 1.0)
    log_f = highest + jnp.log(total)
    top = lambda tail: jnp.max(  # noqa: E731
        jnp.where(positive, log_u + tail, -jnp.inf), axis=0, keepdims=True
    )
    use_cdf = top(at.log_cdf) < top(at.log_survival)
    tail = jnp.where(use_cdf, at.log_cdf, at.log_survival)
    pull = jnp.where(use_cdf, -1.0, 1.0) * bounded_exp(log_u + tail - log_f)
    return _Coefficients(
        pull,
        jnp.sum(jnp.where(positive, pull, 0.0), axis=0),
        bounded_exp(log_u),
        parts / total,
        log_u + log_p - log_f,
    )
