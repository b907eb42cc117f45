"""Pictures of mixtures and fits."""

from pathmix._plot._criteria import criteria as criteria
from pathmix._plot._density import density as density
from pathmix._plot._ellipses import ellipses as ellipses
from pathmix._plot._pairs import pairs as pairs
