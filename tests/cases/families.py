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
    """An array of function(row, x, *theta) over points and components, by the row of each."""
    value, _ = row.value(dtype)
    columns = []
    for k, (part, theta) in enumerate(row.columns(row.arrays(dtype))):
        columns.append([to_float(function(part, exact(x), *theta)) for x in value[:, k].tolist()])
    return np.swapaxes(np.array(columns), 0, 1)


@cache
def expected(row, quantity, dtype):
    """The oracle's values at every point."""

    def function(part, x, *theta):
        return getattr(part.oracle, METHOD[quantity])(x, *theta)

    return at_points(row, dtype, function)


@cache
def sensitivity(row, quantity, dtype):
    """|d| |f'(x)|: the change of f when its distance d from `row.reach` is rounded."""

    def function(part, x, *theta):
        slope, reach = part.oracle.slope(quantity, x, *theta), part.reach(x, *theta)
        if not isinstance(slope, list):
            return abs(reach * slope) if isfinite(slope) else mp.mpf(0)
        parts = [abs(r * s) for r, s in zip(reach, slope, strict=True)]
        return mp.fsum(parts) if quantity == "log_prob" else parts

    return at_points(row, dtype, function)


def condition(row, dtype):
    """The stated condition number of each component's parameters."""
    each = row.columns(row.arrays(dtype))
    return np.array([part.condition(*map(float, theta)) for part, theta in each])


def moment(row, name, dtype):
    """A moment of every component."""
    each = row.columns(row.arrays(dtype))
    return np.array([to_float(getattr(part.oracle, name)(*theta)) for part, theta in each])


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
    """Derivatives at the smooth points: argument -1 is the point, others the parameters.

    Components that do not have the parameter have none in it.
    """
    i, where = row.place(argument)
    along = along_point if argument < 0 else partial(along_parameter, i=i)
    value, _ = row.value("float64")
    value = value[smooth_points(row)]
    result = np.zeros(value.shape if argument < 0 else value.shape[:2])
    columns = row.columns(row.arrays("float64"))
    for k in range(row.size)[where]:
        part, theta = columns[k]
        function = getattr(part.oracle, METHOD[quantity])
        for n, x in enumerate(value[:, k].tolist()):
            result[n, k] = to_float(along(function, exact(x), theta))
    return result


def spread(row, i, array):
    """What is of the components that have the i-th parameter as of all, zero for others."""
    full = np.zeros((*array.shape[:-1], row.size), array.dtype)
    full[..., row.place(i)[1]] = array
    return full


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
