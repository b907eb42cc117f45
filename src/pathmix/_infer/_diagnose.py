"""Diagnostics of guides: evidence, weights' tails, modes, and standard errors of gradients."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp
from jaxtyping import Array, PRNGKeyArray
from numpyro import handlers
from numpyro.infer.autoguide import AutoContinuous

from pathmix._expectation import Estimate, StandardErrors, estimator_report
from pathmix._infer._guide_modes import masses_of_modes, modes_of_components
from pathmix._infer._pareto import pareto_k
from pathmix._mixture import MixtureSameFamily
from pathmix._numpyro import log_joint_given

_FEWEST = 25
"""Draws of which five are in the tail."""
_AT_ONCE = 256
_ROUNDINGS = 16
"""Rounding errors, of half a unit each, that a log density may be off by: its largest terms'."""


class GuideDiagnosis(NamedTuple):
    """What importance sampling, and the components themselves, say of a guide.

    Example:
        >>> import numpy as np
        >>> from pathmix import Estimate
        >>> from pathmix.infer import GuideDiagnosis
        >>> found = GuideDiagnosis(
        ...     elbo=Estimate(-2.1, 0.01),
        ...     log_evidence=Estimate(-2.0, 0.01),
        ...     pareto_k=0.4,
        ...     effective_samples=1500.0,
        ...     modes=np.array([0, 1, 1]),
        ...     mode_masses={1: 0.6, 0: 0.4},
        ...     posterior_masses={1: 0.5, 0: 0.5},
        ... )
        >>> found.pareto_k < 0.7  # the evidence can be relied on
        True
        >>> np.flatnonzero(found.modes == 1)  # components that share a mode
        array([1, 2])
    """

    elbo: Estimate
    """The bound that the guide was fitted by, from new draws, with its standard error."""
    log_evidence: Estimate
    """By importance sampling, with a standard error to first order; not below the ELBO."""
    pareto_k: float
    """Of the importance weights: below 0.7 the evidence and its standard error are reliable.
    −∞ where the weights are the same up to rounding: the guide is the posterior."""
    effective_samples: float
    """``(Σw)²/Σw²``, of as many draws as were asked for."""
    modes: np.ndarray
    """The mode of each component, named by the component that is highest there; −1 for one
    without weight. A guide of one normal has one."""
    mode_masses: dict[int, float]
    """The mass of each mode in the guide, the heaviest first."""
    posterior_masses: dict[int, float]
    """The same in the posterior, by importance sampling: a mode that is fitted badly has too
    little mass in the guide. As reliable as the evidence."""


def diagnose(
    model: Any,
    guide: Any,
    params: dict[str, Any],
    *args: Any,
    key: PRNGKeyArray,
    num_samples: int = 2000,
    **kwargs: Any,
) -> GuideDiagnosis:
    """Judge how well a guide has fitted a posterior, from draws of the guide.

    What a guide has missed altogether, a mode for instance, it cannot tell: the evidence is then
    that of what is covered, whatever k̂.

    Args:
        model: The model that the guide was made for.
        guide: An :class:`AutoMixture`, or another guide of NumPyro's ``AutoContinuous`` kind.
        params: The guide's parameters.
        *args: Arguments of the model.
        key: A JAX random key.
        num_samples: How many draws, each of which evaluates the model once.
        **kwargs: Arguments of the model.

    Returns:
        A :class:`GuideDiagnosis`.

    Raises:
        TypeError: The guide is of another kind.
        ValueError: There are fewer than 25 draws.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from pathmix.infer import AutoMixture, FromPrior, diagnose
        >>> def model():
        ...     x = numpyro.sample("x", dist.Normal(0.0, 5.0))
        ...     numpyro.sample("y", dist.Normal(jnp.abs(x), 0.5), obs=3.0)
        >>> guide = AutoMixture(model, 2, init=FromPrior())
        >>> params = {
        ...     "auto_logits": jnp.zeros(2),
        ...     "auto_locs": jnp.array([[-3.0], [3.0]]),
        ...     "auto_scales": jnp.full((2, 1), 0.5),
        ... }
        >>> found = diagnose(model, guide, params, key=jax.random.key(0))
        >>> print(len(found.mode_masses), round(found.log_evidence.value, 1), found.pareto_k < 0.7)
        2 -2.0 True
    """
    if num_samples < _FEWEST:
        raise ValueError(f"expected num_samples ≥ {_FEWEST}, got {num_samples}.")
    log_density = _log_density(model, guide, args, kwargs, key)
    posterior = guide.get_posterior(params)
    # that of NumPyro's AutoDiagonalNormal is a batch
    posterior = posterior.to_event(1 - len(posterior.event_shape))
    *logs, shares = jax.jit(partial(_draws, log_density, num_samples))(posterior, key)
    rounding = _ROUNDINGS * float(max(jnp.finfo(t.dtype).eps * jnp.abs(t).max() for t in logs))
    log_p, log_q = (np.asarray(t, np.float64) for t in logs)
    ratios = log_p - log_q
    weights = np.exp(ratios - ratios.max())
    error = weights.std(ddof=1) / weights.mean() / num_samples**0.5
    modes, probs = np.zeros(1, int), np.ones(1)
    if isinstance(posterior, MixtureSameFamily):
        modes = modes_of_components(posterior)
        probs = np.asarray(posterior.mixture_distribution.probs)
    masses = masses_of_modes(probs, modes)
    weighted = masses_of_modes(weights @ np.asarray(shares) / weights.sum(), modes)
    return GuideDiagnosis(
        elbo=Estimate(float(ratios.mean()), float(ratios.std(ddof=1) / num_samples**0.5)),
        log_evidence=Estimate(float(logsumexp(ratios) - np.log(num_samples)), float(error)),
        pareto_k=pareto_k(ratios, rounding),
        effective_samples=float(weights.sum() ** 2 / np.sum(weights**2)),
        modes=modes,
        mode_masses=masses,
        posterior_masses={mode: weighted[mode] for mode in masses},
    )


