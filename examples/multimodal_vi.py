"""Variational inference where the posterior has two modes: a mixture as NumPyro's guide.

A guide of one normal must settle for one mode. A guide of two must learn how much weight each mode
has, and for that a draw, or an estimator, must carry a gradient to the weights. NumPyro's own
mixture does not: its `Trace_ELBO` gives the weights a gradient of mean zero, and they wander.
Here are two targets, one of overlapping modes, one, a real posterior, of separate ones; four ways
to learn; and the standard errors of their gradients.

Run: `python examples/multimodal_vi.py`. The table and the figure go to `examples/output/`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from jax import numpy as jnp
from jax.scipy.special import logsumexp
from numpyro.handlers import seed, substitute, trace
from numpyro.infer import ELBO, SVI, Trace_ELBO
from numpyro.infer.util import log_density

from _vi_figure import Picture, Points
from _vi_report import report
from pathmix import MixtureSameFamily, Pathwise, Score, Stratified, expectation

HERE = Path(__file__).parent
SEEDS, STEPS, STEP_SIZE, EVALUATIONS, BATCHES = 8, 800, 0.03, 32, 256
Parameters = dict[str, jax.Array]


def two_normals() -> None:
    """The first target, of known answer: 0.2 N(−2, 1) + 0.8 N(2, 1)."""
    weights = dist.Categorical(probs=jnp.array([0.2, 0.8]))
    numpyro.sample("x", MixtureSameFamily(weights, dist.Normal(jnp.array([-2.0, 2.0]))))


def two_waits(minutes: jax.Array) -> None:
    """The second: the locations of two kinds of wait at Old Faithful, in minutes.

    Either location may be the short wait, so that the posterior is symmetric and has two modes. To
    see all of it in a plane, the weight of the kinds is integrated out, by the midpoint rule under
    a uniform prior, and the scale is given. Twelve eruptions leave it wide enough to be seen.
    """
    location = numpyro.sample("x", dist.Normal(70.0, 15.0).expand([2]).to_event(1))
    weight = (jnp.arange(16) + 0.5) / 16
    weights = dist.Categorical(probs=jnp.stack([weight, 1 - weight], -1)[:, None])
    waits = MixtureSameFamily(weights, dist.Normal(location, 6.0).expand([16, 1, 2]))
    numpyro.factor("minutes", logsumexp(waits.log_prob(minutes).sum(-1)) - jnp.log(16.0))


def mixture(family: Callable[..., Any], parameters: Parameters) -> Any:
    """A mixture of normals, in as many dimensions as the locations, `k` or `k event`."""
    components = dist.Normal(parameters["location"], jnp.exp(parameters["log_scale"]))
    components = components.to_event(parameters["location"].ndim - 1)
    return family(dist.Categorical(logits=parameters["logits"]), components)


OURS = partial(mixture, partial(MixtureSameFamily, reparameterize=True))
THEIRS = partial(mixture, dist.MixtureSameFamily)


class MixtureELBO(ELBO):
    """The ELBO of a guide of one mixture, by any estimator of `pathmix.expectation`.

    Under `Trace_ELBO` a mixture's draws carry pathwise gradients, which grow wild as modes
    separate; here the estimator is a choice. The guide's density is held fixed inside, since its
    own derivative, the score, has mean zero and would add noise only.
    """

    def __init__(self, estimator: Any, num_samples: int) -> None:
        self.estimator, self.num_samples = estimator, num_samples
        super().__init__(num_samples)

    def loss(
        self, rng_key: jax.Array, param_map: Parameters, model: Callable, guide: Callable
    ) -> jax.Array:
        """The negative ELBO, whose gradient is unbiased for every parameter."""
        q = trace(substitute(seed(guide, rng_key), param_map)).get_trace()["x"]["fn"]
        fixed = jax.tree.map(lax.stop_gradient, q)

        def log_ratio(x: jax.Array) -> jax.Array:
            return log_density(model, (), {}, {"x": x})[0] - fixed.log_prob(x)

        options = {"num_samples": self.num_samples, "estimator": self.estimator}
        return -expectation(log_ratio, q, key=rng_key, **options)


class Method(NamedTuple):
    """A way to learn: the guide's class and the estimator of its ELBO."""

    guide: Callable[[Parameters], Any]
    loss: ELBO


# At the same number of evaluations of the target; `Stratified` needs one per component and draw.
METHODS = {
    "Stratified": Method(OURS, MixtureELBO(Stratified(), EVALUATIONS // 2)),
    "Score": Method(OURS, MixtureELBO(Score(), EVALUATIONS)),
    "Pathwise": Method(OURS, MixtureELBO(Pathwise(), EVALUATIONS)),
    "Trace_ELBO, pathmix": Method(OURS, Trace_ELBO(EVALUATIONS)),
    "Trace_ELBO, NumPyro": Method(THEIRS, Trace_ELBO(EVALUATIONS)),
}


@dataclass(frozen=True)
class Problem:
    """A target, a guide to start from, and a grid fine enough to integrate exactly."""

    model: Callable[[], None]
    start: Parameters
    grid: jax.Array
    """`point` or `point event`."""
    cell: float
    """The volume that each point of the grid stands for."""

    def log_target(self) -> jax.Array:
        """The log joint density of the model at the points of the grid."""
        return jax.jit(jax.vmap(lambda x: log_density(self.model, (), {}, {"x": x})[0]))(self.grid)

    def elbo(self, parameters: Parameters) -> jax.Array:
        """The ELBO itself, less the log evidence: minus the divergence from guide to target."""
        log_p, log_q = self.log_target(), OURS(parameters).log_prob(self.grid)
        evidence = logsumexp(log_p) + jnp.log(self.cell)
        return jnp.sum(jnp.exp(log_q) * (log_p - log_q)) * self.cell - evidence

    def learn(self, method: Method, start: Parameters) -> Parameters:
        """The guide's parameters, `seed step …`, on the way of several independent runs."""

        def guide() -> None:
            now = {name: numpyro.param(name, value) for name, value in start.items()}
            numpyro.sample("x", method.guide(now))

        svi = SVI(self.model, guide, numpyro.optim.Adam(STEP_SIZE), method.loss)

        def step(state: Any, _: None) -> tuple[Any, Parameters]:
            return svi.update(state)[0], svi.get_params(state)

        run = lambda key: lax.scan(step, svi.init(key), length=STEPS)[1]  # noqa: E731
        return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), SEEDS))

    def gradients(self, method: Method, parameters: Parameters) -> Parameters:
        """Independent estimates of the gradient of the ELBO, each of one step of learning."""

        def guide() -> None:
            now = {name: numpyro.param(name, value) for name, value in parameters.items()}
            numpyro.sample("x", method.guide(now))

        elbo = lambda now, key: -method.loss.loss(key, now, self.model, guide)  # noqa: E731
        keys = jax.random.split(jax.random.key(2), BATCHES)
        return jax.jit(jax.vmap(jax.grad(elbo), (None, 0)))(parameters, keys)
