"""What a mixture shows: its repr, NumPyro's names, conversion, the types of draws, exports."""

import copy
import pickle
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import export
from numpyro.distributions import transforms

from pathmix import MixtureSameFamily

WEIGHTS = jnp.array([0.3, 0.7])
THEIRS = dist.MixtureSameFamily(
    dist.Categorical(probs=WEIGHTS), dist.Normal(jnp.array([-1.0, 1.0]), 0.5)
)


def mixture(components, **options):
    return MixtureSameFamily(dist.Categorical(probs=WEIGHTS), components, **options)


def lines(m):
    return [line.split() for line in repr(m).splitlines()]


def test_repr_tells_family_parameters_shapes_and_flags():
    text = repr(mixture(dist.Normal(jnp.array([-1.0, 1.25]), 0.5), reparameterize=True))
    assert text.splitlines() == [
        "MixtureSameFamily(Normal, num_components=2, batch_shape=(), event_shape=(), "
        "reparameterize=True)",
        "   weight   loc  scale",
        "0     0.3    -1    0.5",
        "1     0.7  1.25    0.5",
    ]
    text = repr(mixture(dist.Normal(jnp.zeros(2)), validate_args=True, allow_nan_stats=False))
    assert "validate_args=True, allow_nan_stats=False)" in text


def test_repr_of_weights_by_logits_are_probabilities():
    weights = dist.Categorical(logits=jnp.log(WEIGHTS) + 700.0)
    m = MixtureSameFamily(weights, dist.Normal(jnp.zeros(2)))
    assert [row[1] for row in lines(m)[2:]] == ["0.3", "0.7"]


def test_repr_of_many_components_has_the_first_and_the_last():
    m = MixtureSameFamily(
        dist.Categorical(probs=jnp.ones(100) / 100), dist.Poisson(jnp.arange(100.0) + 1)
    )
    assert [row[0] for row in lines(m)[2:]] == ["0", "1", "2", "…", "97", "98", "99"]
    assert [row[-1] for row in lines(m)[2:]] == ["1", "2", "3", "…", "98", "99", "100"]


def test_repr_of_vectors_and_matrices():
    m = mixture(dist.MultivariateNormal(jnp.arange(6.0).reshape(2, 3), jnp.eye(3)))
    assert "[0, 1, 2]  float32[3, 3]" in repr(m).splitlines()[2]
    text = repr(mixture(dist.LogNormal(jnp.zeros((2, 3)), 1.0).to_event(1)))
    assert text.startswith("MixtureSameFamily(Independent(LogNormal), num_components=2")
    assert " ".join(text.splitlines()[3].split()) == "1 0.7 [0, 0, 0] [1]"


def test_repr_of_large_and_of_traced_parameters_is_short():
    large = mixture(dist.Normal(jnp.zeros((1000, 2)), 1.0))
    assert "loc=float32[1000, 2]" in repr(large)
    shown = []
    jax.jit(lambda loc: shown.append(repr(mixture(dist.Normal(loc, 1.0)))) or loc)(jnp.zeros(2))
    assert "Normal(loc=float32[2], scale=float32[1])" in shown[0]
    known = mixture(dist.Normal(jnp.zeros(2)))
    jax.jit(lambda x: shown.append(repr(known)) or x)(0.0)  # what is known stays so in a trace
    assert shown[1] == repr(known)


def test_repr_of_opaque_components():
    text = repr(mixture(dist.Multinomial(3, probs=jnp.ones((2, 2)) / 2)))
    assert "MultinomialProbs(" in text.splitlines()[-1]


def test_repr_of_mapped_trees():
    m = mixture(dist.Normal(jnp.zeros(2)))
    assert repr(jax.tree.map(lambda _: 0, m)) == "MixtureSameFamily(0, 0, 0)"
    assert repr(jax.tree.map(lambda _: None, m)) == "MixtureSameFamily()"
    assert "ShapeDtypeStruct" in repr(jax.eval_shape(lambda m: m, m))


def test_repr_of_what_is_made_from_a_mixture():
    m = mixture(dist.Normal(jnp.zeros(2)))
    assert repr(m.truncate(0.0, 2.0)) == f"TruncatedMixture(high=2, low=0) of\n{m!r}"
    assert repr(m.censored(high=1.5)) == f"CensoredMixture(high=1.5) of\n{m!r}"
    assert repr(m.quantized(0.5)) == f"QuantizedMixture(width=0.5) of\n{m!r}"


