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
from pathmix._infer._latents import target_of, unconstrained
from pathmix._infer._starts import FromModes, FromPoints, FromPrior
from pathmix._mixture import MixtureSameFamily
from pathmix._numpyro import latents_of
from pathmix._typing import Index, PerComponent

_FROM_MODES = FromModes()


class GuideComponents(NamedTuple):
    """The components of a guide, in the order of its parameters."""

    weights: Float[Array, " k"]
    locs: Float[Array, "k d"]
    """In the unconstrained space."""
    scales: Float[Array, "k d"]
    """The standard deviations of the unconstrained coordinates."""
    distribution: Distribution
    """The components as one distribution of batch shape ``(k,)``, with all of their covariances."""
    latents: dict[str, Array]
    """The latents at the locations, ``k`` in front, and the deterministic sites that follow."""


class AutoMixture(AutoContinuous):
    """A mixture of normals over the unconstrained latents."""

    def __init__(
        self,
        model: Any,
        num_components: int,
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
        self._init = init if isinstance(init, FromModes | FromPrior) else FromPoints(init)
        self._init_scale = init_scale
        super().__init__(model, prefix=prefix, init_loc_fn=init_loc_fn)

    def _setup_prototype(self, *args: Any, **kwargs: Any) -> None:
        super()._setup_prototype(*args, **kwargs)
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
            numpyro.param(name, self._first[name])
            for name in (f"{self.prefix}_logits", f"{self.prefix}_locs")
        )
        components = self._covariance.components(locs, self._first)
        return MixtureSameFamily(
            dist.Categorical(logits=logits), components, reparameterize=True, validate_args=None
        )

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
        """Return quantiles of each latent, with the shape of ``quantiles`` in front."""
        levels = jnp.asarray(quantiles)[..., None]
        return latents_of(self, self._margins(params).icdf(levels), params)

    def get_components(self, params: dict[str, Any]) -> GuideComponents:
        """Return the components, with weights, locations and covariances."""
        posterior = self.get_posterior(params)
        components = posterior.components_distribution
        locs, weights = components.mean, posterior.mixture_distribution.probs
        scales = jnp.sqrt(components.variance)
        return GuideComponents(weights, locs, scales, components, latents_of(self, locs, params))

    def responsibilities(self, params: dict[str, Any], samples: Any) -> PerComponent:
        """Return the probability of each component given draws, ``*sample k``."""
        return self.get_posterior(params).posterior_marginal(unconstrained(self, samples)).probs

    def assignments(self, params: dict[str, Any], samples: Any) -> Index:
        """Return the most probable component of draws, ``*sample``."""
        return self.get_posterior(params).posterior_mode(unconstrained(self, samples))

    def _margins(self, params: dict[str, Any]) -> MixtureSameFamily:
        """The margins of the unconstrained coordinates, a batch ``d``."""
        posterior = self.get_posterior(params)
        components = posterior.components_distribution
        normals = dist.Normal(components.mean.T, jnp.sqrt(components.variance).T)
        return MixtureSameFamily(posterior.mixture_distribution, normals)


_NO_TRANSFORM = (
    "expected a guide whose posterior is a transformed base distribution, got AutoMixture: no "
    "smooth map takes one normal to separate modes without being as badly conditioned as they are. "
    "NeuTraReparam takes AutoIAFNormal, AutoBNAFNormal or AutoMultivariateNormal; the mixture "
    "itself is `get_posterior(params)`."
)
