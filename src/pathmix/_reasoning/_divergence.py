"""The Kullback–Leibler divergence of scalar mixtures, under NumPyro's name."""

from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions.kl import kl_divergence

from pathmix._evaluation import log_prob
from pathmix._mixture import MixtureSameFamily, panel_ends, rule, support_ends
from pathmix._reasoning._arguments import check_scalar
from pathmix._typing import Reals
from pathmix._where import where

_INSTEAD = "Estimate it from draws: pathmix.expectation; of Gaussians, bracket it: kl_bounds."


@kl_divergence.register(MixtureSameFamily, MixtureSameFamily)
def _kl(p: MixtureSameFamily, q: MixtureSameFamily) -> Reals:
    """``∫ p log(p/q)`` of scalar continuous mixtures, by quadrature.

    Over panels that end at quantiles of the components of either, inside those of ``p``.
    """
    check_scalar("kl_divergence", p, q, instead=_INSTEAD)
    return _integral(p._parts, q._parts)


@jax.jit
def _integral(p: Any, q: Any) -> Reals:
    own, other = panel_ends(*p), panel_ends(*q)
    batch = jnp.broadcast_shapes(own.shape[:-1], other.shape[:-1])
    own, other = (jnp.broadcast_to(t, (*batch, t.shape[-1])) for t in (own, other))
    other = jnp.clip(other, own[..., :1], own[..., -1:])
    both = jnp.sort(jnp.concatenate([own, other], axis=-1), axis=-1)
    low, high = (jnp.broadcast_to(t, batch) for t in support_ends(*p))
    over = rule(own, (low, high), both)
    log_p, log_q = log_prob(p[0], p[1], over.x), log_prob(q[0], q[1], over.x)
    some = (log_p > -jnp.inf) & (over.weight > 0)
    return over.integral(where(some, jnp.exp(log_p) * (where(some, log_p, 0.0) - log_q), 0.0))
