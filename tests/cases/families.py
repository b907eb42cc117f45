"""The table of families, and its oracle's values, computed once per process."""

from functools import cache, partial

import numpy as np
from mpmath import isfinite, mp

from cases import bounded, continuous, discrete, multivariate
from cases.row import exact, to_float

ROWS = [*continuous.ROWS, *bounded.ROWS, *discrete.ROWS, *multivariate.ROWS]
METHOD = {"log_prob": "density", "log_cdf": "log_cdf", "log_survival": "log_survival"}
STEP = mp.mpf("1e-12")
GRADIENT_KINDS = ("body",)


def at_points(row, dtype, function):
    """An array of function(x, *theta) over points and components."""
    value, _ = row.value(dtype)
    columns = []
    for k, theta in enumerate(row.components(dtype)):
        columns.append(
            [to_float(function(exact(x), *exact(list(theta)))) for x in value[:, k].tolist()]
        )
    return np.swapaxes(np.array(columns), 0, 1)


@cache
def expected(row, quantity, dtype):
    """The oracle's values at every point."""
    return at_points(row, dtype, getattr(row.oracle, METHOD[quantity]))


@cache
def sensitivity(row, quantity, dtype):
    """|d| |f'(x)|: the change of f when its distance d from `row.reach` is rounded."""

    def function(x, *theta):
        slope, reach = row.oracle.slope(quantity, x, *theta), row.reach(x, *theta)
        if not isinstance(slope, list):
            return abs(reach * slope) if isfinite(slope) else mp.mpf(0)
        parts = [abs(r * s) for r, s in zip(reach, slope, strict=True)]
        return mp.fsum(parts) if quantity == "log_prob" else parts

    return at_points(row, dtype, function)


def condition(row, dtype):
    """The stated condition number of each component's parameters."""
    return np.array([row.condition(*theta) for theta in row.components(dtype)])


def moment(row, name, dtype):
    """A moment of every component."""
    function = getattr(row.oracle, name)
    return np.array([to_float(function(*exact(list(t)))) for t in row.components(dtype)])


def smooth_points(row):
    """Which points have a derivative to compare."""
    _, kinds = row.value("float64")
    return np.isin(kinds, GRADIENT_KINDS)


def difference(function, x):
    """Central difference in extended precision; no slope where the function is infinite."""
    if not isfinite(function(x)):
        return mp.mpf(0)
    step = STEP * (abs(x) or mp.mpf("1e-3"))
    return (function(x + step) - function(x - step)) / (2 * step)


def derivative(row, quantity, argument):
    """Derivatives at the smooth points: argument -1 is the point, others the parameters."""
    function = getattr(row.oracle, METHOD[quantity])
    value, _ = row.value("float64")
    value = value[smooth_points(row)]
    result = np.full(value.shape, np.nan) if argument < 0 else np.full(value.shape[:2], np.nan)
    for k, theta in enumerate(row.components("float64")):
        theta = exact(list(theta))
        for n, x in enumerate(value[:, k].tolist()):
            x = exact(x)
            along = along_point if argument < 0 else partial(along_parameter, i=argument)
            result[n, k] = to_float(along(function, x, theta))
    return result


def along_point(function, x, theta):
    """Derivative in the point, coordinate by coordinate for a vector."""
    if not isinstance(x, list):
        return difference(lambda t: function(t, *theta), x)
    return [
        difference(lambda t, i=i: function([*x[:i], t, *x[i + 1 :]], *theta), x[i])
        for i in range(len(x))
    ]


def along_parameter(function, x, theta, i):
    """Derivative in one parameter."""
    return difference(lambda t: function(x, *theta[:i], t, *theta[i + 1 :]), theta[i])
