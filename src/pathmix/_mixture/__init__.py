"""The mixture distribution and its parts."""

from pathmix._mixture._same_family import MixtureSameFamily as MixtureSameFamily
