"""Arrays and nothing else: axes, points as rows, matrices applied to rows, and tuned constants.

The axes of a value come in the order ``*sample *batch k *event``. Inside, where loops must run
fast, points are rows: ``*event split rest *batch``, with the long axes last (``_points``).
"""

from pathmix._layout._axes import component_first as component_first
from pathmix._layout._axes import expand_to as expand_to
from pathmix._layout._axes import fold_components as fold_components
from pathmix._layout._axes import gather_components as gather_components
from pathmix._layout._axes import is_symbolic as is_symbolic
from pathmix._layout._axes import largest_divisor as largest_divisor
from pathmix._layout._axes import over_components as over_components
from pathmix._layout._axes import pad_left as pad_left
from pathmix._layout._axes import select_components as select_components
from pathmix._layout._axes import spread as spread
from pathmix._layout._axes import sum_rows as sum_rows
from pathmix._layout._axes import with_points as with_points
from pathmix._layout._linear_rows import loc_rows as loc_rows
from pathmix._layout._linear_rows import log_det as log_det
from pathmix._layout._linear_rows import many_points as many_points
from pathmix._layout._linear_rows import times_rows as times_rows
from pathmix._layout._linear_rows import whiten_rows as whiten_rows
from pathmix._layout._points import cut_up as cut_up
from pathmix._layout._points import from_rows as from_rows
from pathmix._layout._points import in_stretches as in_stretches
from pathmix._layout._points import local_divisors as local_divisors
from pathmix._layout._points import put_together as put_together
from pathmix._layout._points import to_rows as to_rows
