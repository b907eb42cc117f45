"""The estimator against scikit-learn's own checks, its GaussianMixture, and SciPy's densities."""

import copy
import importlib
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from pathmix import ConjugateNormal, MixtureSameFamily
from pathmix._estimation import given_what_was_seen
from pathmix.sklearn import MixtureModel

IRIS = np.loadtxt(
    Path(__file__).parents[1] / "examples" / "data" / "iris.csv",
    delimiter=",",
    skiprows=1,
    usecols=range(4),
)
TYPES = ["full", "tied", "diag", "spherical"]
MUCH_TO_COMPILE = {
    "check_sample_weight_equivalence_on_dense_data",  # 30 columns
    "check_estimators_dtypes",
    "check_dtype_object",
    "check_fit2d_1feature",
    "check_n_features_in_after_fitting",
    "check_positive_only_tag_during_fit",
}
CENTRES = np.array([[-9.0, 0.0], [9.0, 0.0], [0.0, 12.0]])


def blobs(n=90, columns=2):
    """Three clouds far from each other, their rows in turn."""
    rng = np.random.default_rng(1)
    return CENTRES[np.arange(n) % 3, :columns] + rng.normal(size=(n, columns))


def checks(estimator, are_slow):
    """The checks of scikit-learn, of which those that compile much only run in `make test-all`."""
    for subject, check in estimator_checks_generator(estimator):
        name = getattr(check, "func", check).__name__
        marks = [pytest.mark.slow] if are_slow or name in MUCH_TO_COMPILE else []
        yield pytest.param(subject, check, marks=marks, id=f"{estimator.covariance_type}-{name}")


# 15 rows of 30 columns, in one check, have no covariance of full rank: the warning is right
@pytest.mark.filterwarnings("ignore:expected convergence, got a component that shrinks")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [row for t in TYPES for row in checks(MixtureModel(covariance_type=t), t != "full")],
)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def precisions(model):
    """What GaussianMixture starts from, of its covariances."""
    c = model.covariances_
    return 1 / c if model.covariance_type in ("diag", "spherical") else np.linalg.inv(c)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_gaussian_mixture_stays_where_the_fit_ends(covariance_type):
    """A maximum of ours is a fixed point of theirs, where all their numbers are ours."""
    ours = MixtureModel(3, covariance_type=covariance_type, tol=1e-12, random_state=0).fit(IRIS)
    theirs = GaussianMixture(
        3,
        covariance_type=covariance_type,
        reg_covar=0.0,
        tol=1e-10,
        weights_init=ours.weights_,
        means_init=ours.means_,
        precisions_init=precisions(ours),
    ).fit(IRIS)
    assert theirs.n_iter_ <= 3
    for name in ("weights_", "means_", "covariances_"):
        # a gain of 1e-12 is left: parameters may move by its root
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-4)
    np.testing.assert_allclose(ours.lower_bound_, theirs.score(IRIS), rtol=1e-9)
    for name in ("score", "aic", "bic"):
        np.testing.assert_allclose(
            getattr(ours, name)(IRIS), getattr(theirs, name)(IRIS), rtol=1e-9
        )
    np.testing.assert_allclose(ours.predict_proba(IRIS), theirs.predict_proba(IRIS), atol=1e-3)
    np.testing.assert_allclose(ours.score_samples(IRIS), theirs.score_samples(IRIS), atol=1e-3)
    np.testing.assert_array_equal(ours.predict(IRIS), theirs.predict(IRIS))


@pytest.mark.slow
def test_starts_of_their_own_lead_to_the_same_clusters():
    x = blobs()
    ours = MixtureModel(3, n_init=4, random_state=0)
    labels = ours.fit_predict(x)
    theirs = GaussianMixture(3, reg_covar=0.0, tol=1e-10, random_state=0).fit(x)
    np.testing.assert_allclose(ours.score(x), theirs.score(x), rtol=1e-8)
    order = np.lexsort(ours.means_.T), np.lexsort(theirs.means_.T)
    np.testing.assert_allclose(ours.means_[order[0]], theirs.means_[order[1]], atol=1e-5)
    for one, other in zip(*order, strict=True):
        np.testing.assert_array_equal(labels == one, theirs.predict(x) == other)


