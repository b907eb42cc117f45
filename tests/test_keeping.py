"""Mixtures that go through a file are the same, bit by bit; damaged files are told, all of them.

The loaded tree has the same structure, which holds families, options and shapes, and the same
leaves; a program of it is then the same program on the same numbers.
"""

import copy
import json
import re
import struct

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints, transforms

from cases import mixed, table
from pathmix import Mixture, MixtureSameFamily, load, save
from pathmix import random_variables as rv

WEIGHTS = dist.Categorical(probs=jnp.array([0.3, 0.7]))
LOC, SCALE = jnp.array([-1.0, 2.0]), jnp.array([0.5, 3.0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mixture.safetensors"


def through(path, mixture):
    save(mixture, path)
    return load(path)


def assert_same(found, mixture):
    assert type(found) is type(mixture)
    assert jax.tree.structure(found) == jax.tree.structure(mixture)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(mixture), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    for name in ("batch_shape", "event_shape", "is_discrete"):
        assert getattr(found, name, None) == getattr(mixture, name, None)


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


def normal(**options):
    return MixtureSameFamily(WEIGHTS, dist.Normal(LOC, SCALE), **options)


def transformed(*parts):
    return MixtureSameFamily(
        WEIGHTS, dist.TransformedDistribution(dist.Normal(LOC, SCALE), [*parts])
    )


def pair(*components, **options):
    return Mixture(WEIGHTS, list(components), **options)


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


# ---- damaged files ----

WHOLE = {
    "one family": MixtureSameFamily(
        WEIGHTS,
        dist.TransformedDistribution(
            dist.Normal(jnp.arange(4.0).reshape(2, 2), 1.0),
            [transforms.AffineTransform(0.0, 2.0), transforms.ExpTransform().inv.inv],
        ).to_event(1),
    ),
    "several": pair(
        dist.TruncatedNormal(0.0, 1.0, low=-1.0), dist.Poisson(3.0), support=constraints.real
    ).censored(low=0.0),
}


def taken_apart(raw):
    """The header, the description, and the data of a file."""
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    return header, json.loads(header.pop("__metadata__")["pathmix"]), raw[8 + size :]


def put_together(header, text, data):
    text = text if isinstance(text, str) else json.dumps(text)
    head = json.dumps({"__metadata__": {"pathmix": text}, **header}).encode()
    return struct.pack("<Q", len(head)) + head + data


def places(node, place=()):
    """The places of all entries of a nest of dicts and lists."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from places(value, (*place, key))


def at(node, place):
    for key in place:
        node = node[key]
    return node


def changed(node, place, value):
    """The nest with another value at a place; without it, for ``None``."""
    new = copy.deepcopy(node)
    inner = at(new, place[:-1])
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return new


def cut_short(header, text, data):
    raw = put_together(header, text, data)
    for size in np.linspace(0, len(raw) - 1, 40).astype(int):
        yield raw[:size]
    yield raw + b"\0"


def renamed(header, text, data):
    for name in header:
        new = {("x" if key == name else key): value for key, value in header.items()}
        yield put_together(new, text, data)
        declared = {("x" if n == name else n): v for n, v in text["arrays"].items()}
        yield put_together(header, text | {"arrays": declared}, data)
        yield put_together(new, text | {"arrays": declared}, data)
    for place in places(text):
        if place[-1] in ("class", "domain", "support"):
            for name in ("Nothing", "object", "posix.system", "", "__class__", "normal"):
                yield put_together(header, changed(text, place, name), data)


def resized(header, text, data):
    for name, entry in header.items():
        shape = entry["shape"]
        for other in ([*shape, 1, 1], [3, *shape], [2**40, *shape], [0], [-1], [2**62] * 3):
            header_ = header | {name: entry | {"shape": other}}
            text_ = changed(text, ("arrays", name, "shape"), other)
            yield put_together(header_, text, data)
            yield put_together(header, text_, data)
            if max(other) < 4:  # consistently: with the data of so many numbers at the end
                size = 4 * int(np.prod(other)) if min(other) >= 0 else 0
                start, end = entry["data_offsets"]
                rest = {
                    n: e
                    | {"data_offsets": [o - (end - start) * (o >= end) for o in e["data_offsets"]]}
                    for n, e in header.items()
                }
                kept = data[:start] + data[end:]
                rest[name] = header_[name] | {"data_offsets": [len(kept), len(kept) + size]}
                yield put_together(rest, text_, kept + bytes(size))
        yield put_together(header | {name: entry | {"data_offsets": [0, 2**60]}}, text, data)


def of_wrong_types(header, text, data):
    for name, entry in header.items():
        for dtype in ("F64", "I32", "F16", "C64", "F8_E4M3", "X", 3):
            yield put_together(header | {name: entry | {"dtype": dtype}}, text, data)
        for dtype in ("int32", "float64", "object", "x"):
            yield put_together(header, changed(text, ("arrays", name, "dtype"), dtype), data)
    for place in places(text):
        for value in (7.5, [[]], -1):
            yield put_together(header, changed(text, place, value), data)
        if place[0] != "arrays" and type(at(text, place)) is not bool:
            yield put_together(header, changed(text, place, True), data)
        if not isinstance(at(text, place), str):
            yield put_together(header, changed(text, place, "x"), data)
        if isinstance(at(text, place), int) and type(at(text, place)) is int:
            yield put_together(header, changed(text, place, 2**40), data)


def of_other_versions(header, text, data):
    for version in (0, 2, -1, 10**400, 1.0, "1", True, [1]):
        yield put_together(header, text | {"version": version}, data)


def with_more(header, text, data):
    more = {"x": {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}}
    stated = text["arrays"] | {"x": {"dtype": "float32", "shape": [1]}}
    yield put_together(header | more, text, data + bytes(4))
    yield put_together(header | more, text | {"arrays": stated}, data + bytes(4))
    yield put_together(header, text | {"more": 1}, data)
    for place in places(text):
        if isinstance(at(text, place), dict):
            yield put_together(header, changed(text, (*place, "more"), 1), data)
        if isinstance(at(text, place[:-1]), dict) or place[-2] in ("shape", "components"):
            yield put_together(header, changed(text, place, None), data)


def of_other_texts(header, text, data):
    whole = json.dumps(text)
    for other in (
        "",
        "null",
        "[]",
        "{",
        whole[:-1],
        "[" * 100_000,
        '{"a":' * 100_000,
        whole.replace("1", "NaN", 1),
        whole.replace("{", '{"version": 1, ', 1),
        whole.replace("1", "1" * 10_000, 1),
        nested(text),
    ):
        yield put_together(header, other, data)
    plain = put_together(header, text, data)
    yield plain.replace(b"pathmix", b"pathmin")
    yield plain.replace(b"__metadata__", b"__metadate__")
    for size in (0, 1, 2**31, 2**63, 2**64 - 1):
        yield struct.pack("<Q", size) + plain[8:]


def nested(text):
    """Independent within independent, a hundred times."""
    place = ("distribution", "components")
    if "of" in text["distribution"]:
        place = ("distribution", "of", "components", 0)
    node = at(text, place)
    inner = {key: value for key, value in node.items() if key != "batch"}
    for _ in range(100):
        inner = {"class": "Independent", "of": inner, "ndims": 0}
    return json.dumps(changed(text, place, inner | {"batch": node["batch"]}))


MUTATIONS = [
    cut_short,
    renamed,
    resized,
    of_wrong_types,
    of_other_versions,
    with_more,
    of_other_texts,
]


def damaged(path, mixture, mutation):
    save(mixture, path)
    whole = path.read_bytes()
    parts = taken_apart(whole)
    assert taken_apart(put_together(*parts)) == parts
    path.write_bytes(put_together(*parts))
    assert_same(load(path), mixture)  # what is written here is read, if it is not damaged
    return mutation(*parts)


@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(WHOLE["one family"], id="one family"),
        pytest.param(WHOLE["several"], id="several", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_damaged_files_are_told(mutation, mixture, path):
    for i, raw in enumerate(damaged(path, mixture, mutation)):
        path.write_bytes(raw)
        try:
            made = load(path)
        except ValueError as error:
            assert re.fullmatch(r"(?s)cannot load a mixture from '.*': .+\.", str(error))  # noqa: PT017
        else:
            pytest.fail(f"file {i} has made {made!r}: {raw!r}")


def test_there_are_many_damaged_files(path):
    mixture = WHOLE["one family"]
    counts = {m.__name__: sum(1 for _ in damaged(path, mixture, m)) for m in MUTATIONS}
    assert sum(counts.values()) >= 500, counts
    assert min(counts.values()) >= 8, counts


def test_bytes_that_are_changed_raise_nothing_else(path):
    """A changed byte may be one of a name, or of a number: then the file is another mixture's."""
    save(WHOLE["one family"], path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(100):
        raw = bytearray(whole)
        raw[rng.integers(len(raw))] = rng.integers(256)
        path.write_bytes(raw)
        try:
            load(path)
        except ValueError as error:
            assert "cannot load a mixture" in str(error)  # noqa: PT017


def test_a_file_that_would_make_more_numbers_than_it_holds(path):
    """Degrees of freedom are spread over all matrices by NumPyro: two long axes make a square."""
    mixture = MixtureSameFamily(
        WEIGHTS, dist.MultivariateStudentT(jnp.full((3, 2), 4.0), jnp.zeros((3, 2, 2)), jnp.eye(2))
    )
    save(mixture, path)
    header, text, _ = taken_apart(path.read_bytes())
    long = 3000
    shapes = {
        "components.df": [long, 1, 2],
        "components.loc": [1, long, 2, 2],
        "components.scale_tril": [1, 1, 1, 2, 2],
        "weights.probs": [2],
    }
    offset = 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        text["arrays"][name]["shape"] = shape
        offset += size
    text["distribution"]["components"]["batch"] = [long, long, 2]
    path.write_bytes(put_together(header, text, bytes(offset)))
    with pytest.raises(ValueError, match="numbers, and the mixture would have 180"):
        load(path)


def test_values_are_checked_where_the_mixture_asks_for_it(path):
    save(normal(validate_args=True), path)
    header, text, data = taken_apart(path.read_bytes())
    start = header["components.scale"]["data_offsets"][0]
    data = data[:start] + struct.pack("<f", -1.0) + data[start + 4 :]
    path.write_bytes(put_together(header, text, data))
    with pytest.raises(ValueError, match="do not fit: expected Normal parameter `scale`"):
        load(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError):
        load(path)
