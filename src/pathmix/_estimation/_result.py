"""What a fit found."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Bool, Float, Int

from pathmix._checks import is_concrete
from pathmix._components import canonical
from pathmix._estimation._compiling import is_little, quickly
from pathmix._estimation._faults import are_alike, is_flat
from pathmix._estimation._seen import as_seen, completed, whose
from pathmix._estimation._sweep import Model
from pathmix._estimation._totals import Totals
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Reals, Value
from pathmix._weights import Logits, weights_of


class Fit(NamedTuple):
    """A fitted mixture, and how it was found: a pytree.

    Example:
        >>> import jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, fit
        >>> counts = jnp.array([0, 1, 1, 2, 0, 1, 9, 11, 10, 12])
        >>> start = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([2.0, 6.0]))
        ... )
        >>> found = fit(start, counts)
        >>> print(found.mixture.components_distribution.rate.round(2), bool(found.converged))
        [ 0.83 10.47] True
    """

    mixture: MixtureSameFamily
    """The most likely one that was found, of the kind that the fit began from."""
    log_likelihood: Float[Array, ""]
    """Of the data, each row by its weight; without the prior."""
    history: Float[Array, " steps"]
    """The log likelihood, with that of a prior, after each step; NaN after the last one."""
    converged: Bool[Array, ""]
    """Whether no more than the tolerance was left to gain, rather than ``max_steps`` used up."""
    steps: Int[Array, ""]
    """How many were taken."""
    counts: Float[Array, " k"]
    """How much of the data each component has."""
    degenerate: Bool[Array, " k"]
    """Components that are flat in some direction, or nearly so beside the data: more likely by the
    accident of a few points than by what is there."""
    empty: Bool[Array, " k"]
    """Components without weight."""
    num_parameters: int
    """How many numbers were estimated."""
    num_observations: Float[Array, ""]
    """The sum of the weights of the rows."""
    entropy: Float[Array, ""]
    """Of the memberships, summed over rows: 0 if each row clearly belongs to one component."""

    @property
    def aic(self) -> Reals:
        """Akaike's criterion, ``2 p − 2 log L``: the smaller, the better."""
        return 2 * self.num_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> Reals:
        """Schwarz's criterion, ``p log n − 2 log L``: the smaller, the better."""
        return self.num_parameters * jnp.log(self.num_observations) - 2 * self.log_likelihood

    @property
    def icl(self) -> Reals:
        """The integrated complete likelihood, BIC plus twice the entropy of the memberships.

        The smaller, the better (Biernacki, Celeux & Govaert 2000).
        """
        return self.bic + 2 * self.entropy

    @property
    def identical(self) -> Bool[Array, " k"]:
        """Components with weight that another one is like, to rounding.

        The data do not tell them apart, and no method parts those that began alike.
        """
        return are_alike(Model(self.mixture._weights.values(), self.mixture._components))

    def memberships(
        self,
        data: Any,
        *,
        noise: Any = None,
        projection: Any = None,
        missing: bool | None = None,
    ) -> Float[Array, "n k"]:
        """Return the probability of each component given what was seen of each row.

        Rows may be new ones. Of whole rows it is ``mixture.posterior_marginal(data).probs``; a NaN
        is a missing entry, which is marginalised as in :func:`fit`, and a row that misses
        everything has the weights.

        Args:
            data: Rows ``n *event``; NaN for a missing entry.
            noise: Measurement errors of the rows, as in :func:`fit`.
            projection: What was measured of each value, as in :func:`fit`.
            missing: Whether entries are missing, where that cannot be seen, under jit.

        Raises:
            ValueError: The data do not fit the mixture, or are infinite.
            NotImplementedError: Missing entries in a family whose margins are not known.

        Example:
            >>> import jax.numpy as jnp, numpy as np, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily, fit
            >>> rows = np.array([[0.0, 0.3], [0.2, 0.1], [0.1, np.nan], [5.0, 4.7], [5.3, 4.9]])
            >>> begun = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.5, 0.5])),
            ...     dist.Normal(jnp.array([[0.0, 0.0], [5.0, 5.0]]), jnp.ones((2, 2))).to_event(1),
            ... )
            >>> found = fit(begun, rows)
            >>> found.memberships([[5.1, np.nan], [np.nan, 0.2], [np.nan, np.nan]]).round(2)
            Array([[0. , 1. ],
                   [1. , 0. ],
                   [0.6, 0.4]], dtype=float32)
        """
        seen = as_seen(self.mixture, data, noise, projection, missing=missing)
        share: Array = whose(*seen)
        return share

    def impute(
        self,
        data: Any,
        *,
        noise: Any = None,
        projection: Any = None,
        missing: bool | None = None,
    ) -> Value:
        """Return rows with the mean of each missing entry, given what was seen of its row.

        Entries that were seen stay as they are. Of rows with measurement errors, or of which a
        projection was measured, all values are means: those without errors. A mean has less
        scatter than what it stands for; :func:`fit` takes rows as they are, and needs none.

        Args:
            data: Rows ``n *event``; NaN for a missing entry.
            noise: Measurement errors of the rows, as in :func:`fit`.
            projection: What was measured of each value, as in :func:`fit`.
            missing: Whether entries are missing, where that cannot be seen, under jit.

        Raises:
            ValueError: The data do not fit the mixture, or are infinite.
            NotImplementedError: Missing entries in a family whose margins or means are not known.

        Example:
            >>> import jax.numpy as jnp, numpy as np, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily, fit
            >>> rows = np.array([[0.0, 1.0], [1.0, 2.9], [2.0, 5.1], [3.0, 7.0], [4.0, np.nan]])
            >>> line = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.ones(1)),
            ...     dist.MultivariateNormal(jnp.zeros((1, 2)), jnp.eye(2)),
            ... )
            >>> print(fit(line, rows).impute(rows)[-1].round(1))
            [4.  9.1]
        """
        seen = as_seen(self.mixture, data, noise, projection, missing=missing)
        values: Array = completed(*seen)
        return values

    def __repr__(self) -> str:
        if not is_concrete(self.log_likelihood) or jnp.ndim(self.log_likelihood):
            return f"Fit({type(self.mixture).__name__}, traced or batched)"
        how = "converged" if bool(self.converged) else "not converged"
        text = (
            f"Fit(log_likelihood={float(self.log_likelihood):.6g}, {how}, steps={int(self.steps)}"
        )
        for name in ("degenerate", "empty", "identical"):
            which = np.flatnonzero(np.asarray(getattr(self, name))).tolist()
            text += f", {name}={which}" if which else ""
        return text + ")"


