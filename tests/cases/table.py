"""The one table of families: which rows each has, and which laws hold for it.

Components of several families have rows beside those of one, and every law as well (several.py).

A family is the exact type of a NumPyro distribution; of wrappers, with the type inside:
`LeftTruncatedDistribution[Laplace]`. Its first row is tested by `make test` under every law that
applies (of `HALVED` ones every second family is); its further rows (other parametrisations, harder
parameters) by `make test-all`. What a test covers is read from its marker `law` and its parameter
`row`, on collection.
"""

import zlib
from collections import Counter
from functools import cache

import numpyro.distributions as dist
import pytest

from cases import continuous, families, mixed, several
from cases import oracles as exact
from cases.bounded import one_sided, truncated_points
from cases.row import INF, Row, name_of


def truncated(name, make, oracle, params, ends, far=None):
    """A row of a truncation, with points between its ends, `far` for an infinite one."""
    return Row(name, make, params, oracle, truncated_points(ends, far), one_sided)


LOC_SCALE = {"loc": (0.0, -1.0, 30.0), "scale": (1.0, 0.4, 20.0)}
TRUNCATED = [
    truncated(
        "Truncated Logistic both",
        lambda loc, scale, low, high: dist.TwoSidedTruncatedDistribution(
            dist.Logistic(loc, scale), low, high
        ),
        exact.truncated(
            continuous.logistic, lambda loc, scale, low, high: (low, high, (loc, scale))
        ),
        LOC_SCALE | {"low": (-1.0, 2.2, -190.0), "high": (2.0, 3.0, -150.0)},
        lambda loc, scale, low, high: (low, high),
    ),
    truncated(
        "TruncatedCauchy left",
        lambda loc, scale, low: dist.TruncatedCauchy(loc, scale, low=low),
        exact.truncated(continuous.cauchy, lambda loc, scale, low: (low, INF, (loc, scale))),
        LOC_SCALE | {"low": (-1.0, 15.0, 25.0)},
        lambda loc, scale, low: (low, INF),
        lambda loc, scale, low: max(low, loc) + 20 * scale,
    ),
]
FAMILIES = [*families.ROWS, *TRUNCATED]
ROWS = [*FAMILIES, *several.ROWS]


@cache
def example(row):
    """The row's components in float32."""
    return row.make(*row.arrays("float32"))


@cache
def name(row):
    """The family of a row, or what is special to components of several."""
    return row.kind or name_of(example(row))


@cache
def first_rows():
    """By family, the row of the quick tests."""
    return first_of(ROWS)


def first_of(rows):
    table = {}
    for row in rows:
        table.setdefault(name(row), row)
    return table


def rows_of(kind):
    """The rows with components exactly of a type, directly or after their constructor."""
    return [row for row in ROWS if any(type(example(part)) is kind for part in row.parts)]


def shared_names(row):
    """Parameters that components can share: the last, and those of the same letters."""
    letters = [each.rstrip("0123456789") for each in row.params]
    return [n for n, each in zip(row.params, letters, strict=True) if each == letters[-1]]


def is_scalar(row):
    return not row.event_shape


def has_tails(row):
    return row.knows("tails")


def is_free(row):
    return row.smooth and bool(row.free)


@cache
def is_pathwise(row):
    """Whether draws of a mixture of such components can carry gradients."""
    try:
        mixed.mixture(row, row.arrays("float32"), reparameterize=True)
    except (NotImplementedError, ValueError):
        return False
    return is_free(row)


def always(_):
    return True


UNDRAWN = {
    "LeftTruncatedGamma",
    "RightTruncatedGamma",
    "TwoSidedTruncatedGamma",
    "Truncated StudentT right",
    "Truncated Laplace left",
}
"""NumPyro draws these by an inverse cdf: of gamma and beta type it is that of another library, and
where truncation leaves only a far tail it has no digits left."""

