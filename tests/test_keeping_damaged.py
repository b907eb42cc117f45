"""Files of mixtures that are damaged: each is told, none is read as another mixture."""

import copy
import json
import re
import struct

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints, transforms

from cases.kept import WEIGHTS, assert_same, normal, pair
from pathmix import MixtureSameFamily, load, save


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mixture.safetensors"


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
