"""Mixtures of PyTorch, whose draws and distribution functions are differentiated here."""

from pathmix._torch._divergence import kl as kl
from pathmix._torch._mixture import MixtureSameFamily as MixtureSameFamily
