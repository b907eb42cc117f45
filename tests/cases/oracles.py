"""Exact tails and moments from special functions in extended precision."""

from functools import cache

from mpmath import mp, mpf

from cases.row import INF, NAN, Oracle


def xlogy(a, x):
    """a log(x), with 0 log(0) = 0."""
    if a == 0:
        return mpf(0)
    return a * mp.log(x) if x > 0 else -INF * a


def xlog1py(a, x):
    """a log(1 + x), with 0 log(0) = 0."""
    if a == 0:
        return mpf(0)
    return a * mp.log1p(x) if x > -1 else -INF * a


def normal_tails(z):
    """Both tails of a standard normal."""
    return mp.erfc(-z / mp.sqrt(2)) / 2, mp.erfc(z / mp.sqrt(2)) / 2


def normal_log_prob(z):
    """Standard normal log density."""
    return -z * z / 2 - mp.log(2 * mp.pi) / 2


def laplace_tails(z):
    """Both tails of a standard Laplace."""
    half = mp.exp(-abs(z)) / 2
    return (half, 1 - half) if z < 0 else (1 - half, half)


def logistic_tails(z):
    """Both tails of a standard logistic."""
    return 1 / (1 + mp.exp(-z)), 1 / (1 + mp.exp(z))


def cauchy_tails(z):
    """Both tails of a standard Cauchy."""
    return mp.atan2(1, -z) / mp.pi, mp.atan2(1, z) / mp.pi


def student_tails(z, df):
    """Both tails of a standard Student-t."""
    share = z * z / (df + z * z)
    if share < 0.5:
        half = (1 - beta_lower(mpf(1) / 2, df / 2, share)) / 2
    else:
        half = beta_lower(df / 2, mpf(1) / 2, df / (df + z * z)) / 2
    return (half, 1 - half) if z < 0 else (1 - half, half)


def student_log_prob(z, df):
    """Standard Student-t log density."""
    scale = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return scale - (df + 1) / 2 * mp.log1p(z * z / df)


def beta_lower(a, b, x):
    """Regularised incomplete beta function, accurate where it is small."""
    return mp.betainc(a, b, 0, x, regularized=True)


def beta_tails(a, b, x):
    """Both tails of a Beta."""
    return beta_lower(a, b, x), beta_lower(b, a, 1 - x)


def gamma_tails(a, x):
    """Both tails of a standard Gamma: the series below, its complement in more digits above."""
    digits = int(max(0, x - a - (a * mp.log(x / a) if x > 0 else 0)) / 2.3) + 10
    if x > a and digits > 60:  # far above, where mpmath's upper tail needs no more digits
        upper = mp.gammainc(a, x, mp.inf, regularized=True)
        return 1 - upper, upper
    # what is below the smallest float needs no complement
    with mp.workdps(mp.dps + min(digits, 340)):
        term = total = 1 / a
        n = 0
        while term > total * mp.eps:
            n += 1
            term *= x / (a + n)
            total += term
        lower = total * mp.exp(xlogy(a, x) - x - mp.loggamma(a))
        return +lower, 1 - lower


@cache  # the digits are its own, and the laws ask the same points again
def von_mises_tails(x, loc, concentration):
    """Both tails measured from -pi, by quadrature in pieces, each relative to its own size."""

    def height(t):
        return concentration * (mp.cos(t - loc) - 1)

    def piece(low, high):
        top = max(height(low), height(high))
        area = mp.quad(lambda t: mp.exp(height(t) - top), [low, high], method="gauss-legendre")
        return area * mp.exp(top)

    def integral(low, high):
        inner = (mark for mark in von_mises_marks(x, loc, concentration) if low < mark < high)
        ends = sorted({low, high, *inner})
        return mp.fsum(map(piece, ends, ends[1:]))

    with mp.workdps(28):
        lower, upper = integral(-mp.pi, x), integral(x, mp.pi)
        return lower / (lower + upper), upper / (lower + upper)


def von_mises_marks(x, loc, concentration):
    """Where to split: around every mode, and near the ends on the scale of the local slope."""
    width = 1 / mp.sqrt(concentration + 1)
    marks = [loc + 2 * mp.pi * j + s * width for j in (-1, 0, 1) for s in (-12, -4, 0, 4, 12)]
    for end in (x, -mp.pi, mp.pi):
        slope = concentration * abs(mp.sin(end - loc)) + 1
        marks += [end + s / slope for s in (-40, -8, 8, 40)]
    return marks


def defined(condition, value):
    """The value where it is defined, NaN elsewhere."""
    return value() if condition else NAN


def finite(condition, value):
    """The value where it is finite, infinity elsewhere."""
    return value() if condition else INF


def everywhere(*_):
    """The real line."""
    return -INF, INF


def location_scale(log_prob, tails, mean, variance, support=everywhere):
    """Oracle of loc + scale z from that of z; shape parameters come first."""

    def standard(x, theta):
        *shape, loc, scale = theta
        return (x - loc) / scale, shape, loc, scale

    def shifted_log_prob(x, *theta):
        z, shape, _, scale = standard(x, theta)
        return log_prob(z, *shape) - mp.log(scale)

    def shifted_tails(x, *theta):
        z, shape, _, _ = standard(x, theta)
        return tails(z, *shape)

    return Oracle(
        shifted_log_prob,
        shifted_tails,
        lambda *theta: theta[-2] + theta[-1] * mean(*theta[:-2]),
        lambda *theta: theta[-1] ** 2 * variance(*theta[:-2]),
        support=support,
    )


