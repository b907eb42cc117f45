"""Rows of the pathwise tests whose components are of several families: rows of it, joined."""

from dataclasses import dataclass, replace

import numpy as np
import numpyro.distributions as dist

from cases import pathwise as cases
from cases.pathwise import BODY, POSITIVE, PathwiseRow
from cases.several import PAIR, SUPPORTS, VECTORS
from pathmix import Mixture
from pathmix._components import canonical, grouped, members


@dataclass(frozen=True, eq=False)
class PathwiseJoined(PathwiseRow):
    """Components of several rows in their order, each built by its own row of its own parameters.

    `kind` is that of the table of families.
    """

    rows: tuple = ()
    kind: str = ""

    @property
    def family(self):
        return self.kind

    @property
    def num_components(self):
        return sum(row.num_components for row in self.rows)

    def mixture(self, theta, by="logits"):
        each = grouped([canonical(d) for d in self.build(theta)])
        weights = dist.Categorical(**{by: theta["weights"]})
        return Mixture(weights, members(*each), reparameterize=True)


def joined(kind, rows, points, *, quick=False):
    """One row of several."""
    places = list(enumerate(rows))
    parameters = {f"{name} {n}": v for n, row in places for name, v in row.parameters.items()}

    def build(p):
        return [row.build({name: p[f"{name} {n}"] for name in row.parameters}) for n, row in places]

    name = " + ".join(map(str, rows))
    return PathwiseJoined(name, parameters, build, points, quick=quick, rows=rows, kind=kind)


def fewer(row, k):
    """The first components of a row."""
    return replace(row, parameters={name: value[:k] for name, value in row.parameters.items()})


def scalar(name, k):
    (row,) = (row for row in cases.SCALARS if row.name == name)
    return fewer(row, k)


INDEPENDENT_LAPLACE = PathwiseRow(
    "Independent Laplace 2",
    {"loc": np.array([[0.4, -0.7]]), "scale": np.array([[1.3, 0.6]])},
    lambda p: dist.Laplace(p["loc"], p["scale"]).to_event(1),
    np.empty(0),
)
PAIRS = cases.VECTORS[0].points
ROWS = [
    joined(PAIR, (scalar("Normal", 2), scalar("Laplace", 1)), np.array(BODY)),
    joined(PAIR, (scalar("Normal", 2), scalar("StudentT", 1)), np.array(BODY)),
    joined(SUPPORTS, (scalar("Gamma", 2), scalar("Normal", 1)), np.array([-0.9, *POSITIVE])),
    joined(
        VECTORS,
        (fewer(cases.independent_normal(2), 2), INDEPENDENT_LAPLACE),
        PAIRS,
        quick=True,
    ),
    joined(
        VECTORS,
        (fewer(cases.multivariate_normal(2), 2), fewer(cases.student_t(2), 1)),
        PAIRS,
    ),
    joined(
        VECTORS,
        (fewer(cases.LOW_RANK, 1), fewer(cases.multivariate_normal(3), 2)),
        cases.LOW_RANK.points,
    ),
]
