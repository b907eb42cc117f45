"""Label switching undone: draws whose labels were switched by known permutations come back."""

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.optimize import linear_sum_assignment

from pathmix import Mixture, MixtureSameFamily
from pathmix._infer._assignment import assignment
from pathmix.infer import Relabelled, memberships, relabel

X = np.linspace(-4.0, 10.0, 57)


def mixture(draw):
    return MixtureSameFamily(
        dist.Categorical(probs=draw["weights"]), dist.Normal(draw["locs"], draw["scale"])
    )


def clean(shape, k, *, gap=4.0, noise=0.1, seed=0):
    """Draws with common labels, `*shape k`, and a site that all components share."""
    rng = np.random.default_rng(seed)
    return {
        "weights": rng.dirichlet(np.full(k, 20.0), size=shape).astype("float32"),
        "locs": (gap * np.arange(k) + noise * rng.normal(size=(*shape, k))).astype("float32"),
        "scale": np.ones(shape, "float32"),
    }


def switched(draws, order, names=("weights", "locs")):
    """The draws of which component `order[..., l]` is called l."""
    new = {name: np.take_along_axis(draws[name], order, axis=-1) for name in names}
    return {**draws, **new}


def by_location(draws):
    """The draws with labels in the order of the first draw's locations."""
    order = np.argsort(draws["locs"].reshape(-1, draws["locs"].shape[-1])[0])
    return {n: draws[n][..., order] if draws[n].ndim > 1 else draws[n] for n in draws}


def by_hand(draws, x):
    """Membership probabilities `x *draws k` of normal components, in NumPy."""
    scale = np.asarray(draws["scale"])[..., None]
    x = x.reshape(-1, *(1,) * draws["locs"].ndim)
    weights, locs = (np.asarray(draws[name], np.float64) for name in ("weights", "locs"))
    terms = weights * np.exp(-0.5 * ((x - locs) / scale) ** 2) / scale
    return terms / terms.sum(-1, keepdims=True)


@pytest.mark.parametrize("k", [3, 4])
def test_every_permutation_comes_back(k):
    orders = np.array(list(itertools.permutations(range(k))))
    true = clean((len(orders),), k)
    found = relabel(switched(true, orders), mixture, X)
    back = by_location(found.draws)
    for name, site in true.items():
        np.testing.assert_array_equal(back[name], site)
    # the permutations undo the switches, up to one that all draws have in common
    np.testing.assert_array_equal(
        np.ptp(np.take_along_axis(orders, found.permutations, -1), axis=0), np.zeros(k)
    )


def test_two_chains_with_switched_labels():
    true = clean((2, 50), 2, noise=0.3)
    order = np.broadcast_to(np.array([[[0, 1]], [[1, 0]]]), (2, 50, 2))
    raw = switched(true, order)
    assert abs(raw["locs"].mean(axis=(0, 1))[0] - 2.0) < 0.1  # between the components
    found = relabel(raw, mixture, X, group_by_chain=True)
    np.testing.assert_array_equal(np.sort(found.draws["locs"], -1), true["locs"])
    assert np.ptp(found.permutations, axis=1).max() == 0
    assert found.permutations[0, 0].tolist() == found.permutations[1, 0].tolist()[::-1]
    expected = by_hand(true, X).mean(axis=(1, 2))
    order = np.argsort(found.draws["locs"][0, 0])
    np.testing.assert_allclose(found.memberships[:, order], expected, atol=2e-6)
    # the same average over raw draws would be one half each
    assert abs(by_hand(raw, X).mean(axis=(1, 2)) - expected).max() > 0.45


def test_components_that_overlap():
    """Locations cross, so that no order of them has the labels; widths tell them apart."""
    rng = np.random.default_rng(1)
    locs = np.array([0.0, 0.1]) + 0.2 * rng.normal(size=(300, 2))
    true = {
        "weights": np.full((300, 2), 0.5, "float32"),
        "locs": locs.astype("float32"),
        "scale": np.broadcast_to(np.array([0.5, 3.0], "float32"), (300, 2)).copy(),
    }
    assert 0.2 < np.mean(np.diff(locs) < 0) < 0.8
    names, order = ("weights", "locs", "scale"), np.argsort(rng.normal(size=(300, 2)), axis=-1)
    found = relabel(switched(true, order, names), mixture, np.linspace(-6, 6, 101))
    widths = found.draws["scale"]
    np.testing.assert_array_equal(widths, np.broadcast_to(widths[:1], widths.shape))


