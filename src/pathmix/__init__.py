"""Mixtures as random variables on JAX and NumPyro."""

from pathmix._mixture import MixtureSameFamily as MixtureSameFamily

__all__ = ["MixtureSameFamily"]
__version__ = "0.1.0"
