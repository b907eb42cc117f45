"""All that a mixture must know of a component family.

Each module registers the families it knows on import; :func:`family` looks them up.
"""

from pathmix._families import (  # noqa: F401  (imported to register)
    _beta,
    _binomial,
    _counts,
    _dirichlet,
    _exponential,
    _gamma,
    _half,
    _location_scale,
    _multivariate,
    _student_t,
    _transformed,
    _truncated,
    _uniform,
    _von_mises,
    _wrappers,
)
from pathmix._families._conditionals import Conditionals as Conditionals
from pathmix._families._conditionals import Terms as Terms
from pathmix._families._protocol import Family as Family
from pathmix._families._protocol import family as family
from pathmix._families._protocol import register as register
from pathmix._families._supports import bounds as bounds
from pathmix._families._supports import component_bounds as component_bounds
from pathmix._families._supports import hull as hull
