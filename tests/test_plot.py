"""What the pictures show, read from the artists; nothing is compared with a stored picture."""

import sys
from types import SimpleNamespace

import jax.numpy as jnp
import matplotlib
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Fit, MixtureSameFamily

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pathmix import plot

pytestmark = pytest.mark.usefixtures("x64")
A = jnp.array
WEIGHTS = np.array([0.3, 0.7])
LOC = np.array([[0.0, 1.0, -2.0], [4.0, -1.0, 3.0]])
FACTOR = np.array(
    [
        [[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.2, 2.0]],
        [[0.6, 0.0, 0.0], [-0.5, 1.5, 0.0], [0.1, 0.4, 0.7]],
    ]
)
SIGMA = FACTOR @ FACTOR.swapaxes(1, 2)
BLUE, ORANGE = (np.array(to_rgb(c)) for c in ("#0072B2", "#E69F00"))


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def mixture(components, weights=WEIGHTS):
    return MixtureSameFamily(dist.Categorical(probs=A(weights)), components)


def normals():
    return mixture(dist.Normal(A([-1.0, 1.0]), A([0.1, 0.5])))


def vectors():
    return mixture(dist.MultivariateNormal(A(LOC), A(SIGMA)))


def new_axes():
    """Axes of a figure that pyplot does not know."""
    return Figure(layout="constrained").subplots()


def drawn(ax):
    """The axes, once everything in them has been drawn, which is when matplotlib warns."""
    ax.figure.canvas.draw()
    return ax


# --- density ---------------------------------------------------------------------------------


def test_lines_are_the_densities():
    m, x = normals(), np.random.default_rng(0).normal(size=50)
    ax = drawn(plot.density(m, x, ax=new_axes()))
    total, first, second = ax.lines
    at = total.get_xdata()
    expected = [0.3 * stats.norm.pdf(at, -1, 0.1), 0.7 * stats.norm.pdf(at, 1, 0.5)]
    np.testing.assert_allclose(first.get_ydata(), expected[0], rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(second.get_ydata(), expected[1], rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(total.get_ydata(), sum(expected), rtol=1e-10, atol=1e-300)
    assert total.get_linewidth() > first.get_linewidth()
    assert at[0] < x.min() < x.max() < at[-1]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(names) == {"data", "mixture", "its components"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "Density")


@pytest.mark.parametrize("weights", [None, np.arange(40)])
def test_bars_are_a_histogram_of_what_is_there(weights):
    x = np.random.default_rng(1).normal(size=40)
    holes = np.where(np.arange(40) % 4, x, np.nan)
    ax = plot.density(normals(), holes, weights=weights, ax=new_axes())
    there = ~np.isnan(holes)
    edges = [bar.get_x() for bar in ax.patches]
    edges.append(ax.patches[-1].get_x() + ax.patches[-1].get_width())
    counts = None if weights is None else weights[there]
    expected, _ = np.histogram(x[there], edges, weights=counts, density=True)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], expected)
    assert (edges[0], edges[-1]) == (x[there].min(), x[there].max())


def test_outliers_do_not_make_bars_by_the_thousand():
    x = np.append(np.random.default_rng(2).normal(size=200), 1e9)
    assert len(plot.density(normals(), x, ax=new_axes()).patches) <= 100


def test_narrow_components_are_seen():
    m = mixture(dist.Normal(A([0.0, np.pi]), A([10.0, 1e-4])))
    total = plot.density(m, A([-50.0, 50.0]), ax=new_axes()).lines[0]
    top = 0.7 * stats.norm.pdf(0, 0, 1e-4)
    np.testing.assert_allclose(total.get_ydata().max(), top, rtol=1e-3)


def test_components_without_a_mean_are_drawn_as_well():
    total = drawn(plot.density(mixture(dist.Cauchy(A([-1.0, 1.0]), 1.0)), ax=new_axes())).lines[0]
    assert np.isfinite(total.get_ydata()).all()


def test_without_data_all_but_a_hundredth_is_shown():
    m = normals()
    ax = drawn(plot.density(m, ax=new_axes()))
    ends = ax.lines[0].get_xdata()[[0, -1]]
    np.testing.assert_allclose(m.cdf(ends), [0.005, 0.995], rtol=1e-6)
    assert not ax.patches


def test_a_single_number_is_drawn():
    drawn(plot.density(normals(), A([2.0]), ax=new_axes()))


