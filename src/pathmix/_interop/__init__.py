"""Mixtures and distributions from other libraries, and back."""

from pathmix._interop._doors import as_numpyro as as_numpyro
from pathmix._interop._doors import as_tfp as as_tfp
from pathmix._interop._doors import from_distrax as from_distrax
from pathmix._interop._doors import from_tfp as from_tfp
