"""The mixture distribution and its parts."""

from pathmix._mixture._precision import working as working
from pathmix._mixture._same_family import MixtureSameFamily as MixtureSameFamily
from pathmix._mixture._several_families import Mixture as Mixture
