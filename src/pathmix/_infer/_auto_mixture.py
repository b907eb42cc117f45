"""AutoMixture: a guide with several modes."""

from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro import handlers
from numpyro.distributions import Distribution
from numpyro.infer import init_to_uniform
from numpyro.infer.autoguide import AutoContinuous

from pathmix._checks import require_counts
from pathmix._infer._covariances import covariance_of
from pathmix._infer._latents import discrete_latent, target_of, unconstrained
from pathmix._infer._starts import FromModes, as_strategy
from pathmix._mixture import MixtureSameFamily
from pathmix._numpyro import latents_of
from pathmix._typing import Index, PerComponent

_FROM_MODES = FromModes()


class GuideComponents(NamedTuple):
    """The components of a guide, in the order of its parameters.

    Example:
        >>> import jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from pathmix.infer import AutoMixture
        >>> guide = AutoMixture(
        ...     lambda: numpyro.sample("x", dist.Exponential()),
        ...     2,
        ...     init={"x": jnp.array([1.0, 4.0])},
        ... )
        >>> with numpyro.handlers.seed(rng_seed=0), numpyro.handlers.trace() as sites:
        ...     _ = guide()
        >>> params = {n: s["value"] for n, s in sites.items() if s["type"] == "param"}
        >>> components = guide.get_components(params)
        >>> print(components.latents["x"], components.scales.round(1))
        [1. 4.] [[0.1]
         [0.1]]
    """

    weights: Float[Array, " k"]
    """Probabilities."""
    locs: Float[Array, "k d"]
    """In the unconstrained space."""
    scales: Float[Array, "k d"]
    """The standard deviations of the unconstrained coordinates."""
    distribution: Distribution
    """The components as one distribution of batch shape ``(k,)``, with all of their covariances."""
    latents: dict[str, Array]
    """The latents at the locations, ``k`` in front, and the deterministic sites that follow."""


