"""NumPyro's distributions as families with parameters, and their supports.

Here, and nowhere below, are distributions read, built and asked.
"""

from pathmix._components._canonical import Canonical as Canonical
from pathmix._components._canonical import canonical as canonical
from pathmix._components._canonical import lean as lean
from pathmix._components._coordinates import conditional as conditional
from pathmix._components._coordinates import margin as margin
from pathmix._components._coordinates import scalar_margin as scalar_margin
from pathmix._components._coordinates import splits as splits
from pathmix._components._gaussian import FACTORISED_NORMAL as FACTORISED_NORMAL
from pathmix._components._gaussian import FULL_NORMAL as FULL_NORMAL
from pathmix._components._gaussian import FULL_STUDENT_T as FULL_STUDENT_T
from pathmix._components._gaussian import NORMAL as NORMAL
from pathmix._components._gaussian import Gaussian as Gaussian
from pathmix._components._gaussian import as_gaussian as as_gaussian
from pathmix._components._gaussian import beside as beside
from pathmix._components._gaussian import components_of as components_of
from pathmix._components._gaussian import gaussian as gaussian
from pathmix._components._gaussian import kind_of as kind_of
from pathmix._components._groups import Which as Which
from pathmix._components._groups import as_joined as as_joined
from pathmix._components._groups import atomic as atomic
from pathmix._components._groups import by_family as by_family
from pathmix._components._groups import each_family as each_family
from pathmix._components._groups import grouped as grouped
from pathmix._components._groups import has_atoms as has_atoms
from pathmix._components._groups import has_counts as has_counts
from pathmix._components._groups import joined as joined
from pathmix._components._groups import members as members
from pathmix._components._groups import order_of as order_of
from pathmix._components._groups import places_of as places_of
from pathmix._components._groups import split as split
from pathmix._components._groups import which_of as which_of
from pathmix._components._groups import with_axis as with_axis
from pathmix._components._known import kinds as kinds
from pathmix._components._known import known as known
from pathmix._components._known import register as register
from pathmix._components._need import check_pathwise as check_pathwise
from pathmix._components._need import need as need
from pathmix._components._one_of import OneOf as OneOf
from pathmix._components._opaque import Opaque as Opaque
from pathmix._components._point_counts import as_count as as_count
from pathmix._components._point_counts import is_point_mass as is_point_mass
from pathmix._components._recipes import Constructed as Constructed
from pathmix._components._recipes import Factorised as Factorised
from pathmix._components._recipes import Recipe as Recipe
from pathmix._components._recipes import Several as Several
from pathmix._components._recipes import Transformed as Transformed
from pathmix._components._recipes import Wrapped as Wrapped
from pathmix._components._supports import bounds as bounds
from pathmix._components._supports import component_bounds as component_bounds
from pathmix._components._supports import hull as hull
from pathmix._components._supports import interval as interval
from pathmix._components._wrappers import WRAPPERS as WRAPPERS
