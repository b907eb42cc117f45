"""pathmix and its peers on JAX: how each makes a mixture, and which operations it has."""

import importlib.metadata
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

import pathmix
from suite.cases import Case
from suite.jax_tasks import JaxLibrary, square
from suite.job import UnableError
from suite.scalars import SCALARS


def numpyro_components(case: Case, p: dict) -> dist.Distribution:
    """The components, for pathmix and NumPyro; as for all contestants, validation is off."""
    off = {"validate_args": False}
    if case.family == "full":
        return dist.MultivariateNormal(p["loc"], scale_tril=p["scale_tril"], **off)
    if case.family in SCALARS:
        return SCALARS[case.family].make("NumPyro", dist, p, **off)
    return dist.Normal(p["loc"], p["scale"], **off).to_event(1)


class Pathmix(JaxLibrary):
    """The library under test."""

    name = "pathmix"
    _estimators = {  # noqa: RUF012
        "stratified": pathmix.Stratified(),
        "pathwise": pathmix.Pathwise(),
        "score": pathmix.Score(),
    }

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        weights = dist.Categorical(logits=p["logits"], validate_args=False)
        return pathmix.MixtureSameFamily(weights, numpyro_components(case, p), reparameterize)

    def icdf(self, mixture: Any, q: jax.Array) -> jax.Array:
        return mixture.icdf(q)

    def posterior(self, mixture: Any, x: jax.Array) -> jax.Array:
        return mixture.posterior_marginal(x).probs

    def expectation(self, mixture: Any, key: jax.Array, n: int, estimator: str) -> jax.Array:
        estimator = self._estimators[estimator]
        return pathmix.expectation(square, mixture, key=key, num_samples=n, estimator=estimator)


class NumPyro(JaxLibrary):
    """NumPyro's own mixture."""

    name = "NumPyro"

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        if reparameterize:
            raise UnableError("draws carry no gradient to the weights")
        weights = dist.Categorical(logits=p["logits"], validate_args=False)
        components = numpyro_components(case, p)
        return dist.MixtureSameFamily(weights, components, validate_args=False)

    def posterior(self, mixture: Any, x: jax.Array) -> jax.Array:
        return jax.nn.softmax(mixture.component_log_probs(x), axis=-1)


class TFP(JaxLibrary):
    """TensorFlow Probability on JAX."""

    name = "TFP"

    def __init__(self) -> None:
        from tensorflow_probability.substrates.jax import distributions as tfd

        self._tfd = tfd

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        if reparameterize and case.family == "full":
            raise UnableError("reparameterize=True needs scalar or factorised components")
        weights = self._tfd.Categorical(logits=p["logits"])
        components = self._components(case, p)
        return self._tfd.MixtureSameFamily(weights, components, reparameterize=reparameterize)

    def _components(self, case: Case, p: dict) -> Any:
        tfd = self._tfd
        if case.family == "full":
            return tfd.MultivariateNormalTriL(p["loc"], scale_tril=p["scale_tril"])
        if case.family in SCALARS:
            return SCALARS[case.family].make("TFP", tfd, p)
        return tfd.Independent(tfd.Normal(p["loc"], p["scale"]), 1)

    def sample(self, mixture: Any, key: jax.Array, n: int) -> jax.Array:
        return mixture.sample(n, seed=key)

    def posterior(self, mixture: Any, x: jax.Array) -> jax.Array:
        return mixture.posterior_marginal(x).probs_parameter()


class Distrax(JaxLibrary):
    """Distrax."""

    name = "Distrax"

    def __init__(self) -> None:
        import distrax

        self._distrax = distrax

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        if reparameterize:
            raise UnableError("draws carry no gradient to the weights")
        weights = self._distrax.Categorical(logits=p["logits"])
        return self._distrax.MixtureSameFamily(weights, self._components(case, p))

    def _components(self, case: Case, p: dict) -> Any:
        distrax = self._distrax
        if case.family == "full":
            return distrax.MultivariateNormalTri(p["loc"], p["scale_tril"])
        if case.family not in SCALARS:
            return distrax.Independent(distrax.Normal(p["loc"], p["scale"]), 1)
        components = SCALARS[case.family].make("Distrax", distrax, p)
        if components is None:
            raise UnableError("no such family")
        return components

    def sample(self, mixture: Any, key: jax.Array, n: int) -> jax.Array:
        return mixture.sample(seed=key, sample_shape=(n,))

    def cdf(self, mixture: Any, x: jax.Array) -> jax.Array:
        raise UnableError("no cdf of mixtures")

    def posterior(self, mixture: Any, x: jax.Array) -> jax.Array:
        prior = mixture.mixture_distribution.logits
        joint = prior + mixture.components_distribution.log_prob(jnp.expand_dims(x, 1))
        return jax.nn.softmax(joint, axis=-1)


class ByHand(JaxLibrary):
    """What a user of JAX writes for a mixture density network."""

    name = "by hand"

    def mixture(self, case: Case, p: dict, *, reparameterize: bool = False) -> Any:
        if case.task != "network":
            raise UnableError("what a network would use without a library")
        return p

    def log_prob(self, mixture: Any, x: jax.Array) -> jax.Array:
        z = (x[:, None] - mixture["loc"]) / mixture["scale"]
        constant = 0.5 * math.log(2 * math.pi)
        terms = jnp.sum(-0.5 * z**2 - jnp.log(mixture["scale"]) - constant, axis=-1)
        return jax.nn.logsumexp(jax.nn.log_softmax(mixture["logits"]) + terms, axis=-1)


LIBRARIES = {
    "pathmix": Pathmix,
    "NumPyro": NumPyro,
    "TFP": TFP,
    "Distrax": Distrax,
    "by hand": ByHand,
}
PACKAGES = {
    "JAX": "jax",
    "NumPyro": "numpyro",
    "TFP": "tfp-nightly",
    "Distrax": "distrax",
    "torch": "torch",
    "Pyro": "pyro-ppl",
    "scikit-learn": "scikit-learn",
}


def versions() -> dict[str, str]:
    """The versions of what took part."""
    found = {"pathmix": pathmix.__version__}
    for name, package in PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
