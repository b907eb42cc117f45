"""The doors to TFP and Distrax: what is taken, what is refused, and that no family is forgotten."""

import inspect
import re
import sys
from pathlib import Path

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import tensorflow_probability.substrates.jax as tfp
from jax.scipy.special import logsumexp

from cases import outsiders_borrowed, outsiders_distrax, outsiders_tfp
from cases.outsider_rows import WARNINGS
from cases.outsiders_refused import CLASSES_REFUSED, OF_A_KIND
from pathmix import Mixture, MixtureSameFamily, fit, interop, save, start
from pathmix import random_variables as rv
from pathmix._outside import DISTRAX, TFP, rows

pytestmark = pytest.mark.filterwarnings(*WARNINGS)
tfd = tfp.distributions
PROBS = jnp.array([0.3, 0.7])
X = jnp.array([-0.5, 0.3, 1.7])


# ---- what is taken ----


def test_weights_and_components_of_either_library():
    expected = MixtureSameFamily(dist.Categorical(probs=PROBS), dist.Normal(jnp.arange(2.0), 1.0))
    for weights in (tfd.Categorical(probs=PROBS), distrax.Categorical(probs=PROBS)):
        for components in (tfd.Normal(jnp.arange(2.0), 1.0), distrax.Normal(jnp.arange(2.0), 1.0)):
            mixture = MixtureSameFamily(weights, components, reparameterize=True)
            np.testing.assert_allclose(mixture.log_prob(X), expected.log_prob(X), 1e-6)
            np.testing.assert_allclose(mixture.icdf(0.3), expected.icdf(0.3), 1e-5)
            assert jax.tree.structure(mixture._components) == jax.tree.structure(
                expected._components
            )


def a_list(scale, peak):
    return [
        tfd.Normal(0.0, scale),
        distrax.Gamma(2.0, scale),
        tfd.Triangular(-1.0, 2.0, peak),
        dist.Laplace(0.0, scale),
    ]


@pytest.mark.slow
def test_a_list_of_all_kinds():
    weights = tfd.Categorical(logits=jnp.array([0.1, 0.5, -0.2, 0.3]))

    def ours(scale, peak):
        return Mixture(weights, a_list(scale, peak)).log_prob(X)

    def theirs(scale, peak):
        normal, gamma, triangular, laplace = a_list(scale, peak)
        outside = jnp.where(X > 0, gamma.log_prob(jnp.abs(X)), -jnp.inf)
        each = [normal.log_prob(X), outside, triangular.log_prob(X), laplace.log_prob(X)]
        return logsumexp(jnp.stack(each, -1) + jax.nn.log_softmax(weights.logits), axis=-1)

    np.testing.assert_allclose(ours(1.5, 0.5), theirs(1.5, 0.5), 1e-6)
    slopes = [jax.grad(lambda s, p, f=f: f(s, p).sum(), (0, 1))(1.5, 0.5) for f in (ours, theirs)]
    np.testing.assert_allclose(*slopes, 1e-5)
    mixture = Mixture(weights, a_list(1.5, 0.5))
    assert mixture.sample(jax.random.key(0), (5,)).shape == (5,)
    np.testing.assert_allclose(mixture.posterior_marginal(X).probs.sum(-1), 1.0, 1e-6)
    assert "Triangular" in str(mixture)


def test_their_mixtures_are_ours():
    weights, components = tfd.Categorical(probs=PROBS), tfd.Normal(jnp.arange(2.0), 1.0)
    theirs = tfd.MixtureSameFamily(weights, components, reparameterize=True)
    ours = interop.from_tfp(theirs)
    assert type(ours) is MixtureSameFamily
    assert ours.reparameterize
    assert type(interop.from_tfp(tfd.Mixture(weights, [components[0], components[1]]))) is Mixture
    assert not interop.from_tfp(tfd.MixtureSameFamily(weights, components)).reparameterize


def test_a_batch_of_their_mixtures_is_taken_apart():
    inner = tfd.MixtureSameFamily(
        tfd.Categorical(probs=jnp.array([[0.2, 0.8], [0.5, 0.5]])),
        tfd.Normal(jnp.arange(4.0).reshape(2, 2), 1.0),
    )
    mixture = MixtureSameFamily(dist.Categorical(probs=PROBS), inner)
    assert mixture.num_components == 4
    expected = logsumexp(inner.log_prob(X[:, None]) + jnp.log(PROBS), axis=-1)
    np.testing.assert_allclose(mixture.log_prob(X), expected, 1e-6)
    in_a_list = Mixture(dist.Categorical(probs=PROBS), [inner[0], tfd.Gamma(1.0, 1.0)])
    assert in_a_list.num_components == 3