def guide_report(
    model: Any,
    guide: Any,
    params: dict[str, Any],
    *args: Any,
    key: PRNGKeyArray,
    num_samples: int = 2048,
    **kwargs: Any,
) -> Mapping[str, StandardErrors]:
    """Return standard errors of the ELBO and its gradients, by each of the estimators.

    It is :func:`pathmix.estimator_report` of a guide's ELBO at ``params``: which objective suits a
    posterior, before it is fitted for long. The guide's own density is held fixed, since
    its derivative has mean zero.

    Args:
        model: The model that the guide was made for.
        guide: An :class:`AutoMixture`.
        params: The guide's parameters, in which gradients are taken.
        *args: Arguments of the model.
        key: A JAX random key.
        num_samples: The number of draws that the standard errors are for.
        **kwargs: Arguments of the model.

    Returns:
        :class:`pathmix.StandardErrors` by the estimator's ``repr``.

    Raises:
        TypeError: The guide is of another kind.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from pathmix.infer import AutoMixture, FromPrior, guide_report
        >>> def model():
        ...     numpyro.sample("x", dist.Normal(0.0, 2.0))
        >>> guide = AutoMixture(model, 2, init=FromPrior())
        >>> params = {
        ...     "auto_logits": jnp.zeros(2),
        ...     "auto_locs": jnp.array([[-2.0], [2.0]]),
        ...     "auto_scales": jnp.ones((2, 1)),
        ... }
        >>> report = guide_report(model, guide, params, key=jax.random.key(0))
        >>> {name: errors.gradient["auto_logits"].shape for name, errors in report.items()}
        {'Stratified()': (2,), 'Pathwise()': (2,), "Score(baseline='mean')": (2,)}
    """
    log_density = _log_density(model, guide, args, kwargs, key)
    fixed = guide.get_posterior(params)
    if not isinstance(fixed, MixtureSameFamily):
        raise TypeError(f"expected an AutoMixture, got {type(guide).__qualname__}.")
    return estimator_report(
        lambda z: log_density(z) - fixed.log_prob(z),
        guide.get_posterior,
        params,
        key=key,
        num_samples=num_samples,
    )


def _log_density(
    model: Any, guide: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: PRNGKeyArray
) -> Any:
    """The model's log density at unconstrained vectors."""
    if not isinstance(guide, AutoContinuous):
        raise TypeError(
            "expected an AutoMixture, or another guide of NumPyro's AutoContinuous kind, got "
            f"{type(guide).__module__}.{type(guide).__qualname__}."
        )
    if guide.prototype_trace is None:
        with handlers.seed(rng_seed=key), handlers.block():
            guide(*args, **kwargs)
    return log_joint_given(guide, model, args, kwargs)


def _draws(log_density: Any, number: int, posterior: Any, key: Array) -> tuple[Array, ...]:
    """``log p`` and ``log q`` at draws of the guide, and the share of each component in these."""
    z = posterior.sample(key, (number,))
    logs = lax.map(log_density, z, batch_size=_AT_ONCE), posterior.log_prob(z)
    if not isinstance(posterior, MixtureSameFamily):
        return *logs, jnp.ones((number, 1), z.dtype)
    return *logs, posterior.posterior_marginal(z).probs
