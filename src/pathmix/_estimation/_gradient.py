"""Fits by the slope of the log likelihood, with any optimiser of optax's interface.

The unknowns are the mixture's unconstrained numbers, by name. What is optimised is minus the log
posterior of one observation, on average: steps do not grow with the data.
"""

import inspect
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pathmix._estimation._data import Data
from pathmix._estimation._maximise import keep_held
from pathmix._estimation._parameters import leaves
from pathmix._estimation._runs import repeat
from pathmix._estimation._sweep import Model, Task, log_likelihood, memberships, over_parts
from pathmix._estimation._unconstrained import Free, constrained, unconstrained
from pathmix._typing import Reals
from pathmix._where import where

_WINDOW = 100
"""Steps without a gain that counts, after which there is none: steps of momentum go up and down."""


@dataclass(frozen=True)
class Gradient:
    """Steps along the slope of the log likelihood, by an optimiser of optax or of its interface.

    For models that EM is slow on, and for data of which each step should see a part only. With all
    rows in each step, the best mixture that was met is returned, and the fit has converged when 100
    steps have gained less than the tolerance. With batches the last one is returned; they never
    say that there is no more to gain, so such fits take ``max_steps`` and end "not converged".

    Args:
        optimiser: An ``optax.GradientTransformation``, of the unconstrained numbers by name: a
            dictionary of ``"weights"`` (logarithms) and the parameters.
        batch_size: How many rows each step sees, drawn with replacement; ``None`` for all.
        seed: Of the batches.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist, optax
        >>> from pathmix import Gradient, MixtureSameFamily, fit
        >>> waiting = jnp.array([54.0, 51.0, 55.0, 53.0, 79.0, 85.0, 88.0, 81.0, 78.0])
        >>> start = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
        ...     dist.Normal(jnp.array([50.0, 80.0]), jnp.array([10.0, 10.0])),
        ... )
        >>> found = fit(start, waiting, method=Gradient(optax.adam(0.1)))
        >>> print(found.mixture.components_distribution.loc.round(1))
        [53.2 82.2]
    """

    optimiser: Any
    batch_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot take steps."""
        if not all(callable(getattr(self.optimiser, name, None)) for name in ("init", "update")):
            raise TypeError(
                "expected an optimiser with init and update, such as optax.adam(1e-2), got "
                f"{self.optimiser!r}."
            )
        size = self.batch_size
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ValueError(f"expected batch_size to be an integer ≥ 1, or None, got {size!r}.")

    def begin(self, model: Model, max_steps: int) -> "Descent":
        """Return the state before the first step."""
        _check(model)
        dtype, free = model.dtype, unconstrained(model)
        return Descent(
            free,
            self.optimiser.init(free),
            model,
            jnp.array(-jnp.inf, dtype),
            jnp.full(max_steps, jnp.nan, dtype),
            jnp.array(0, int),  # not of a weak type, which steps do not keep: see `typed`
            jnp.array(False),  # noqa: FBT003
            jnp.array(False),  # noqa: FBT003
        )

    @partial(jax.jit, static_argnames="self")
    def advance(self, state: "Descent", task: Task, tolerance: Array, until: Array) -> "Descent":
        """Go on to step ``until``, or to the end."""
        return repeat(lambda s: _step(self, s, task, tolerance), state, until)


class Descent(NamedTuple):
    """Where a run stands."""

    free: Free
    memory: Any
    """The optimiser's own."""
    best: Model
    value: Reals
    """Of that mixture."""
    history: Float[Array, " steps"]
    step: Int[Array, ""]
    converged: Bool[Array, ""]
    failed: Bool[Array, ""]

    @property
    def flat(self) -> Bool[Array, " k"]:
        """No component is known to be: a step to where there is no likelihood may just be long."""
        return jnp.zeros(self.best.weights.shape, bool)

    def total(self, n: Reals) -> Reals:
        """Return the log posterior of the best mixture."""
        del n
        return self.value


def _step(method: Gradient, state: Descent, task: Task, tolerance: Array) -> Descent:
    n, rows, part = task.data.size, task.data, jnp.ones(())
    if method.batch_size is not None:
        key = jax.random.fold_in(jax.random.key(method.seed), state.step)
        rows, part = _batch(task.data, method.batch_size, key)
    loss = _Loss(state.best, task, rows, 1 / (part * n))
    value, slope = loss.with_slope(state.free)
    more = {"value": value, "grad": slope, "value_fn": loss} if _takes_more(method) else {}
    change, memory = method.optimiser.update(slope, state.memory, state.free, **more)
    total = -value * n
    better = jnp.isfinite(total) & ((total > state.value) | (method.batch_size is not None))
    choose = lambda a, b: jax.tree.map(partial(where, better), a, b)  # noqa: E731
    best_before = jnp.max(
        where(jnp.arange(len(state.history)) <= state.step - _WINDOW, state.history, -jnp.inf)
    )
    now = where(better, total, state.value)
    return Descent(
        free=jax.tree.map(jnp.add, state.free, change),
        memory=memory,
        best=choose(loss.model(state.free), state.best),
        value=now,
        history=state.history.at[state.step].set(total),
        step=state.step + 1,
        converged=(now - best_before < tolerance * n) & (method.batch_size is None),
        failed=~jnp.isfinite(total),
    )


class _Loss(NamedTuple):
    """Minus the log posterior of one observation, as some rows estimate it."""

    like: Model
    task: Task
    rows: Data
    scale: Reals
    """What the likelihood of the rows counts for."""

    def model(self, free: Free) -> Model:
        """Return the mixture of these numbers."""
        return keep_held(constrained(free, self.like), self.like, self.task.held)

    def __call__(self, free: Free) -> Reals:
        """Return the loss; line searches ask for it."""
        likely = over_parts(partial(self._likely, free), self.rows, self.like.components)
        return -(self.scale * likely + self._believed(free))

    def with_slope(self, free: Free) -> tuple[Reals, Free]:
        """Return the loss and its gradient, stretch by stretch of the rows."""
        of_part = lambda rows: jax.value_and_grad(self._likely)(free, rows)  # noqa: E731
        likely = over_parts(of_part, self.rows, self.like.components)
        believed = jax.value_and_grad(self._believed)(free)
        add = lambda a, b: -(self.scale * a + b)  # noqa: E731
        loss, slope = jax.tree.map(add, likely, believed)
        return loss, slope

    def _likely(self, free: Free, rows: Data) -> Reals:
        return log_likelihood(rows, memberships(self.model(free), rows)[1])

    def _believed(self, free: Free) -> Reals:
        model = self.model(free)
        return self.task.prior.log_density(model.weights, model.components) / self.task.data.size


def _batch(rows: Data, size: int, key: Array) -> tuple[Data, Array]:
    """Rows drawn with replacement, and which part of all they are."""
    n = len(rows.weights)
    chosen = jax.random.randint(key, (size,), 0, n)
    return jax.tree.map(lambda t: t[chosen], rows), jnp.asarray(size / n)


def _takes_more(method: Gradient) -> bool:
    """Whether an optimiser searches along a line, and asks for the loss itself."""
    arguments = inspect.signature(method.optimiser.update).parameters.values()
    return any(a.kind is inspect.Parameter.VAR_KEYWORD for a in arguments)


def _check(model: Model) -> None:
    missing = [x.name for x in leaves(model.components) if x.estimated and x.constraint is None]
    if missing:
        raise NotImplementedError(
            f"expected a family whose likelihood has a slope in each parameter for Gradient, got "
            f"{model.components.family.name}, whose {', '.join(missing)} are ends of its support. "
            "Use method=EM()."
        )
