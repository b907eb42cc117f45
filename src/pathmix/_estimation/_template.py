"""Components of a family for given data, whose parameters do not matter."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import Distribution

from pathmix._components import Canonical, canonical
from pathmix._estimation._structure import Structure
from pathmix._mixture import MixtureSameFamily
from pathmix._outside import numpyro_of


def components_of(family: Any, data: Any, k: int, structure: Structure) -> Canonical:
    """Return components of a family for such data, whose parameters do not matter."""
    one = structure.of_rank(_template(family, data, structure))
    components = _full(canonical(one.expand((k,))))
    structure.check(components)
    return components


def _full(components: Canonical) -> Canonical:
    """The same with parameters of its own for each component and coordinate."""
    scalars = components.factors()
    inner = components if scalars is None else scalars

    def spread(p: Array, n: int) -> Array:
        return jnp.broadcast_to(p, inner.own_shape + p.shape[p.ndim - n :])

    return components.of(inner.map(spread).parameters)


def _template(family: Any, data: Any, structure: Structure) -> Distribution:
    """A distribution of the family for one row."""
    family, shape = numpyro_of(family), np.shape(data)
    if isinstance(family, MixtureSameFamily):
        raise TypeError(
            "expected a class of NumPyro distributions such as dist.Normal, or a distribution, got "
            f"a {type(family).__name__}. A mixture is a start itself: pass it to fit."
        )
    if isinstance(family, Distribution):
        d = family
        if d.batch_shape:
            raise ValueError(
                f"expected a distribution without a batch, got batch shape {d.batch_shape}."
            )
    elif family in _PLAIN or (isinstance(family, type) and issubclass(family, Distribution)):
        d = _of_class(family, data, structure)
    else:
        raise TypeError(
            "expected a class of NumPyro distributions such as dist.Normal, or a distribution, got "
            f"{family!r}."
        )
    missing = len(shape) - 1 - len(d.event_shape)
    if missing > 0:
        d = d.expand(shape[1 : 1 + missing]).to_event(missing)
    return d


_PLAIN = {
    dist.Bernoulli: dist.BernoulliProbs,
    dist.Geometric: dist.GeometricProbs,
    dist.Categorical: dist.CategoricalProbs,
}


def _of_class(family: Any, data: Any, structure: Structure) -> Distribution:
    """A distribution of a class, at plain values of its parameters, which need no checks."""
    if family is dist.LowRankMultivariateNormal:
        if structure.rank is None:
            raise ValueError(
                "expected structure=LowRank(rank) with LowRankMultivariateNormal, or a "
                "distribution of that class, whose cov_factor says the rank, got the class."
            )
        family = dist.MultivariateNormal
    family = _PLAIN.get(family, family)
    if family is dist.CategoricalProbs:
        return dist.CategoricalProbs(
            jnp.full(int(np.nanmax(data)) + 1, 1.0) / (np.nanmax(data) + 1), validate_args=False
        )
    if family in (dist.MultivariateNormal, dist.MultivariateStudentT):
        size = np.shape(data)[-1]
        df = {"df": 5.0} if family is dist.MultivariateStudentT else {}
        dtype = jnp.result_type(float)
        loc, root = np.zeros(size, dtype), np.eye(size, dtype=dtype)
        return family(**df, loc=loc, scale_tril=root, validate_args=False)
    if family is dist.Dirichlet:
        return dist.Dirichlet(jnp.ones(np.shape(data)[-1]), validate_args=False)
    if family in (dist.Uniform, dist.Pareto):
        return family(1.0, 2.0, validate_args=False)
    names = [n for n in family.arg_constraints if not family.arg_constraints[n].is_discrete]
    if len(names) < len(family.arg_constraints):
        raise ValueError(
            f"expected a {family.__name__} distribution, which has arguments that are not "
            "estimated, got the class. Pass one, with any parameters."
        )
    plain = {n: dist.biject_to(family.arg_constraints[n])(jnp.zeros(())) for n in names}
    return family(**plain, validate_args=False)
