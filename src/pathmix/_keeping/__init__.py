"""Keeping mixtures in files."""

from pathmix._keeping._keep import load as load
from pathmix._keeping._keep import save as save
