"""Mixtures as random variables on JAX and NumPyro."""

from pathmix._expectation import Pathwise as Pathwise
from pathmix._expectation import Score as Score
from pathmix._expectation import StandardErrors as StandardErrors
from pathmix._expectation import Stratified as Stratified
from pathmix._expectation import estimator_report as estimator_report
from pathmix._expectation import expectation as expectation
from pathmix._mixture import MixtureSameFamily as MixtureSameFamily

__all__ = [
    "MixtureSameFamily",
    "Pathwise",
    "Score",
    "StandardErrors",
    "Stratified",
    "estimator_report",
    "expectation",
]
__version__ = "0.1.0"
