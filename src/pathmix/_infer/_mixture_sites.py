"""Mixtures at the sites of a guide: which are stratified, and a draw from each component."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jaxtyping import Float
from numpyro.distributions import Distribution
from numpyro.distributions.transforms import Transform

from pathmix._expectation import draw_each
from pathmix._mixture import MixtureSameFamily
from pathmix._numpyro import Messenger
from pathmix._pathwise import attach_to_components
from pathmix._typing import Value
from pathmix._weights import Weights

PerStratum: TypeAlias = Float[Array, " k"]
"""One real number per component."""


class Strata(NamedTuple):
    """A mixture at a site, and one draw from each of its components, all from the same noise."""

    name: str
    fn: Distribution
    """What the site draws from: the mixture, or what masks and transforms make of it."""
    weights: Weights
    """``k``."""
    draws: Value
    """``k *sample *batch *event``, with one event each; they move with their components."""
    score: PerStratum | None
    """The log density of each draw in its own component, where draws cannot move."""
    key: Array
    """What the draws were made from."""
    scale: Any
    """Of the site's log density."""

    def log_q(self, draws: Value) -> PerStratum:
        """Return the site's log density at ``k *sample *batch *event``."""
        return self.fn.log_prob(draws).reshape(len(draws))

    def scaled(self, log_prob: PerStratum) -> PerStratum:
        """Return a log density as the site's own is scaled, by subsampling for example."""
        return log_prob if self.scale is None else jnp.reshape(self.scale, -1) * log_prob


def strata_at(msg: Mapping[str, Any], room: float) -> Strata | None:
    """Return the strata of a site, if it draws one event from a mixture of few components."""
    mixture, transforms = _unwrapped(msg["fn"])
    shape = (*msg["kwargs"]["sample_shape"], *msg["fn"].batch_shape)
    if mixture is None or mixture.num_components > room or math.prod(shape) != 1:
        return None
    key = msg["kwargs"]["rng_key"]
    draws, score = _draws(mixture, key)
    draws = draws.reshape(len(draws), *shape, *mixture.event_shape)
    for transform in transforms:
        draws = transform(draws)
    weights = mixture._weights
    weights = type(weights)(weights[0].reshape(-1))
    return Strata(msg["name"], msg["fn"], weights, draws, score, key, msg["scale"])


def _draws(mixture: MixtureSameFamily, key: Array) -> tuple[Value, PerStratum | None]:
    """One draw from each component, the components first, and the score where there is one."""
    components = mixture._components
    x = draw_each(components, key, 1)[0]
    axis = len(components.batch_shape) - 1
    if components.is_discrete:
        return jnp.moveaxis(x, axis, 0), components.distribution.log_prob(x).reshape(-1)
    return jnp.moveaxis(attach_to_components(components, x), axis, 0), None


def _unwrapped(fn: Distribution) -> tuple[MixtureSameFamily | None, tuple[Transform, ...]]:
    """The mixture that a distribution draws from, and what is done to its draws."""
    if isinstance(fn, dist.MaskedDistribution):
        return _unwrapped(fn.base_dist)
    if isinstance(fn, dist.TransformedDistribution):
        mixture, transforms = _unwrapped(fn.base_dist)
        return mixture, (*transforms, *fn.transforms)
    if isinstance(fn, dist.MixtureSameFamily):
        fn = MixtureSameFamily.from_numpyro(fn)
    return (fn if isinstance(fn, MixtureSameFamily) else None), ()


class Watch(Messenger):
    """Gives stratified sites their values, and finds the next mixture of up to ``room`` components.

    Sites whose draws carry no gradient are noted: their log density is their score.
    """

    def __init__(self, fn: Any, given: Mapping[str, Value], room: float) -> None:
        self.given, self.room = given, room
        self.next: Strata | None = None
        self.by_score: list[str] = []
        super().__init__(fn)

    def process_message(self, msg: Any) -> None:
        """Set the value of a mixture's site."""
        if msg["type"] != "sample" or msg["value"] is not None:
            return
        if msg["name"] in self.given:
            msg["value"] = self.given[msg["name"]]
            return
        strata = strata_at(msg, self.room)
        if strata is None:
            _check_gradient(msg["name"], msg["fn"])
            return
        if self.next is None:
            self.next = strata
        # a run that has found what it was for only goes on to the end of the program
        msg["value"] = lax.stop_gradient(strata.draws[0])

    def postprocess_message(self, msg: Any) -> None:
        """Hold draws that carry no gradient, or a part of it, as those of NumPyro's mixtures do."""
        if msg["type"] != "sample" or msg["is_observed"] or msg["name"] in self.given:
            return
        if not msg["fn"].has_rsample:
            msg["value"], msg["intermediates"] = lax.stop_gradient(msg["value"]), None
            self.by_score.append(msg["name"])


def _check_gradient(name: str, fn: Distribution) -> None:
    """Refuse a mixture that is not stratified, and whose draws carry no gradient but could."""
    mixture, _ = _unwrapped(fn)
    if mixture is None or mixture.is_discrete or fn.has_rsample:
        return
    if math.prod(fn.batch_shape) != 1:
        reason = f"is a batch of mixtures, {fn.batch_shape}"
    else:
        reason = "would raise the evaluations of the model beyond max_evaluations"
    raise ValueError(
        f"expected reparameterize=True of the mixture at the guide's site {name!r}, which {reason} "
        "and is therefore drawn as Trace_ELBO draws it, got draws without a gradient. Pass "
        "reparameterize=True to pathmix.MixtureSameFamily."
    )