def test_one_component():
    draws = clean((7,), 1)
    found = relabel(draws, mixture, X)
    np.testing.assert_array_equal(found.draws["locs"], draws["locs"])
    np.testing.assert_array_equal(found.permutations, np.zeros((7, 1)))
    np.testing.assert_array_equal(found.memberships, np.ones((len(X), 1)))


def vectors(draw):
    components = dist.MultivariateNormal(draw["locs"], scale_tril=draw["factors"])
    return MixtureSameFamily(dist.Categorical(logits=draw["logits"]), components)


@pytest.mark.slow
def test_vectors_matrices_and_axes_that_are_named():
    """Two components of two coordinates: an axis of size two may be either, so it is named."""
    rng = np.random.default_rng(2)
    locs = np.array([[0.0, 0.0], [3.0, 3.0]]) + 0.1 * rng.normal(size=(2, 20, 2, 2))
    true = {
        "logits": 0.1 * rng.normal(size=(2, 20, 2)),
        "locs": locs,
        "factors": np.eye(2) + 0.1 * np.tril(rng.normal(size=(2, 20, 2, 2, 2))),
        "across": rng.normal(size=(2, 20, 3, 2)),
        "beta": rng.normal(size=(2, 20, 2)),
    }
    raw = {name: jnp.asarray(site) for name, site in true.items()}
    for name, axis in {"logits": 2, "locs": 2, "factors": 2, "across": 3}.items():
        raw[name] = raw[name].at[1].set(jnp.flip(raw[name][1], axis - 1))
    x = rng.normal(size=(4, 5, 2)) + 3 * rng.integers(2, size=(4, 5, 1))
    axes = {"logits": 0, "locs": 0, "factors": 0, "across": -1}
    found = relabel(raw, vectors, x, components=axes, group_by_chain=True)
    assert found.memberships.shape == (4, 5, 2)
    if found.draws["locs"][0, 0, 0, 0] > 1:
        true |= {name: np.flip(true[name], axis=-1 if a else 2) for name, a in axes.items()}
    for name, site in true.items():
        assert isinstance(found.draws[name], jax.Array)
        np.testing.assert_array_equal(found.draws[name], jnp.asarray(site))
    named = {name: raw[name] for name in ("logits", "locs", "factors")}
    again = relabel(
        named, vectors, x, components=["logits", "locs", "factors"], group_by_chain=True
    )
    np.testing.assert_array_equal(again.permutations, found.permutations)


def test_sites_without_an_axis_of_components_are_the_same_objects():
    raw = clean((6,), 3) | {"slope": np.ones((6, 4)), "deviance": np.arange(6.0)}
    found = relabel(raw, mixture, X)
    assert list(found.draws) == list(raw)
    for name in ("slope", "deviance", "scale"):
        assert found.draws[name] is raw[name]


def test_numpys_arrays_stay_such():
    assert isinstance(relabel(clean((6,), 3), mixture, X).draws["locs"], np.ndarray)


def test_draws_in_blocks(monkeypatch):
    """Blocks that the draws do not fill give what one block gives."""
    true = clean((101,), 3, noise=0.8, gap=2.0)
    raw = switched(true, np.argsort(np.random.default_rng(3).normal(size=(101, 3)), axis=-1))
    whole = relabel(raw, mixture, X)
    monkeypatch.setattr("pathmix._infer._draws.AT_ONCE", 10 * len(X) * 3)
    parts = relabel(raw, mixture, X)
    np.testing.assert_array_equal(parts.permutations, whole.permutations)
    np.testing.assert_allclose(parts.memberships, whole.memberships, atol=2e-6)
    np.testing.assert_allclose(memberships(mixture, X, parts), whole.memberships, atol=2e-6)


