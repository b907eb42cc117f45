"""Mixtures of PyTorch whose draws carry gradients: ``pip install 'pathmix[torch]'``.

:class:`MixtureSameFamily` is torch's own class with ``rsample``, ``icdf`` and accurate tails;
``torch.distributions.kl_divergence`` knows two of them. Draws are torch's, by its own generator;
gradients are computed by JAX, on the same memory. ``docs/torch.md`` says how, and how fast.

    >>> import torch
    >>> from torch.distributions import Categorical, Normal, kl_divergence
    >>> from pathmix.torch import MixtureSameFamily
    >>> components = Normal(torch.tensor([-1.0, 1.0]), 0.5)
    >>> even = MixtureSameFamily(Categorical(probs=torch.tensor([0.5, 0.5])), components)
    >>> other = MixtureSameFamily(Categorical(probs=torch.tensor([0.2, 0.8])), components)
    >>> print(f"{kl_divergence(even, other):.3f}")
    0.206
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "expected PyTorch, whose distributions pathmix.torch extends, found none. "
        "Run pip install 'pathmix[torch]'."
    ) from error

from pathmix._torch import MixtureSameFamily as MixtureSameFamily

__all__ = ["MixtureSameFamily"]
