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
p_{k,i}``. All coefficients are known beforehand, by one cumulative sum; what remains is a linear
recurrence in ``k`` numbers, which costs O(K·E) per draw, forwards and transposed.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families import Conditionals, family
from pathmix._typing import Flags, Reals, Value
from pathmix._weights import Tilt, Weights

_LARGE = 1e4
"""Stands for an infinite log density, of which differences would be NaN."""


class _Coefficients(NamedTuple):
    """What the recurrence needs at one coordinate, each ``*points k``."""

    pull: Array
    """``∓u F/f``: how far a rise of the component's weight moves the coordinate."""
    mean_pull: Array
    """``Σ_k ∓w_k F_k/f``, ``*points``."""
    u: Array
    w: Array
    responsibility: Array
    score: Array
    """``∂ log p_{k,i} / ∂x_i``."""


def weight_velocity(
    weights: Weights, tangent: Weights, components: Distribution, x: Value
) -> Value:
    """Return the velocity ``*points *event`` of ``x`` under the weights' ``tangent``."""
    conditionals = family(components).conditionals(
        components, jnp.expand_dims(x, x.ndim - components.event_dim)
    )
    tilt = weights.tilt(tangent)
    coefficients = _coefficients(tilt, conditionals)
    points = jnp.broadcast_shapes(
        x.shape[: x.ndim - components.event_dim], components.batch_shape[:-1]
    )
    a = jnp.broadcast_to(tilt.a, (*points, tilt.a.shape[-1])).astype(x.dtype)
    dx = _recurrence(coefficients, conditionals, a)
    return conditionals.complete(dx).reshape(points + components.event_shape)


def _coefficients(tilt: Tilt, c: Conditionals) -> _Coefficients:
    """All coefficients at once; arrays are ``event *points k``, the recurrence's axis first."""
    log_f_k, log_s_k, log_p, score = (jnp.moveaxis(t, -1, 0) for t in c.terms)
    log_p = jnp.minimum(log_p, _LARGE)
    total = partial(_log_total, tilt.positive)
    log_u = tilt.log_u + _before(log_p)
    log_u = log_u - total(log_u)
    log_density = total(log_u + log_p)
    lower, upper = total(log_u + log_f_k), total(log_u + log_s_k)
    use_lower = lower < upper  # Σ_k dw_k = 0: F may be replaced by −S, in the upper tail
    sign = jnp.where(use_lower, -1.0, 1.0).astype(log_p.dtype)
    tail = jnp.where(use_lower, log_f_k, log_s_k)
    u = _bounded_exp(log_u)
    w = jnp.where(tilt.positive, u, 0.0)
    pull = sign * _bounded_exp(log_u + tail - log_density)
    mean_pull = sign * _bounded_exp(jnp.where(use_lower, lower, upper) - log_density)
    responsibility = jnp.where(tilt.positive, _bounded_exp(log_u + log_p - log_density), 0.0)
    return _Coefficients(pull, mean_pull[..., 0], u, w, responsibility, score)


def _recurrence(c: _Coefficients, conditionals: Conditionals, a: Reals) -> Reals:
    """Run the recurrence along the event; return ``*points event``."""

    def step(carry, inputs):  # type: ignore[no-untyped-def]
        a, state = carry
        now, row = inputs
        drift, log_scale = conditionals.drift(state, row)
        level = jnp.sum(now.u * a, axis=-1)
        dx = jnp.sum(now.pull * a, axis=-1) - now.mean_pull * level
        dx += jnp.sum(now.responsibility * drift, axis=-1)
        relative = dx[..., None] - drift
        change = jnp.where(now.w > 0, now.score * relative - log_scale, 0.0)
        return (a + change, conditionals.advance(state, row, relative, dx)), dx

    state = conditionals.start(a)
    if c.u.shape[0] == 1:
        first = jax.tree.map(lambda t: t[0], (c, conditionals.rows))
        return step((a, state), first)[1][..., None]
    _, dx = lax.scan(step, (a, state), (c, conditionals.rows))
    return jnp.moveaxis(dx, 0, -1)


def _before(terms: Reals) -> Reals:
    """The running sum along the first axis, each entry's own term left out."""
    return jnp.concatenate([jnp.zeros_like(terms[:1]), jnp.cumsum(terms[:-1], axis=0)])


def _log_total(positive: Flags, terms: Reals) -> Reals:
    """``log Σ_k`` over the components with weight."""
    terms = jnp.where(positive, terms, -jnp.inf)
    return jax.nn.logsumexp(terms, axis=-1, keepdims=True)


def _bounded_exp(exponent: Reals) -> Reals:
    """``exp``, cut off at the largest float, so that in gaps nothing turns into NaN."""
    return jnp.exp(jnp.minimum(exponent, jnp.log(jnp.finfo(exponent.dtype).max)))
