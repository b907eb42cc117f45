"""Rows of the families with vector events, their parameters listed entry by entry."""

from dataclasses import dataclass

import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp
from mpmath import mp

from cases import continuous as base
from cases import oracles as exact
from cases.row import INF, Oracle, Row

LOCS = {"m1": (0.0, 3.0, -20.0), "m2": (1.0, -2.0, 5.0), "m3": (-0.5, 0.0, 400.0)}
FACTOR = {
    "l11": (1.0, 0.2, 5.0),
    "l21": (0.5, -0.1, 2.0),
    "l22": (0.8, 0.3, 1.0),
    "l31": (-0.3, 0.2, -4.0),
    "l32": (0.4, 0.05, 0.5),
    "l33": (1.5, 0.1, 3.0),
}
SYMMETRIC = {
    "c11": (1.0, 0.2, 5.0),
    "c21": (0.3, -0.1, 1.0),
    "c22": (0.8, 0.3, 2.0),
    "c31": (-0.3, 0.02, -1.5),
    "c32": (0.2, 0.05, 0.5),
    "c33": (1.5, 0.1, 3.0),
}
STEPS = np.array(
    [[0.3, -0.4, 0.5], [-1.1, 0.9, 0.2], [1.8, 1.5, -1.4], [-6.0, 5.0, 7.0], [14.0, -20.0, 9.0]]
)


def stacked(entries):
    """Vectors from their entries, each an array over the batch."""
    return jnp.stack(entries, -1)


def lower(a, b, c, d, e, f):
    """Lower triangular matrices from their entries by rows."""
    o = jnp.zeros_like(a)
    return jnp.stack([stacked([a, o, o]), stacked([b, c, o]), stacked([d, e, f])], -2)


def symmetric(a, b, c, d, e, f):
    """Symmetric matrices from their lower triangles by rows."""
    return jnp.stack([stacked([a, b, d]), stacked([b, c, e]), stacked([d, e, f])], -2)


def exact_lower(a, b, c, d, e, f):
    return mp.matrix([[a, 0, 0], [b, c, 0], [d, e, f]])


def exact_symmetric(a, b, c, d, e, f):
    return mp.matrix([[a, b, d], [b, c, e], [d, e, f]])


def low_rank(*theta):
    factor, diagonal = mp.matrix(theta[:3]), mp.diag(theta[3:])
    return factor * factor.T + diagonal


def quadratic(x, loc, factor):
    """Squared length of the whitened residual, and log determinant of the factor."""
    size = len(loc)
    z = []
    for i in range(size):
        seen = mp.fsum(factor[i, j] * z[j] for j in range(i))
        z.append((x[i] - loc[i] - seen) / factor[i, i])
    return mp.fsum(each**2 for each in z), mp.fsum(mp.log(factor[i, i]) for i in range(size))


def entries(matrix):
    return [[matrix[i, j] for j in range(matrix.cols)] for i in range(matrix.rows)]


def diagonal(matrix):
    return [matrix[i, i] for i in range(matrix.rows)]


def multivariate_normal(factor):
    """Oracle of a multivariate normal; `factor` maps what follows the location to Cholesky's."""

    def log_prob(x, *theta):
        square, log_det = quadratic(x, theta[:3], factor(*theta[3:]))
        return -square / 2 - log_det - mp.log(2 * mp.pi) * 3 / 2

    def covariance(*theta):
        root = factor(*theta[3:])
        return root * root.T

    return VectorOracle(
        log_prob,
        mean=lambda *theta: list(theta[:3]),
        variance=lambda *theta: diagonal(covariance(*theta)),
        covariance=lambda *theta: entries(covariance(*theta)),
    )


@dataclass(frozen=True)
class VectorOracle(Oracle):
    """An oracle of vectors; `inside` is the support."""

    inside: object = lambda x, *_: True

    def density(self, x, *theta):
        return self.log_prob(x, *theta) if self.inside(x, *theta) else -INF

    def slope(self, quantity, x, *theta):
        """Derivative along each coordinate."""

        def along(i):
            return lambda t: self.log_prob([*x[:i], t, *x[i + 1 :]], *theta)

        return [mp.diff(along(i), x[i]) for i in range(len(x))]


