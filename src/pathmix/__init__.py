"""Mixtures as random variables on JAX and NumPyro."""

from pathmix import families as families
from pathmix import interop as interop
from pathmix import random_variables as random_variables
from pathmix._estimation import EM as EM
from pathmix._estimation import ConjugateNormal as ConjugateNormal
from pathmix._estimation import Fit as Fit
from pathmix._estimation import Gradient as Gradient
from pathmix._estimation import LikelihoodRatioTest as LikelihoodRatioTest
from pathmix._estimation import LowRank as LowRank
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
from pathmix._keeping import load as load
from pathmix._keeping import save as save
from pathmix._mixture import CensoredMixture as CensoredMixture
from pathmix._mixture import Mixture as Mixture
from pathmix._mixture import MixtureSameFamily as MixtureSameFamily
from pathmix._mixture import QuantizedMixture as QuantizedMixture
from pathmix._mixture import TruncatedMixture as TruncatedMixture
from pathmix._program import condition as condition
from pathmix._program import log_joint as log_joint
from pathmix._program import tape as tape
from pathmix._random_variable import RandomVariable as RandomVariable
from pathmix._reasoning import EntropyBounds as EntropyBounds
from pathmix._reasoning import KLBounds as KLBounds
from pathmix._reasoning import Product as Product
from pathmix._reasoning import cauchy_schwarz_divergence as cauchy_schwarz_divergence
from pathmix._reasoning import entropy_bounds as entropy_bounds
from pathmix._reasoning import inner_product as inner_product
from pathmix._reasoning import kl_bounds as kl_bounds
from pathmix._reasoning import l2_distance as l2_distance
from pathmix._reasoning import log_inner_product as log_inner_product
from pathmix._reasoning import product as product
from pathmix._reasoning import reduce as reduce
from pathmix._reasoning import wasserstein as wasserstein

__all__ = [
    "EM",
    "CensoredMixture",
    "ConjugateNormal",
    "EntropyBounds",
    "Estimate",
    "Fit",
    "Gradient",
    "KLBounds",
    "LikelihoodRatioTest",
    "LowRank",
    "Mixture",
    "MixtureSameFamily",
    "OnlineEM",
    "OnlineState",
    "Pathwise",
    "Product",
    "QuantizedMixture",
    "RandomVariable",
    "Score",
    "Selection",
    "Spherical",
    "StandardErrors",
    "Statistics",
    "Stratified",
    "Tied",
    "TruncatedMixture",
    "cauchy_schwarz_divergence",
    "condition",
    "entropy_bounds",
    "estimator_report",
    "expectation",
    "families",
    "fit",
    "inner_product",
    "interop",
    "kl_bounds",
    "l2_distance",
    "likelihood_ratio_test",
    "load",
    "log_inner_product",
    "log_joint",
    "product",
    "random_variables",
    "reduce",
    "save",
    "select",
    "start",
    "statistics",
    "tape",
    "update",
    "wasserstein",
]
__version__ = "0.2.0"
