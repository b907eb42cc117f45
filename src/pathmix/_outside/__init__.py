"""Distributions of TFP and Distrax as NumPyro's, and back: one table, read in both directions."""

from pathmix._outside import _scalars, _structures, _vectors  # noqa: F401  (rows of the table)
from pathmix._outside._libraries import DISTRAX as DISTRAX
from pathmix._outside._libraries import TFP as TFP
from pathmix._outside._libraries import Library as Library
from pathmix._outside._libraries import library_of as library_of
from pathmix._outside._reading import borrowed as borrowed
from pathmix._outside._reading import numpyro_of as numpyro_of
from pathmix._outside._table import reads as reads
from pathmix._outside._table import rows as rows
from pathmix._outside._table import written as written
from pathmix._outside._writing import tfp_of as tfp_of