def test_a_random_variable_and_a_start():
    x = rv.MixtureSameFamily(
        tfd.Categorical(probs=PROBS), tfd.Normal(jnp.arange(2.0), 1.0), key=jax.random.key(0)
    )
    assert isinstance(x.distribution, MixtureSameFamily)
    data = jnp.concatenate([X - 5, X + 5])
    found = start(tfd.Normal(0.0, 1.0), data, 2, key=jax.random.key(0))
    assert type(found.components_distribution) is dist.Normal
    fitted = fit(
        MixtureSameFamily(tfd.Categorical(probs=PROBS), tfd.Normal([-4.0, 4.0], 1.0)), data
    )
    np.testing.assert_allclose(fitted.mixture.mean, data.mean(), atol=1e-4)


class Doubled(tfd.Normal):
    """A subclass with a density of its own."""

    def _log_prob(self, x):
        return 2 * super()._log_prob(x)


def test_of_a_subclass_nothing_is_taken_for_granted():
    d = Doubled(jnp.arange(2.0), 1.0)
    mixture = MixtureSameFamily(dist.Categorical(probs=PROBS), d)
    expected = logsumexp(d.log_prob(X[:, None]) + jnp.log(PROBS), axis=-1)
    np.testing.assert_allclose(mixture.log_prob(X), expected, 1e-6)


# ---- the way out ----


def test_as_numpyro_is_numpyros_own():
    weights = dist.Categorical(probs=jnp.array([3.0, 7.0]), validate_args=False)
    one = MixtureSameFamily(weights, dist.Normal(jnp.arange(2.0), 1.0))
    several = Mixture(weights, [dist.Normal(0.0, 1.0), dist.Cauchy(1.0)])
    for mixture, kind in ((one, dist.MixtureSameFamily), (several, dist.MixtureGeneral)):
        theirs = interop.as_numpyro(mixture)
        assert type(theirs) is kind
        np.testing.assert_allclose(theirs.log_prob(X), mixture.log_prob(X), 1e-6)
        np.testing.assert_allclose(theirs.mixing_distribution.probs, PROBS, 1e-6)


def test_as_tfp_of_a_list_and_of_a_batch():
    weights = dist.Categorical(logits=jnp.log(PROBS))
    several = Mixture(weights, [dist.Normal(jnp.arange(3.0), 1.0), tfd.Triangular(-1.0, 2.0, 0.5)])
    theirs = interop.as_tfp(several)
    assert type(theirs).__name__ == "Mixture"
    np.testing.assert_allclose(theirs.log_prob(X), several.log_prob(X), 1e-6)
    assert type(interop.from_tfp(theirs)) is Mixture
    one = MixtureSameFamily(weights, dist.Gamma(jnp.ones((3, 2)), 1.0), reparameterize=True)
    back = interop.from_tfp(interop.as_tfp(one))
    assert back.batch_shape == one.batch_shape == (3,)
    assert back.reparameterize


@pytest.mark.parametrize(
    "components",
    [
        dist.GammaPoisson(jnp.array([2.0, 3.0]), 1.5),
        pytest.param(dist.NegativeBinomial2(jnp.array([2.0, 3.0]), 1.5), marks=pytest.mark.slow),
        dist.Binomial(10, probs=jnp.array([0.2, 0.7])),
        pytest.param(dist.BetaProportion(jnp.array([0.2, 0.3]), 1.5), marks=pytest.mark.slow),
        dist.LeftTruncatedDistribution(dist.Normal(jnp.array([0.0, 1.0]), 2.0), low=-1.0),
        pytest.param(
            dist.RightTruncatedDistribution(dist.Normal(jnp.array([0.0, 1.0]), 2.0), high=4.0),
            marks=pytest.mark.slow,
        ),
        dist.Normal(jnp.zeros((2, 3)), 1.0).to_event(1),
        dist.Exponential(2.0).expand((2,)),
    ],
    ids=lambda d: type(d).__name__,
)
def test_other_parametrisations_go_to_tfp(components):
    mixture = MixtureSameFamily(dist.Categorical(probs=PROBS), components)
    x = mixture.sample(jax.random.key(0), (6,))
    found = interop.as_tfp(mixture).log_prob(x.astype(float))
    np.testing.assert_allclose(found, mixture.log_prob(x), 2e-5, 1e-6)


# ---- what is refused ----


