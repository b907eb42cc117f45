"""EM over blocks of data that are read once: files larger than memory, streams.

Sums of observations are averaged as blocks come, each block with a share that falls; the mixture is
the one that the average has (Cappé & Moulines 2009, "On-line expectation-maximization algorithm for
latent data models"). The sums are about the locations in use, and move with them.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pathmix._checks import require_counts
from pathmix._components import Canonical
from pathmix._estimation._blocks import Blocks
from pathmix._estimation._data import Data, read_data
from pathmix._estimation._maximise import recentred
from pathmix._estimation._parameters import Held, read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._progress import over_blocks
from pathmix._estimation._result import Fit, result, with_model
from pathmix._estimation._statistics import check_sums, prior_of_sums, step_of, sums_under
from pathmix._estimation._sweep import Model, Sums, Task
from pathmix._estimation._totals import Totals, centre_of, totals_of
from pathmix._estimation._unconstrained import inside, is_at_an_end
from pathmix._mixture import MixtureSameFamily, working
from pathmix._where import where

_FEW = 2


@dataclass(frozen=True)
class OnlineEM:
    """EM over blocks, for data that do not fit into memory.

    ``data`` may then be an array (a ``numpy.memmap`` is read block by block), or an iterable of
    blocks: arrays of rows, or tuples of rows and weights. The ``t``-th block has a share of
    ``t^(−power)`` in the average, and less if it is smaller than others. For families whose maximum
    is a function of sums; they are left as they are until ``2 k (e + 1)`` observations of ``e``
    numbers were seen, and a component is as long as its rows are flat.

    The fit never says that it has converged; its history is the log likelihood as each block met
    it, for as many observations as there are. ``max_steps``, ``tolerance`` and ``missing`` do not
    apply: each block is taken in once a pass, and its NaN entries are missing. Of an iterator,
    which can be read only once, ``log_likelihood`` is NaN in the end: it is counted in one more
    pass. A fit that is cut off, by an error in reading or by ``KeyboardInterrupt``, leaves its
    state as ``state`` at the exception: pass it to ``fit`` in place of the mixture, with the data
    that are left.

    A ``prior`` counts once, beside as many observations as there are, however often and in however
    many blocks they were read. It is a Dirichlet for ``"weights"``, or a :class:`ConjugateNormal`
    with a mean and a scale.

    Args:
        block_size: How many rows of an array are read at a time.
        passes: How often the data are read.
        power: Between .5, which forgets fast, and 1, which weights all blocks alike.

    Example:
        >>> import jax.numpy as jnp, numpy as np, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, OnlineEM, fit
        >>> rng = np.random.default_rng(0)
        >>> blocks = [np.concatenate([rng.normal(-2, 1, 300), rng.normal(3, 1, 700)])] * 9
        >>> start = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([2.0, 2.0])),
        ... )
        >>> found = fit(start, blocks, method=OnlineEM(passes=5))
        >>> print(found.mixture.components_distribution.loc.round(0))
        [-2.  3.]
    """

    block_size: int = 65536
    passes: int = 1
    power: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what leads nowhere."""
        require_counts(block_size=self.block_size, passes=self.passes)
        if not 0.5 < self.power <= 1:
            raise ValueError(f"expected power above 0.5 and at most 1, got {self.power!r}.")


class OnlineState(NamedTuple):
    """Where an online fit stands: a pytree, with which it can go on.

    An exception that cuts a fit off has it as ``state``.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, OnlineEM, fit
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> def stream():
        ...     yield jnp.array([0, 1, 9, 11])
        ...     raise OSError("the line is cut")
        >>> try:
        ...     fit(mixture, stream(), method=OnlineEM())
        ... except OSError as stopped:
        ...     state = stopped.state
        >>> type(state).__name__, state.steps
        ('OnlineState', 1)
        >>> int(fit(state, [jnp.array([2, 10, 1, 0])], method=OnlineEM()).steps)
        2
    """

    mixture: MixtureSameFamily
    """As estimated so far."""
    sums: Any
    """Of one observation, on average, about the locations of the mixture; ``None`` at first."""
    steps: int
    """How many blocks were taken in."""
    seen: float
    """The weight of their rows."""
    history: tuple[float, ...]
    """The log likelihood of an observation of each block, under the mixture before it."""
    size: float = 0.0
    """The same weight, of rows that were read several times once: what a prior stands beside."""


class Given(NamedTuple):
    """What a fit is given beside the data."""

    held: Held
    prior: Prior


def fit_online(
    begun: Any,
    data: Any,
    method: OnlineEM,
    weights: Any,
    fixed: Any,
    prior: Any,
    *,
    progress: bool | None,
) -> Fit:
    """Return what :func:`fit` does, reading the data block by block."""
    state = (
        begun if isinstance(begun, OnlineState) else OnlineState(working(begun), None, 0, 0.0, ())
    )
    check_sums(state.mixture)
    held = read_fixed(fixed, state.mixture._components)
    believed = prior_of_sums(prior, state.mixture._components)
    given = Given(jax.tree.map(jnp.asarray, held), believed)
    source = Blocks(data, weights, method.block_size)
    if method.passes > 1 and source.is_spent:
        raise ValueError(
            "expected data that can be read again for passes > 1, got an iterator, which cannot. "
            "Pass an array or a list, or an object whose __iter__ begins anew."
        )
    for i in range(method.passes):
        is_new = i == 0 and state.size == state.seen  # else it was cut off as it read data again
        state = _read(state, source, method, given, is_new=is_new, progress=progress)
    if state.seen < (least := _enough(state.mixture._components)):
        raise ValueError(
            f"expected at least {least} observations for OnlineEM with these components, got "
            f"{state.seen:.6g}. Use method=EM()."
        )
    last = _step(state, given)
    return _result(state, last, source, held.free(last.components), progress=progress)


