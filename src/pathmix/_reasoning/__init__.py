"""Reasoning with mixtures: new ones from those there are."""

from pathmix._reasoning._product import Product as Product
from pathmix._reasoning._product import product as product
from pathmix._reasoning._reduce import reduce as reduce
