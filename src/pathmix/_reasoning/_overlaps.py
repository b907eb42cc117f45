"""Inner products of Gaussian mixtures, which are closed, and distances made of them."""

from typing import Any

import jax.numpy as jnp

from pathmix._reasoning._arguments import check_mixtures, gaussian
from pathmix._reasoning._pairs import log_mixed, log_overlap
from pathmix._typing import Reals
from pathmix._where import where


def log_inner_product(p: Any, q: Any) -> Reals:
    """Return ``log ∫ p(x) q(x) dx`` of Gaussian mixtures, ``*batch``, exact.

    ``Σ_ij w_i v_j N(μ_i − ν_j; 0, Σ_i + T_j)``, in log space: far apart mixtures keep their digits.

    Args:
        p: A mixture of Normal, factorised Normal or MultivariateNormal components.
        q: Another one of the same event shape; batches broadcast.

    Raises:
        TypeError: An argument is no mixture.
        ValueError: Event shapes differ.
        NotImplementedError: Components are not Gaussian.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, log_inner_product
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.zeros(2)))
        >>> q = MixtureSameFamily(halves, dist.Normal(jnp.full(2, 100.0)))
        >>> print(log_inner_product(p, q).round(2))
        -2501.27
    """
    return _log_inner("log_inner_product", p, q)


def inner_product(p: Any, q: Any) -> Reals:
    """Return ``∫ p(x) q(x) dx`` of Gaussian mixtures, ``*batch``, exact.

    See :func:`log_inner_product`, which does not underflow.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, inner_product
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0])))
        >>> print(inner_product(p, p).round(4))
        0.1929
    """
    return jnp.exp(_log_inner("inner_product", p, q))


def l2_distance(p: Any, q: Any) -> Reals:
    """Return ``∫ (p(x) − q(x))² dx`` of Gaussian mixtures, ``*batch``, exact.

    The square of the distance in L², by three inner products. Near zero it is known to rounding
    errors of these.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, l2_distance
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0])))
        >>> q = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 2.0])))
        >>> print(l2_distance(p, q).round(4))
        0.0312
    """
    pairs = ((p, p), (p, q), (q, q))
    pp, pq, qq = (jnp.exp(_log_inner("l2_distance", *pair)) for pair in pairs)
    total = (pp - pq) + (qq - pq)
    return where(total < 0, 0.0, total)


def cauchy_schwarz_divergence(p: Any, q: Any) -> Reals:
    """Return ``−log(∫ p q / √(∫ p² ∫ q²))`` of Gaussian mixtures, ``*batch``, exact.

    Symmetric, zero of equal mixtures alone (Principe 2010; Kampa, Hasanbelliu & Principe 2011).

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, cauchy_schwarz_divergence
        >>> halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> p = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 1.0])))
        >>> q = MixtureSameFamily(halves, dist.Normal(jnp.array([-1.0, 2.0])))
        >>> print(cauchy_schwarz_divergence(p, q).round(4))
        0.088
    """
    pairs = ((p, p), (p, q), (q, q))
    pp, pq, qq = (_log_inner("cauchy_schwarz_divergence", *pair) for pair in pairs)
    return 0.5 * (pp + qq) - pq


def _log_inner(name: str, p: Any, q: Any) -> Reals:
    check_mixtures(name, p, q)
    terms = log_overlap(gaussian(name, p), gaussian(name, q))
    of_first = log_mixed(q._weights, terms)
    return log_mixed(p._weights, of_first[..., None, :])[..., 0]