def test_missing_entries_are_marginalised():
    """In training rows by a likelihood that agrees, in others by the marginals of each column."""
    x = blobs()
    x[::4, 0] = np.nan
    x[1::4, 1] = np.nan
    model = MixtureModel(3, random_state=0).fit(x)
    w, mean = model.weights_, model.means_
    sd = np.sqrt(np.diagonal(model.covariances_, axis1=1, axis2=2))
    rows = np.array([[8.0, np.nan], [np.nan, 11.0], [np.nan, np.nan], [-8.0, 1.0]])
    joint = np.array(
        [
            w * stats.norm.pdf(8.0, mean[:, 0], sd[:, 0]),
            w * stats.norm.pdf(11.0, mean[:, 1], sd[:, 1]),
            w,
            [
                v * stats.multivariate_normal.pdf(rows[3], m, c)
                for v, m, c in zip(w, mean, model.covariances_, strict=True)
            ],
        ]
    )
    np.testing.assert_allclose(model.score_samples(rows), np.log(joint.sum(1)), atol=1e-11)
    proba = joint / joint.sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(rows), proba, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(model.score(x), model.lower_bound_, rtol=1e-10)
    with jax.enable_x64(True):
        np.testing.assert_allclose(model.bic(x), model.fit_.bic, rtol=1e-10)
    np.testing.assert_allclose(model.bic(x), model.fit_.bic, rtol=1e-6)


def test_whole_weights_are_repetitions():
    x = blobs()
    times = np.arange(90) // 3 % 3
    weighted = MixtureModel(3, random_state=0).fit(x, sample_weight=times)
    repeated = MixtureModel(3, random_state=0).fit(np.repeat(x, times, axis=0))
    np.testing.assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-9)
    for name in ("weights_", "means_"):
        one, other = (np.sort(getattr(m, name), axis=0) for m in (weighted, repeated))
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_grid_search_finds_the_number_of_clusters():
    search = GridSearchCV(MixtureModel(random_state=0), {"n_components": [1, 3]}, cv=3)
    search.fit(blobs())
    assert search.best_params_ == {"n_components": 3}


def test_in_a_pipeline():
    x = blobs()
    pipeline = make_pipeline(StandardScaler(), MixtureModel(3, random_state=0)).fit(x)
    alone = MixtureModel(3, random_state=0).fit(x)
    # clusters do not change with the units, densities do by their size
    np.testing.assert_allclose(
        pipeline.score(x), alone.score(x) + np.sum(np.log(x.std(axis=0))), rtol=1e-7
    )
    assert len(set(pipeline.predict(x)[:3])) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("setting", [False, True])
def test_precision_follows_the_data(dtype, setting):
    x = blobs().astype(dtype)
    with jax.enable_x64(setting):
        model = MixtureModel(random_state=0).fit(x)
        out = [model.predict_proba(x), model.score_samples(x.astype("float64")), model.weights_]
        out += [model.means_, model.covariances_, model.sample(3)[0]]
        assert jax.config.jax_enable_x64 is setting
    assert {a.dtype.name for a in out} == {dtype}
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(model.means_[0], x.mean(axis=0), atol=10 * tolerance)
    np.testing.assert_allclose(model.covariances_[0], np.cov(x.T, ddof=0), rtol=100 * tolerance)


