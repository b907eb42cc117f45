"""Laws of mixtures of every family: tails, NaN, quantiles, draws, and batches made by vmap.

One compiled program per family evaluates a batch of two mixtures that `jax.vmap` has made, at
points in the bodies of the components and at NaN. Each member is held to the exact mixture.
"""

import jax
import numpy as np
import pytest
from scipy import stats

from cases import mixed, several, table
from cases.samplers import p_values

Q = np.array([0.0213, 0.337, 0.519, 0.873], "float32")
"""Levels that no cumulative weight equals, where a discrete quantile is a matter of rounding."""
EPS = np.finfo("float32").eps
TOLERANCE = 2 * mixed.TOLERANCE["float32"]
FALSE_ALARM = 1e-5
"""Of each test of draws; over all families less than 1 % for a change of the random stream."""
N = 20000
"""With so many draws a sampler whose cdf at a cut is off by 0.04 goes red with probability above
0.999: the non-centrality N δ² / (F (1 − F)) is then above 128, and the bins are at most 20."""
CIRCULAR = {"VonMises"}


def evaluate(row, m, x, key):
    """All that the laws need of a mixture; `x` is `n *batch *event`."""
    found = {"log_prob": m.log_prob(x), "mode": m.posterior_mode(x)}
    found |= {"joint": m.component_log_probs(x), "posterior": m.posterior_marginal(x).probs}
    if table.APPLIES["draws"](row):
        found["draws"] = m.sample(key, (N,))
    if table.has_tails(row):
        found["cdf"] = m.cdf(x)
    if table.has_tails(row) and table.is_scalar(row):
        found |= {"log_survival": m.log_survival_function(x), "icdf": m.icdf(Q[:, None])}
    for name in ("mean", "variance"):
        if row.knows(name):
            found[name] = getattr(m, name)
    return found


def points_and_nan(row):
    """Points in the bodies, and one that is NaN in its last coordinate."""
    x = mixed.body(row, "float32")
    nan = x[:1].copy()
    nan.reshape(1, -1)[:, -1] = np.nan
    return np.concatenate([x, nan])


def check_values(row, theta, x, found):
    """Densities and tails are those of the exact mixture."""
    w = mixed.weights(row.size)
    log_cdf = {"log_cdf": np.log(found["cdf"])} if "cdf" in found else {}
    quantities = {name: found[name] for name in ("log_prob", "log_survival") if name in found}
    for name, actual in (quantities | log_cdf).items():
        wanted, allowed = mixed.terms(row, name, x[:-1], theta, "float32").mixed(w)
        mixed.check(actual[:-1], wanted, allowed, name)


def check_posteriors(row, theta, x, found):
    """Each component's share in the density, and the component with the largest one."""
    w = mixed.weights(row.size)
    terms = mixed.terms(row, "log_prob", x[:-1], theta, "float32")
    total, of_total = terms.mixed(w)
    joint, allowed = terms.value + np.log(w), 2 * terms.allowed
    reached = np.where(joint < np.finfo("float32").min, -np.inf, joint)
    mixed.check(found["joint"][:-1], reached, allowed, "component_log_probs")
    share = np.exp(joint - total[:, None])
    allowed = share * np.where(share > 0, allowed + of_total[:, None], 0)
    mixed.check(found["posterior"][:-1], share, allowed, "posterior")
    chosen = np.take_along_axis(found["posterior"][:-1], found["mode"][:-1, None], 1)
    assert np.all(chosen >= found["posterior"][:-1].max(1, keepdims=True) - EPS)


def check_nan(found):
    """NaN in, NaN out; no component is the most probable one."""
    for name in {"log_prob", "cdf", "log_survival", "joint", "posterior"} & set(found):
        assert np.isnan(found[name][-1]).all(), f"{name} of NaN is {found[name][-1]}"
    assert found["mode"][-1] == -1
    assert np.all(found["mode"][:-1] >= 0)


