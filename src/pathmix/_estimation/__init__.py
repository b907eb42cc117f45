"""Mixtures from data."""

from pathmix._estimation._bootstrap import LikelihoodRatioTest as LikelihoodRatioTest
from pathmix._estimation._bootstrap import likelihood_ratio_test as likelihood_ratio_test
from pathmix._estimation._em import EM as EM
from pathmix._estimation._fit import fit as fit
from pathmix._estimation._gradient import Gradient as Gradient
from pathmix._estimation._numbers import unconstrained as unconstrained
from pathmix._estimation._online import OnlineEM as OnlineEM
from pathmix._estimation._online import OnlineState as OnlineState
from pathmix._estimation._prior import ConjugateNormal as ConjugateNormal
from pathmix._estimation._progress import in_turns as in_turns
from pathmix._estimation._result import Fit as Fit
from pathmix._estimation._seen import given_what_was_seen as given_what_was_seen
from pathmix._estimation._select import select as select
from pathmix._estimation._selection import Selection as Selection
from pathmix._estimation._start import start as start
from pathmix._estimation._statistics import Statistics as Statistics
from pathmix._estimation._statistics import statistics as statistics
from pathmix._estimation._statistics import update as update
from pathmix._estimation._structure import LowRank as LowRank
from pathmix._estimation._structure import Spherical as Spherical
from pathmix._estimation._structure import Structure as Structure
from pathmix._estimation._structure import Tied as Tied
