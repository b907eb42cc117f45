"""Whether draws have the exact distribution: Pearson's chi-square over cuts of the line.

Vectors are projected onto directions in which their components have a distribution that SciPy
knows: with enough directions these determine the joint distribution (Cramér and Wold 1936).
"""

from functools import partial

import numpy as np
import numpyro.distributions as dist
from mpmath import mp
from scipy import stats

from cases.mixed import body, shares
from cases.row import to_float
from cases.table import example, shared_names

DIRECTIONS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, -1, 0.02], [0.3, -1, 0.05]])


def p_value(drawn, cuts, below):
    """Of counts between cuts, where `below` are the exact P(X ≤ cut); rare bins are merged."""
    observed = np.bincount(np.searchsorted(cuts, drawn, side="left"), minlength=len(cuts) + 1)
    expected = len(drawn) * np.diff([0.0, *below, 1.0])
    starts, total = [0], 0.0
    for i, each in enumerate(expected):
        total += each
        if total >= 10 and expected[i + 1 :].sum() >= 10:
            starts, total = [*starts, i + 1], 0.0
    merged = [np.add.reduceat(counts, starts) for counts in (observed, expected)]
    return stats.chisquare(*merged, sum_check=False).pvalue if len(starts) > 1 else 1.0


def elliptical(row, theta, a):
    """Location and scale of the projection of an elliptical component."""
    each = [own for _, own in row.columns(theta)]
    if type(example(row)) is dist.MultivariateStudentT:
        tril = len(shared_names(row))
        locs = np.array([to_float(t[-tril - 3 : -tril]) for t in each])
        factor = np.asarray(row.make(*theta).scale_tril, float)
        scatter = factor @ np.swapaxes(factor, -1, -2)
    else:
        locs = np.array([to_float(row.oracle.mean(*t)) for t in each])
        scatter = np.array([to_float(row.oracle.covariance(*t)) for t in each])
    return locs @ a, np.sqrt(np.einsum("i,kij,j->k", a, scatter, a))


def normal_share(row, theta, a, t):
    loc, scale = elliptical(row, theta, a)
    return stats.norm.cdf(t, loc, scale)


def student_share(row, theta, a, t):
    loc, scale = elliptical(row, theta, a)
    return stats.t.cdf(t, np.asarray(theta[0], float), loc, scale)


def dirichlet_share(row, theta, a, t):
    """Of a sum of some coordinates, a beta variable."""
    alpha = np.array(theta, float).T
    return stats.beta.cdf(t, alpha @ a, alpha @ (1 - a))


def independent_share(row, theta, a, t):
    """Of one coordinate."""
    width, i = len(theta) // row.event_shape[0], int(np.argmax(a))
    base = row.oracle.base
    each = [own[i * width : (i + 1) * width] for _, own in row.columns(theta)]
    return np.array([float(base.both_tails(mp.mpf(float(t)), *p)[0]) for p in each])


PROJECTED = {
    dist.MultivariateNormal: (DIRECTIONS, normal_share),
    dist.LowRankMultivariateNormal: (DIRECTIONS, normal_share),
    dist.MultivariateStudentT: (DIRECTIONS, student_share),
    dist.Dirichlet: (np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1]]), dirichlet_share),
    dist.Independent: (np.eye(3), independent_share),
}


def views(row, theta, drawn):
    """Draws in every projection, with cuts and the cdf of each component there, `cuts k`."""
    points = np.asarray(body(row, "float64", most=12), float)
    if not row.event_shape:
        yield drawn, *with_cuts(points, lambda t: shares(row, t, theta))
        return
    for a in common_directions(row):
        yield drawn @ a, *with_cuts(points @ a, partial(projected, row, theta, a))


def common_directions(row):
    """Those of which the distribution of every component is known."""
    first, *rest = (PROJECTED[type(example(part))][0].tolist() for part in row.parts)
    return np.array([a for a in first if all(a in other for other in rest)])


def projected(row, theta, a, t):
    """P(aᵀX ≤ t) of every component."""
    parts = zip(row.parts, row.of_parts(theta), strict=True)
    each = [PROJECTED[type(example(part))][1](part, own, a, t) for part, own in parts]
    return np.concatenate(each)


def with_cuts(points, component_shares):
    cuts = np.unique(points)
    return cuts, np.array([component_shares(t) for t in cuts])


def p_values(row, theta, drawn, candidates):
    """The smallest over all projections, for each of the candidates for the weights."""
    every = list(views(row, theta, np.asarray(drawn, float)))
    return [min(p_value(each, cuts, below @ w) for each, cuts, below in every) for w in candidates]
