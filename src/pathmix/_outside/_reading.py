"""From an object of another library to NumPyro's: by the table, or by its own methods."""

from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._components import Outsider, Structure
from pathmix._outside._libraries import DISTRAX, library_of, own_class
from pathmix._outside._table import rows_of

SPACES = {
    "Skellam": "integers",
    "StoppingRatioLogistic": "counts",
    "PoissonLogNormalQuadratureCompound": "counts",
    "NegativeBinomial": "counts",
    "Zipf": "counts from one",
    "RelaxedOneHotCategorical": "simplex",
    "WishartTriL": "positive definite",
    "LKJ": "correlations",
}
"""Supports of classes without a counterpart that cannot be told from their bijections."""


def numpyro_of(d: Any) -> Any:
    """Return a distribution of another library as one of NumPyro's; anything else as it is.

    Raises:
        TypeError: It is one of TFP on TensorFlow or NumPy.
        NotImplementedError: It can be no component: its events are structures, or what varies over
            its batch is no array of it.
    """
    library = None if isinstance(d, Distribution) else library_of(d)
    if library is None:
        return d
    for row in rows_of(library, own_class(d, library)):
        found = row.read(d)
        if found is not None:
            return found
    return borrowed(d)


def borrowed(d: Any) -> Outsider:
    """Return a distribution that works by their own methods."""
    shape, event_shape = _shapes(d)
    one = _first(d, len(shape))
    leaves, arrays = jax.tree.leaves(one), jax.tree.leaves(d)
    tree = jax.tree.structure(one)
    _check_static(d, tree, same_arrays=len(leaves) == len(arrays), is_batch=bool(shape))
    leaves = list(map(jnp.asarray, leaves))
    draw = jax.ShapeDtypeStruct(event_shape, one.dtype)
    if not _has(one, "log_prob", draw):
        raise NotImplementedError(
            f"expected components whose density can be part of a program, got {type(d).__name__}, "
            "whose own method JAX cannot trace. Take components of NumPyro."
        )
    is_discrete = _is_discrete(d, draw.dtype)
    structure = Structure(
        type(d).__name__.lstrip("_"),
        tree,
        tuple(leaf.ndim for leaf in leaves),
        tuple(leaf.dtype for leaf in leaves),
        event_shape,
        _space(d, one, event_shape, is_discrete=is_discrete),
        is_discrete,
        bool(jnp.issubdtype(draw.dtype, jnp.floating)),
        not event_shape and _has(one, "log_cdf", draw) and _has(one, "log_survival_function", draw),
    )
    return Outsider(structure, arrays)


def _shapes(d: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Its batch and event shapes, if it has one of each."""
    try:
        return tuple(map(int, d.batch_shape)), tuple(map(int, d.event_shape))
    except (TypeError, ValueError):
        raise NotImplementedError(
            f"expected components whose events are arrays, got {type(d).__name__}, whose event "
            f"shape is {d.event_shape}. Take its parts one by one, each in a mixture of its own."
        ) from None


def _first(d: Any, rank: int) -> Any:
    """The first distribution of a batch."""
    if not rank:
        return d
    try:
        if own_class(d, DISTRAX) == "Transformed" and not jax.tree.leaves(d.bijector):
            return type(d)(_first(d.distribution, rank), d.bijector)
        return d[(0,) * rank]
    except (NotImplementedError, TypeError, ValueError, IndexError) as error:
        raise NotImplementedError(
            f"expected a batch of which members can be taken, got {type(d).__name__} with batch "
            f"shape {tuple(d.batch_shape)}, which cannot be indexed. Give components without a "
            "batch, in the list of a pathmix.Mixture."
        ) from error


def _check_static(d: Any, tree: Any, *, same_arrays: bool, is_batch: bool) -> None:
    """Raise unless all that varies over a batch, and all that has gradients, is an array of it."""
    name = type(d).__name__
    if not _is_hashable(tree) or tree == jax.tree.structure(0):
        raise NotImplementedError(
            f"expected components whose parameters are the leaves of a pytree, got {name}, some of "
            "whose arrays are not. Give them as numbers, or make the family known: "
            "pathmix.families.register (docs/families.md)."
        )
    is_tfp = library_of(d) is not DISTRAX
    if (
        not same_arrays
        or name == "DistributionFromTFP"
        or (is_batch and is_tfp and tree != jax.tree.structure(d))
    ):
        raise NotImplementedError(
            f"expected components that differ in arrays alone, got {name}, of which something else "
            "differs, or is hidden in a wrapper. Give the wrapped distribution, or components "
            "without a batch in the list of a pathmix.Mixture."
        )


def _is_hashable(tree: Any) -> bool:
    try:
        hash(tree)
    except TypeError:
        return False
    return True


def _is_discrete(d: Any, dtype: Any) -> bool:
    named = _space_by_name(d)
    if named is not None:
        return named in ("integers", "counts", "counts from one")
    if not jnp.issubdtype(dtype, jnp.floating):
        return True
    if library_of(d) is DISTRAX:
        return own_class(d, DISTRAX) == "Quantized"
    return _bijector(d) is None  # TFP gives counts as floats, and has no bijection onto them


def _space_by_name(d: Any) -> str | None:
    library = library_of(d)
    if library is None or getattr(d, "input_output_cholesky", False):  # of factors instead
        return None
    return SPACES.get(own_class(d, library) or "")


def _space(d: Any, one: Any, event_shape: tuple[int, ...], *, is_discrete: bool) -> str:
    """Which support it has, of those that ``Outsider`` knows."""
    named = _space_by_name(d)
    if named is not None:
        return named
    bijector = None if is_discrete else _bijector(one)
    if bijector is None:
        return "own"
    if not event_shape:
        return "interval"
    return "real" if type(bijector).__name__ == "Identity" else "own"


def _bijector(d: Any) -> Any:
    """TFP's bijection onto the support; ``None`` if it has none."""
    find = getattr(d, "experimental_default_event_space_bijector", None)
    try:
        return None if find is None else find()
    except NotImplementedError:
        return None


def _has(one: Any, name: str, draw: Any) -> bool:
    """Whether a method of a value is there, and can be part of a program."""
    try:
        jax.eval_shape(lambda d, x: getattr(d, name)(x), one, draw)
    except (NotImplementedError, TypeError):
        return False
    return True