def test_the_divergence_is_a_minimum_in_every_draw():
    """No permutation of one draw is nearer the average: Stephens' criterion, by enumeration."""
    true = clean((60,), 5, noise=1.0, gap=1.5)
    order = np.argsort(np.random.default_rng(6).normal(size=(60, 5)), axis=-1)
    found = relabel(switched(true, order), mixture, X)
    q = np.log(found.memberships.astype(np.float64) + 1e-12)
    p = by_hand(found.draws, X)  # x draw k
    fits = [np.einsum("xl,xdl->d", q, p[..., list(o)]) for o in itertools.permutations(range(5))]
    best = np.max(fits, axis=0)
    np.testing.assert_allclose(fits[0], best, rtol=1e-5)


# ---- memberships ----


def test_memberships_of_draws():
    """Against NumPy, for draws of which half were switched."""
    true = clean((2, 30), 2, noise=0.5)
    raw = switched(true, np.broadcast_to(np.array([[[0, 1]], [[1, 0]]]), (2, 30, 2)))
    shares = memberships(mixture, X.reshape(3, 19), raw, group_by_chain=True)
    expected = by_hand(true, X).mean(axis=(1, 2))
    shares = shares.reshape(-1, 2)[:, :: 1 if shares[0, 0, 0] > 0.5 else -1]
    np.testing.assert_allclose(shares, expected, atol=2e-6)


def test_memberships_of_other_points():
    true = clean((2, 30), 2, noise=0.5)
    raw = switched(true, np.broadcast_to(np.array([[[0, 1]], [[1, 0]]]), (2, 30, 2)))
    found = relabel(raw, mixture, X, group_by_chain=True)
    one = np.array([2.1])
    expected = by_hand(found.draws, one).mean(axis=(1, 2))[0]
    np.testing.assert_allclose(memberships(mixture, one[0], found), expected, atol=2e-6)
    # this point alone would have taken its most probable component for the same in all draws
    assert memberships(mixture, one[0], raw, group_by_chain=True).max() > expected.max() + 0.01


def test_memberships_of_a_batch_of_mixtures():
    true = clean((2, 30), 3, noise=0.5)
    raw = switched(true, np.argsort(np.random.default_rng(4).normal(size=(2, 30, 3)), -1))
    weights = dist.Categorical(probs=jnp.asarray(raw["weights"]))
    batch = MixtureSameFamily(weights, dist.Normal(jnp.asarray(raw["locs"]), 1.0))
    expected = relabel(raw, mixture, X, group_by_chain=True).memberships
    np.testing.assert_allclose(memberships(batch, X), expected, atol=2e-6)


def test_memberships_of_several_families():
    def robust(draw):
        parts = [dist.Normal(draw["locs"][0], 1.0), dist.StudentT(3.0, draw["locs"][1], 1.0)]
        return Mixture(dist.Categorical(probs=draw["weights"]), parts)

    draws = {"weights": np.full((5, 2), 0.5), "locs": np.tile([0.0, 5.0], (5, 1))}
    found = Relabelled(draws, np.tile([0, 1], (5, 1)), np.zeros((0, 2)))
    one = robust({name: site[0] for name, site in draws.items()})
    expected = one.posterior_marginal(X).probs
    np.testing.assert_allclose(memberships(robust, X, found), expected, atol=2e-6)


# ---- assignments ----


@pytest.mark.parametrize("k", [1, 2, 5, 8, 20])
def test_assignments_are_the_best(k):
    gain = np.random.default_rng(k).normal(size=(40, k, k)).astype("float32")
    found = np.asarray(jax.jit(jax.vmap(assignment))(gain))
    best = np.array([linear_sum_assignment(each, maximize=True)[1] for each in gain])
    np.testing.assert_array_equal(found, best)


def test_assignments_end_whatever_they_are_given():
    gain = jnp.array([jnp.full((3, 3), t) for t in (0.0, jnp.nan, jnp.inf, -jnp.inf)])
    found = jax.vmap(assignment)(gain)
    np.testing.assert_array_equal(jnp.sort(found, -1), np.tile(np.arange(3), (4, 1)))


# ---- errors ----

GOOD = clean((4,), 3)


def with_sites(**sites):
    return {**GOOD, **sites}


def sticks(draw):
    left = jnp.cumprod(1 - draw["sticks"])
    weights = jnp.concatenate([draw["sticks"], jnp.ones(1)])
    weights = weights * jnp.concatenate([jnp.ones(1), left])
    return MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(draw["locs"], 1.0))


