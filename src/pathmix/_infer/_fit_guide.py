"""fit_guide: natural-gradient steps for AutoMixture."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, PRNGKeyArray
from numpyro import handlers
from numpyro.infer import init_to_sample

from pathmix._checks import require_counts
from pathmix._expectation import Estimate
from pathmix._infer._auto_mixture import AutoMixture
from pathmix._infer._fit_mixture import LogDensity, fit_mixture, log_ratios, sizes_of
from pathmix._infer._gaussians import Gaussians
from pathmix._infer._latents import Target, target_of
from pathmix._infer._natural_step import State
from pathmix._where import where

_NO_WEIGHT = -1e4
"""The logit of a place that holds no component: a weight of zero without an infinity."""
_JUDGED, _CANDIDATES = 0.05, 0.05
"""Shares of evaluations for the last estimate of the ELBO, and for draws of the prior."""
_MOST_JUDGED, _MOST_CANDIDATES = 2000, 2000
_LEAST_JUDGED = 25
"""Draws that an ELBO and its standard error are worth something by."""
_TAIL = 0.2
"""The share of evaluations at the end over which the ELBO must have come to rest."""
_AT_REST = 0.01


class GuideTrace(NamedTuple):
    """What was known after each step, as NumPy arrays ``steps``.

    Example:
        >>> import numpy as np
        >>> from pathmix.infer import GuideTrace
        >>> elbo = np.array([-5.0, -1.2, -1.0])
        >>> trace = GuideTrace(elbo, np.array([10, 20, 30]), np.array([2, 3, 3]))
        >>> print(trace.evaluations[trace.elbo > -1.5].min())  # when it was as good as that
        20
    """

    elbo: np.ndarray
    """An estimate from the points of that step."""
    evaluations: np.ndarray
    """How often the log density had been evaluated; once more with its slope counts as once."""
    components: np.ndarray
    """How many components there were."""


class GuideFit(NamedTuple):
    """A guide that was fitted, as :func:`fit_guide` returns it.

    Example:
        >>> import numpy as np
        >>> from pathmix import Estimate
        >>> from pathmix.infer import GuideFit, GuideTrace
        >>> trace = GuideTrace(np.array([-5.0, -1.0]), np.array([10, 20]), np.array([2, 2]))
        >>> found = GuideFit({}, Estimate(-1.0, 0.01), trace, 2, 20, converged=True)
        >>> found.elbo.value > found.trace.elbo[0], found.num_components
        (np.True_, 2)
    """

    params: dict[str, Array]
    """For the guide's own methods; places that hold no component have a weight of zero."""
    elbo: Estimate
    """From draws that the fit has not seen, with its standard error."""
    trace: GuideTrace
    """How it went, step by step."""
    num_components: int
    """How many components there are in the end."""
    evaluations: int
    """Of the log density in all, those for the start of the guide left out."""
    converged: bool
    """Whether the ELBO has come to rest, within 0.01 and within noise, over the last fifth."""


def fit_guide(
    model: Any,
    guide: Any,
    *args: Any,
    key: PRNGKeyArray,
    max_evaluations: int = 100_000,
    params: dict[str, Any] | None = None,
    num_samples: int | None = None,
    num_candidates: int | None = None,
    adapt: bool = True,
    progress: bool | None = None,
    **kwargs: Any,
) -> GuideFit:
    """Fit a guide by natural-gradient steps of components and weights within trust regions.

    For posteriors of moderate dimension whose density is smooth: with as many evaluations it comes
    nearer than stochastic gradients from the same start (benchmarks/results/guides_gmmvi.md, 2 to
    25 dimensions), and finds modes that these do not. The model sees all data in every evaluation;
    for subsampling, use ``SVI``.

    Each step draws points from the components that are known by too few, reuses older points by
    importance weights, estimates slope and curvature of the ELBO around each component by Stein's
    lemma, and moves each component as far as an adaptive bound on its Kullback-Leibler divergence
    allows, and the weights likewise. The method is that of Arenz, Dahlinger, Ye, Volpp & Neumann
    (2023), "A unified perspective on natural gradient variational inference with Gaussian mixture
    models", in its variant of first order with trust regions, reused samples and adaptive
    components.

    With ``adapt``, ``guide.num_components`` is the most components there may be: those without
    use are deleted, and new ones begin where the posterior exceeds the guide most, among all
    points in store and draws of the prior. So there may be more components than the posterior
    has modes, and one mode may be fitted by several. Without, the guide's components stay.

    Args:
        model: The model that the guide was made for.
        guide: An :class:`AutoMixture` with covariance ``"full"`` or ``"diagonal"``. It is set up
            anew, for these arguments.
        *args: Arguments of the model.
        key: A JAX random key.
        max_evaluations: How often the log density, with its slope, may be evaluated.
        params: Where to start; by default where the guide starts.
        num_samples: How many effective points each component should be known by in each step; by
            default ``10 + 2 d`` in ``d`` dimensions. More are better for slopes that vary wildly.
        num_candidates: How many draws of the prior to look at for new components; by default a
            twentieth of the evaluations, and 2000 at most.
        adapt: Whether components are added and deleted.
        progress: Whether a bar is shown; with None, if it takes long.
        **kwargs: Arguments of the model.

    Returns:
        A :class:`GuideFit`.

    Raises:
        TypeError: The guide is no :class:`AutoMixture`.
        NotImplementedError: Its covariances are of low rank.
        ValueError: The guide was made for another model, or there are too few evaluations.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from pathmix.infer import AutoMixture, FromPrior, fit_guide
        >>> def model():
        ...     x = numpyro.sample("x", dist.Normal(0.0, 5.0))
        ...     numpyro.sample("y", dist.Normal(jnp.abs(x), 0.5), obs=3.0)
        >>> guide = AutoMixture(model, 2, covariance="full", init=FromPrior())
        >>> fit = fit_guide(model, guide, key=jax.random.key(0), max_evaluations=4000)
        >>> print(guide.get_components(fit.params).locs[:, 0].sort().round(1))
        [-3.  3.]
    """
    _check(model, guide, max_evaluations, num_samples, num_candidates)
    keys = jax.random.split(key, 4)
    target, log_weights, q = _set_up(guide, params, keys[0], args, kwargs)
    judged = min(max(int(_JUDGED * max_evaluations), _LEAST_JUDGED), _MOST_JUDGED)
    number = _number_of_candidates(num_candidates, max_evaluations, adapt=adapt)
    sizes = sizes_of(q, num_samples, max_evaluations - judged, adapts=adapt)
    if number + sizes.plan.chunk > sizes.plan.max_evaluations:
        raise ValueError(
            f"expected more evaluations than {number} draws of the prior, {judged} for the last "
            f"estimate and {sizes.plan.chunk} for a step, got max_evaluations={max_evaluations}."
        )
    candidates = _candidates(target, keys[1], number, like=q.locs)
    state = fit_mixture(
        target.log_density, log_weights, q, candidates, keys[2], sizes, progress=progress
    )
    return _result(guide, target.log_density, state, keys[3], judged)