@pytest.mark.parametrize("weights", [None, np.array([1, 0, 2, 5, 1, 3])])
def test_counts_are_bars_of_frequencies_under_dots_of_probabilities(weights):
    counts = np.array([0, 1, 1, 3, 3, 3])
    m = mixture(dist.Poisson(A([0.5, 4.0])))
    ax = drawn(plot.density(m, counts, weights=weights, ax=new_axes()))
    own = np.ones(6) if weights is None else weights
    share = [own[counts == value].sum() / own.sum() for value in (0, 1, 3)]
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], share)
    middle = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    np.testing.assert_allclose(middle, [0, 1, 3])
    total = ax.lines[0]
    assert total.get_marker() == "o"
    assert total.get_xdata().tolist() == [0, 1, 2, 3]
    expected = stats.poisson.pmf(total.get_xdata()[:, None], [0.5, 4.0]) @ WEIGHTS
    np.testing.assert_allclose(total.get_ydata(), expected, rtol=1e-10)
    assert ax.get_ylabel() == "Probability"
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_seven_components_have_seven_styles():
    ax = plot.density(mixture(dist.Normal(jnp.arange(7.0)), np.full(7, 1 / 7)), ax=new_axes())
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(styles) == 8


# --- ellipses --------------------------------------------------------------------------------

NORMAL = stats.chi2.ppf([0.95, 0.5], 2)[None] * np.ones((2, 1))
DF = np.array([1.5, 7.0])
DIAGONAL = np.array([[1.0, 2.0, 0.5], [0.3, 1.5, 1.0]])
OF_DIAGONAL = np.array([np.diag(row**2) for row in DIAGONAL])
COV_FACTOR = np.array([[[1.0], [2.0], [0.0]], [[0.5], [-1.0], [1.0]]])
LOW_RANK = COV_FACTOR @ COV_FACTOR.swapaxes(1, 2) + OF_DIAGONAL

VECTORS = {
    "full": (lambda: dist.MultivariateNormal(A(LOC), A(SIGMA)), SIGMA, NORMAL),
    "tied": (
        lambda: dist.MultivariateNormal(A(LOC), scale_tril=A(FACTOR[:1])),
        SIGMA[[0, 0]],
        NORMAL,
    ),
    "low rank": (
        lambda: dist.LowRankMultivariateNormal(A(LOC), A(COV_FACTOR), A(DIAGONAL**2)),
        LOW_RANK,
        NORMAL,
    ),
    "diagonal": (lambda: dist.Normal(A(LOC), A(DIAGONAL)).to_event(1), OF_DIAGONAL, NORMAL),
    "spherical": (
        lambda: dist.Normal(A(LOC), A([[2.0], [0.5]])).to_event(1),
        np.multiply.outer([4.0, 0.25], np.eye(3)),
        NORMAL,
    ),
    "Student t": (
        lambda: dist.MultivariateStudentT(A(DF), A(LOC), A(FACTOR)),
        SIGMA,
        2 * stats.f.ppf([0.95, 0.5], 2, DF[:, None]),  # half the square has an F distribution
    ),
}


def matrix_of(ellipse):
    """The matrix of a quadratic form that is one on the ellipse, inverted."""
    angle = np.radians(ellipse.angle)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([ellipse.width**2, ellipse.height**2]) @ turn.T / 4


@pytest.mark.parametrize("axes", [(0, 1), (2, 0)])
@pytest.mark.parametrize("name", VECTORS)
def test_ellipses_hold_what_they_should(name, axes):
    components, sigma, squares = VECTORS[name]
    ax = drawn(plot.ellipses(mixture(components()), axes=axes, ax=new_axes()))
    assert len(ax.patches) == 4
    for i, ellipse in enumerate(ax.patches):
        k, level = divmod(i, 2)
        np.testing.assert_allclose(ellipse.center, LOC[k][list(axes)], rtol=1e-9)
        expected = squares[k, level] * sigma[k][np.ix_(axes, axes)]
        np.testing.assert_allclose(matrix_of(ellipse), expected, rtol=1e-7, atol=1e-9)
        assert to_rgb(ellipse.get_edgecolor()) == tuple((BLUE, ORANGE)[k])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"x[{axes[0]}]", f"x[{axes[1]}]")


def test_components_without_weight_are_left_out():
    m = mixture(dist.MultivariateNormal(A(LOC), A(SIGMA)), [1.0, 0.0])
    assert len(plot.ellipses(m, ax=new_axes()).patches) == 2


