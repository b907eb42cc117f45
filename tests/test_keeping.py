"""Mixtures that go through a file are the same, bit by bit; what cannot be kept is refused.

The loaded tree has the same structure, which holds families, options and shapes, and the same
leaves; a program of it is then the same program on the same numbers.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints, transforms

from cases import mixed, table
from cases.kept import LOC, SCALE, WEIGHTS, assert_same, normal, pair
from pathmix import MixtureSameFamily, load, save
from pathmix import random_variables as rv


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mixture.safetensors"


def through(path, mixture):
    save(mixture, path)
    return load(path)


def of_row(row, dtype):
    return mixed.mixture(row, [jnp.asarray(t) for t in row.arrays(dtype)])


def batch_of_row(row):
    """Two mixtures, of parameters `2 k`."""
    parts = zip(row.parts, row.of_parts(mixed.two(row)), strict=True)
    w = jnp.asarray(mixed.weights(row.size, "float32"))
    return row.mixed([part.make(*map(jnp.asarray, each)) for part, each in parts], w)


@pytest.mark.parametrize("row", table.parameters(table.ROWS))
def test_every_family(row, path, x64):
    mixture = of_row(row, "float64")
    assert_same(through(path, mixture), mixture)


def some_quick(rows, one_in):
    """The rows as parameters, of which the default run takes one in so many."""
    return [
        pytest.param(row, id=str(row), marks=[pytest.mark.slow] if i % one_in else [])
        for i, row in enumerate(rows)
    ]


BATCHES = [row for row in table.ROWS if str(row) != "Delta + Poisson"]  # refused, see below


@pytest.mark.parametrize("row", some_quick(BATCHES, 6))
def test_every_family_in_batches(row, path):
    mixture = batch_of_row(row)
    assert_same(through(path, mixture), mixture)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=[] if str(row) in ("Gamma", "Dirichlet 4") else pytest.mark.slow)
        for row in table.ROWS
    ],
    ids=str,
)
def test_densities_and_draws_are_the_same(row, path, key):
    mixture = of_row(row, "float32")
    found, x = through(path, mixture), jnp.asarray(row.body("float32"))
    np.testing.assert_array_equal(found.log_prob(x), mixture.log_prob(x))
    if row.name not in table.UNDRAWN:
        np.testing.assert_array_equal(found.sample(key, (7,)), mixture.sample(key, (7,)))


def transformed(*parts):
    return MixtureSameFamily(
        WEIGHTS, dist.TransformedDistribution(dist.Normal(LOC, SCALE), [*parts])
    )


MATRIX = jnp.array([[1.0, 0.5], [0.5, 2.0]])
FACTOR = jnp.linalg.cholesky(MATRIX)
MIXTURES = {
    "logits": MixtureSameFamily(dist.Categorical(logits=LOC), dist.Normal(LOC)),
    "a zero weight": MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.0, 1.0]), validate_args=False), dist.Normal(LOC)
    ),
    "weights by a coin": MixtureSameFamily(dist.Bernoulli(0.3), dist.Normal(LOC)),
    "weights of a batch": MixtureSameFamily(
        dist.Categorical(logits=jnp.zeros((3, 2))), dist.Normal(jnp.zeros((3, 2)), SCALE)
    ),
    "options": normal(reparameterize=True, validate_args=True, allow_nan_stats=False, name="x y"),
    "NaN and infinities": MixtureSameFamily(
        WEIGHTS,
        dist.Normal(jnp.array([jnp.nan, jnp.inf]), jnp.array([0.0, -1.0]), validate_args=False),
    ),
    "expanded": normal().expand((4, 3)),
    "expanded components": MixtureSameFamily(WEIGHTS, dist.Normal(LOC, 1.0).expand((5, 2))),
    "a member": MixtureSameFamily(WEIGHTS, dist.Normal(jnp.zeros((5, 2))))[2],
    "tied": MixtureSameFamily(WEIGHTS, dist.MultivariateNormal(jnp.eye(2), MATRIX)),
    "an affine map": MixtureSameFamily(WEIGHTS, dist.MultivariateNormal(jnp.eye(2), MATRIX)).affine(
        MATRIX, 1.0
    ),
    "a margin": MixtureSameFamily(WEIGHTS, dist.MultivariateNormal(jnp.eye(2), MATRIX)).marginal(0),
    "vmapped": jax.vmap(lambda t: MixtureSameFamily(WEIGHTS, dist.Normal(LOC + t)))(
        jnp.arange(3.0)
    ),
    "half precision": MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.25, 0.75], jnp.float16), validate_args=False),
        dist.Normal(LOC.astype(jnp.float16), SCALE.astype(jnp.float16), validate_args=False),
    ),
    "bfloat16": MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.25, 0.75], jnp.bfloat16), validate_args=False),
        dist.Normal(LOC.astype(jnp.bfloat16), SCALE.astype(jnp.bfloat16)),
    ),
    "transforms": transformed(
        transforms.AffineTransform(LOC, 2.0),
        transforms.SigmoidTransform(),
        transforms.SigmoidTransform().inv,
        transforms.ExpTransform(),
        transforms.PowerTransform(2.0),
        transforms.AffineTransform(0.0, SCALE, constraints.positive),
        transforms.ComposeTransform(
            [transforms.ExpTransform().inv, transforms.SoftplusTransform()]
        ),
    ),
    "truncated components": MixtureSameFamily(
        WEIGHTS, dist.TruncatedNormal(LOC, SCALE, low=-2.0, high=SCALE)
    ),
    "inflated counts": MixtureSameFamily(
        WEIGHTS, dist.ZeroInflatedDistribution(dist.Poisson(SCALE), gate=0.3)
    ),
    "truncated": normal().truncate(0.0, 2.0),
    "truncated below": normal(reparameterize=True).truncate(low=LOC),
    "censored": normal().expand((2,)).censored(high=LOC),
    "quantized": normal().quantized(0.5),
    "several": pair(dist.Normal(0.0, 1.0), dist.StudentT(2.0, 0.0, 5.0), name="robust"),
    "several with a support": pair(
        dist.Gamma(2.0, 1.0), dist.Exponential(1.0), support=constraints.positive
    ),
    "several truncated": pair(dist.Normal(0.0, 1.0), dist.Cauchy()).truncate(0.0),
    "nested": pair(normal(), pair(dist.Normal(), dist.Laplace())),
    "a mass among densities": pair(dist.Delta(0.0), dist.Gamma(2.0, 1.0)),
    "masses alone": pair(dist.Delta(0.0), dist.Delta(1.0)),
    "a mass among counts": pair(dist.Delta(0), dist.Poisson(3.0)),
    "counts among densities": pair(dist.Poisson(3.0), dist.Normal()),
    "vectors of several families": pair(
        dist.MultivariateNormal(jnp.zeros(2), MATRIX),
        dist.MultivariateStudentT(4.0, jnp.ones(2), FACTOR),
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_every_structure(name, path):
    mixture = MIXTURES[name]
    assert_same(through(path, mixture), mixture)
    again = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == again


def test_structures_in_double_precision(x64, path):
    mixture = jax.tree.map(lambda t: t.astype(float), MIXTURES["transforms"])
    assert_same(through(path, mixture), mixture)
    text = "is of float64, and JAX is in its 32-bit mode. Load it after jax.config"
    with jax.enable_x64(False), pytest.raises(ValueError, match=text):
        load(path)


def test_numpyros_switch_is_asked_again(path):
    """``validate_args=None`` follows the switch of the process that loads."""
    mixture = normal(validate_args=None)
    assert_same(through(path, mixture), mixture)


def test_other_programs_read_the_arrays(path):
    from safetensors.numpy import load_file

    save(MIXTURES["several"], path)
    assert load_file(path)["components.1.df"] == 2.0


# ---- what is refused ----


class Own(dist.Normal):
    """Known to no one."""


class OurMixture(MixtureSameFamily):
    """Known to whoever wrote it."""


def own_transform():
    class Twice(transforms.ParameterFreeTransform):
        domain = codomain = constraints.real

        def __call__(self, x):
            return 2 * x

        def _inverse(self, y):
            return y / 2

        def log_abs_det_jacobian(self, x, y, intermediates=None):
            return jnp.full_like(x, jnp.log(2.0))

    return transformed(Twice())


REFUSED = {
    "NumPyro's": (
        lambda: dist.MixtureSameFamily(WEIGHTS, dist.Normal(LOC)),
        TypeError,
        r"expected a mixture of pathmix \(MixtureSameFamily, .*, got numpyro.*from_numpyro",
    ),
    "a random variable": (
        lambda: rv.MixtureSameFamily(WEIGHTS, dist.Normal(LOC), value=0.0),
        TypeError,
        r"of a random variable pass `.distribution`",
    ),
    "a subclass": (
        lambda: OurMixture(WEIGHTS, dist.Normal(LOC)),
        TypeError,
        r"got .*\.OurMixture.*a class of your own would be loaded as another one",
    ),
    "a family of one's own": (
        lambda: MixtureSameFamily(WEIGHTS, Own(LOC)),
        NotImplementedError,
        "of the family Own, whose parameters pathmix does not know.*register",
    ),
    "a family of NumPyro's that is not known": (
        lambda: MixtureSameFamily(WEIGHTS, dist.Multinomial(3, probs=jnp.ones((2, 2)) / 2)),
        NotImplementedError,
        "cannot keep components of the family MultinomialProbs",
    ),
    "a transform with an array of unknown use": (
        lambda: transformed(transforms.ComposeTransform([transforms.AffineTransform(0.0, 1.0)])),
        NotImplementedError,
        "of the family TransformedDistribution of Normal, whose",
    ),
    "a transform of one's own": (own_transform, NotImplementedError, "components with a Twice"),
    "a domain": (
        lambda: transformed(transforms.AffineTransform(0.0, 1.0, constraints.interval(0, 3))),
        NotImplementedError,
        "expected one of",
    ),
    "a support": (
        lambda: pair(dist.Normal(), dist.Cauchy(), support=constraints.interval(0.0, 3.0)),
        NotImplementedError,
        "whose support was stated as Interval",
    ),
    "weights of another kind": (
        lambda: MixtureSameFamily(dist.Binomial(1, 0.3), dist.Normal(LOC)),
        NotImplementedError,
        "cannot keep weights by a BinomialProbs: expected one of",
    ),
    "joined components": (
        lambda: MixtureSameFamily(WEIGHTS, MIXTURES["several"].components_distribution),
        NotImplementedError,
        "components of several families. Make a pathmix.Mixture",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused(name, path):
    make, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text):
        save(make(), path)
    assert not path.exists()


def test_traced_parameters_are_refused(path):
    with pytest.raises(ValueError, match=r"got traced ones. Save outside of jax.jit"):
        jax.jit(lambda m: save(m, path))(normal())


def test_a_registered_family(path, monkeypatch):
    from pathmix import families
    from pathmix._components import _known

    monkeypatch.setattr(_known, "_TABLE", dict(_known._TABLE))
    families.register(Own, families.family_of(dist.Normal))
    mixture = MixtureSameFamily(WEIGHTS, Own(LOC, SCALE))
    assert_same(through(path, mixture), mixture)
    del _known._TABLE[Own]
    with pytest.raises(ValueError, match=r"family 'test_keeping.Own', which is not known here"):
        load(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError):
        load(path)
