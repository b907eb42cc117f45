"""Mixtures at the sites of a guide: which are stratified, and a draw from each component."""

import math
from collections.abc import Mapping
from functools import reduce
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
from pathmix._special import stored
from pathmix._typing import Value
from pathmix._weights import Weights

PerStratum: TypeAlias = Float[Array, "t k"]
"""One real number per particle and component."""


class Draws(NamedTuple):
    """One draw from each component for each particle, all of a particle from the same noise."""

    values: Value
    """``t k *sample *batch *event``, with one event each; they move with their components."""
    score: PerStratum | None
    """The log density of each draw in its own component, where draws cannot move."""


class Strata(NamedTuple):
    """A mixture at a site of the guide, to be evaluated in every component."""

    name: str
    fn: Distribution
    """What the site draws from: the mixture, or what masks and transforms make of it."""
    mixture: MixtureSameFamily
    transforms: tuple[Transform, ...]
    shape: tuple[int, ...]
    """``*sample *batch``, all of size one."""
    key: Array
    scale: Any
    """Of the site's log density."""
    is_first: bool
    """Whether nothing was drawn before, so that the mixture is the same for all particles."""

    @property
    def weights(self) -> Weights:
        """The weights, ``k``."""
        weights = self.mixture._weights
        return type(weights)(weights[0].reshape(-1))

    def draws(self, num_particles: int = 1) -> Draws:
        """Draw from each component."""
        components, shape = self.mixture._components, self.shape
        x, score = draw_each(components, self.key, num_particles), None
        if components.is_discrete:
            score = components.distribution.log_prob(x).reshape(num_particles, -1)
        else:
            x = attach_to_components(components, stored(x))  # or it is drawn anew where it is read
        x = x.reshape(num_particles, -1, *shape, *self.mixture.event_shape)
        return Draws(reduce(lambda y, transform: transform(y), self.transforms, x), score)

    def log_q(self, values: Value) -> PerStratum:
        """Return the site's log density at draws."""
        return self.fn.log_prob(values).reshape(values.shape[:2])

    def scaled(self, log_prob: PerStratum) -> PerStratum:
        """Return a log density as the site's own is scaled, by subsampling for example."""
        return log_prob if self.scale is None else jnp.reshape(self.scale, -1) * log_prob


def strata_at(msg: Mapping[str, Any], room: float, *, is_first: bool) -> Strata | None:
    """Return the strata of a site, if it draws one event from a mixture of few components."""
    mixture, transforms = _unwrapped(msg["fn"])
    shape = (*msg["kwargs"]["sample_shape"], *msg["fn"].batch_shape)
    if mixture is None or mixture.num_components > room or math.prod(shape) != 1:
        return None
    fn, key, scale = msg["fn"], msg["kwargs"]["rng_key"], msg["scale"]
    return Strata(msg["name"], fn, mixture, transforms, shape, key, scale, is_first)


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
        self.is_first = True
        self.by_score: list[str] = []
        super().__init__(fn)

    def process_message(self, msg: Any) -> None:
        """Set the value of a mixture's site."""
        draws = _draws(msg)
        if msg["type"] == "sample" and draws:
            if msg["name"] in self.given:
                msg["value"] = self.given[msg["name"]]
            else:
                self._at_latent(msg)
        self.is_first &= not draws

    def _at_latent(self, msg: Any) -> None:
        strata = strata_at(msg, self.room, is_first=self.is_first)
        if strata is None:
            _check_gradient(msg["name"], msg["fn"])
            return
        if self.next is None:
            self.next = strata
        # a run that has found what it was for only goes on to the end of the program
        msg["value"] = lax.stop_gradient(strata.draws().values[0, 0])

    def postprocess_message(self, msg: Any) -> None:
        """Hold draws that carry no gradient, or a part of it, as those of NumPyro's mixtures do."""
        if msg["type"] != "sample" or msg["is_observed"] or msg["name"] in self.given:
            return
        if not msg["fn"].has_rsample:
            msg["value"], msg["intermediates"] = lax.stop_gradient(msg["value"]), None
            self.by_score.append(msg["name"])


class Randomness(Messenger):
    """Notes whether anything is drawn: rows of a plate, or sites without a value."""

    def __init__(self) -> None:
        self.is_there = False
        super().__init__()

    def process_message(self, msg: Any) -> None:
        """Look at a site, with all that handlers have made of it."""
        self.is_there |= _draws(msg)


def _draws(msg: Mapping[str, Any]) -> bool:
    if msg["type"] in ("param", "deterministic", "mutable") or msg.get("is_observed"):
        return False
    if msg["type"] == "plate":
        size, rows = msg["args"]
        return msg["value"] is None and rows is not None and rows < size
    return msg["type"] != "sample" or msg["value"] is None


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
