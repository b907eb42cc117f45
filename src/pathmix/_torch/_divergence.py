"""The Kullback–Leibler divergence of scalar mixtures, under torch's name."""

from functools import cache

import torch
from jax import Array
from numpyro.distributions.kl import kl_divergence
from torch.distributions.kl import register_kl

from pathmix._torch._bridge import Arrays, Function, call
from pathmix._torch._mixture import MixtureSameFamily
from pathmix._torch._reading import Recipe


@register_kl(MixtureSameFamily, MixtureSameFamily)
def kl(p: MixtureSameFamily, q: MixtureSameFamily) -> torch.Tensor:
    """``∫ p log(p/q)`` of scalar continuous mixtures, by quadrature, with derivatives."""
    for mixture in (p, q):
        if mixture.event_shape or not mixture.has_rsample:
            raise NotImplementedError(
                "expected scalar mixtures of continuous components that pathmix.torch knows for "
                f"`kl_divergence`, got {mixture}. Estimate it from draws: x = p.rsample((n,)), "
                "then (p.log_prob(x) - q.log_prob(x)).mean()."
            )
    (of_p, own), (of_q, other) = p._read(), q._read()
    return call(_integral(of_p, of_q, len(own)), *own, *other)


@cache
def _integral(p: Recipe, q: Recipe, split: int) -> Function:
    """The divergence as a function of the tensors of both."""

    def integral(*tensors: Array) -> Arrays:
        return (kl_divergence(p.mixture(*tensors[:split]), q.mixture(*tensors[split:])),)

    return integral
