"""Random variables: distributions with a value that act as that value."""

from pathmix._random_variable._array import plain as plain
from pathmix._random_variable._constructors import constructor as constructor
from pathmix._random_variable._mixture import Mixture as Mixture
from pathmix._random_variable._mixture import MixtureSameFamily as MixtureSameFamily
from pathmix._random_variable._random_variable import RandomVariable as RandomVariable
from pathmix._random_variable._site import as_site as as_site
