"""Guides for NumPyro's variational inference.

>>> import jax, numpyro, numpyro.distributions as dist
>>> from numpyro.infer import SVI, Trace_ELBO
>>> from pathmix.infer import AutoMixture
>>> def model():
...     x = numpyro.sample("x", dist.Normal(0.0, 3.0))
...     numpyro.sample("y", dist.Normal(abs(x), 0.5), obs=3.0)
>>> guide = AutoMixture(model, 2)
>>> svi = SVI(model, guide, numpyro.optim.Adam(0.01), Trace_ELBO(8))
>>> params = svi.run(jax.random.key(0), 50, progress_bar=False).params
>>> print(guide.get_components(params).weights.round(1))
[0.5 0.5]
"""

from pathmix._infer import AutoMixture as AutoMixture
from pathmix._infer import FromModes as FromModes
from pathmix._infer import FromPrior as FromPrior
from pathmix._infer import GuideComponents as GuideComponents
from pathmix._infer import GuideDiagnosis as GuideDiagnosis
from pathmix._infer import GuideFit as GuideFit
from pathmix._infer import GuideTrace as GuideTrace
from pathmix._infer import diagnose as diagnose
from pathmix._infer import fit_guide as fit_guide
from pathmix._infer import guide_report as guide_report

__all__ = [
    "AutoMixture",
    "FromModes",
    "FromPrior",
    "GuideComponents",
    "GuideDiagnosis",
    "GuideFit",
    "GuideTrace",
    "diagnose",
    "fit_guide",
    "guide_report",
]