def shares(row):
    """Memberships by SciPy, given what is seen of a row."""
    there = ~np.isnan(row)
    parts = [
        w * stats.multivariate_normal(mean[there], sigma[np.ix_(there, there)]).pdf(row[there])
        for w, mean, sigma in zip(WEIGHTS, LOC, SIGMA, strict=True)
    ]
    return np.array(parts) / sum(parts)


def test_points_are_coloured_by_membership_given_what_is_seen():
    nan = np.nan
    rows = np.array(
        [
            [0.0, 1.0, -2.0],
            [4.0, -1.0, nan],
            [2.0, nan, 0.0],
            [nan, -0.1, 2.0],
            [nan, -2.0, nan],
            [nan, nan, 1.0],
            [nan, nan, nan],
        ]
    )
    ax = drawn(plot.ellipses(vectors(), rows, ax=new_axes()))
    points, on_x, on_y = ax.collections
    expected = np.array([shares(row) for row in rows[:-1]]) @ np.array([BLUE, ORANGE])
    np.testing.assert_allclose(points.get_offsets(), rows[:2, :2])
    np.testing.assert_allclose(points.get_facecolors()[:, :3], expected[:2], atol=1e-9)
    (segment,) = on_x.get_segments()
    np.testing.assert_allclose(segment, [[2.0, 0.0], [2.0, 0.02]])
    np.testing.assert_allclose(on_x.get_colors()[:, :3], expected[[2]], atol=1e-9)
    np.testing.assert_allclose([s[0] for s in on_y.get_segments()], [[0.0, -0.1], [0.0, -2.0]])
    np.testing.assert_allclose(on_y.get_colors()[:, :3], expected[3:5], atol=1e-9)
    assert 0.05 < shares(rows[3])[0] < 0.95  # so that a blend has been seen


def test_ticks_are_within_the_picture():
    far = np.array([[0.0, 1.0, 0.0], [50.0, np.nan, 0.0], [np.nan, -70.0, 0.0]])
    ax = drawn(plot.ellipses(vectors(), far, ax=new_axes()))
    assert ax.get_xlim()[1] > 50.0
    assert ax.get_ylim()[0] < -70.0


# --- pairs -----------------------------------------------------------------------------------


def margins(name, i):
    """The density of each component's margin, by SciPy."""
    sigma = VECTORS[name][1]
    scale = np.sqrt(sigma[:, i, i])
    if name == "Student t":
        return lambda x: stats.t.pdf(x[:, None], DF, LOC[:, i], scale)
    return lambda x: stats.norm.pdf(x[:, None], LOC[:, i], scale)


@pytest.mark.parametrize("name", ["tied", "low rank", "spherical", "Student t"])
def test_margins_are_on_the_diagonal(name):
    rows = np.random.default_rng(3).normal(size=(30, 3))
    figure = plot.pairs(mixture(VECTORS[name][0]()), rows)
    panels = np.array(figure.axes).reshape(3, 3)
    for i in range(3):
        total = panels[i, i].lines[0]
        expected = margins(name, i)(total.get_xdata()) @ WEIGHTS
        np.testing.assert_allclose(total.get_ydata(), expected, rtol=1e-8, atol=1e-300)


def test_each_pair_is_drawn_once():
    rows = np.random.default_rng(4).normal(size=(30, 3))
    figure = plot.pairs(vectors(), rows, names=["a", "b", "c"])
    figure.canvas.draw()
    panels = np.array(figure.axes).reshape(3, 3)
    for i, j in np.ndindex(3, 3):
        assert panels[i, j].axison == (j <= i)
        if j < i:
            np.testing.assert_allclose(panels[i, j].collections[0].get_offsets(), rows[:, [j, i]])
            assert len(panels[i, j].patches) == 4
            assert panels[i, j].get_xlim() == panels[j, j].get_xlim()
            assert panels[i, j].get_ylim() == panels[i, 0].get_ylim()
    assert [panels[-1, j].get_xlabel() for j in range(3)] == ["a", "b", "c"]
    assert [panels[i, 0].get_ylabel() for i in range(3)] == ["", "b", "c"]


def test_pairs_of_counts():
    rate = np.array([[1.0, 5.0], [8.0, 2.0]])
    rows = np.random.default_rng(5).poisson(rate[0], (20, 2))
    figure = plot.pairs(mixture(dist.Poisson(A(rate)).to_event(1)), rows)
    total = figure.axes[0].lines[0]
    expected = stats.poisson.pmf(total.get_xdata()[:, None], rate[:, 0]) @ WEIGHTS
    np.testing.assert_allclose(total.get_ydata(), expected, rtol=1e-8)


