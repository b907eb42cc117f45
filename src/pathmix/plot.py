"""Pictures of mixtures and fits, by matplotlib: ``pip install 'pathmix[plot]'``.

:func:`density` draws a mixture of scalars over its data, :func:`ellipses` two coordinates of one of
vectors, :func:`pairs` all of them, and :func:`criteria` what :func:`pathmix.select` has compared.
Each takes a mixture or what :func:`pathmix.fit` returns, draws on the axes that it is given or on
those of a new figure, and returns them, to be named and saved as any others are.

Example:
    >>> import jax.numpy as jnp, numpyro.distributions as dist
    >>> from pathmix import MixtureSameFamily, plot
    >>> mixture = MixtureSameFamily(
    ...     dist.Categorical(probs=jnp.array([0.3, 0.7])), dist.Normal(jnp.array([-1.0, 1.0]), 0.5)
    ... )
    >>> ax = plot.density(mixture, jnp.array([-1.2, -0.9, 0.8, 0.9, 1.4]))
    >>> ax.get_ylabel()
    'Density'
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError(
        "expected matplotlib, which draws the pictures of pathmix.plot, found none. "
        "Run pip install 'pathmix[plot]'."
    ) from error

from pathmix._plot import criteria as criteria
from pathmix._plot import density as density
from pathmix._plot import ellipses as ellipses
from pathmix._plot import pairs as pairs
