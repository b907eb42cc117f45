"""Rows of the family table whose components are of several families.

Pairs, mixtures within, point masses, supports that differ, counts and vectors: of each kind the
quick tests have the first row. Batches are made of every row by the laws.
"""

from dataclasses import replace

import numpyro.distributions as dist
from mpmath import mpf

from cases import continuous, families, multivariate
from cases.joined import Joined
from cases.row import Oracle, Row

BY_NAME = {row.name: row for row in families.ROWS}


def of(name, **params):
    """Components of a family of the table, with parameters of their own."""
    assert list(params) == list(BY_NAME[name].params)
    return replace(BY_NAME[name], params=params)


def first(name, n=2):
    """The first components of a family of the table."""
    row = BY_NAME[name]
    return replace(row, params={key: values[:n] for key, values in row.params.items()})


def around(*theta):
    v = theta[0]
    return {"mass": [v], "outside": [v - 1, v + 0.75]}


mass = Oracle(
    lambda x, v: mpf(0),
    lambda x, v: (mpf(1), mpf(0)),
    lambda v: v,
    lambda v: mpf(0),
    support=lambda v: (v, v),
    atomic=True,
)


def masses(*v):
    """Point masses, which are no family by themselves: they have no density."""
    return Row("Delta", dist.Delta, {"v": v}, mass, around, fixed=("v",))


def normals(*pairs):
    loc, scale = zip(*pairs, strict=True)
    return of("Normal", loc=loc, scale=scale)


def independent_laplace(*p):
    return dist.Laplace(multivariate.stacked(p[::2]), multivariate.stacked(p[1::2])).to_event(1)


INDEPENDENT_LAPLACE = Row(
    "Independent Laplace",
    independent_laplace,
    multivariate.pairs(
        [("loc", (0.5, -2.0)), ("loc", (1.0, 0.3)), ("loc", (0.1, 3.0))],
        [("scale", (1.0, 0.5)), ("scale", (0.3, 2.0)), ("scale", (2.0, 1.5))],
    ),
    multivariate.factorised(continuous.laplace, 3),
    multivariate.factorised_normal_points,
    lambda x, *theta: [abs(a - m) for a, m in zip(x, theta[::2], strict=True)],
    event_shape=(3,),
)
LAPLACE = of("Laplace", loc=(0.3,), scale=(2.0,))
CAUCHY = of("Cauchy", loc=(1.0,), scale=(0.7,))
NORMALS = normals((-1.0, 0.5), (2.0, 1.5))
STUDENT = of("StudentT", df=(3.5, 30.0), loc=(0.5, -2.0), scale=(4.0, 1.0))
PAIR, NESTED, ATOMS, SUPPORTS, COUNTS, BESIDE, VECTORS = (
    f"Mixture of {kind}"
    for kind in (
        "a pair",
        "mixtures",
        "point masses",
        "supports",
        "counts",
        "counts beside densities",
        "vectors",
    )
)

ROWS = [
    Joined(PAIR, (NORMALS, LAPLACE)),
    Joined(PAIR, (NORMALS, STUDENT)),
    Joined(
        PAIR, (of("Logistic", loc=(0.0,), scale=(1.0,)), of("Gumbel", loc=(1.0,), scale=(0.4,)))
    ),
    Joined(
        NESTED,
        (NORMALS, Joined(PAIR, (CAUCHY, normals((1.0, 2.0)))), LAPLACE),
        nested=True,
    ),
    Joined(ATOMS, (masses(0.5), NORMALS)),
    Joined(ATOMS, (masses(0.0), of("Poisson", rate=(1.3, 12.0)))),
    Joined(ATOMS, (masses(0.0, 1.5), of("Gamma", concentration=(2.0, 0.5), rate=(1.0, 0.3)))),
    Joined(
        SUPPORTS,
        (
            of("Exponential", rate=(0.7,)),
            of("Uniform", low=(-1.25,), high=(0.5,)),
            normals((-1.0, 0.75)),
        ),
    ),
    Joined(SUPPORTS, (of("Gamma", concentration=(2.0, 0.7), rate=(1.0, 0.2)), NORMALS)),
    Joined(
        SUPPORTS,
        (of("HalfNormal", scale=(1.0, 3.0)), of("Uniform", low=(-1.0,), high=(0.5,))),
    ),
    Joined(
        SUPPORTS,
        (
            of("LogNormal", loc=(0.0,), scale=(0.5,)),
            of("Weibull", scale=(1.0, 3.0), concentration=(2.0, 0.8)),
            of("Pareto", scale=(1.0,), alpha=(3.0,)),
        ),
    ),
    Joined(
        SUPPORTS,
        (
            of("TruncatedNormal right", loc=(0.0,), scale=(1.0,), high=(1.0,)),
            of("Exponential", rate=(1.0, 0.3)),
        ),
    ),
    Joined(
        COUNTS,
        (of("GeometricProbs", probs=(0.2, 0.6)), of("DiscreteUniform", low=(2,), high=(14,))),
    ),
    Joined(
        COUNTS,
        (
            of("Poisson", rate=(1.3, 12.0)),
            of("NegativeBinomial2", mean=(5.0, 60.0), concentration=(3.0, 100.0)),
        ),
    ),
    Joined(
        COUNTS,
        (of("ZeroInflatedPoisson", gate=(0.3,), rate=(2.0,)), of("Poisson", rate=(6.0, 0.5))),
    ),
    Joined(BESIDE, (of("Poisson", rate=(1.3, 12.0)), NORMALS)),
    Joined(
        BESIDE,
        (
            of("ZeroInflatedPoisson", gate=(0.3,), rate=(2.0,)),
            of("Gamma", concentration=(2.0, 0.5), rate=(1.0, 0.3)),
        ),
    ),
    Joined(
        BESIDE,
        (
            of("HurdlePoisson", gate=(0.3, 0.6), rate=(2.0, 5.0)),
            of("Exponential", rate=(0.7,)),
            normals((-1.0, 0.75)),
        ),
    ),
    Joined(
        BESIDE,
        (masses(0.5), of("GeometricProbs", probs=(0.2, 0.6)), of("Exponential", rate=(0.7,))),
    ),
    Joined(
        BESIDE,
        (NORMALS, Joined(COUNTS, (of("Poisson", rate=(4.0,)), of("GeometricProbs", probs=(0.3,))))),
        nested=True,
    ),
    Joined(VECTORS, (first("Independent Normal"), INDEPENDENT_LAPLACE)),
    Joined(VECTORS, (first("MultivariateNormal scale_tril"), first("MultivariateStudentT"))),
    Joined(VECTORS, (first("LowRankMultivariateNormal"), first("MultivariateNormal scale_tril"))),
]