def increasing(base, inverse, log_slope, support, mean=None, variance=None):
    """Oracle of y = t(x), t increasing: `inverse` and the log of its slope take y, theta.

    `inverse` returns the base point and the base parameters.
    """

    def log_prob(y, *theta):
        if y in support(*theta):
            return -INF
        return base.log_prob(*inverse(y, *theta)) + log_slope(y, *theta)

    return Oracle(
        log_prob,
        lambda y, *theta: base.both_tails(*inverse(y, *theta)),
        mean,
        variance,
        support=support,
    )


def decreasing(base, inverse, log_slope, support, mean=None, variance=None):
    """Oracle of y = t(x), t decreasing: the tails change places."""
    same = increasing(base, inverse, log_slope, support, mean, variance)
    return Oracle(
        same.log_prob,
        lambda y, *theta: same.tails(y, *theta)[::-1],
        mean,
        variance,
        support=support,
    )


def truncated(base, limits, *, moments=False):
    """Oracle of a base oracle restricted to limits(*theta); extra parameters come last.

    `limits` returns (low, high, base parameters).
    """

    def mass(low, high, theta):
        f_low, s_low = base.both_tails(low, *theta) if low > -INF else (mpf(0), mpf(1))
        f_high, s_high = base.both_tails(high, *theta) if high < INF else (mpf(1), mpf(0))
        return f_high - f_low if f_high < 0.5 else s_low - s_high

    def log_prob(x, *theta):
        low, high, inner = limits(*theta)
        return base.log_prob(x, *inner) - mp.log(mass(low, high, inner))

    def tails(x, *theta):
        low, high, inner = limits(*theta)
        total = mass(low, high, inner)
        return mass(low, x, inner) / total, mass(x, high, inner) / total

    mean, variance = truncated_normal_moments(limits, mass) if moments else (None, None)
    return Oracle(log_prob, tails, mean, variance, support=lambda *theta: limits(*theta)[:2])


def truncated_normal_moments(limits, mass):
    """Mean and variance of a truncated normal from the densities at its limits."""

    def edges(*theta):
        low, high, (loc, scale) = limits(*theta)
        ends = [(end - loc) / scale if abs(end) < INF else None for end in (low, high)]
        total = mass(low, high, (loc, scale))
        dens = [mpf(0) if z is None else mp.exp(normal_log_prob(z)) / total for z in ends]
        first = dens[0] - dens[1]
        second = (ends[0] or 0) * dens[0] - (ends[1] or 0) * dens[1]
        return loc, scale, first, second

    def mean(*theta):
        loc, scale, first, _ = edges(*theta)
        return loc + scale * first

    def variance(*theta):
        _, scale, first, second = edges(*theta)
        return scale**2 * (1 + second - first**2)

    return mean, variance


def truncated_gamma(limits):
    """Oracle of a Gamma restricted to limits(*theta), which returns (low, high, a, rate).

    Masses and moments are incomplete gamma functions, by quadrature where they would cancel.
    """

    def integral(power, low, high, theta):
        a, rate, *_ = theta
        mode = min(max(a / rate, low), high)
        width = min(mp.sqrt(a + 1) / rate, 1 / abs(rate - a / mode) if rate * mode != a else INF)
        marks = [mode + s * width for s in (-60, -20, -8, -3, -1, 0, 1, 3, 8, 20, 60, 200, 600)]
        ends = sorted({low, high, *(mark for mark in marks if low < mark < high)} - {INF})
        return mp.quad(
            lambda x: mp.exp(xlogy(a - 1, x / mode) - rate * (x - mode)) * (x - mode) ** power, ends
        )

    def moments(theta):
        low, high, *_ = limits(*theta)
        with mp.workdps(30):
            total, first, second = (integral(n, low, high, theta) for n in range(3))
        mode = min(max(theta[0] / theta[1], low), high)
        return mode + first / total, second / total - (first / total) ** 2

    base = Oracle(
        lambda x, a, b: xlogy(a - 1, x) + a * mp.log(b) - b * x - mp.loggamma(a),
        lambda x, a, b: gamma_tails(a, b * x),
        support=lambda *_: (mpf(0), INF),
    )
    inner = truncated(base, limits)
    return Oracle(
        inner.log_prob,
        inner.tails,
        lambda *theta: moments(theta)[0],
        lambda *theta: moments(theta)[1],
        support=inner.support,
    )


def folded(base, mean=None, variance=None):
    """Oracle of |X| from that of X."""

    def log_prob(x, *theta):
        return mp.log(mp.exp(base.log_prob(x, *theta)) + mp.exp(base.log_prob(-x, *theta)))

    def tails(x, *theta):
        with mp.workdps(120):
            (below, above), (under, over) = base.tails(x, *theta), base.tails(-x, *theta)
            return below - under if below < over else over - above, above + under

    return Oracle(log_prob, tails, mean, variance, support=lambda *_: (mpf(0), INF))