def _read(
    state: OnlineState,
    source: Blocks,
    method: OnlineEM,
    given: Given,
    *,
    is_new: bool,
    progress: bool | None,
) -> OnlineState:
    """Read the data once. An exception leaves with the state of the last whole block."""
    try:
        for x, w in over_blocks(source, len(source), shown=progress):
            rows = read_data(
                state.mixture._components, x, w, None, None, None, missing=None, whole=False
            )
            state = _take_in(state, rows, method.power, given, is_new=is_new)
    except BaseException as stopped:
        stopped.state = state  # type: ignore[attr-defined]
        stopped.add_note(
            f"The fit had taken in {state.steps} blocks. It can go on from the attribute `state` "
            "of this exception: fit(state, data_left, method=OnlineEM(...))."
        )
        raise
    return state


def _take_in(
    state: OnlineState, rows: Data, power: float, given: Given, *, is_new: bool
) -> OnlineState:
    size = float(rows.size)
    if size == 0:
        return state
    steps, seen, components = state.steps + 1, state.seen + size, state.mixture._components
    model = Model(state.mixture._weights.values(), components)
    task = Task(rows, given.held, given.prior, jnp.zeros((), components.dtype))
    sums, likely = sums_under(model, task)
    if not bool(jnp.isfinite(likely)):
        raise ValueError(
            f"expected data that are possible under the mixture, got an impossible row in block "
            f"{state.steps}. Start elsewhere, or fit a family whose support has it."
        )
    before = sums if state.sums is None else state.sums
    share = _share(steps**-power, size * steps / seen)
    ready = jnp.asarray(seen >= _enough(components))
    weight = jnp.asarray(share, rows.x.dtype)
    known = state.size + size * is_new
    model, average = _blend(
        model, before, sums, weight, rows.size, jnp.asarray(known, rows.x.dtype), given, ready
    )
    history = (*state.history, float(likely) / size)
    return OnlineState(with_model(state.mixture, model), average, steps, seen, history, known)


def _enough(components: Canonical) -> int:
    """How many observations a mixture is made of at least: of a few, some components have none."""
    return _FEW * components.own_shape[-1] * (math.prod(components.event_shape) + 1)


def _share(of_equals: float, relative_size: float) -> float:
    """What a block counts for; one of half the mean size for about half of what its equals do."""
    own = of_equals * relative_size
    return own / (1 - of_equals + own)


@jax.jit
def _blend(
    model: Model,
    before: Sums,
    sums: Sums,
    share: Array,
    size: Array,
    known: Array,
    given: Given,
    ready: Array,
) -> tuple[Model, Sums]:
    """The new average, and the mixture that it has, if it is ready to have one."""
    blend = lambda old, new: (1 - share) * old + share * new / size  # noqa: E731
    average = jax.tree.map(blend, before, sums)
    new = inside(_step_of_all(model, average, known, given), model)
    new = jax.tree.map(partial(where, ready), new, model)
    return new, recentred(average, model.components, new.components)


def _step_of_all(model: Model, average: Sums, size: Array, given: Given) -> Model:
    """The mixture that so many observations have, with the average that is known."""
    return step_of(model, jax.tree.map(lambda t: size * t, average), *given)


def _step(state: OnlineState, given: Given) -> Model:
    """The mixture that the last average has, sound or not."""
    model = Model(state.mixture._weights.values(), state.mixture._components)
    return _step_of_all(model, state.sums, jnp.asarray(state.size, model.dtype), given)


def _result(
    state: OnlineState,
    last: Model,
    source: Blocks,
    num_parameters: int,
    *,
    progress: bool | None,
) -> Fit:
    """The fit; data that can be read again are counted under the last mixture."""
    components = state.mixture._components
    model, totals = Model(state.mixture._weights.values(), components), None
    centre: Float[Array, " e"] | None = None
    if not source.is_spent:
        for x, w in over_blocks(source, len(source), shown=progress):
            rows = read_data(components, x, w, None, None, None, missing=None, whole=False)
            centre = centre_of(rows) if centre is None else centre
            new = totals_of(model, rows, centre)
            totals = new if totals is None else jax.tree.map(jnp.add, totals, new)
    if totals is None:
        totals = _unknown(model, source.num_observations)
    history = jnp.asarray(state.history, components.dtype) * totals.size
    flat = is_at_an_end(last) & (not components.is_discrete)  # a count may well be always zero
    ended = _Ended(history, jnp.asarray(state.steps), flat)
    return result(state.mixture, model, totals, num_parameters, ended)


class _Ended(NamedTuple):
    """What a result says of a run."""

    history: Array
    step: Array
    """How many blocks were taken in."""
    flat: Array
    """Components that have no parameters: their rows are flat in some direction."""

    @property
    def converged(self) -> Array:
        """Never known: blocks always have something to tell."""
        return jnp.array(False)  # noqa: FBT003


def _unknown(model: Model, size: float) -> Totals:
    """What is known of data that are gone: how many they were, and by the weights who has them."""
    nan, n = jnp.full((), jnp.nan, model.weights.dtype), jnp.asarray(size, model.weights.dtype)
    none = jnp.zeros(model.components.event_shape or (1,), model.weights.dtype).ravel()
    return Totals(nan, nan, n * model.weights, n, none, none[:, None] * none)
