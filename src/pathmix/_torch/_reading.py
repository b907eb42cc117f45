"""torch's distributions as NumPyro's: one table, and the tensors of a distribution.

A class that inherits its density from one of the table is that one, as Pyro's classes are; one
that has a density of its own is unknown.
"""

from typing import NamedTuple

import numpyro.distributions as dist
import torch
import torch.distributions as td
from jax import Array

from pathmix._mixture import MixtureSameFamily

_LOC_SCALE = ("loc", "scale")
TABLE: dict[type[td.Distribution], tuple[type[dist.Distribution], tuple[str, ...]]] = {
    td.Normal: (dist.Normal, _LOC_SCALE),
    td.Laplace: (dist.Laplace, _LOC_SCALE),
    td.Cauchy: (dist.Cauchy, _LOC_SCALE),
    td.Gumbel: (dist.Gumbel, _LOC_SCALE),
    td.StudentT: (dist.StudentT, ("df", *_LOC_SCALE)),
    td.LogNormal: (dist.LogNormal, _LOC_SCALE),
    td.HalfNormal: (dist.HalfNormal, ("scale",)),
    td.HalfCauchy: (dist.HalfCauchy, ("scale",)),
    td.Exponential: (dist.Exponential, ("rate",)),
    td.Gamma: (dist.Gamma, ("concentration", "rate")),
    td.Chi2: (dist.Chi2, ("df",)),
    td.InverseGamma: (dist.InverseGamma, ("concentration", "rate")),
    td.Weibull: (dist.Weibull, ("scale", "concentration")),
    td.Pareto: (dist.Pareto, ("scale", "alpha")),
    td.Beta: (dist.Beta, ("concentration1", "concentration0")),
    td.Kumaraswamy: (dist.Kumaraswamy, ("concentration1", "concentration0")),
    td.Uniform: (dist.Uniform, ("low", "high")),
    td.VonMises: (dist.VonMises, ("loc", "concentration")),
    td.Dirichlet: (dist.Dirichlet, ("concentration",)),
    td.MultivariateNormal: (dist.MultivariateNormal, ("loc", "scale_tril")),
    td.LowRankMultivariateNormal: (
        dist.LowRankMultivariateNormal,
        ("loc", "cov_factor", "cov_diag"),
    ),
}
"""NumPyro's class, and the parameters, whose names and meanings are the same in both."""


class Recipe(NamedTuple):
    """How NumPyro's mixture is made from arrays."""

    by: str
    """Whether the weights are ``logits`` or ``probs``."""
    kind: type[dist.Distribution]
    names: tuple[str, ...]
    reinterpreted: int
    """Batch axes of the components that belong to the event."""

    def mixture(self, weights: Array, *parameters: Array) -> MixtureSameFamily:
        """Return the mixture, whose draws carry gradients."""
        named = dict(zip(self.names, parameters, strict=True))
        components = self.kind(**named, validate_args=False).to_event(self.reinterpreted)
        chosen = dist.Categorical(**{self.by: weights}, validate_args=False)
        return MixtureSameFamily(chosen, components, reparameterize=True)


def is_known(d: td.Distribution) -> bool:
    """Whether a distribution is one of the table, or Independent scalars of it."""
    whole = True
    while _known(d) is td.Independent:
        d, whole = d.base_dist, False
    return _known(d) is not None and (whole or not d.event_shape)


def read(by: str, d: td.Distribution) -> tuple[Recipe, tuple[torch.Tensor, ...]]:
    """Return how a mixture of known components is made, and the tensors of their parameters."""
    reinterpreted = 0
    while (kind := _known(d)) is td.Independent:
        d, reinterpreted = d.base_dist, reinterpreted + d.reinterpreted_batch_ndims
    assert kind is not None, "checked by `is_known`"
    ours, names = TABLE[kind]
    return Recipe(by, ours, names, reinterpreted), tuple(getattr(d, name) for name in names)


def _known(d: td.Distribution) -> type[td.Distribution] | None:
    """The class of the table, or Independent, whose density a distribution has."""
    for kind in type(d).__mro__:
        if kind in TABLE or kind is td.Independent:
            return kind if type(d).log_prob is kind.log_prob else None
    return None


def supported() -> str:
    """Return the names of what is known, for errors."""
    return ", ".join(kind.__name__ for kind in TABLE)