REFUSED = {
    "no distribution": (
        TypeError,
        "expected components_distribution to be a numpyro.distributions.Distribution, got int",
        lambda: MixtureSameFamily(dist.Categorical(probs=PROBS), 3),
    ),
    "a bijector": (
        TypeError,
        r"expected components_distribution to be .*, got Exp\.",
        lambda: MixtureSameFamily(dist.Categorical(probs=PROBS), tfp.bijectors.Exp()),
    ),
    "ours to from_tfp": (
        TypeError,
        r"expected a distribution of TensorFlow Probability on JAX .*, got Normal of numpyro\. ",
        lambda: interop.from_tfp(dist.Normal()),
    ),
    "Distrax's to from_tfp": (
        TypeError,
        r"expected a distribution of TensorFlow Probability on JAX .*, got Normal of distrax\. ",
        lambda: interop.from_tfp(distrax.Normal(0.0, 1.0)),
    ),
    "a number to from_distrax": (
        TypeError,
        r"expected a distribution of Distrax \(distrax\), got float of builtins\. ",
        lambda: interop.from_distrax(1.0),
    ),
    "components to as_numpyro": (
        TypeError,
        r"expected a pathmix\.MixtureSameFamily or pathmix\.Mixture, got Normal\. as_numpyro takes",
        lambda: interop.as_numpyro(dist.Normal()),
    ),
    "components that TFP lacks": (
        NotImplementedError,
        r"pathmix knows no counterpart in TFP of SoftLaplace: expected one of BernoulliLogits, .*",
        lambda: interop.as_tfp(
            MixtureSameFamily(dist.Categorical(probs=PROBS), dist.SoftLaplace(jnp.arange(2.0), 1.0))
        ),
    ),
    "a transform that TFP lacks": (
        NotImplementedError,
        "pathmix knows no bijector of TFP for AbsTransform: expected AffineTransform",
        lambda: interop.as_tfp(
            MixtureSameFamily(
                dist.Categorical(probs=PROBS),
                dist.TransformedDistribution(
                    dist.Normal(jnp.arange(2.0), 1.0), dist.transforms.AbsTransform()
                ),
            )
        ),
    ),
    "a truncation that TFP lacks": (
        NotImplementedError,
        "TFP has no such truncated Laplace: expected a truncated Normal",
        lambda: interop.as_tfp(
            MixtureSameFamily(
                dist.Categorical(probs=PROBS),
                dist.LeftTruncatedDistribution(dist.Laplace(jnp.arange(2.0), 1.0), low=-1.0),
            )
        ),
    ),
    "Distrax's to TFP": (
        NotImplementedError,
        "pathmix knows no counterpart in TFP of Distrax's Clipped",
        lambda: interop.as_tfp(
            MixtureSameFamily(
                dist.Categorical(probs=PROBS),
                distrax.ClippedNormal(jnp.arange(2.0), 1.0, -1.0, 1.0),
            )
        ),
    ),
    "a fit of what is borrowed": (
        NotImplementedError,
        "expected components of NumPyro's classes, whose parameters are known, got Triangular of",
        lambda: fit(borrowed(), X),
    ),
    "a file of what is borrowed": (
        NotImplementedError,
        "cannot keep components of the family Triangular, whose parameters pathmix does not know",
        lambda: save(borrowed(), "nowhere.safetensors"),
    ),
    "pathwise gradients of what is borrowed": (
        NotImplementedError,
        "pathmix has no pathwise gradient for Triangular components",
        lambda: MixtureSameFamily(
            dist.Categorical(probs=PROBS),
            tfd.Triangular(jnp.zeros(2), 2.0, 1.0),
            reparameterize=True,
        ),
    ),
    "pathwise gradients of borrowed counts": (
        ValueError,
        "expected continuous components for pathwise gradients, got discrete Skellam",
        lambda: MixtureSameFamily(
            dist.Categorical(probs=PROBS), tfd.Skellam(jnp.ones(2), 1.0), reparameterize=True
        ),
    ),
    "a tolerance": (
        NotImplementedError,
        "expected a point mass without tolerances, got Deterministic with atol or rtol",
        lambda: interop.from_tfp(tfd.Deterministic(jnp.zeros(2), atol=0.1)),
    ),
    "a tolerance that is not known": (
        NotImplementedError,
        "expected a point mass without tolerances, got Deterministic with atol or rtol, which may",
        lambda: jax.jit(lambda a: interop.from_distrax(distrax.Deterministic(a)).v)(jnp.zeros(2)),
    ),
    "Distrax's wrapper of what TFP alone has": (
        NotImplementedError,
        "expected components that differ in arrays alone, got DistributionFromTFP",
        lambda: MixtureSameFamily(
            dist.Categorical(probs=PROBS),
            distrax.as_distribution(tfd.Triangular(jnp.zeros(2), 2.0, 1.0)),
        ),
    ),
}