@pytest.mark.parametrize("duplicate", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_copies_keep_all_digits(duplicate):
    x = blobs()
    model = MixtureModel(3, random_state=0).fit(x)
    other = duplicate(model)
    np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(other.means_, model.means_)
    assert other.score_samples(x).dtype == np.float64
    assert not hasattr(clone(model), "fit_")


COUNTS = np.random.default_rng(2).binomial(10, 0.3, (50, 2))
FAMILIES = {
    "Poisson": (dist.Poisson, COUNTS, COUNTS.mean(axis=0), COUNTS.mean(axis=0)),
    "Binomial": (
        dist.Binomial(10, 0.5),
        COUNTS,
        COUNTS.mean(axis=0),
        COUNTS.mean(axis=0) * (1 - COUNTS.mean(axis=0) / 10),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_other_families(name):
    """One component each, in closed form."""
    components, x, mean, variance = FAMILIES[name]
    model = MixtureModel(components=components, random_state=0).fit(x)
    np.testing.assert_allclose(model.means_[0], mean, rtol=1e-9)
    np.testing.assert_allclose(model.covariances_[0], variance, rtol=1e-9)
    np.testing.assert_allclose(model.score(x), model.lower_bound_, rtol=1e-10)


def test_moments_that_are_not_known_are_no_attributes():
    components = dist.Gompertz(jnp.array([[1.0, 2.0]]), 1.0).to_event(1)
    model = MixtureModel()
    model._fit = SimpleNamespace(
        mixture=MixtureSameFamily(dist.Categorical(jnp.array([1.0])), components),
        log_likelihood=np.float32(0.0),
    )
    assert model.means_.shape == (1, 2)
    assert not hasattr(model, "covariances_")


def test_a_prior_is_passed_on():
    x = blobs(30)
    model = MixtureModel(prior=ConjugateNormal(), random_state=0).fit(x)
    scatter = 30 * np.cov(x.T, ddof=0)
    # Fraley & Raftery (2007), one component
    expected = (np.cov(x.T) + scatter) / (4 + 30 + 2 + 2)
    np.testing.assert_allclose(model.covariances_[0], expected, rtol=1e-9)


def test_draws():
    model = MixtureModel(3, random_state=0).fit(blobs())
    x, labels = model.sample(3000)
    assert x.shape == (3000, 2)
    np.testing.assert_array_equal(model.predict(x), labels)  # the clouds do not touch
    # four standard errors of a share of a third, and of a mean of about 1000 draws
    np.testing.assert_allclose(np.bincount(labels) / 3000, model.weights_, atol=4 * 0.0087)
    means = np.stack([x[labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(means, model.means_, atol=4 * 1.3 / 30)
    np.testing.assert_array_equal(model.sample(5)[0], model.sample(5)[0])


def test_predictions_of_any_number_of_rows_share_programs(monkeypatch):
    model = MixtureModel(3, random_state=0).fit(blobs())
    x = blobs(40)
    whole = model.score_samples(x)
    model.score_samples(x[:7])
    before = given_what_was_seen._cache_size()
    for n in (5, 6, 8):
        np.testing.assert_allclose(model.score_samples(x[:n]), whole[:n], rtol=1e-12)
        model.predict(x[:n])
    assert given_what_was_seen._cache_size() == before
    monkeypatch.setattr("pathmix.sklearn.SWEPT", 3 * 2 * 8)  # stretches of eight rows
    np.testing.assert_allclose(model.score_samples(x), whole, rtol=1e-12)
    np.testing.assert_allclose(model.score_samples(x[:1]), whole[:1], rtol=1e-12)
    assert given_what_was_seen._cache_size() == before + 1


def test_a_fit_that_does_not_converge_warns():
    x = blobs()
    with pytest.warns(ConvergenceWarning, match="within max_iter=2 steps"):
        model = MixtureModel(3, covariance_type="tied", max_iter=2, random_state=0).fit(x)
    assert model.n_iter_ == 2
    assert not model.converged_
    x[30:] = 7.0
    with pytest.warns(ConvergenceWarning, match="shrinks to a point"):
        MixtureModel(2, covariance_type="diag", random_state=0).fit(x)


BAD = {
    "components": ({"n_components": 0}, "expected n_components to be an integer ≥ 1, got 0"),
    "a fraction": ({"n_components": 2.0}, "expected n_components to be an integer ≥ 1, got 2.0"),
    "starts": ({"n_init": 0}, "expected n_init to be an integer ≥ 1, got 0"),
    "steps": ({"max_iter": 0}, "expected max_iter to be an integer ≥ 1, got 0"),
    "tolerance": ({"tol": -1.0}, "expected tol ≥ 0, got -1.0"),
    "no number": ({"tol": "small"}, "expected tol ≥ 0, got 'small'"),
    "type": (
        {"covariance_type": "round"},
        "expected covariance_type among 'full', 'tied', 'diag', 'spherical', got 'round'",
    ),
    "not applicable": (
        {"components": dist.Poisson, "covariance_type": "diag"},
        "expected covariance_type='diag' with components='normal', got components=<class",
    ),
    "name": ({"components": "gamma"}, "expected components to be 'normal', a class of NumPyro"),
    "too many": ({"n_components": 91}, "expected at least as many rows as components, got 90 rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_of_arguments(name):
    options, text = BAD[name]
    with pytest.raises(ValueError, match=re.escape(text)):
        MixtureModel(**options).fit(blobs())


def test_errors_of_data():
    x = blobs()
    model = MixtureModel()
    for method in ("predict", "predict_proba", "score_samples", "score", "aic", "bic", "sample"):
        with pytest.raises(NotFittedError):
            getattr(model, method)(x)
    assert not hasattr(model, "means_")
    model.fit(x)
    with pytest.raises(ValueError, match="n_samples to be an integer ≥ 1, got 0"):
        model.sample(0)
    with pytest.raises(ValueError, match="expected one weight for each row"):
        model.fit(x, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="infinity"):
        model.predict([[np.inf, 1.0]])
    with pytest.raises(TypeError, match="expected a class of NumPyro distributions"):
        MixtureModel(components=3).fit(x)


def test_missing_entries_without_margins():
    x = np.array([[0.2, np.nan, 0.5], [0.1, 0.2, 0.7]], "float32")
    components = dist.Dirichlet(jnp.array([[1.0, 2.0, 3.0]]))
    mixture = MixtureSameFamily(dist.Categorical(jnp.array([1.0])), components)
    for call in (
        lambda: MixtureModel(components=dist.Dirichlet).fit(x),
        lambda: given_what_was_seen(mixture, x, missing=True),
    ):
        with pytest.raises(NotImplementedError, match="expected data without NaN for Dirichlet"):
            call()


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "pathmix.sklearn")
    with pytest.raises(ImportError, match=re.escape("pip install 'pathmix[sklearn]'")):
        importlib.import_module("pathmix.sklearn")
