"""Reasoning with mixtures: new ones from those there are; information and distances."""

from pathmix._reasoning import _divergence as _divergence
from pathmix._reasoning._bounds import EntropyBounds as EntropyBounds
from pathmix._reasoning._bounds import KLBounds as KLBounds
from pathmix._reasoning._bounds import entropy_bounds as entropy_bounds
from pathmix._reasoning._bounds import kl_bounds as kl_bounds
from pathmix._reasoning._overlaps import cauchy_schwarz_divergence as cauchy_schwarz_divergence
from pathmix._reasoning._overlaps import inner_product as inner_product
from pathmix._reasoning._overlaps import l2_distance as l2_distance
from pathmix._reasoning._overlaps import log_inner_product as log_inner_product
from pathmix._reasoning._product import Product as Product
from pathmix._reasoning._product import product as product
from pathmix._reasoning._reduce import reduce as reduce
from pathmix._reasoning._wasserstein import wasserstein as wasserstein
