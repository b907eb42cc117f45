"""Products of Gaussian mixtures, which are Gaussian mixtures but for a factor."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax

from pathmix._components import (
    FULL_NORMAL,
    NORMAL,
    Canonical,
    as_gaussian,
    beside,
    components_of,
    gaussian,
)
from pathmix._evaluation import compiled
from pathmix._layout import log_det
from pathmix._log_sums import relative, weighted
from pathmix._mixture import MixtureSameFamily, working
from pathmix._special import lower_factor, solve_rows
from pathmix._typing import Reals, Shape
from pathmix._weights import Weights
from pathmix._where import where


class Product(NamedTuple):
    """A product of two densities, ``exp(log_normaliser)`` times that of ``mixture``.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, product
        >>> one = dist.Categorical(probs=jnp.ones(1))
        >>> p = MixtureSameFamily(one, dist.Normal(jnp.zeros(1), 1.0))
        >>> print(product(p, p).mixture.variance)
        0.5
    """

    mixture: MixtureSameFamily
    """The product as a density, with a component for each pair."""
    log_normaliser: Reals
    """``log ∫ p q``, ``*batch``."""


def product(p: Any, q: Any) -> Product:
    """Return the normalised product of two Gaussian mixtures, and ``log ∫ p q``.

    ``log p(x) + log q(x) = log_normaliser + mixture.log_prob(x)``, with a component for each pair,
    those of ``q`` running fastest. With ``S = A + B`` the pair's product is ``N(a; b, S)`` times
    the normal of mean ``a + A S⁻¹(b − a)`` and covariance ``A − A S⁻¹A`` (Petersen & Pedersen 2012,
    "The Matrix Cookbook", section 8.1.8): the conditional of ``x`` given ``x + noise = b``, whose
    factors come by rotations, without the subtraction. Logits sum in log space; the derivative of
    the normaliser at a weight of zero is exact, that of the mixture zero.

    Args:
        p: A mixture of Normal, factorised Normal, MultivariateNormal or LowRankMultivariateNormal
            components.
        q: Another, whose batch broadcasts against that of ``p``.

    Returns:
        The mixture, of Normal or MultivariateNormal components, with the options of ``p``; and the
        logarithm of its normaliser, ``*batch``.

    Raises:
        TypeError: An argument is no mixture.
        ValueError: Event shapes differ, or batches do not broadcast.
        NotImplementedError: Components are not Gaussian.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, product
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0]), 0.5))
        >>> found = product(p, p)
        >>> print(found.mixture.num_components, f"{found.log_normaliser:.3f}")
        4 -1.247
    """
    check_gaussian("product", p, q)
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"expected mixtures of one event shape, got {p.event_shape} and {q.event_shape}."
        )
    try:
        batch = lax.broadcast_shapes(p.batch_shape, q.batch_shape)
    except ValueError:
        raise ValueError(
            "expected mixtures whose batch shapes broadcast, got "
            f"{p.batch_shape} and {q.batch_shape}."
        ) from None
    p_, q_ = working((p._weights, p._components)), working((q._weights, q._components))
    components, logits, total = _pairs(p_[1], q_[1], p_[0], q_[0], shape=tuple(batch))
    weights = dist.Categorical(logits=logits, validate_args=False)
    return Product(like(p, weights, components), total)


def like(mixture: MixtureSameFamily, weights: Any, components: Canonical) -> MixtureSameFamily:
    """Return a mixture with the options of another."""
    return MixtureSameFamily(
        weights,
        components.distribution,
        reparameterize=mixture.reparameterize,
        validate_args=mixture._validate_args or False,
        allow_nan_stats=mixture.allow_nan_stats,
        name=mixture.name,
    )


def check_gaussian(name: str, *mixtures: Any) -> None:
    """Raise unless all are mixtures of Gaussian components."""
    for mixture in mixtures:
        if not isinstance(mixture, MixtureSameFamily):
            raise TypeError(
                f"expected a pathmix.MixtureSameFamily for `{name}`, got {type(mixture).__name__}. "
                "Of NumPyro's, MixtureSameFamily.from_numpyro(d) makes one."
            )
        if gaussian(mixture._components) is None:
            raise NotImplementedError(
                "expected Gaussian components (Normal, Normal with `to_event(1)`, "
                f"MultivariateNormal or LowRankMultivariateNormal) for `{name}`, got "
                f"{mixture._components.family.name}."
            )


@compiled("shape")
def _pairs(
    p: Canonical, q: Canonical, p_weights: Weights, q_weights: Weights, *, shape: Shape
) -> tuple[Canonical, Array, Array]:
    a, b = as_gaussian(p), as_gaussian(q)
    size, k = a.loc.shape[-1], p.batch_shape[-1] * q.batch_shape[-1]
    a_loc, a_root = a.loc[..., :, None, :], a.root[..., :, None, :, :]
    b_loc, b_root = b.loc[..., None, :, :], b.root[..., None, :, :, :]
    top = beside(a_root, b_root)
    joint = jnp.concatenate([top, beside(a_root, jnp.zeros_like(b_root))], axis=-2)
    factor = lower_factor(joint)
    own = factor[..., :size, :size]
    z = jnp.moveaxis(solve_rows(own, jnp.moveaxis(b_loc - a_loc, -1, 0)), 0, -1)
    loc = a_loc + jnp.sum(factor[..., size:, :size] * z[..., None, :], axis=-1)
    term = -0.5 * (jnp.sum(z * z, axis=-1) + size * math.log(2 * math.pi)) - log_det(own)
    term = jnp.broadcast_to(term, (*shape, p.batch_shape[-1], q.batch_shape[-1]))
    inner = q_weights.mix(jnp.moveaxis(term, (-1, -2), (0, 1))).value
    total = p_weights.mix(inner).value
    log_w = p_weights.log()[..., :, None] + q_weights.log()[..., None, :]
    above = jnp.max(where(log_w > -jnp.inf, term, -jnp.inf), axis=(-2, -1), keepdims=True)
    logits = weighted(log_w, relative(term, lax.stop_gradient(above))).reshape(*shape, k)

    def flat(t: Array, events: int) -> Array:
        t = jnp.broadcast_to(t, (*shape, *term.shape[-2:], *t.shape[t.ndim - events :]))
        return t.reshape(*shape, k, *t.shape[t.ndim - events :])

    loc, scale = flat(loc, 1), flat(factor[..., size:, size:], 2)
    if not p.event_dim:
        own_parts = components_of(NORMAL, (loc[..., 0], scale[..., 0, 0]), (), (*shape, k))
    else:
        own_parts = components_of(FULL_NORMAL, (loc, scale), (size,), (*shape, k))
    return own_parts, logits, total