# --- criteria --------------------------------------------------------------------------------


def selection():
    """As `select` returns it, in another order, its least BIC from a degenerate fit."""
    return SimpleNamespace(
        criterion="bic",
        table={
            "name": np.array(["full", "full", "tied", "full", "tied", "tied"]),
            "k": np.array([2, 1, 1, 3, 2, 3]),
            "bic": np.array([20.0, 30.0, 31.0, 9.0, 22.0, 18.0]),
            "aic": np.array([10.0, 20.0, 30.0, 5.0, 9.0, 8.0]),
            "degenerate": np.array([0, 0, 0, 1, 0, 0]),
        },
    )


@pytest.mark.parametrize(
    ("criterion", "full", "tied", "best"),
    [
        (None, [30, 20, 9], [31, 22, 18], (3, 18)),
        ("bic", [30, 20, 9], [31, 22, 18], (3, 18)),
        ("aic", [20, 10, 5], [30, 9, 8], (3, 8)),
    ],
)
def test_a_curve_for_each_name(criterion, full, tied, best):
    ax = drawn(plot.criteria(selection(), criterion=criterion, ax=new_axes()))
    of_full, solid, hollow, of_tied, _, none_hollow, _, ring = ax.lines
    np.testing.assert_array_equal(of_full.get_data(), [[1, 2, 3], full])
    np.testing.assert_array_equal(of_tied.get_data(), [[1, 2, 3], tied])
    np.testing.assert_array_equal(solid.get_data(), [[1, 2], full[:2]])
    np.testing.assert_array_equal(hollow.get_data(), [[3], full[2:]])
    assert hollow.get_markerfacecolor() == "white" != solid.get_markerfacecolor()
    assert none_hollow.get_xdata().size == 0
    np.testing.assert_array_equal(np.ravel(ring.get_data()), best)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["full", "tied", "degenerate", "best: tied, k = 3"]
    assert ax.get_ylabel() == f"{(criterion or 'bic').upper()} (the smaller, the better)"
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_the_picture_is_of_the_good_ones():
    """What is far above the best and the median runs out at the top; nothing else does."""
    chosen = selection()
    assert drawn(plot.criteria(chosen, ax=new_axes())).get_ylim()[1] > 31.0
    chosen.table["bic"][1] = 1e4
    low, high = drawn(plot.criteria(chosen, ax=new_axes())).get_ylim()
    assert low < 9.0
    assert 31.0 < high < 100.0


def test_of_degenerate_fits_alone_the_least_is_the_best():
    chosen = selection()
    chosen.table["degenerate"] = np.ones(6, int)
    ring = plot.criteria(chosen, ax=new_axes()).lines[-1]
    np.testing.assert_array_equal(np.ravel(ring.get_data()), (3, 9))


# --- all of them -----------------------------------------------------------------------------

PICTURES = {
    "density": lambda ax: plot.density(normals(), A([0.0, 1.0]), ax=ax),
    "ellipses": lambda ax: plot.ellipses(vectors(), LOC, ax=ax),
    "criteria": lambda ax: plot.criteria(selection(), ax=ax),
}


@pytest.mark.parametrize("name", PICTURES)
def test_axes_that_are_given_are_used_and_nothing_else_changes(name):
    before = dict(matplotlib.rcParams)
    ax = new_axes()
    ax.set_xlabel("mine")
    assert PICTURES[name](ax) is ax
    assert ax.get_xlabel() == "mine"
    assert ax.get_ylabel()
    assert not ax.spines["top"].get_visible()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", PICTURES)
def test_without_axes_there_is_a_new_figure(name):
    ax = PICTURES[name](None)
    assert plt.get_fignums() == [ax.figure.number]


def test_margins_leave_out_what_is_missing():
    rows = np.random.default_rng(6).normal(size=(30, 3))
    rows[:7, 1] = np.nan
    figure = plot.pairs(vectors(), rows)
    bars = figure.axes[4].patches
    area = sum(bar.get_height() * bar.get_width() for bar in bars)
    np.testing.assert_allclose(area, 1.0)
    assert len(figure.axes[3].collections[0].get_offsets()) == 23


