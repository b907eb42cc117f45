"""Inference with mixtures, in NumPyro's way: guides of several modes, and what comes after MCMC.

:class:`AutoMixture` is a guide for posteriors with several modes. :class:`Stratified_ELBO` stands
in ``SVI`` where ``Trace_ELBO`` does, and lets any guide with a mixture learn its weights;
:func:`fit_guide` takes natural-gradient steps instead, and :func:`diagnose` says how good the
guide is. ``docs/guides.md`` says when to use which.

    >>> import jax, numpyro, numpyro.distributions as dist
    >>> from numpyro.infer import SVI
    >>> from pathmix.infer import AutoMixture, Stratified_ELBO
    >>> def model():
    ...     x = numpyro.sample("x", dist.Normal(0.0, 3.0))
    ...     numpyro.sample("y", dist.Normal(abs(x), 0.5), obs=3.0)
    >>> guide = AutoMixture(model, 2)
    >>> svi = SVI(model, guide, numpyro.optim.Adam(0.01), Stratified_ELBO(4))
    >>> params = svi.run(jax.random.key(0), 50, progress_bar=False).params
    >>> print(guide.get_components(params).weights.round(1))
    [0.5 0.5]

:func:`relabel` gives the components of a mixture the same labels in all posterior draws, and
:func:`memberships` says from them which component each point is from.

    >>> import jax.numpy as jnp
    >>> from pathmix import MixtureSameFamily
    >>> weights, locs = jnp.array([[0.5, 0.5], [0.5, 0.5]]), jnp.array([[-3.0, 3.0], [3.0, -3.0]])
    >>> draws = MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(locs, 1.0))
    >>> print(memberships(draws, jnp.array([-3.0, 3.0])).round(3))
    [[1. 0.]
     [0. 1.]]
"""

from pathmix._infer import AutoMixture as AutoMixture
from pathmix._infer import FromModes as FromModes
from pathmix._infer import FromPrior as FromPrior
from pathmix._infer import GuideComponents as GuideComponents
from pathmix._infer import GuideDiagnosis as GuideDiagnosis
from pathmix._infer import GuideFit as GuideFit
from pathmix._infer import GuideTrace as GuideTrace
from pathmix._infer import Relabelled as Relabelled
from pathmix._infer import Stratified_ELBO as Stratified_ELBO
from pathmix._infer import diagnose as diagnose
from pathmix._infer import fit_guide as fit_guide
from pathmix._infer import guide_report as guide_report
from pathmix._infer import memberships as memberships
from pathmix._infer import relabel as relabel

__all__ = [
    "AutoMixture",
    "FromModes",
    "FromPrior",
    "GuideComponents",
    "GuideDiagnosis",
    "GuideFit",
    "GuideTrace",
    "Relabelled",
    "Stratified_ELBO",
    "diagnose",
    "fit_guide",
    "guide_report",
    "memberships",
    "relabel",
]