def test_repr_for_notebooks():
    html = mixture(dist.Normal(jnp.array([-1.0, 1.25]), 0.5))._repr_html_()
    rows = ElementTree.fromstring(html).findall("tr")
    cells = [[cell.text or "" for cell in row] for row in rows]
    assert cells == [
        ["", "weight", "loc", "scale"],
        ["0", "0.3", "-1", "0.5"],
        ["1", "0.7", "1.25", "0.5"],
    ]
    batch = mixture(dist.Normal(jnp.zeros((3, 2))))._repr_html_()
    assert ElementTree.fromstring(batch).tag == "pre"


def test_numpyros_mixture_is_converted():
    ours = MixtureSameFamily.from_numpyro(THEIRS, reparameterize=True)
    assert ours.has_rsample
    x = jnp.linspace(-3, 3, 7)
    np.testing.assert_allclose(ours.log_prob(x), THEIRS.log_prob(x), rtol=1e-6)


@pytest.mark.parametrize("name", ["mixture_size", "mixture_dim", "component_mean"])
def test_numpyros_names(name):
    ours = MixtureSameFamily.from_numpyro(THEIRS)
    np.testing.assert_array_equal(getattr(ours, name), getattr(THEIRS, name))


def test_numpyros_other_names():
    ours = MixtureSameFamily.from_numpyro(THEIRS)
    x = jnp.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(ours.component_cdf(x), THEIRS.component_cdf(x), rtol=1e-6)
    np.testing.assert_allclose(ours.component_variance, [0.25, 0.25], rtol=1e-6)
    assert ours.component_sample(jax.random.key(0), (5,)).shape == (5, 2)
    np.testing.assert_array_equal(ours.mixing_distribution.probs, WEIGHTS)
    np.testing.assert_array_equal(ours.component_distribution.loc, [-1.0, 1.0])
    np.testing.assert_allclose(
        ours.component_log_probs(x), THEIRS.component_log_probs(x), rtol=1e-5
    )


