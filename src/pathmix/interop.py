"""Components from elsewhere: distributions of TensorFlow Probability (on JAX) and of Distrax.

Mixtures take them as they are, for weights and components: ``MixtureSameFamily(tfd.Categorical(
probs=w), tfd.Gamma(a, b))``, and ``Mixture`` in its list. :func:`from_tfp` and :func:`from_distrax`
are what they do; :func:`as_numpyro` and :func:`as_tfp` go the other way, with whole mixtures.
``docs/doors.md`` has the table of families. The libraries are imported by none of these modules
until one of them is asked for: ``pip install 'pathmix[tfp]'``, ``pip install 'pathmix[distrax]'``.

    >>> import jax.numpy as jnp, tensorflow_probability.substrates.jax as tfp
    >>> from pathmix import MixtureSameFamily
    >>> tfd = tfp.distributions
    >>> mixture = MixtureSameFamily(
    ...     tfd.Categorical(probs=jnp.array([0.3, 0.7])), tfd.Gamma(jnp.array([1.0, 3.0]), 2.0)
    ... )
    >>> print(mixture.log_survival_function(9.0).round(3))
    -13.156
"""

from pathmix._interop import as_numpyro as as_numpyro
from pathmix._interop import as_tfp as as_tfp
from pathmix._interop import from_distrax as from_distrax
from pathmix._interop import from_tfp as from_tfp

__all__ = ["as_numpyro", "as_tfp", "from_distrax", "from_tfp"]