@dataclass(frozen=True)
class FactorisedOracle(Oracle):
    """Coordinates independent, the parameters listed coordinate by coordinate."""

    base: Oracle = None

    def each(self, function, x, theta):
        width = len(theta) // len(x)
        chunks = [theta[i * width : (i + 1) * width] for i in range(len(x))]
        return [function(a, *chunk) for a, chunk in zip(x, chunks, strict=True)]

    def density(self, x, *theta):
        return mp.fsum(self.each(self.base.density, x, theta))

    def log_cdf(self, x, *theta):
        return self.each(self.base.log_cdf, x, theta)

    def log_survival(self, x, *theta):
        return self.each(self.base.log_survival, x, theta)

    def slope(self, quantity, x, *theta):
        return self.each(lambda a, *chunk: self.base.slope(quantity, a, *chunk), x, theta)


def factorised(one, size):
    """Oracle of a vector of independent coordinates."""

    def stats(function):
        def listed(*theta):
            width = len(theta) // size
            return [function(*theta[i * width : (i + 1) * width]) for i in range(size)]

        return listed

    def covariance(*theta):
        return entries(mp.diag(stats(one.variance)(*theta)))

    return FactorisedOracle(
        one.log_prob,
        one.tails,
        stats(one.mean),
        stats(one.variance),
        covariance,
        base=one,
    )


def student_log_prob(x, df, *theta):
    square, log_det = quadratic(x, theta[:3], exact_lower(*theta[3:]))
    scale = mp.loggamma((df + 3) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) * 3 / 2
    return scale - log_det - (df + 3) / 2 * mp.log1p(square / df)


def student_covariance(df, *theta):
    root = exact_lower(*theta[3:])
    factor = exact.defined(df > 1, lambda: exact.finite(df > 2, lambda: df / (df - 2)))
    return root * root.T * factor


multivariate_student = VectorOracle(
    student_log_prob,
    mean=lambda df, *theta: [exact.defined(df > 1, lambda m=m: m) for m in theta[:3]],
    variance=lambda *theta: diagonal(student_covariance(*theta)),
    covariance=lambda *theta: entries(student_covariance(*theta)),
)


def dirichlet_log_prob(x, *a):
    constant = mp.loggamma(mp.fsum(a)) - mp.fsum(map(mp.loggamma, a))
    return constant + mp.fsum(exact.xlogy(c - 1, t) for c, t in zip(a, x, strict=True))


def dirichlet_covariance(*a):
    total = mp.fsum(a)
    share = [each / total for each in a]
    return [
        [((i == j) * p - p * q) / (total + 1) for j, q in enumerate(share)]
        for i, p in enumerate(share)
    ]


dirichlet = VectorOracle(
    dirichlet_log_prob,
    mean=lambda *a: [each / mp.fsum(a) for each in a],
    variance=lambda *a: [row[i] for i, row in enumerate(dirichlet_covariance(*a))],
    covariance=dirichlet_covariance,
    inside=lambda x, *_: min(x) >= 0 and abs(mp.fsum(x) - 1) < 1e-5,
)


