"""The random variable of a mixture, with the signature of TFP and Edward2."""

from collections.abc import Sequence
from typing import Any

import jax
import numpyro

from pathmix import _mixture
from pathmix._random_variable._array import plain_tree
from pathmix._random_variable._random_variable import RandomVariable
from pathmix._random_variable._site import Site, realize


def MixtureSameFamily(  # noqa: N802  (a constructor by convention)
    mixture_distribution: Any,
    components_distribution: Any,
    reparameterize: bool = False,  # noqa: FBT001, FBT002  (the reference's signature)
    validate_args: bool = False,  # noqa: FBT001, FBT002
    allow_nan_stats: bool = True,  # noqa: FBT001, FBT002
    name: str | None = None,
    *,
    sample_shape: int | Sequence[int] = (),
    value: Any = None,
    key: jax.Array | None = None,
    with_component: bool = False,
) -> RandomVariable:
    """Create a random variable for MixtureSameFamily.

    See ``pathmix.MixtureSameFamily`` for the first five arguments. The component is marginalised:
    the variable is one continuous or discrete site, fit for NUTS.

    Args:
        mixture_distribution: The weights, a distribution of NumPyro, TFP or Distrax. An unnamed
            random variable stands for its distribution.
        components_distribution: The components, likewise.
        reparameterize: Whether a drawn value carries pathwise gradients.
        validate_args: Whether to check parameters and values.
        allow_nan_stats: Whether an undefined statistic is NaN or an error.
        name: Names the variable and the distribution; without one, the variable has no name.
        sample_shape: The shape of independent draws, or their number.
        value: The value of the variable; with a name and within handlers, an observation.
        key: A JAX random key by which to draw it.
        with_component: Whether to register the component of each value, ``*sample *batch``, as the
            deterministic site ``{name}_component``. If the value is drawn here, it is the component
            that it was drawn from; if the value is given, observed, conditioned on, or set by
            inference, the most probable one (``posterior_mode``). Outside handlers there is nothing
            to register it with.

    Returns:
        A RandomVariable whose ``distribution`` is a ``pathmix.MixtureSameFamily``.

    Raises:
        ValueError: As ``pathmix.MixtureSameFamily`` and ``RandomVariable``; a named random variable
            is passed as a distribution; or ``with_component`` without a name.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from jax import random
        >>> from numpyro import handlers
        >>> from pathmix import random_variables as rv
        >>> def program():
        ...     return rv.MixtureSameFamily(
        ...         mixture_distribution=dist.Categorical(probs=jnp.array([0.3, 0.7])),
        ...         components_distribution=dist.Normal(jnp.array([-9.0, 9.0]), 1.0),
        ...         sample_shape=4,
        ...         name="x",
        ...         with_component=True,
        ...     )
        >>> sites = handlers.trace(handlers.seed(program, random.key(0))).get_trace()
        >>> bool(((sites["x"]["value"] > 0) == sites["x_component"]["value"]).all())
        True
    """
    mixture = _mixture.MixtureSameFamily(
        _distribution("mixture_distribution", mixture_distribution),
        _distribution("components_distribution", components_distribution),
        reparameterize,
        validate_args,
        allow_nan_stats,
        "MixtureSameFamily" if name is None else name,
    )
    return _variable(mixture, sample_shape, value, key, name, with_component=with_component)


def Mixture(  # noqa: N802  (a constructor by convention)
    mixture_distribution: Any,
    components_distributions: Sequence[Any],
    reparameterize: bool = False,  # noqa: FBT001, FBT002  (as of MixtureSameFamily)
    validate_args: bool = False,  # noqa: FBT001, FBT002
    allow_nan_stats: bool = True,  # noqa: FBT001, FBT002
    name: str | None = None,
    *,
    sample_shape: int | Sequence[int] = (),
    value: Any = None,
    key: jax.Array | None = None,
    with_component: bool = False,
) -> RandomVariable:
    """Create a random variable for Mixture, whose components may be of several families.

    See ``pathmix.Mixture`` for the first five arguments, and :func:`MixtureSameFamily` for the
    others.

    Returns:
        A RandomVariable whose ``distribution`` is a ``pathmix.Mixture``.

    Raises:
        ValueError: As ``pathmix.Mixture`` and :func:`MixtureSameFamily`.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import random_variables as rv
        >>> weights = dist.Categorical(probs=jnp.array([0.9, 0.1]))
        >>> x = rv.Mixture(weights, [dist.Normal(), dist.Cauchy()], value=2.0)
        >>> print(x.distribution.log_prob(x.value).round(3))
        -2.901
    """
    mixture = _mixture.Mixture(
        _distribution("mixture_distribution", mixture_distribution),
        [_distribution("components_distributions", d) for d in components_distributions],
        reparameterize,
        validate_args,
        allow_nan_stats,
        "Mixture" if name is None else name,
    )
    return _variable(mixture, sample_shape, value, key, name, with_component=with_component)


def _variable(
    mixture: _mixture.MixtureSameFamily,
    sample_shape: int | Sequence[int],
    value: Any,
    key: jax.Array | None,
    name: str | None,
    *,
    with_component: bool,
) -> RandomVariable:
    if with_component and name is None:
        raise ValueError(
            "expected a name with with_component=True, since the component is registered as "
            "'{name}_component', got name=None. Pass name=..., or use "
            "x.distribution.posterior_mode(x)."
        )
    site = realize(mixture, sample_shape, value, key, name)
    if with_component:
        numpyro.deterministic(f"{name}_component", _component(mixture, site))
    return RandomVariable.of_site(site)


def _component(mixture: _mixture.MixtureSameFamily, site: Site) -> jax.Array:
    """The component of each value, ``*sample *batch``."""
    return site.intermediates[0] if site.intermediates else mixture.posterior_mode(site.value)


def _distribution(argument: str, given: Any) -> Any:
    if not isinstance(given, RandomVariable):
        return plain_tree(given)
    if given.name is not None:
        raise ValueError(
            f"expected {argument} to be a distribution, got the named random variable "
            f"{given.name!r}, whose own value would be a variable of the program that the mixture "
            "ignores. Pass a NumPyro distribution, as in dist.Categorical(probs=...)."
        )
    return given.distribution
