"""The mixture distribution and its parts."""

from pathmix._mixture import _outsiders  # noqa: F401  (rows of a table)
from pathmix._mixture._arguments import Checks as Checks
from pathmix._mixture._censoring import CensoredMixture as CensoredMixture
from pathmix._mixture._panels import panel_ends as panel_ends
from pathmix._mixture._panels import rule as rule
from pathmix._mixture._panels import support_ends as support_ends
from pathmix._mixture._precision import working as working
from pathmix._mixture._quantile import inverse_log_cdf as inverse_log_cdf
from pathmix._mixture._quantile import inverse_log_survival as inverse_log_survival
from pathmix._mixture._rounding import QuantizedMixture as QuantizedMixture
from pathmix._mixture._same_family import MixtureSameFamily as MixtureSameFamily
from pathmix._mixture._several_families import Mixture as Mixture
from pathmix._mixture._truncation import TruncatedMixture as TruncatedMixture