def test_a_fit_is_drawn_by_its_mixture():
    found = Fit(normals(), *[None] * (len(Fit._fields) - 1))
    got, expected = (plot.density(m, A([0.0]), ax=new_axes()) for m in (found, found.mixture))
    np.testing.assert_array_equal(got.lines[0].get_ydata(), expected.lines[0].get_ydata())


def batch():
    return mixture(dist.Normal(jnp.zeros((5, 2))))


CAUCHY = dist.Cauchy(A(LOC), 1.0)
ERRORS = {
    "no mixture": (
        lambda: plot.density(dist.Normal(0.0, 1.0)),
        TypeError,
        r"expected a pathmix.MixtureSameFamily, or what pathmix.fit returns, got Normal. Of what "
        r"pathmix.select returns, draw its `best`.",
    ),
    "a batch": (
        lambda: plot.density(batch()),
        ValueError,
        r"expected a mixture without a batch, got batch shape \(5,\). Draw its members",
    ),
    "density of vectors": (
        lambda: plot.density(vectors()),
        ValueError,
        r"expected a mixture of scalars, got event shape \(3,\). Draw two of its coordinates with "
        r"pathmix.plot.ellipses, or all with pathmix.plot.pairs.",
    ),
    "ellipses of scalars": (
        lambda: plot.ellipses(normals()),
        ValueError,
        r"expected a mixture of vectors of two entries or more, got event shape \(\). Draw a "
        r"mixture of scalars with pathmix.plot.density.",
    ),
    "pairs of scalars": (
        lambda: plot.pairs(normals(), A([0.0])),
        ValueError,
        r"expected a mixture of vectors of two entries or more",
    ),
    "rows for scalars": (
        lambda: plot.density(normals(), jnp.zeros((4, 2))),
        ValueError,
        r"expected data of shape \(n,\), rows of events of the mixture, got shape \(4, 2\).",
    ),
    "short rows": (
        lambda: plot.ellipses(vectors(), jnp.zeros((4, 2))),
        ValueError,
        r"expected data of shape \(n, 3\), rows of events of the mixture, got shape \(4, 2\).",
    ),
    "weights": (
        lambda: plot.density(normals(), jnp.zeros(4), weights=jnp.ones(3)),
        ValueError,
        r"expected one weight for each number, shape \(4,\), got shape \(3,\).",
    ),
    "one axis twice": (
        lambda: plot.ellipses(vectors(), axes=(1, 1)),
        ValueError,
        r"expected axes to be two different coordinates from 0 to 2, got \(1, 1\).",
    ),
    "no such axis": (
        lambda: plot.ellipses(vectors(), axes=(0, 3)),
        ValueError,
        r"expected axes to be two different coordinates from 0 to 2, got \(0, 3\).",
    ),
    "no axes": (
        lambda: plot.ellipses(vectors(), axes=2),
        ValueError,
        r"expected axes to be two different coordinates from 0 to 2, got 2.",
    ),
    "no covariance": (
        lambda: plot.ellipses(mixture(CAUCHY.to_event(1))),
        ValueError,
        r"expected components with finite covariances, which ellipses show, got others: 0, 1.",
    ),
    "names": (
        lambda: plot.pairs(vectors(), LOC, names=["a", "b"]),
        ValueError,
        r"expected 3 names, one a coordinate, got 2.",
    ),
    "no margins": (
        lambda: plot.pairs(mixture(dist.Dirichlet(jnp.ones((2, 3)))), np.full((4, 3), 1 / 3)),
        NotImplementedError,
        r"expected components whose margins are known .*, got Dirichlet. Draw two of the "
        r"coordinates with pathmix.plot.ellipses.",
    ),
    "NaN without margins": (
        lambda: plot.ellipses(
            mixture(dist.Dirichlet(A([[1.0, 2, 3], [4, 2, 1]]))), A([[0.2, 0.3, np.nan]])
        ),
        NotImplementedError,
        r"expected data without NaN for Dirichlet components, whose margins are not known, got "
        r"NaN. Drop those rows.",
    ),
    "no such criterion": (
        lambda: plot.criteria(selection(), criterion="mdl"),
        ValueError,
        r"expected criterion to be one of aic, bic, degenerate, k, name, got 'mdl'.",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_to_do_and_leave_no_figure(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()
    assert plt.get_fignums() == []


def test_without_matplotlib_the_import_says_what_to_install(monkeypatch):
    for name in [
        name for name in sys.modules if name.startswith(("pathmix.plot", "pathmix._plot"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Run pip install 'pathmix\[plot\]'."):
        import pathmix.plot  # noqa: F401