def _check(
    model: Any, guide: Any, max_evaluations: int, num_samples: Any, num_candidates: Any
) -> None:
    if not isinstance(guide, AutoMixture):
        raise TypeError(
            f"expected an AutoMixture, got {type(guide).__module__}.{type(guide).__qualname__}. "
            "Other guides are fitted by numpyro.infer.SVI."
        )
    if guide.model is not model:
        raise ValueError(
            "expected the model that the guide was made for, got another one. Make the guide by "
            "AutoMixture(model, ...)."
        )
    require_counts(max_evaluations=max_evaluations)
    if num_samples is not None:
        require_counts(num_samples=num_samples)
    if num_candidates is not None and (not isinstance(num_candidates, int) or num_candidates < 0):
        raise ValueError(f"expected num_candidates to be an integer ≥ 0, got {num_candidates!r}.")


def _set_up(
    guide: Any,
    params: dict[str, Any] | None,
    key: PRNGKeyArray,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Target, Array, Gaussians]:
    """The target, and log weights and components at the start."""
    with handlers.seed(rng_seed=key), handlers.block():
        guide._setup_prototype(*args, **kwargs)
    posterior = guide.get_posterior({} if params is None else params)
    components = posterior.components_distribution
    log_weights = jax.nn.log_softmax(posterior.mixture_distribution.logits)
    log_weights = where(jnp.exp(log_weights) > 0, log_weights, -jnp.inf)
    return target_of(guide, args, kwargs), log_weights, _gaussians(components)


def _gaussians(components: Any) -> Gaussians:
    if isinstance(components, dist.MultivariateNormal):
        return Gaussians(components.mean, components.scale_tril)
    if isinstance(components, dist.LowRankMultivariateNormal):
        raise NotImplementedError(
            'expected an AutoMixture with covariance "full" or "diagonal", got "low_rank": its '
            "natural gradients are not known here. Fit it by numpyro.infer.SVI with "
            "Stratified_ELBO."
        )
    return Gaussians(components.mean, jnp.sqrt(components.variance))


def _number_of_candidates(number: int | None, max_evaluations: int, *, adapt: bool) -> int:
    if not adapt:
        return 0
    return min(int(_CANDIDATES * max_evaluations), _MOST_CANDIDATES) if number is None else number


def _candidates(target: Target, key: PRNGKeyArray, number: int, like: Array) -> Array:
    """Draws of the prior; the first point where these are not finite, or if there are none."""
    if not number:
        return jnp.zeros((0, like.shape[1]), like.dtype)
    draws = target.draws(key, init_to_sample, number)
    return where(jnp.isfinite(draws), draws, target.first)


def _result(
    guide: AutoMixture, log_density: LogDensity, state: State, key: PRNGKeyArray, judged: int
) -> GuideFit:
    q = state.components
    ratios = jax.jit(lambda w, q, k: log_ratios(log_density, w, q, k, judged))(
        state.log_weights, q, key
    )
    steps = int(state.step)
    trace = GuideTrace(*(np.asarray(t)[:steps] for t in state.trace))
    return GuideFit(
        params=_params(guide, state.log_weights, q),
        elbo=Estimate(float(jnp.mean(ratios)), float(jnp.std(ratios, ddof=1) / judged**0.5)),
        trace=trace,
        num_components=int(jnp.sum(state.log_weights > -jnp.inf)),
        evaluations=int(state.evaluations) + judged,
        converged=_is_at_rest(trace),
    )


def _params(guide: AutoMixture, log_weights: Array, q: Gaussians) -> dict[str, Array]:
    roots = "scale_trils" if q.is_full else "scales"
    named = {"logits": jnp.maximum(log_weights, _NO_WEIGHT), "locs": q.locs, roots: q.roots}
    return {f"{guide.prefix}_{name}": value for name, value in named.items()}


def _is_at_rest(trace: GuideTrace) -> bool:
    """Whether the two halves of the last stretch have the same mean."""
    late = trace.evaluations >= (1 - _TAIL) * trace.evaluations[-1]
    elbo = trace.elbo[late]
    halves = np.array_split(elbo, 2)
    if len(elbo) < 4 or not np.all(np.isfinite(elbo)):
        return False
    noise = sum(half.var() / len(half) for half in halves) ** 0.5
    return bool(abs(halves[1].mean() - halves[0].mean()) <= max(_AT_REST, 3 * noise))
