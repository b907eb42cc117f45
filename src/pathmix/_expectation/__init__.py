"""Expectations under a mixture, and the estimators of them."""

from pathmix._expectation._estimators import Pathwise as Pathwise
from pathmix._expectation._estimators import Stratified as Stratified
from pathmix._expectation._estimators import draw_each as draw_each
from pathmix._expectation._estimators import zero_safe as zero_safe
from pathmix._expectation._expectation import Estimate as Estimate
from pathmix._expectation._expectation import StandardErrors as StandardErrors
from pathmix._expectation._expectation import estimator_report as estimator_report
from pathmix._expectation._expectation import expectation as expectation
from pathmix._expectation._score import Score as Score
