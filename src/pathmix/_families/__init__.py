"""All that a mixture must know of a component family.

Each module registers the families it knows on import; :func:`family` looks them up.
"""

from pathmix._families import (  # noqa: F401  (imported to register)
    _asymmetric_laplace,
    _beta,
    _beta_counts,
    _binomial,
    _categorical,
    _counts,
    _dagum,
    _dirichlet,
    _exponential,
    _folded,
    _gamma,
    _gompertz,
    _half,
    _levy,
    _location_scale,
    _log_uniform,
    _multivariate,
    _power_law,
    _relaxed_bernoulli,
    _student_t,
    _transformed,
    _truncated,
    _truncated_gamma,
    _uniform,
    _von_mises,
    _wrappers,
    _zeros,
)
from pathmix._families._canonical import Canonical as Canonical
from pathmix._families._canonical import canonical as canonical
from pathmix._families._canonical import lean as lean
from pathmix._families._conditionals import Conditionals as Conditionals
from pathmix._families._conditionals import Terms as Terms
from pathmix._families._draws import draw as draw
from pathmix._families._limits import factored as factored
from pathmix._families._limits import limit_of as limit_of
from pathmix._families._marginals import conditionals_of as conditionals_of
from pathmix._families._protocol import Family as Family
from pathmix._families._protocol import family as family
from pathmix._families._protocol import is_registered as is_registered
from pathmix._families._protocol import register as register
from pathmix._families._supports import bounds as bounds
from pathmix._families._supports import component_bounds as component_bounds
from pathmix._families._supports import hull as hull