def borrowed():
    components = tfd.Triangular(jnp.array([-1.0, 0.0]), 2.0, 1.0)
    return MixtureSameFamily(dist.Categorical(probs=PROBS), components)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_so(case):
    error, text, act = REFUSED[case]
    with pytest.raises(error, match=text):
        act()


@pytest.mark.parametrize("name", CLASSES_REFUSED)
def test_classes_that_can_be_no_components(x64, name):
    _, make = CLASSES_REFUSED[name]
    library, read = (DISTRAX, interop.from_distrax) if name == "Joint" else (TFP, interop.from_tfp)
    d = make()
    assert type(d).__name__.lstrip("_") == name
    assert name not in {row.name for row in rows() if row.library is library}
    with pytest.raises(NotImplementedError, match=f"expected .*, got _?{name}"):
        read(d)


def test_distributions_of_tfp_on_tensorflow_are_told():
    base = type("Distribution", (), {"__module__": "tensorflow_probability.python.distributions"})
    other = type("Normal", (base,), {"__module__": "tensorflow_probability.python.distributions"})
    with pytest.raises(TypeError, match=r"expected a distribution of .* on JAX, got Normal of .*"):
        MixtureSameFamily(dist.Categorical(probs=PROBS), other())


@pytest.mark.parametrize(
    ("act", "module", "extra"),
    [
        (lambda: interop.from_tfp(3), TFP.module, "tfp"),
        (lambda: interop.as_tfp(3), TFP.module, "tfp"),
        (lambda: interop.from_distrax(3), DISTRAX.module, "distrax"),
    ],
    ids=["from_tfp", "as_tfp", "from_distrax"],
)
def test_a_package_that_is_missing(monkeypatch, act, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    text = rf"expected .* \({module}\), found none\. Run pip install 'pathmix\[{extra}\]'\."
    with pytest.raises(ImportError, match=text):
        act()


# ---- no family is forgotten ----


def classes(module, base):
    """The public classes of distributions of the release that is installed."""
    members = inspect.getmembers(module, inspect.isclass)
    return {name for name, kind in members if issubclass(kind, base)}


ALL = {
    TFP: (classes(tfd, tfd.Distribution), outsiders_tfp.TFP, outsiders_borrowed.BORROWED_TFP),
    DISTRAX: (
        classes(distrax, distrax.Distribution),
        outsiders_distrax.DISTRAX,
        outsiders_borrowed.BORROWED_DISTRAX,
    ),
}


@pytest.mark.parametrize("library", ALL, ids=lambda library: library.extra)
def test_every_class_is_in_the_table_or_has_a_reason(library):
    there, read, own = ALL[library]
    named = {row.name for row in rows() if row.library is library}
    assert named <= there, "the table names classes that are gone"
    assert {row.name for row in read} == named, "a row of the table has no case, or the reverse"
    reasons = {row.name for row in own} | set(CLASSES_REFUSED) | set(OF_A_KIND)
    assert there - named - reasons == set(), "classes without a row or a reason"


PAGE = Path(__file__).parents[1] / "docs" / "doors.md"


def table():
    """The table of families of the page, by NumPyro's class."""
    lines: dict[str, dict[str, None]] = {}
    for row in rows():
        lines.setdefault((row.counterpart, row.library), {})[row.name] = None
    ours = dict.fromkeys(counterpart for counterpart, _ in lines)
    columns = lambda c: [", ".join(lines.get((c, lib), "")) for lib in (TFP, DISTRAX)]  # noqa: E731
    return [f"| {c} | {' | '.join(columns(c))} |".replace("|  |", "| |") for c in sorted(ours)]


def test_the_page_has_the_table():
    found = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    missing = [line for line in table() if line not in found]
    assert not missing, "docs/doors.md lacks\n" + "\n".join(missing)


def test_the_page_names_all_others():
    text = re.sub(r"\s+", " ", PAGE.read_text())
    others = {row.name for _, _, own in ALL.values() for row in own}
    named = {row.name for row in rows()}
    unnamed = [name for name in others | set(CLASSES_REFUSED) if f"`{name}`" not in text]
    assert not sorted(set(unnamed) - named)
