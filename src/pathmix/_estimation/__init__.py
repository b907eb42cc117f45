"""Mixtures from data."""

from pathmix._estimation._em import EM as EM
from pathmix._estimation._fit import fit as fit
from pathmix._estimation._prior import ConjugateNormal as ConjugateNormal
from pathmix._estimation._result import Fit as Fit
from pathmix._estimation._start import start as start
from pathmix._estimation._structure import Spherical as Spherical
from pathmix._estimation._structure import Structure as Structure
from pathmix._estimation._structure import Tied as Tied
