"""Weights and components evaluated: the only loops over components."""

from pathmix._evaluation._blocks import all_terms as all_terms
from pathmix._evaluation._blocks import each_of_block as each_of_block
from pathmix._evaluation._blocks import of_block as of_block
from pathmix._evaluation._blocks import over_blocks as over_blocks
from pathmix._evaluation._compiled import compiled as compiled
from pathmix._evaluation._draws import draw as draw
from pathmix._evaluation._evaluate import cdf as cdf
from pathmix._evaluation._evaluate import first_terms as first_terms
from pathmix._evaluation._evaluate import joint as joint
from pathmix._evaluation._evaluate import log_cdf as log_cdf
from pathmix._evaluation._evaluate import log_prob as log_prob
from pathmix._evaluation._evaluate import log_survival as log_survival
from pathmix._evaluation._evaluate import sample as sample
from pathmix._evaluation._evaluate import terms as terms
from pathmix._evaluation._index import draw_index as draw_index
from pathmix._evaluation._intervals import log_interval as log_interval
from pathmix._evaluation._marginals import conditionals_of as conditionals_of
from pathmix._evaluation._mode import posterior_mode as posterior_mode
from pathmix._evaluation._moments import covariance as covariance
from pathmix._evaluation._moments import mean as mean
from pathmix._evaluation._moments import variance as variance
from pathmix._evaluation._posterior import posterior as posterior
from pathmix._evaluation._rows import prepared as prepared
from pathmix._evaluation._rows import velocity_at as velocity_at
from pathmix._evaluation._rows import velocity_rows as velocity_rows
from pathmix._evaluation._several_families import owns as owns
