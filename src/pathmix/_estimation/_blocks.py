"""Data block by block: of arrays, which may be files, and of iterables."""

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

Block = tuple[np.ndarray, np.ndarray]
"""Rows and their weights."""


class Blocks:
    """Data in blocks of one shape, so that few programs are compiled: short ones are filled up."""

    def __init__(self, data: Any, weights: Any, size: int) -> None:
        self._data, self._weights, self._size = data, weights, size
        if isinstance(data, jax.core.Tracer) or isinstance(weights, jax.core.Tracer):
            raise TypeError(
                "expected data that are known for OnlineEM, which reads them block by block, got "
                "traced ones. Use it outside of jit, or statistics and update inside."
            )
        self._is_array = hasattr(data, "shape")
        self.num_observations = 0.0
        if not self._is_array and not isinstance(data, Iterable):
            raise TypeError(
                "expected an array or an iterable of blocks of rows for OnlineEM, got "
                f"{type(data).__name__}."
            )
        if weights is not None and not self._is_array:
            raise ValueError(
                "expected weights along with each block, a tuple (rows, weights), as data are an "
                "iterable of blocks; got weights=."
            )
        if weights is not None and len(weights) != len(data):
            raise ValueError(
                f"expected one weight for each row, shape ({len(data)},), got {len(weights)}."
            )

    @property
    def is_spent(self) -> bool:
        """Whether the data can be read once only."""
        return isinstance(self._data, Iterator)

    def __len__(self) -> int:
        """How many blocks there are; 0 if that is not known."""
        if self._is_array:
            return -(-len(self._data) // self._size)
        return len(self._data) if hasattr(self._data, "__len__") else 0

    def __iter__(self) -> Iterator[Block]:
        """Yield rows and weights; what fills a block up weighs nothing."""
        longest, self.num_observations, empty = 0, 0.0, True
        for x, w in self._pieces():
            longest, empty = max(longest, len(x)), False
            more = longest - len(x)
            self.num_observations += float(np.sum(w))
            if more:
                x = np.concatenate([x, np.repeat(x[-1:], more, axis=0)])
                w = np.concatenate([w, np.zeros(more, w.dtype)])
            yield x, w
        if empty:
            raise ValueError("expected at least one row of data, got none.")

    def _pieces(self) -> Iterator[Block]:
        if not self._is_array:
            for block in self._data:
                x, w = block if isinstance(block, tuple) else (block, None)
                x = np.asarray(x)
                if len(x):
                    yield x, np.ones(len(x), np.float32) if w is None else np.asarray(w)
            return
        for first in range(0, len(self._data), self._size):
            x = np.asarray(self._data[first : first + self._size])
            w = self._weights
            w = np.ones(len(x), np.float32) if w is None else w[first : first + self._size]
            yield x, np.asarray(w)
