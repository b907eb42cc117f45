"""Saving mixtures to files, and loading them: no pickle, and nothing that a file could run."""

import os
from typing import Any

from numpyro.distributions import Distribution

from pathmix._keeping._file import File, stated, write
from pathmix._keeping._reading import DERIVED, Reader, check
from pathmix._keeping._text import FileError, written
from pathmix._keeping._writing import Writer
from pathmix._mixture import Mixture, MixtureSameFamily

KINDS = (MixtureSameFamily, Mixture, *(kind for kind, _ in DERIVED.values()))


def save(mixture: Any, path: str | os.PathLike[str]) -> None:
    """Save a mixture to a file, from which :func:`load` makes the same one again.

    The file is of the safetensors format, ``.safetensors`` by custom: the parameters as arrays, in
    their own dtypes, and a text that says which families these are of, the number of its version
    among it. Other programs can read it; nothing in it is code. Kept are mixtures of every family
    in the README's table, and of those made known by ``pathmix.families.register``; independent
    coordinates, truncations and NumPyro's elementwise transforms of these; batches; mixtures
    within mixtures; truncated, censored and quantized mixtures; and all options.

    Args:
        mixture: A ``MixtureSameFamily``, a ``Mixture``, or what ``truncate``, ``censored`` and
            ``quantized`` make of one.
        path: Where to write; what is there is replaced.

    Raises:
        TypeError: ``mixture`` is something else.
        NotImplementedError: A family, transform or support that has no name to be kept by.
        ValueError: The parameters are traced.

    Example:
        >>> import tempfile, jax.numpy as jnp, numpyro.distributions as dist, pathmix
        >>> from pathlib import Path
        >>> weights = dist.Categorical(probs=jnp.array([0.3, 0.7]))
        >>> mixture = pathmix.MixtureSameFamily(weights, dist.Normal(jnp.array([-1.0, 1.0])))
        >>> path = Path(tempfile.mkdtemp()) / "mixture.safetensors"
        >>> pathmix.save(mixture, path)
        >>> print(pathmix.load(path).log_prob(0.5) == mixture.log_prob(0.5))
        True
    """
    if type(mixture) not in KINDS:
        names = ", ".join(kind.__name__ for kind in KINDS)
        got = type(mixture)
        raise TypeError(
            f"expected a mixture of pathmix ({names}), got {got.__module__}.{got.__name__}. One of "
            "NumPyro's own becomes one by MixtureSameFamily.from_numpyro; of a random variable "
            "pass `.distribution`; a class of your own would be loaded as another one."
        )
    writer = Writer()
    node = writer.mixture(mixture)
    write(path, writer.arrays, written(node, stated(writer.arrays)))


def load(path: str | os.PathLike[str]) -> Distribution:
    """Load a mixture that :func:`save` has written.

    Its densities, draws and leaves are those of the mixture that was saved, bit by bit. A file may
    come from anywhere: its text, the names, dtypes and shapes of its arrays are checked before one
    of them is read, only families that are known here are made, and nothing is allocated that is
    larger than the file. Families of your own must be registered before.

    Raises:
        ValueError: The file is damaged, of a later version, of a family that is not known here, or
            holds float64 while JAX is in its 32-bit mode.
        OSError: There is no such file, or it cannot be read.

    Example:
        >>> import tempfile, jax.numpy as jnp, numpyro.distributions as dist, pathmix
        >>> from pathlib import Path
        >>> weights = dist.Categorical(probs=jnp.array([0.9, 0.1]))
        >>> mixture = pathmix.Mixture(weights, [dist.Normal(0.0, 1.0), dist.StudentT(2.0)])
        >>> path = Path(tempfile.mkdtemp()) / "mixture.safetensors"
        >>> pathmix.save(mixture, path)
        >>> print(type(pathmix.load(path)).__name__)
        Mixture
    """
    try:
        file = File(path)
        check(file.node, file.shapes)
        return Reader(file.arrays()).whole(file.node)
    except OSError:
        raise
    except Exception as error:  # whatever constructors say of arrays that do not fit
        where, said = os.fspath(path), f"{error!s:.400}"
        said = said if isinstance(error, FileError) else f"its parts do not fit: {said}"
        raise ValueError(f"cannot load a mixture from {where!r}: {said.rstrip('.')}.") from error
