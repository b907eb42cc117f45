r"""Deviances of the Gamma and Beta kinds where many components share each point.

:math:`D = a \log\frac{a}{\beta x} + \beta x - a` is zero at the mode :math:`a/\beta`, where both
parts vanish to first order. With logarithms split into two floats (:mod:`._split_log`), and the
mode too, either part is off by a rounding of itself: by as much as a rounding of ``x`` changes it.
A pair of a point and a component then costs some ten additions and multiplications, and neither a
logarithm nor a division. Where few components share a point the split logarithms cost more than
they spare, and the quotient of each pair is taken apart (:mod:`._quotients`). So it is of few pairs
of many components, but for their derivatives along parameters, which share the logarithms.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp

from pathmix._moving import are_zero, is_zero, jvp_of_moving
from pathmix._rules import custom_jvp
from pathmix._tuning import FEW, FEW_PAIRS
from pathmix._typing import Reals
from pathmix._where import where

from ._exact import one_minus, product_error, two_sum
from ._kernels import beta_deviance
from ._quotients import deviance_of
from ._split_log import SplitLog, split_log, split_logs

Deviance = Callable[..., Reals]


def gamma_deviance(a: Reals, rate: Reals, x: Reals) -> Reals:
    """Return ``a log(a/(rate x)) + rate x − a`` of positive finite numbers, broadcast.

    >>> print(gamma_deviance(*map(jnp.asarray, (100.0, 1.0, 101.0))).round(6))
    0.004967
    """
    return _plan(_gamma_pairs, _gamma_of_few_pairs, _gamma_split, a, rate, x)


def beta_deviance_at(a: Reals, b: Reals, x: Reals) -> Reals:
    """Return ``a log(a/(n x)) + b log(b/(n (1−x)))``, ``n = a + b``, of 0 < x < 1, broadcast.

    >>> print(beta_deviance_at(*map(jnp.asarray, (2.0, 3.0, 0.5))).round(5))
    0.10068
    """
    return _plan(_beta_pairs, _beta_of_few_pairs, _beta_split, a, b, x)


def _plan(of_pairs: Deviance, of_few_pairs: Deviance, split: Deviance, *arguments: Reals) -> Reals:
    """By split logarithms where many points meet many components, if that is known."""
    pairs = math.prod(jnp.broadcast_shapes(*(t.shape for t in arguments)))
    sizes = [pairs, *(t.size for t in arguments)]
    if not all(isinstance(n, int) for n in sizes) or pairs < FEW * max(sizes[1:]):
        return of_pairs(*arguments)
    return (split if pairs > FEW_PAIRS else of_few_pairs)(*arguments)


def _of_few_pairs(of_pairs: Deviance, split: Deviance) -> Deviance:
    """The same values, of which derivatives along parameters are those of split logarithms."""
    out = custom_jvp(of_pairs)

    @partial(out.defjvp, symbolic_zeros=True)
    def rule(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
        fn = of_pairs if are_zero(tangents[:-1]) else split
        value, change = jvp_of_moving(fn, primals, tangents)
        return value, jnp.broadcast_to(change, value.shape)

    return out


def _rule(fn: Any, slopes: Callable[..., tuple[Callable[[], Reals], ...]]) -> None:
    """Let ``fn`` differentiate by its slopes, of which those of what moves are worked out."""

    @partial(fn.defjvp, symbolic_zeros=True)
    def rule(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
        out, change = fn(*primals), 0.0
        for slope, tangent in zip(slopes(*primals), tangents, strict=True):
            change += 0.0 if is_zero(tangent) else slope() * tangent
        return out, jnp.broadcast_to(change, out.shape)


# ---- Gamma ----


def _gamma_pairs(a: Reals, rate: Reals, x: Reals) -> Reals:
    m = rate * x
    proper = (m > 0) & (m < jnp.inf)
    a, m = jnp.broadcast_arrays(a, where(proper, m, 1))
    return where(proper, deviance_of(a, m), jnp.inf)


@custom_jvp
def _gamma_split(a: Reals, rate: Reals, x: Reals) -> Reals:
    return a * _log_from_mode(a, rate, x) + _excess(a, rate, x)


@custom_jvp
def _log_from_mode(a: Reals, rate: Reals, x: Reals) -> Reals:
    """``log(a/(rate x))``, relatively accurate also where it is near zero."""
    log_a, log_rate = split_logs(a, rate)
    return log_a.over(log_rate).minus(split_log(x))


@custom_jvp
def _excess(a: Reals, rate: Reals, x: Reals) -> Reals:
    """``rate x − a``, relatively accurate also where it is near zero."""
    # what belongs to components ends in divisions, which compilers do not work out once a point
    near = (a / rate >= jnp.finfo(x.dtype).tiny) & (a / rate < jnp.inf)
    mode = where(near, a, 0.0) / rate
    rest = ((where(near, a, 0.0) - mode * rate) - product_error(mode, rate)) / rate
    return rate * ((x - mode) - rest) - a * (where(near, 0.0, a) / a)


_rule(
    _gamma_split,
    lambda a, rate, x: (
        lambda: _log_from_mode(a, rate, x),
        lambda: _excess(a, rate, x) * (1 / rate),
        lambda: _excess(a, rate, x) * (1 / x),
    ),
)
_gamma_of_few_pairs = _of_few_pairs(_gamma_pairs, _gamma_split)
_rule(_log_from_mode, lambda a, rate, x: (lambda: 1 / a, lambda: -1 / rate, lambda: -1 / x))
_rule(_excess, lambda a, rate, x: (lambda: -jnp.ones_like(a), lambda: x, lambda: rate))

# ---- Beta ----


def _beta_pairs(a: Reals, b: Reals, x: Reals) -> Reals:
    return beta_deviance(a, b, x, 1 - x)


@custom_jvp
def _beta_split(a: Reals, b: Reals, x: Reals) -> Reals:
    return a * _log_from_mean(a, b, x) + b * _log_from_rest(a, b, x)


@custom_jvp
def _log_from_mean(a: Reals, b: Reals, x: Reals) -> Reals:
    """``log(a/((a + b) x))``, relatively accurate also where it is near zero."""
    return _logs_from_mean(a, b, x)[0]


@custom_jvp
def _log_from_rest(a: Reals, b: Reals, x: Reals) -> Reals:
    """``log(b/((a + b) (1 − x)))``, relatively accurate also where it is near zero."""
    return _logs_from_mean(a, b, x)[1]


def _logs_from_mean(a: Reals, b: Reals, x: Reals) -> tuple[Reals, Reals]:
    n, lost_of_n = two_sum(a, b)
    y, lost_of_y = one_minus(x)
    log_a, log_b, log_n = split_logs(a, b, n)
    log_x, log_y = split_logs(x, y)
    log_n, log_y = _with_lost(log_n, n, lost_of_n), _with_lost(log_y, y, lost_of_y)
    return log_a.over(log_n).minus(log_x), log_b.over(log_n).minus(log_y)


def _with_lost(log: SplitLog, total: Reals, lost: Reals) -> SplitLog:
    """Of a number in two floats, from that of the first."""
    return SplitLog(log.high, (log.low * total + lost) / total)


_rule(
    _beta_split,
    lambda a, b, x: (
        lambda: _log_from_mean(a, b, x),
        lambda: _log_from_rest(a, b, x),
        lambda: b / (1 - x) - a / x,
    ),
)
_beta_of_few_pairs = _of_few_pairs(_beta_pairs, _beta_split)
_rule(
    _log_from_mean,
    lambda a, b, x: (lambda: b / (a + b) / a, lambda: -1 / (a + b), lambda: -1 / x),
)
_rule(
    _log_from_rest,
    lambda a, b, x: (lambda: -1 / (a + b), lambda: a / (a + b) / b, lambda: 1 / (1 - x)),
)