ONES = np.ones(2, np.float32)
SINGLE = {
    "Normal": dist.Normal(ONES, ONES),
    "Gamma": dist.Gamma(ONES, ONES),
    "Beta": dist.Beta(ONES, ONES),
    "StudentT": dist.StudentT(ONES, ONES, ONES),
    "Uniform": dist.Uniform(0 * ONES, ONES),
    "VonMises": dist.VonMises(ONES, ONES),
    "Dirichlet": dist.Dirichlet(np.ones((2, 3), np.float32)),
    "MultivariateNormal": dist.MultivariateNormal(
        np.zeros((2, 2), np.float32), scale_tril=np.eye(2, dtype=np.float32)
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_draws_have_the_type_of_the_parameters(name, x64):
    weights = dist.Categorical(probs=np.array([0.3, 0.7], np.float32))
    m = MixtureSameFamily(weights, SINGLE[name])
    draw = jax.eval_shape(m.sample, jax.random.key(0))
    assert draw.dtype == m.dtype == np.float32


EXPORTED = {
    "Normal": dist.Normal(jnp.array([-1.0, 1.0]), 0.5),
    "Gamma": dist.Gamma(jnp.array([1.0, 2.0]), 0.5),
    "StudentT": dist.StudentT(3.0, jnp.array([1.0, 2.0]), 0.5),
    "Poisson": dist.Poisson(jnp.array([1.0, 2.0])),
    "factorised": dist.Normal(jnp.arange(6.0).reshape(2, 3), 1.0).to_event(1),
    "full": dist.MultivariateNormal(jnp.arange(6.0).reshape(2, 3), scale_tril=jnp.eye(3)),
    "low rank": dist.LowRankMultivariateNormal(jnp.zeros((2, 3)), jnp.ones((2, 3, 1)), jnp.ones(3)),
    "Dirichlet": dist.Dirichlet(1.0 + jnp.arange(6.0).reshape(2, 3)),
}


def exported(fn, shape, **options):
    """The program; made without the check of shapes, which compares numbers and not symbols."""
    symbols = export.symbolic_shape(shape)
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return export.export(jax.jit(fn), **options)(jax.ShapeDtypeStruct(symbols, jnp.float32))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("name", EXPORTED)
def test_log_prob_is_exported_with_a_symbolic_batch(name):
    """What is exported once runs for any number of points, with the values of today."""
    m = mixture(EXPORTED[name])
    event = ", ".join(str(n) for n in m.event_shape)
    program = exported(m.log_prob, f"b, {event}" if event else "b")
    for count in (1, 7, 1000):
        x = m.sample(jax.random.key(count), (count,)).astype(jnp.float32)
        np.testing.assert_allclose(program.call(x), m.log_prob(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["Normal", "StudentT", "factorised", "full"])
def test_programs_lower_for_every_platform(name):
    """Log densities, draws with their gradients, and quantiles: no call back to the host."""
    components = EXPORTED[name]

    def program(logits):
        m = MixtureSameFamily(dist.Categorical(logits=logits), components, reparameterize=True)
        draw = lambda m: jnp.sum(m.sample(jax.random.key(0), (5,)))  # noqa: E731
        out = [m.log_prob(jnp.zeros(m.event_shape)), *jax.tree.leaves(jax.grad(draw)(m))]
        return out if m.event_shape else [*out, m.icdf(0.3), m.cdf(0.3)]

    platforms = ("cpu", "cuda", "tpu")
    text = export.export(jax.jit(program), platforms=platforms)(jnp.zeros(2)).mlir_module()
    assert "callback" not in text


@pytest.mark.parametrize("name", ["full", "low rank", "Gamma"])
def test_what_is_made_under_a_trace_does_not_outlive_it(name):
    """A mixture that a compiled function closes over stays what it was."""
    m = mixture(EXPORTED[name])
    jax.jit(lambda x: m.log_prob(x) + jnp.sum(m.components_distribution.mean))(jnp.ones(m.shape()))
    with jax.checking_leaks():
        np.testing.assert_array_equal(m.components_distribution.mean, EXPORTED[name].mean)
    assert np.isfinite(m.log_prob(jnp.ones(m.shape())))


PICKLED = {
    "transformed": dist.TransformedDistribution(
        dist.Normal(jnp.zeros(2), 1.0),
        [
            transforms.AffineTransform(1.0, jnp.array([1.0, 2.0])),
            transforms.ExpTransform(),
        ],
    ),
    "factorised": dist.Normal(jnp.zeros((2, 3)), 1.0).to_event(1),
    "truncated": dist.TruncatedNormal(jnp.zeros(2), 1.0, low=-1.0),
    "unknown": dist.Multinomial(3, probs=jnp.array([[0.2, 0.8], [0.5, 0.5]])),
}


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
@pytest.mark.parametrize("name", PICKLED)
def test_mixtures_are_pickled_and_copied(name, copied):
    m = mixture(PICKLED[name])
    m = m if name == "unknown" else m.expand((4,))
    again, x = copied(m), jnp.ones(m.shape())
    assert jax.tree.structure(again) == jax.tree.structure(m)
    np.testing.assert_array_equal(again.log_prob(x), m.log_prob(x))


BATCHED = {
    "weights shared": (WEIGHTS, (2, 2), (4, 2)),
    "none": (WEIGHTS, (2,), (3,)),
    "weights of each": (np.array([[0.3, 0.7], [0.4, 0.6]]), (2, 2), (4, 2)),
    "of one": (np.array([[0.5, 0.5]]), (1, 2), (5,)),
}


@pytest.mark.parametrize(("weights", "shape", "wide"), BATCHED.values(), ids=BATCHED)
def test_expanded_and_chosen_mixtures_are_those_of_their_parts(weights, shape, wide):
    """`mixture_distribution` and `components_distribution` make up the mixture again."""
    weights = dist.Categorical(probs=jnp.asarray(weights))
    m = MixtureSameFamily(weights, dist.Normal(jnp.arange(np.prod(shape)).reshape(shape) * 1.0))
    for made in (m, m.expand(wide), m.expand(wide)[0], m.expand(wide).expand((6, *wide))):
        again = MixtureSameFamily(made.mixture_distribution, made.components_distribution)
        assert again.batch_shape == made.batch_shape
        np.testing.assert_array_equal(again.log_prob(0.3), made.log_prob(0.3))


def test_programs_of_draws_are_the_same_for_every_platform():
    """Exported for three kinds of machines, run on this one: the draws of the mixture itself."""
    m = mixture(dist.Normal(jnp.array([-1.0, 1.0]), 0.5))
    draw = jax.jit(lambda words: m.sample(jax.random.wrap_key_data(words), (50,)))
    words = jax.random.key_data(jax.random.key(3))
    program = export.export(draw, platforms=["cpu", "cuda", "tpu"])(words)
    assert program.platforms == ("cpu", "cuda", "tpu")
    np.testing.assert_array_equal(program.call(words), draw(words))
