"""From a distribution of NumPyro's to TFP's, by the same table."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._components import Outsider
from pathmix._outside._libraries import TFP, library_of
from pathmix._outside._table import writer_of, writes, written


def tfp_of(d: Distribution, tfp: Any) -> Any:
    """Return TFP's distribution of a NumPyro one; ``tfp`` is the module.

    Raises:
        NotImplementedError: TFP has none.
    """
    write = writer_of(type(d))
    if write is None:
        raise NotImplementedError(
            f"pathmix knows no counterpart in TFP of {type(d).__name__}: expected one of "
            f"{', '.join(written())} (docs/doors.md). Evaluate the mixture itself."
        )
    return write(d, tfp)


@writes(Outsider)
def _write_outsider(d: Any, tfp: Any) -> Any:
    """What was borrowed from TFP goes back as it came, with its batch."""
    del tfp
    one = d.structure.build(d.leaves)
    if library_of(one) is not TFP or tuple(one.batch_shape) != d.batch_shape:
        raise NotImplementedError(
            f"pathmix knows no counterpart in TFP of Distrax's {d.structure.name}. Evaluate the "
            "mixture itself."
        )
    return one


# ---- NumPyro's other parametrisations of families that TFP has ----


@writes(dist.GammaPoisson)
def _gamma_poisson(d: Any, tfp: Any) -> Any:
    return tfp.distributions.NegativeBinomial(d.concentration, logits=-jnp.log(d.rate))


@writes(dist.NegativeBinomial2)
def _negative_binomial_by_mean(d: Any, tfp: Any) -> Any:
    logits = jnp.log(d.mean) - jnp.log(d.concentration)
    return tfp.distributions.NegativeBinomial(d.concentration, logits=logits)


@writes(dist.BetaProportion)
def _beta_by_mean(d: Any, tfp: Any) -> Any:
    return tfp.distributions.Beta(d.concentration1, d.concentration0)
