"""The doors: objects of TFP and Distrax in, mixtures of NumPyro's and TFP's out."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._mixture import Mixture, MixtureSameFamily
from pathmix._outside import DISTRAX, TFP, Library, library_of, numpyro_of, tfp_of
from pathmix._where import where


def from_tfp(d: Any) -> Distribution:
    """Return a distribution of TFP on JAX as one of NumPyro's; a mixture as one of pathmix's.

    Constructors of mixtures take TFP's distributions as they are; this is what they do. Families
    that NumPyro has are read into it, with the same arrays. Others work by their own methods:
    densities, draws and posteriors, with derivatives in all their parameters, and cdfs and moments
    where they have them. The table is in ``docs/doors.md``.

    Args:
        d: A distribution of ``tensorflow_probability.substrates.jax``.

    Raises:
        ImportError: TFP is not installed.
        TypeError: ``d`` is no distribution of TFP on JAX.
        NotImplementedError: It can be no component, because its events are structures, or because
            its members differ in more than their arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> import tensorflow_probability.substrates.jax as tfp
        >>> from pathmix import interop
        >>> d = interop.from_tfp(tfp.distributions.Weibull(concentration=2.0, scale=3.0))
        >>> type(d).__name__, float(d.scale), float(d.concentration)
        ('Weibull', 3.0, 2.0)
    """
    return _read(d, TFP)


def from_distrax(d: Any) -> Distribution:
    """Return a distribution of Distrax as one of NumPyro's; a mixture as one of pathmix's.

    As :func:`from_tfp`. Of TFP's distributions that Distrax has wrapped, those that NumPyro has.

    Args:
        d: A distribution of ``distrax``.

    Raises:
        ImportError: Distrax is not installed.
        TypeError: ``d`` is no distribution of Distrax.
        NotImplementedError: It can be no component.

    Example:
        >>> import distrax, jax.numpy as jnp
        >>> from pathmix import interop
        >>> weights = distrax.Categorical(probs=jnp.array([0.3, 0.7]))
        >>> theirs = distrax.MixtureSameFamily(weights, distrax.Normal(jnp.array([-1.0, 1.0]), 0.5))
        >>> mixture = interop.from_distrax(theirs)
        >>> type(mixture).__name__, round(float(mixture.cdf(0.0)), 3)
        ('MixtureSameFamily', 0.309)
    """
    return _read(d, DISTRAX)


def _read(d: Any, library: Library) -> Distribution:
    library.load()
    if isinstance(d, Distribution) or library_of(d) is not library:
        raise TypeError(
            f"expected a distribution of {library.title} ({library.module}), got "
            f"{type(d).__name__} of {type(d).__module__.partition('.')[0]}. Mixtures take "
            "distributions of NumPyro, TFP and Distrax as they are."
        )
    found: Distribution = numpyro_of(d)
    return found


def as_numpyro(mixture: Any) -> Distribution:
    """Return a mixture as NumPyro's own: ``MixtureSameFamily``, or of a list ``MixtureGeneral``.

    It has NumPyro's densities and draws; draws carry no gradients to the weights.

    Args:
        mixture: A ``MixtureSameFamily`` or ``Mixture`` of pathmix.

    Raises:
        TypeError: ``mixture`` is neither.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, interop
        >>> weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
        >>> mixture = MixtureSameFamily(weights, dist.Normal(jnp.array([-1.0, 1.0]), 0.5))
        >>> theirs = interop.as_numpyro(mixture)
        >>> type(theirs).__module__, round(float(theirs.log_prob(0.0)), 3)
        ('numpyro.distributions.mixtures', -2.226)
    """
    _check_mixture(mixture, "as_numpyro")
    weights = _weights(mixture)
    if isinstance(mixture, Mixture):
        each = [_expanded(d, mixture.batch_shape) for d in mixture.components_distributions]
        support = mixture.support
        return dist.MixtureGeneral(weights, each, support=support, validate_args=False)
    components = mixture.components_distribution
    return dist.MixtureSameFamily(weights, components, validate_args=False)


def as_tfp(mixture: Any) -> Any:
    """Return a mixture as TFP's own: ``MixtureSameFamily``, or of a list ``Mixture``.

    Components go back by the table of :func:`from_tfp`; those that TFP lacks are an error.

    Args:
        mixture: A ``MixtureSameFamily`` or ``Mixture`` of pathmix.

    Raises:
        ImportError: TFP is not installed.
        TypeError: ``mixture`` is neither.
        NotImplementedError: TFP has no such components.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, interop
        >>> weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
        >>> mixture = MixtureSameFamily(weights, dist.Weibull(jnp.array([1.0, 2.0]), 1.5))
        >>> theirs = interop.as_tfp(mixture)
        >>> theirs.components_distribution.name, round(float(theirs.log_prob(1.0)), 3)
        ('Weibull', -0.853)
    """
    tfp = TFP.load()
    _check_mixture(mixture, "as_tfp")
    tfd, weights = tfp.distributions, _weights(mixture)
    if isinstance(mixture, Mixture):
        batch = mixture.batch_shape
        each = [_expanded(d, batch) for d in mixture.components_distributions]
        full = tfp_of(_of_batch(weights, batch), tfp)
        return tfd.Mixture(full, [tfp_of(d, tfp) for d in each])
    components = tfp_of(mixture.components_distribution, tfp)
    flag = mixture.reparameterize
    return tfd.MixtureSameFamily(tfp_of(weights, tfp), components, reparameterize=flag)


def _check_mixture(mixture: Any, name: str) -> None:
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(
            f"expected a pathmix.MixtureSameFamily or pathmix.Mixture, got "
            f"{type(mixture).__name__}. {name} takes whole mixtures; make one of its components, "
            "or take the base_dist of one that was truncated, censored or rounded."
        )


def _weights(mixture: MixtureSameFamily) -> Distribution:
    """The weights as others have them: a Categorical, whose probabilities sum to one."""
    weights = mixture.mixture_distribution
    if type(weights) is dist.CategoricalLogits:
        return weights
    probs = weights.probs if type(weights) is dist.CategoricalProbs else mixture._weights.values()
    total = jnp.sum(probs, axis=-1, keepdims=True)
    is_share = jnp.abs(total - 1) <= probs.shape[-1] * jnp.finfo(probs.dtype).eps
    probs = probs / where(is_share, 1.0, total)
    return dist.CategoricalProbs(probs, validate_args=False)


def _of_batch(weights: Any, shape: tuple[int, ...]) -> Distribution:
    """The same weights for each member of a batch: TFP takes nothing but a Categorical."""
    (name, array), *_ = weights.get_args().items()
    full = jnp.broadcast_to(array, (*shape, array.shape[-1]))
    return type(weights)(**{name: full}, validate_args=False)


def _expanded(d: Distribution, shape: tuple[int, ...]) -> Distribution:
    return d if d.batch_shape == shape else d.expand(shape)
