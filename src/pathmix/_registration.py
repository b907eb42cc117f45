"""Registering a family of one's own, with the checks of what is registered."""

from collections.abc import Callable
from typing import Any

from numpyro.distributions import Distribution

from pathmix import _components
from pathmix._families import Family


def register(
    kind: Any,
    family: Any,
    *,
    parameters: tuple[str, ...] | None = None,
    theta: Callable[..., Any] | None = None,
) -> None:
    """Make ``family`` that of the distributions of exactly this class.

    Mixtures of them then have what the family knows: densities, and with tails also cdfs,
    quantiles and pathwise gradients. Of a subclass nothing is taken for granted: register it too.

    Args:
        kind: A NumPyro distribution class, whose ``arg_constraints`` name its parameters and whose
            constructor takes them, and ``validate_args``, by these names.
        family: What there is to know of it.
        parameters: The constructor's arguments, in order; those of ``family.parameters`` if absent.
        theta: From these arguments to the parameters of the family, where the class has others;
            ``family.parameters`` itself if absent.

    Raises:
        TypeError: ``kind`` is no distribution class, or ``family`` no family.
        ValueError: The class has no such parameters, or the family one tail without the other.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from typing import NamedTuple
        >>> from pathmix import MixtureSameFamily, families
        >>> class Scaled(dist.Exponential):  # known to NumPyro by its own methods
        ...     pass
        >>> class Rate(NamedTuple):
        ...     rate: jax.Array
        >>> family = families.Family(
        ...     "Scaled",
        ...     lambda theta, x: jnp.where(x >= 0, jnp.log(theta.rate) - theta.rate * x, -jnp.inf),
        ...     Rate,
        ... )
        >>> families.register(Scaled, family)
        >>> weights = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        >>> mixture = MixtureSameFamily(weights, Scaled(jnp.array([1.0, 2.0])))
        >>> print(f"{mixture.log_prob(1.0):.3f}")
        -1.142
    """
    _check_kinds(kind, family)
    fields = getattr(theta or family.parameters, "_fields", ())
    names = tuple(fields if parameters is None else parameters)
    unknown = [name for name in names if name not in kind.arg_constraints]
    if not names or unknown:
        raise ValueError(
            f"expected parameters of {kind.__name__}, which are {sorted(kind.arg_constraints)}, "
            f"got {unknown or 'none'}. Name the arguments of its constructor: parameters=(...)."
        )
    if (family.log_cdf is None) != (family.log_survival is None):
        raise ValueError(
            f"expected both log tails of {family.name} or neither, got one. log_survival is the "
            "log of 1 − cdf, accurate where that is small."
        )
    _components.register(kind, family, names, theta)


def _check_kinds(kind: Any, family: Any) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Distribution)):
        raise TypeError(
            f"expected a subclass of numpyro.distributions.Distribution, got {kind!r}. Write one, "
            "with arg_constraints, support, sample and log_prob (docs/families.md)."
        )
    if not isinstance(family, Family):
        raise TypeError(
            f"expected a pathmix.families.Family, got {type(family).__name__}. Make one from the "
            "log density of the distribution (docs/families.md)."
        )


def family_of(kind: type[Distribution]) -> Family:
    """Return the family of a NumPyro class, to build others on.

    Raises:
        NotImplementedError: None is known for the class.

    Example:
        >>> import numpyro.distributions as dist
        >>> from pathmix import families
        >>> families.family_of(dist.Gamma).parameters._fields
        ('concentration', 'rate')
    """
    entry = _components.known(kind)
    if entry is None:
        raise NotImplementedError(
            f"pathmix knows no family for {kind.__name__}: expected one of the README's table, or "
            "one made known by pathmix.families.register."
        )
    return entry.family