def check_quantiles(row, theta, found):
    """F(x⁻) ≤ q ≤ F(x), up to rounding of the argument and of the cdf."""
    w = mixed.weights(row.size)
    for q, x in zip(Q, found["icdf"], strict=True):
        terms = mixed.terms(row, "log_cdf", np.array([x]), theta, "float32")
        error = float(np.exp(terms.value[0]) * terms.allowed[0] @ w) + TOLERANCE * min(q, 1 - q)
        before = x - 1 if row.discrete else np.nextafter(x, np.float32(-np.inf))
        assert mixed.share(row, x, theta, w) >= q - error, (q, x)
        assert mixed.share(row, before, theta, w) <= q + error, (q, x)


def check_draws(row, theta, drawn):
    """Right for these weights, and by the same test wrong for reversed or equal ones."""
    right, *wrong = p_values(row, theta, drawn, mixed.mutants(row.size))
    assert right > FALSE_ALARM
    if row.name.startswith("Bernoulli"):  # of two values, equal weights may give much the same
        wrong = wrong[:1]
    assert row.alike or max(wrong) < FALSE_ALARM, "the test has no power"


def check_moments(row, theta, found):
    """By the law of total variance; of directions on the circle elsewhere."""
    if row.name in CIRCULAR or "mean" not in found:
        return
    w = mixed.weights(row.size)
    mean = mixed.moment(row, "mean", theta)
    total = np.tensordot(w, mean, 1)
    scale = np.max(np.abs(mean), axis=0)
    np.testing.assert_allclose(found["mean"], total, atol=TOLERANCE * np.nan_to_num(scale).max())
    if "variance" in found:
        with np.errstate(invalid="ignore"):
            between = np.where(np.isfinite(total), (mean - total) ** 2, 0)
        spread = mixed.moment(row, "variance", theta) + between
        wanted = np.tensordot(w, spread, 1)
        np.testing.assert_allclose(found["variance"], wanted, rtol=2 * TOLERANCE)


def member(found, b):
    """What was found of one mixture of the batch."""
    axis = {"mean": 0, "variance": 0}
    return {name: np.take(value, b, axis.get(name, 1)) for name, value in found.items()}


@table.law("lower tail", "upper tail", "NaN", "quantile", "draws", "vmapped")
def test_values(row, key):
    x, theta = points_and_nan(row), mixed.two(row)
    m = jax.jit(jax.vmap(lambda *t: mixed.mixture(row, t)))(*theta)
    assert (m.batch_shape, m.event_shape) == ((2,), row.event_shape)
    run = jax.jit(lambda m, x, key: evaluate(row, m, x, key))
    found = jax.tree.map(np.asarray, run(m, x[:, None], key))
    assert all(v.dtype == np.float32 for name, v in found.items() if name not in ("mode", "draws"))
    for b in range(2):
        each, of_one = [t[b] for t in theta], member(found, b)
        check_values(row, each, x, of_one)
        check_posteriors(row, each, x, of_one)
        check_nan(of_one)
        check_moments(row, each, of_one)
        if "draws" in of_one:
            check_draws(row, each, of_one["draws"])
        if "icdf" in of_one:
            check_quantiles(row, each, of_one)


def test_the_test_of_draws_has_the_power_stated():
    critical = stats.chi2.isf(FALSE_ALARM, 20)
    assert stats.ncx2.sf(critical, 20, N * 0.04**2 / 0.25) > 0.999


@pytest.mark.parametrize("row", [table.ROWS[0], several.ROWS[0]], ids=str)
def test_the_check_of_values_fails_for_components_in_another_order(row):
    x, theta = points_and_nan(row), row.arrays("float32")
    m = mixed.mixture(row, [np.roll(t, 1) for t in theta])
    with pytest.raises(AssertionError):
        check_values(row, theta, x, {"log_prob": np.asarray(m.log_prob(x))})