ERRORS = {
    "no dict": (TypeError, "expected a dict of posterior draws", {"draws": [1.0]}),
    "sites of other lengths": (
        ValueError,
        r"same axes \(draw,\), got {.*}. Draws of mcmc.get_samples\(group_by_chain=True\)",
        {"draws": with_sites(more=np.zeros(5))},
    ),
    "no chains": (ValueError, r"same axes \(chain, draw\)", {"group_by_chain": True}),
    "no function": (TypeError, "expected a function that makes", {"mixture": 3.0}),
    "a batch": (
        TypeError,
        "expected a function that makes",
        {"mixture": mixture(GOOD | {"scale": np.float32(1)})},
    ),
    "no mixture": (
        TypeError,
        "expected a function that returns a pathmix.MixtureSameFamily or Mixture, got Normal",
        {"mixture": lambda draw: dist.Normal(draw["locs"], 1.0)},
    ),
    "chains not said": (
        ValueError,
        r"expected one mixture for each draw, got a batch \(5,\) of them.*group_by_chain=True",
        {"draws": {n: s[..., None] if n == "scale" else s for n, s in clean((2, 5), 3).items()}},
    ),
    "data of another shape": (
        ValueError,
        r"expected data of shape \(\*points, \*\(\)\), at least one.*got shape \(0,\)",
        {"data": np.zeros(0)},
    ),
    "no axis of components": (
        ValueError,
        "expected sites with an axis of 3 components, got shapes {'t': ",
        {
            "draws": {"t": np.zeros(4)},
            "mixture": lambda d: mixture({n: s[0] for n, s in GOOD.items()} | {"scale": d["t"]}),
        },
    ),
    "several axes": (
        ValueError,
        r"one axis of 3 components in the site `table`, got shape \(3, 3\). Say which it is: "
        r"components={..., 'table': 0}",
        {"draws": with_sites(table=np.zeros((4, 3, 3)))},
    ),
    "an unknown site": (
        ValueError,
        r"expected `components` to name sites of the draws, \['locs', .*\], got 'loc'",
        {"components": ["loc"]},
    ),
    "a wrong axis": (
        ValueError,
        r"axis 1 of the site `locs` to count the 3 components, got shape \(3,\)",
        {"components": {"locs": 1}},
    ),
    "one name": (
        TypeError,
        "expected `components` to be names of sites, or a dict",
        {"components": "locs"},
    ),
    "too few sites": (
        ValueError,
        r"change places with the sites {'locs': 0} \(site: axis\), got another mixture. Name all",
        {"components": ["locs"]},
    ),
    "sticks": (
        ValueError,
        "change places.*numpyro.deterministic",
        {"draws": with_sites(sticks=np.full((4, 2), 0.3, "float32")), "mixture": sticks},
    ),
    "NaN": (
        ValueError,
        "memberships that are defined for all draws and points, got NaN in 1 draws",
        {"draws": with_sites(locs=np.where(np.arange(4)[:, None] == 2, np.nan, GOOD["locs"]))},
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    kind, text, changed = ERRORS[case]
    asked = SimpleNamespace(
        draws=GOOD, mixture=mixture, data=X, components=None, group_by_chain=False
    )
    asked.__dict__.update(changed)
    options = {"components": asked.components, "group_by_chain": asked.group_by_chain}
    with pytest.raises(kind, match=text):
        relabel(asked.draws, asked.mixture, asked.data, **options)


def test_an_error_of_the_function_says_what_it_was_given():
    with pytest.raises(KeyError) as caught:
        relabel(GOOD, lambda draw: draw["loc"], X)
    assert "sites have shapes {'weights': (3,)" in " ".join(caught.value.__notes__)


def test_a_batch_is_given_without_draws():
    batch = MixtureSameFamily(
        dist.Categorical(probs=jnp.ones((4, 3)) / 3), dist.Normal(jnp.zeros((4, 3)), 1.0)
    )
    with pytest.raises(
        TypeError, match=r"without: got a mixture of batch shape \(4,\) and dict draws"
    ):
        memberships(batch, X, GOOD)
    with pytest.raises(TypeError, match=r"got a mixture of batch shape \(\) and no draws"):
        memberships(batch[0], X)
