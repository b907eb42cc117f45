"""The log densities of a model and a guide that run against each other."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.handlers import condition, replay, seed, substitute, trace
from numpyro.infer import TraceEnum_ELBO

from pathmix._infer._mixture_sites import Strata, Watch
from pathmix._numpyro import check_model_guide_match, check_plates, compute_log_probs
from pathmix._typing import Reals, Value

Trace: TypeAlias = Mapping[str, Any]
"""What NumPyro's handler ``trace`` records, by the names of sites."""


class Programs(NamedTuple):
    """A model and a guide, with what they are called with."""

    model: Callable[..., Any]
    guide: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    params: dict[str, Any]


class GuideRun(NamedTuple):
    """One run of the guide."""

    trace: Trace
    next: Strata | None
    """The first mixture that has no value yet; the run is of no use but to find it."""
    by_score: list[str]
    """Sites whose draws carry no gradient."""

    def log_prob(self, given: Mapping[str, Value]) -> Reals:
        """Return the log density of all sites but those that were given."""
        sites = [s for s in self.trace.values() if s["type"] == "sample"]
        each = [_log_prob(site) for site in sites if site["name"] not in given]
        return sum(each, start=jnp.array(0.0))

    def score(self) -> Reals:
        """Return the log density of the draws that carry no gradient."""
        sites = [self.trace[name] for name in self.by_score]
        each = (jnp.sum(_unmasked(s["fn"]).log_prob(s["value"])) for s in sites)
        return sum(each, start=jnp.array(0.0))

    def mutable(self) -> dict[str, Any]:
        """Return the state that the guide leaves."""
        return _mutable(self.trace)


def run_guide(
    programs: Programs, key: Array, given: Mapping[str, Value], room: float = float("inf")
) -> GuideRun:
    """Run the guide, the given sites with their values, up to the next mixture and on."""
    guide = substitute(seed(programs.guide, key), data=programs.params)
    watch = Watch(trace(guide).get_trace, given, room)
    found = watch(*programs.args, **programs.kwargs)
    return GuideRun(found, watch.next, watch.by_score)


def _log_prob(site: Any) -> Reals:
    """The log density of a site, scaled and summed."""
    extra = (site["intermediates"],) if site["intermediates"] else ()
    log_prob = site["fn"].log_prob(site["value"], *extra)
    return jnp.sum(log_prob if site["scale"] is None else site["scale"] * log_prob)


def log_joint(
    programs: Programs, key: Array, run: GuideRun, *, whole: bool
) -> tuple[Reals, dict[str, Any]]:
    """Return the model's log density at the guide's draws, and the state that both leave.

    Sites that are marked to be enumerated are summed out as ``TraceEnum_ELBO`` does it. ``whole``
    refuses subsampled plates.
    """
    mutable = run.mutable()
    programs = programs._replace(params={**programs.params, **mutable})
    replayed = replay(seed(programs.model, key), run.trace)
    terms, found = compute_log_probs(replayed, programs.args, programs.kwargs, programs.params)
    check_model_guide_match(found, run.trace)
    check_plates(found)
    if whole:
        _check_whole(found)
    mutable = {**mutable, **_mutable(found)}
    if enumerated(found, run.trace):
        return _summed_out(programs, key, run, mutable), mutable
    return sum(terms.values(), start=jnp.array(0.0)), mutable


def enumerated(model_trace: Trace, guide_trace: Trace) -> list[str]:
    """Return the sites of the model that are to be summed out; refuse what no one draws."""
    sites = [s for s in model_trace.values() if s["type"] == "sample" and not s["is_observed"]]
    free = [site for site in sites if site["name"] not in guide_trace]
    summed = [site["name"] for site in free if site["infer"].get("enumerate") == "parallel"]
    for site in free:
        if site["name"] not in summed and site["fn"].support.is_discrete:
            raise ValueError(
                f"expected the guide to draw the discrete site {site['name']!r} of the model, got "
                'none. Mark it by infer={"enumerate": "parallel"} to have it summed out (this '
                "needs funsor), or write the sum as a mixture: pathmix.MixtureSameFamily."
            )
    return summed


def _check_whole(model_trace: Trace) -> None:
    """Refuse plates of which a part is seen: the mean of the exponential is not unbiased there."""
    for site in model_trace.values():
        if site["type"] == "plate" and site["args"][0] > len(site["value"]):
            raise ValueError(
                f"expected all of plate {site['name']!r} under importance_weighted=True, got "
                f"{len(site['value'])} of {site['args'][0]}: the bound holds for whole data only. "
                "Use importance_weighted=False."
            )


def _summed_out(programs: Programs, key: Array, run: GuideRun, mutable: Any) -> Reals:
    """The model's log density given the guide's draws, by NumPyro's own sum over the others."""
    if mutable:
        raise NotImplementedError(
            f"expected no mutable state beside enumerated sites, got {sorted(mutable)}: NumPyro's "
            "enumeration keeps none. Sum the sites out by hand, as a mixture."
        )
    if importlib.util.find_spec("funsor") is None:
        raise ImportError(
            "expected the package funsor, by which NumPyro enumerates discrete sites, got none. "
            "Install it by `pip install funsor`, or sum the sites out by hand, as a mixture."
        )
    sites = run.trace.items()
    draws = {n: s["value"] for n, s in sites if s["type"] == "sample" and not s["is_observed"]}
    plates = {name: site for name, site in sites if site["type"] == "plate"}
    model = replay(condition(programs.model, data=draws), plates)
    objective = TraceEnum_ELBO()
    return -objective.loss(key, programs.params, model, _empty, *programs.args, **programs.kwargs)


def _empty(*args: Any, **kwargs: Any) -> None:
    """A guide that draws nothing."""


def _unmasked(fn: Any) -> Any:
    return _unmasked(fn.base_dist) if isinstance(fn, dist.MaskedDistribution) else fn


def _mutable(found: Trace) -> dict[str, Any]:
    return {name: site["value"] for name, site in found.items() if site["type"] == "mutable"}
