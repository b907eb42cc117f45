"""NumPyro's distributions as families with parameters, and their supports.

Here, and nowhere below, are distributions read, built and asked.
"""

from pathmix._components._canonical import Canonical as Canonical
from pathmix._components._canonical import canonical as canonical
from pathmix._components._canonical import lean as lean
from pathmix._components._known import kinds as kinds
from pathmix._components._known import known as known
from pathmix._components._known import register as register
from pathmix._components._need import check_pathwise as check_pathwise
from pathmix._components._need import need as need
from pathmix._components._opaque import Opaque as Opaque
from pathmix._components._recipes import Constructed as Constructed
from pathmix._components._recipes import Factorised as Factorised
from pathmix._components._recipes import Recipe as Recipe
from pathmix._components._recipes import Transformed as Transformed
from pathmix._components._recipes import Wrapped as Wrapped
from pathmix._components._supports import bounds as bounds
from pathmix._components._supports import component_bounds as component_bounds
from pathmix._components._supports import hull as hull
from pathmix._components._supports import interval as interval