def dirichlet_points(*_):
    body = [[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]
    tails = [[1e-6, 0.5, 0.5 - 1e-6], [1e-9, 1e-9, 1 - 2e-9]]
    return {"body": body, "tails": tails, "outside": [[0.5, 0.6, 0.2], [-0.2, 0.6, 0.6]]}


def elliptic_points(*theta):
    """Points around the location, the first three parameters."""
    points = (np.array(theta[:3]) + STEPS).tolist()
    return {"body": points[:3], "tails": points[3:]}


def from_locations(x, *theta):
    return [abs(a - m) for a, m in zip(x, theta[:3], strict=True)]


def condition_number(*theta):
    """Condition of the matrix that is factorised: errors of the quadratic form grow with it."""
    return float(mp.cond(exact_symmetric(*theta[3:])))


def capacitance(*theta):
    """One plus the factor's squared length in units of the diagonal: what Woodbury subtracts."""
    return float(1 + mp.fsum(f * f / d for f, d in zip(theta[3:6], theta[6:], strict=True)))


def normal_row(name, make, params, factor, **kwargs):
    return Row(
        name,
        lambda *p: make(stacked(p[:3]), *p[3:]),
        LOCS | params,
        multivariate_normal(factor),
        elliptic_points,
        from_locations,
        event_shape=(3,),
        **kwargs,
    )


def pairs(first, second):
    """Parameters of three coordinates, coordinate by coordinate."""
    return {f"{key}{i}": value for i in range(3) for key, value in (first[i], second[i])}


LOC_SCALE = pairs(
    [("loc", (0.0, 1.0, -5.0)), ("loc", (2.0, -1.0, 3.0)), ("loc", (100.0, 0.1, 0.2))],
    [("scale", (1.0, 0.1, 3.0)), ("scale", (2.0, 4.0, 0.3)), ("scale", (7.0, 1.0, 1.0))],
)
SHAPE_RATE = pairs(
    [("a", (0.4, 1.0, 5.0)), ("a", (2.0, 30.0, 0.7)), ("a", (3.0, 1.1, 9.0))],
    [("b", (1.0, 0.1, 3.0)), ("b", (2.0, 4.0, 0.3)), ("b", (7.0, 1.0, 1.0))],
)


def factorised_normal_points(*theta):
    loc, scale = np.array(theta[::2]), np.array(theta[1::2])
    points = (loc + scale * STEPS).tolist()
    return {"body": points[:3], "tails": points[3:]}


def factorised_gamma_points(*theta):
    mean = np.array(theta[::2]) / np.array(theta[1::2])
    body = [[0.3, 0.8, 1.2], [1.4, 1.0, 0.5], [0.9, 1.9, 0.7]]
    points = {"body": body, "tails": [[1e-6, 3.0, 20.0]], "outside": [[1.0, -0.5, 1.0]]}
    return {kind: (np.array(each) * mean).tolist() for kind, each in points.items()}


ROWS = [
    normal_row(
        "MultivariateNormal scale_tril",
        lambda loc, *p: dist.MultivariateNormal(loc, scale_tril=lower(*p)),
        FACTOR,
        exact_lower,
    ),
    normal_row(
        "MultivariateNormal covariance",
        lambda loc, *p: dist.MultivariateNormal(loc, covariance_matrix=symmetric(*p)),
        SYMMETRIC,
        lambda *p: mp.cholesky(exact_symmetric(*p)),
        condition=condition_number,
    ),
    normal_row(
        "MultivariateNormal precision",
        lambda loc, *p: dist.MultivariateNormal(loc, precision_matrix=symmetric(*p)),
        SYMMETRIC,
        lambda *p: mp.cholesky(mp.inverse(exact_symmetric(*p))),
        condition=condition_number,
    ),
    normal_row(
        "LowRankMultivariateNormal",
        lambda loc, *p: dist.LowRankMultivariateNormal(
            loc, stacked(p[:3])[..., None], stacked(p[3:])
        ),
        {
            "f1": (0.5, 1.0, -2.0),
            "f2": (-0.3, 0.1, 3.0),
            "f3": (0.2, 0.0, 1.0),
            "d1": (1.0, 0.1, 2.0),
            "d2": (0.5, 2.0, 0.3),
            "d3": (0.3, 1.0, 9.0),
        },
        lambda *p: mp.cholesky(low_rank(*p)),
        condition=capacitance,
    ),
    Row(
        "MultivariateStudentT",
        lambda df, *p: dist.MultivariateStudentT(df, stacked(p[:3]), lower(*p[3:])),
        {"df": (0.7, 3.5, 30.0)} | LOCS | FACTOR,
        multivariate_student,
        lambda df, *theta: elliptic_points(*theta),
        lambda x, df, *theta: from_locations(x, *theta),
        event_shape=(3,),
    ),
    Row(
        "Dirichlet",
        lambda *a: dist.Dirichlet(stacked(a)),
        {"a1": (0.3, 1.0, 100.0), "a2": (2.0, 1.0, 30.0), "a3": (0.7, 1.0, 5.0)},
        dirichlet,
        dirichlet_points,
        lambda x, *_: [abs(each) for each in x],
        event_shape=(3,),
    ),
    Row(
        "Independent Normal",
        lambda *p: dist.Normal(stacked(p[::2]), stacked(p[1::2])).to_event(1),
        LOC_SCALE,
        factorised(base.normal, 3),
        factorised_normal_points,
        lambda x, *theta: [abs(a - m) for a, m in zip(x, theta[::2], strict=True)],
        event_shape=(3,),
    ),
    Row(
        "Independent Gamma",
        lambda *p: dist.Gamma(stacked(p[::2]), stacked(p[1::2])).to_event(1),
        SHAPE_RATE,
        factorised(base.gamma, 3),
        factorised_gamma_points,
        lambda x, *_: [abs(each) for each in x],
        event_shape=(3,),
    ),
]
