"""What is to be drawn, checked."""

from typing import Any

import numpy as np

from pathmix._estimation import Fit
from pathmix._mixture import MixtureSameFamily


def mixture_of(drawn: Any) -> MixtureSameFamily:
    """Return the mixture of a fit, or the mixture itself."""
    mixture = drawn.mixture if isinstance(drawn, Fit) else drawn
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(
            "expected a pathmix.MixtureSameFamily, or what pathmix.fit returns, got "
            f"{type(drawn).__name__}. Of what pathmix.select returns, draw its `best`."
        )
    if mixture.batch_shape:
        raise ValueError(
            f"expected a mixture without a batch, got batch shape {mixture.batch_shape}. Draw its "
            "members: mixture[i]."
        )
    return mixture


def scalars_of(drawn: Any) -> MixtureSameFamily:
    """Return a mixture of scalars."""
    mixture = mixture_of(drawn)
    if mixture.event_shape:
        raise ValueError(
            f"expected a mixture of scalars, got event shape {mixture.event_shape}. Draw two of "
            "its coordinates with pathmix.plot.ellipses, or all with pathmix.plot.pairs."
        )
    return mixture


def vectors_of(drawn: Any) -> MixtureSameFamily:
    """Return a mixture of vectors of two entries or more."""
    mixture = mixture_of(drawn)
    if len(mixture.event_shape) != 1 or mixture.event_shape[0] < 2:
        raise ValueError(
            "expected a mixture of vectors of two entries or more, got event shape "
            f"{mixture.event_shape}. Draw a mixture of scalars with pathmix.plot.density."
        )
    return mixture


def rows_of(mixture: MixtureSameFamily, data: Any) -> np.ndarray:
    """Return data as rows of events of the mixture, ``n *event``."""
    rows = np.asarray(data, float)
    if rows.ndim != 1 + len(mixture.event_shape) or rows.shape[1:] != mixture.event_shape:
        expected = ", ".join(["n", *map(str, mixture.event_shape)])
        expected += "" if mixture.event_shape else ","
        raise ValueError(
            f"expected data of shape ({expected}), rows of events of the mixture, got shape "
            f"{rows.shape}."
        )
    return rows
