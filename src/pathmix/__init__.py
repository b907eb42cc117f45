"""Mixtures as random variables on JAX and NumPyro."""

from pathmix import families as families
from pathmix import random_variables as random_variables
from pathmix._estimation import EM as EM
from pathmix._estimation import ConjugateNormal as ConjugateNormal
from pathmix._estimation import Fit as Fit
from pathmix._estimation import Gradient as Gradient
from pathmix._estimation import LikelihoodRatioTest as LikelihoodRatioTest
from pathmix._estimation import OnlineEM as OnlineEM
from pathmix._estimation import OnlineState as OnlineState
from pathmix._estimation import Selection as Selection
from pathmix._estimation import Spherical as Spherical
from pathmix._estimation import Statistics as Statistics
from pathmix._estimation import Tied as Tied
from pathmix._estimation import fit as fit
from pathmix._estimation import likelihood_ratio_test as likelihood_ratio_test
from pathmix._estimation import select as select
from pathmix._estimation import start as start
from pathmix._estimation import statistics as statistics
from pathmix._estimation import update as update
from pathmix._expectation import Estimate as Estimate
from pathmix._expectation import Pathwise as Pathwise
from pathmix._expectation import Score as Score
from pathmix._expectation import StandardErrors as StandardErrors
from pathmix._expectation import Stratified as Stratified
from pathmix._expectation import estimator_report as estimator_report
from pathmix._expectation import expectation as expectation
from pathmix._mixture import Mixture as Mixture
from pathmix._mixture import MixtureSameFamily as MixtureSameFamily
from pathmix._program import condition as condition
from pathmix._program import log_joint as log_joint
from pathmix._program import tape as tape
from pathmix._random_variable import RandomVariable as RandomVariable
from pathmix._reasoning import Product as Product
from pathmix._reasoning import product as product
from pathmix._reasoning import reduce as reduce

__all__ = [
    "EM",
    "ConjugateNormal",
    "Estimate",
    "Fit",
    "Gradient",
    "LikelihoodRatioTest",
    "Mixture",
    "MixtureSameFamily",
    "OnlineEM",
    "OnlineState",
    "Pathwise",
    "Product",
    "RandomVariable",
    "Score",
    "Selection",
    "Spherical",
    "StandardErrors",
    "Statistics",
    "Stratified",
    "Tied",
    "condition",
    "estimator_report",
    "expectation",
    "families",
    "fit",
    "likelihood_ratio_test",
    "log_joint",
    "product",
    "random_variables",
    "reduce",
    "select",
    "start",
    "statistics",
    "tape",
    "update",
]
__version__ = "0.1.0"
