"""Families of your own: mathematics that mixtures then know as they know the built-in ones.

:class:`Family` says what there is to know, :func:`register` makes it that of a NumPyro class, and
:func:`check` holds it to the laws that every family keeps. ``docs/families.md`` has two examples.
:class:`custom_jvp` is for functions whose derivatives you write yourself. :func:`unconstrained`
makes a mixture of any family one vector of numbers, and mixtures of such vectors.

    >>> import numpyro.distributions as dist
    >>> family_of(dist.Gamma).name
    'Gamma'
"""

from pathmix._estimation import unconstrained as unconstrained
from pathmix._families import Conditionals as Conditionals
from pathmix._families import Family as Family
from pathmix._families import Limit as Limit
from pathmix._families import Terms as Terms
from pathmix._families import Vanishing as Vanishing
from pathmix._families import implicit as implicit
from pathmix._laws import check as check
from pathmix._registration import family_of as family_of
from pathmix._registration import register as register
from pathmix._rules import custom_jvp as custom_jvp
