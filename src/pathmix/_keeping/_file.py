"""Files of arrays with a text, in the format of safetensors.

Nothing in such a file is code. The library that reads it checks that the arrays fill it, and do not
overlap; here it is checked that they are the described ones, before any is read.
"""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pathmix._keeping._text import FileError, Node, parsed

KEY = "pathmix"
"""The one entry of the file's metadata: several would come in any order."""
DTYPES = {
    "BOOL": "bool",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    **{
        f"{sign}{bits}": f"{kind}{bits}"
        for sign, kind in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
}
"""The format's names of dtypes, and NumPy's."""


def write(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], text: str) -> None:
    """Write arrays and a text."""
    from safetensors.numpy import save

    full = {name: np.array(array, order="C") for name, array in arrays.items()}
    Path(path).write_bytes(save(full, {KEY: text}))


class File:
    """A file that is open, of which the header alone has been read, and checked."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            self._file: Any = safe_open(os.fspath(path), framework="np")
        except SafetensorError as error:
            raise FileError(f"it is no safetensors file ({error!s:.100})") from error
        metadata = self._file.metadata() or {}
        if set(metadata) != {KEY}:
            raise FileError(
                "it was not written by pathmix.save, having no description of a mixture"
            )
        self.node, declared = parsed(metadata[KEY])
        self.shapes = {name: self._header(name, *declared[name]) for name in self._names(declared)}

    def _names(self, declared: Any) -> list[str]:
        """The names of the arrays, which are those that the description lists."""
        found = set(self._file.keys())
        if found != set(declared):
            lacking, more = sorted(set(declared) - found), sorted(found - set(declared))
            raise FileError(
                f"its arrays are not those it describes: {lacking!r:.100} are missing and "
                f"{more!r:.100} are too many"
            )
        return sorted(found)

    def _header(self, name: str, dtype: str, shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
        """The dtype and shape of an array, which are those that the description states."""
        part = self._file.get_slice(name)
        found = DTYPES.get(part.get_dtype()), tuple(part.get_shape())
        if found != (dtype, shape):
            raise FileError(
                f"its array {name!r:.80} has dtype and shape {found}, and is described with "
                f"{(dtype[:20], shape)}"
            )
        number = np.dtype(getattr(jnp, dtype))
        if number.itemsize > jnp.result_type(float).itemsize:
            raise FileError(
                f"its array {name!r:.80} is of {dtype}, and JAX is in its 32-bit mode. Load it "
                'after jax.config.update("jax_enable_x64", True); jax.tree.map(lambda t: '
                't.astype("float32"), mixture) is a mixture in single precision'
            )
        return jax.ShapeDtypeStruct(shape, number)

    def arrays(self) -> dict[str, Array]:
        """Read the arrays."""
        return {name: jnp.asarray(self._read(name)) for name in self.shapes}

    def _read(self, name: str) -> np.ndarray:
        array = np.asarray(self._file.get_tensor(name))
        # a truth value is a byte, which may be any
        return array.view(np.uint8) != 0 if array.dtype == bool else array


def stated(arrays: dict[str, np.ndarray]) -> Node:
    """Return what a description states of its arrays."""
    return {n: {"dtype": a.dtype.name, "shape": list(a.shape)} for n, a in arrays.items()}
