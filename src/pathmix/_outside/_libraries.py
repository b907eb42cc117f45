"""The other libraries: how their objects are told, and imported once one is asked for.

Nothing of them is imported to read an object: whoever has one has imported its library.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple


class Library(NamedTuple):
    """A library of distributions on JAX."""

    title: str
    module: str
    """The module that users import."""
    extra: str
    """The extra of pathmix that installs it."""

    @property
    def root(self) -> str:
        """The name of the package."""
        return self.module.partition(".")[0]

    def load(self) -> Any:
        """Return the module.

        Raises:
            ImportError: It is not installed.
        """
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            raise ImportError(
                f"expected {self.title} ({self.module}), found none. "
                f"Run pip install 'pathmix[{self.extra}]'."
            ) from error


TFP = Library("TensorFlow Probability on JAX", "tensorflow_probability.substrates.jax", "tfp")
DISTRAX = Library("Distrax", "distrax", "distrax")
LIBRARIES = (DISTRAX, TFP)
"""Distrax first: its wrappers of TFP's distributions are of both."""


def library_of(d: Any) -> Library | None:
    """Return whose distribution this is; ``None`` of anything else.

    Raises:
        TypeError: It is one of TFP on TensorFlow or NumPy.
    """
    if not any(kind.__name__ == "Distribution" for kind in type(d).__mro__):
        return None
    modules = [kind.__module__ for kind in type(d).__mro__]
    for library in LIBRARIES:
        if any(f"{name}.".startswith(f"{library.module}.") for name in modules):
            return library
    if any(name.partition(".")[0] == TFP.root for name in modules):
        raise TypeError(
            f"expected a distribution of TensorFlow Probability on JAX, got {type(d).__name__} of "
            f"{type(d).__module__}. Import {TFP.module}."
        )
    return None


def own_class(d: Any, library: Library) -> str | None:
    """Return the name of the library's class that ``d`` is of; ``None`` of a subclass.

    A subclass may override a density that its parent's counterpart would silently ignore.
    """
    kind = type(d)
    if kind.__name__ == "DistributionFromTFP":  # Distrax's wrapper, which inherits everything
        kind = next(k for k in kind.__mro__ if k.__module__.startswith(TFP.module))
    from_there = kind.__module__.partition(".")[0] in (library.root, TFP.root)
    # TFP makes a class of its own in a way that says it were of Python's module abc
    public = sys.modules.get(f"{TFP.module}.distributions")
    if not from_there and getattr(public, kind.__name__, None) is not kind:
        return None
    return kind.__name__.lstrip("_")  # TFP has classes of which a part is a tree and a part is not


def given(d: Any, name: str) -> Any:
    """Return an argument that ``d`` was constructed with; ``None`` if it was not given.

    Distrax works probabilities out from logits, and logits from probabilities, where asked.
    """
    kept = vars(d) if type(d).__module__.startswith("distrax.") else {}
    return kept[f"_{name}"] if f"_{name}" in kept else getattr(d, name, None)


def as_given(d: Any, name: str) -> Any:
    """Return the same as it was written, which is known in a program that is traced as well.

    What TFP converts there is traced, even a constant.
    """
    written = getattr(d, "parameters", None)
    return written.get(name) if isinstance(written, dict) else given(d, name)


def all_given(d: Any, names: Sequence[str]) -> list[Any] | None:
    """Return several arguments; ``None`` if one of them was not given."""
    values = [given(d, name) for name in names]
    return None if any(value is None for value in values) else values
