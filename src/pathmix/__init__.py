"""Mixtures as random variables on JAX and NumPyro."""

from pathmix import families as families
from pathmix import random_variables as random_variables
from pathmix._expectation import Estimate as Estimate
from pathmix._expectation import Pathwise as Pathwise
from pathmix._expectation import Score as Score
from pathmix._expectation import StandardErrors as StandardErrors
from pathmix._expectation import Stratified as Stratified
from pathmix._expectation import estimator_report as estimator_report
from pathmix._expectation import expectation as expectation
from pathmix._mixture import MixtureSameFamily as MixtureSameFamily
from pathmix._program import condition as condition
from pathmix._program import log_joint as log_joint
from pathmix._program import tape as tape
from pathmix._random_variable import RandomVariable as RandomVariable

__all__ = [
    "Estimate",
    "MixtureSameFamily",
    "Pathwise",
    "RandomVariable",
    "Score",
    "StandardErrors",
    "Stratified",
    "condition",
    "estimator_report",
    "expectation",
    "families",
    "log_joint",
    "random_variables",
    "tape",
]
__version__ = "0.1.0"