class AutoMixture(AutoContinuous):
    """A mixture of ``k`` normals over the latents of a model: a guide with several modes.

    ``q(z) = Σ_k w_k N(z; m_k, Σ_k)`` over the unconstrained latents, ``z`` of dimension ``d``, as
    NumPyro's other ``AutoContinuous`` guides have one normal there. Use it where a posterior has
    several modes, or is not normal: labels that may switch, signs that may flip, skewness. Its
    draws carry gradients to everything, weights included, so that it learns by ``Trace_ELBO``;
    but the gradient of the weights grows wild as modes separate. What is left is the start, which
    matters most: ``init``.

    The posterior, ``get_posterior(params)``, is a :class:`pathmix.MixtureSameFamily`: margins,
    conditionals, quantiles and modes are its methods. Parameters, by ``prefix``:

    - ``auto_logits``, ``k``, and ``auto_locs``, ``k d``;
    - of "diagonal" covariances ``auto_scales``, ``k d``, the standard deviations;
    - of "full" ones ``auto_scale_trils``, ``k d d``, the Cholesky factors;
    - of "low_rank" ones ``auto_scales``, ``k d``, and ``auto_cov_factors``, ``k d rank``, of
      which ``Σ = S (I + F Fᵀ) S``, with ``S`` diagonal.

    Limits: latents are continuous, and local latents are not subsampled, as for NumPyro's guides.
    A mode that no component starts near is rarely found later: the ELBO seeks single modes.
    Quantiles are those of unconstrained coordinates, mapped to the latents: exact where the map is
    coordinate by coordinate (intervals, positive numbers), not for simplexes, ordered vectors
    or matrices, of which draws say more.

    Args:
        model: A NumPyro model.
        num_components: The number of components, ``k``, an integer.
        covariance: "diagonal", "full" or "low_rank".
        rank: The number of columns of ``F``, of "low_rank" only. By default √d, rounded.
        prefix: What the names of parameters begin with.
        init: Where components start: :class:`FromModes`, the default; :class:`FromPrior`; or
            given points, an array ``k d`` of unconstrained vectors, or a dict of values of each
            latent, ``k`` in front.
        init_scale: The standard deviation of each coordinate at the start. By default what
            ``init`` finds, or 0.1.
        init_loc_fn: One of NumPyro's strategies of initialisation, for the first look at the
            model, and half of what ``FromModes`` starts from.

    Raises:
        TypeError: ``init`` is of another kind.
        ValueError: An argument is out of its range. When the guide first sees the model: points do
            not fit the latents, or latents are subsampled.
        NotImplementedError: When the guide first sees the model: a latent is discrete.
        RuntimeError: When the guide first sees the model: there are no latents.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from numpyro.infer import SVI, Trace_ELBO
        >>> from pathmix.infer import AutoMixture
        >>> def model(y):
        ...     x = numpyro.sample("x", dist.Normal(0, 2))
        ...     numpyro.sample("y", dist.Normal(x**2, 0.5).expand([2]), obs=y)
        >>> guide = AutoMixture(model, 2)
        >>> svi = SVI(model, guide, numpyro.optim.Adam(0.01), Trace_ELBO(10))
        >>> result = svi.run(jax.random.key(0), 100, jnp.array([3.5, 4.5]), progress_bar=False)
        >>> components = guide.get_components(result.params)
        >>> print(jnp.sort(components.latents["x"]).round(1), components.weights.round(1))
        [-2.  2.] [0.5 0.5]
        >>> draws = guide.sample_posterior(jax.random.key(1), result.params, sample_shape=(4,))
        >>> guide.assignments(result.params, draws).shape
        (4,)
    """

    def __init__(
        self,
        model: Any,
        num_components: Any,
        *,
        covariance: str = "diagonal",
        rank: int | None = None,
        prefix: str = "auto",
        init: Any = _FROM_MODES,
        init_scale: float | None = None,
        init_loc_fn: Any = init_to_uniform,
    ) -> None:
        require_counts(num_components=num_components)
        if init_scale is not None and not init_scale > 0:
            raise ValueError(f"expected init_scale > 0, or None, got {init_scale!r}.")
        self.num_components = num_components
        self._covariance = covariance_of(covariance, rank, prefix)
        self._init = as_strategy(init)
        self._init_scale = init_scale
        self._first: dict[str, Array] = {}
        super().__init__(model, prefix=prefix, init_loc_fn=init_loc_fn)

    def _setup_prototype(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._setup_prototype(*args, **kwargs)
        except Exception as error:
            _explain(error, self.model, args, kwargs)
            raise
        key = numpyro.prng_key()
        with handlers.block():
            self._first = jax.jit(lambda key: self._first_parameters(key, args, kwargs))(key)

    def _first_parameters(
        self, key: PRNGKeyArray, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Array]:
        """The parameters at the start, by name."""
        target = target_of(self, args, kwargs)
        start = self._init.start(target, self.init_loc_fn, key, self.num_components)
        if self._init_scale is not None:
            start = start._replace(scales=jnp.full_like(start.scales, self._init_scale))
        first = {f"{self.prefix}_logits": start.logits, f"{self.prefix}_locs": start.locs}
        return first | self._covariance.first(start)

    def _get_posterior(self) -> MixtureSameFamily:
        logits, locs = (
            numpyro.param(name, self._first.get(name))
            for name in (f"{self.prefix}_logits", f"{self.prefix}_locs")
        )
        components = self._covariance.components(locs, self._first)
        return MixtureSameFamily(dist.Categorical(logits=logits), components, reparameterize=True)

    def get_posterior(self, params: dict[str, Any]) -> MixtureSameFamily:
        """Return the mixture over the unconstrained latents, with event shape ``(d,)``."""
        return handlers.substitute(self._get_posterior, params)()

    def get_base_dist(self) -> NoReturn:
        """Raise: a mixture of normals is no transformed normal."""
        raise ValueError(_NO_TRANSFORM)

    def get_transform(self, params: dict[str, Any]) -> NoReturn:
        """Raise: a mixture of normals is no transformed normal."""
        raise ValueError(_NO_TRANSFORM)

    def median(self, params: dict[str, Any]) -> dict[str, Array]:
        """Return the median of each latent: :meth:`quantiles` at one half."""
        return latents_of(self, self._margins(params).icdf(0.5), params)

    def quantiles(self, params: dict[str, Any], quantiles: Any) -> dict[str, Array]:
        """Return quantiles of each latent, with the shape of ``quantiles`` in front.

        By the inverse cdf of the mixture's margins, mapped to the latents: see the limits above.
        """
        levels = jnp.asarray(quantiles)[..., None]
        return latents_of(self, self._margins(params).icdf(levels), params)

    def get_components(self, params: dict[str, Any]) -> GuideComponents:
        """Return the components: weights, locations, covariances, and the latents there."""
        posterior = self.get_posterior(params)
        components = posterior.components_distribution
        locs, weights = components.mean, posterior.mixture_distribution.probs
        scales = jnp.sqrt(components.variance)
        return GuideComponents(weights, locs, scales, components, latents_of(self, locs, params))

    def responsibilities(self, params: dict[str, Any], samples: Any) -> PerComponent:
        """Return the probability of each component given draws, ``*sample k``.

        Args:
            params: The guide's parameters.
            samples: Values of each latent by name, ``*sample`` in front, from this guide or from
                elsewhere (MCMC); or unconstrained vectors ``*sample d``.
        """
        return self.get_posterior(params).posterior_marginal(unconstrained(self, samples)).probs

    def assignments(self, params: dict[str, Any], samples: Any) -> Index:
        """Return the most probable component of draws, ``*sample``: which mode they belong to.

        For ``samples`` as :meth:`responsibilities` takes them.
        """
        return self.get_posterior(params).posterior_mode(unconstrained(self, samples))

    def _margins(self, params: dict[str, Any]) -> MixtureSameFamily:
        """The margins of the unconstrained coordinates, a batch ``d``."""
        posterior = self.get_posterior(params)
        components = posterior.components_distribution
        normals = dist.Normal(components.mean.T, jnp.sqrt(components.variance).T)
        return MixtureSameFamily(posterior.mixture_distribution, normals)


def _explain(error: Exception, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise an error that says more, where a latent is discrete: NumPyro's do not say which."""
    name = discrete_latent(model, args, kwargs)
    if name is not None:
        raise NotImplementedError(
            f"expected continuous latents, got the discrete latent {name}. Sum it out (of a "
            f"mixture, pathmix.MixtureSameFamily does), or leave it to another guide: "
            f"AutoMixture(numpyro.handlers.block(model, hide=[{name!r}]), ...) and TraceEnum_ELBO."
        ) from error


_NO_TRANSFORM = (
    "expected a guide whose posterior is one normal, transformed, got AutoMixture, a mixture of "
    "normals: it has no such transform. NeuTraReparam takes AutoIAFNormal, AutoBNAFNormal or "
    "AutoMultivariateNormal; the mixture itself is `get_posterior(params)`."
)