def result(
    mixture: MixtureSameFamily,
    model: Model,
    totals: Totals,
    num_parameters: int,
    state: Any,
    flat: Any = None,
) -> Fit:
    """Return what a run has found: ``model``, of the kind of ``mixture``.

    Which components are degenerate may be known.
    """
    stop = jax.lax.stop_gradient
    if flat is None:
        flat = (
            _are_flat(model, totals, little=is_little(0, model, totals))
            | state.flat[: len(model.weights)]
        )
    return Fit(
        mixture=with_model(mixture, model),
        log_likelihood=totals.log_likelihood,
        history=stop(state.history),
        converged=state.converged,
        steps=state.step,
        counts=totals.counts,
        degenerate=flat,
        empty=model.weights == 0,
        num_parameters=num_parameters,
        num_observations=totals.size,
        entropy=totals.entropy,
    )


@quickly(once=True)
def _are_flat(model: Model, totals: Totals) -> Bool[Array, " k"]:
    return is_flat(model, totals.spread())


def with_model(mixture: MixtureSameFamily, model: Model) -> MixtureSameFamily:
    """Return the mixture with other weights and components."""
    given = weights_of(mixture._mixture.plain, len(model.weights))
    if isinstance(given, Logits):
        weights = dist.Categorical(logits=model.log_weights, validate_args=False)
    else:
        weights = dist.Categorical(probs=model.weights, validate_args=False)
    return mixture._with(canonical(weights), model.components)