LATER = {
    "test_continuity_in_every_parameter": {
        "Dirichlet 4",
        "Independent Gamma 2",
        "Independent Normal 2 + Independent Laplace 2",
        "LowRankMultivariateNormal 3",
        "MultivariateStudentT 2",
    },
    "test_draws_move_as_the_exact_quantile": {
        "BetaProportion",
        "Chi2",
        "DoublyTruncatedPowerLaw",
        "FoldedDistribution of Normal",
        "Gamma, reciprocal",
        "InverseGamma",
        "LeftTruncatedGamma",
        "Normal + Cauchy + Normal + Laplace",
        "RightTruncatedGamma",
        "StudentT",
        "Truncated Laplace left",
        "Truncated StudentT right",
        "TruncatedCauchy left",
        "TruncatedNormal both",
        "TruncatedNormal right",
        "TwoSidedTruncatedGamma",
        "VonMises",
    },
    "test_forms_of_parameters": {
        "BetaBinomial",
        "BetaNegativeBinomial",
        "BetaProportion",
        "BinomialLogits",
        "BinomialProbs",
        "Delta + Normal",
        "DoublyTruncatedPowerLaw",
        "Exponential + Uniform + Normal",
        "Gamma, reciprocal",
        "GammaPoisson",
        "GeometricProbs + DiscreteUniform",
        "HurdleLogits",
        "HurdlePoisson",
        "HurdleProbs",
        "Independent Normal + Independent Laplace",
        "InverseGamma",
        "LeftTruncatedGamma",
        "MultivariateStudentT",
        "NegativeBinomial2",
        "NegativeBinomialProbs",
        "Normal + Cauchy + Normal + Laplace",
        "RightTruncatedGamma",
        "Truncated Laplace left",
        "Truncated Logistic both",
        "Truncated StudentT right",
        "TruncatedCauchy left",
        "TruncatedNormal left",
        "TruncatedNormal right",
        "TwoSidedTruncatedGamma",
        "ZeroInflatedLogits",
        "ZeroInflatedProbs",
    },
    "test_forward_and_reverse_mode_agree": {
        "Dirichlet 4",
    },
    "test_half_precision_is_computed_in_single": {
        "BetaBinomial",
        "BetaNegativeBinomial",
        "Delta + Normal",
        "Exponential + Uniform + Normal",
        "HurdleLogits",
        "HurdlePoisson",
        "Independent Normal + Independent Laplace",
        "LeftTruncatedGamma",
        "Normal + Cauchy + Normal + Laplace",
        "RightTruncatedGamma",
        "Truncated StudentT right",
        "TwoSidedTruncatedGamma",
        "ZeroInflatedProbs",
    },
    "test_second_derivatives": {
        "BetaBinomial",
        "BetaNegativeBinomial",
        "BetaProportion",
        "BinomialLogits",
        "BinomialProbs",
        "Chi2",
        "DoublyTruncatedPowerLaw",
        "Gamma, reciprocal",
        "GammaPoisson",
        "HurdleLogits",
        "HurdlePoisson",
        "HurdleProbs",
        "InverseGamma",
        "LeftTruncatedGamma",
        "NegativeBinomial2",
        "NegativeBinomialProbs",
        "Normal + Cauchy + Normal + Laplace",
        "RightTruncatedGamma",
        "Truncated StudentT right",
        "TruncatedNormal both",
        "TruncatedNormal left",
        "TruncatedNormal right",
        "TwoSidedTruncatedGamma",
        "ZeroInflatedLogits",
        "ZeroInflatedProbs",
    },
    "test_values": {
        "BetaBinomial",
        "BetaNegativeBinomial",
        "BetaProportion",
        "BinomialLogits",
        "BinomialProbs",
        "Chi2",
        "Exponential + Uniform + Normal",
        "Gamma, reciprocal",
        "GammaPoisson",
        "HurdleLogits",
        "HurdlePoisson",
        "Independent Gamma",
        "InverseGamma",
        "LeftTruncatedGamma",
        "NegativeBinomial2",
        "NegativeBinomialProbs",
        "Normal + Cauchy + Normal + Laplace",
        "Poisson + Normal",
        "RightTruncatedGamma",
        "Truncated StudentT right",
        "TruncatedNormal left",
        "TruncatedNormal right",
        "TwoSidedTruncatedGamma",
        "VonMises",
        "ZeroInflatedLogits",
        "ZeroInflatedProbs",
    },
}
"""Tests of families which compile for longest, each made of parts (incomplete gamma and beta
functions, or another family) that other families are quickly tested with: `make test-all` has
them."""

HALVED = {
    "test_forms_of_parameters",
    "test_half_precision_is_computed_in_single",
    "test_saved_and_loaded",
    "test_second_derivatives",
    "test_values",
}
"""Tests of what a mixture does alike for every family: half of the families have them quickly, each
test another half."""

FULL_PRECISION = {
    "BetaProportion",
    "MultivariateNormal covariance",
    "MultivariateNormal precision",
}
"""NumPyro's constructors of these multiply or factorise their parameters in half precision."""

APPLIES = {
    "oracle value": always,
    "oracle gradients": is_free,
    "lower tail": has_tails,
    "upper tail": has_tails,
    "draws": lambda row: row.name not in UNDRAWN,
    "quantile": lambda row: is_scalar(row) and has_tails(row),
    "velocity": is_pathwise,
    "second derivative": is_free,
    "expanded": always,
    "broadcast": lambda row: any(len(shared_names(p)) < len(p.params) for p in row.parts),
    "vmapped": always,
    "batched": always,
    "NaN": always,
    "float16": lambda row: is_free(row) and row.name not in FULL_PRECISION,
    "saved": always,
}
"""The laws, each with the rows that it is about."""


def parameters(table):
    """A table as pytest parameters, all but the first row of each family slow."""
    first = set(first_rows().values())
    marks = lambda row: [] if row in first else [pytest.mark.slow]  # noqa: E731
    return [pytest.param(row, marks=marks(row), id=str(row)) for row in table]


def law(*names, table=None):
    """Decorate a test that holds these laws for each row of the table."""
    if table is None:
        table = [row for row in ROWS if any(APPLIES[each](row) for each in names)]

    def decorate(test):
        test = pytest.mark.parametrize("row", parameters(table))(test)
        return pytest.mark.law(*names)(test)

    return decorate


def row_name(row):
    """The family of a row of this table or of the pathwise one."""
    return row.family if hasattr(row, "build") else name(row)


def applies(each, row):
    return True if hasattr(row, "build") else APPLIES[each](row)


def is_later(item):
    """Whether a test is left to the sweep because of what its family takes to compile."""
    row = getattr(getattr(item, "callspec", None), "params", {}).get("row")
    if row is None:
        return False
    test = item.originalname
    other_half = test in HALVED and zlib.crc32(f"{test} {row}".encode()) % 2 > 0
    return other_half or str(row) in LATER.get(test, ())


def covered(items):
    """How many collected tests hold a law for a family, the slow ones left out but for LATER."""
    cells = Counter()
    for item in items:
        marker, slow = item.get_closest_marker("law"), item.get_closest_marker("slow")
        if marker and (not slow or is_later(item)):
            row = item.callspec.params["row"]
            cells.update((row_name(row), each) for each in marker.args if applies(each, row))
    return cells


def missing(cells):
    """The cells that apply and hold no test."""
    return [
        (family_name, each)
        for family_name, row in first_rows().items()
        for each, about in APPLIES.items()
        if about(row) and not cells[family_name, each]
    ]
