"""Variational inference where the posterior has two modes: a mixture as NumPyro's guide.

A guide of one normal must settle for one mode. A guide of two must learn how much weight each mode
has, and for that a draw, or an estimator, must carry a gradient to the weights. NumPyro's own
mixture does not: its `Trace_ELBO` gives the weights a gradient of mean zero, and they wander.
Here are two targets, one of overlapping modes, one, a real posterior, of separate ones; three ways
to learn; and the standard errors of their gradients.

Run: `python examples/multimodal_vi.py`. The table and the figure go to `examples/output/`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from jax import numpy as jnp
from jax.scipy.special import logsumexp
from numpyro.infer import ELBO, SVI, Trace_ELBO
from numpyro.infer.util import log_density

from _vi_figure import Picture
from pathmix import MixtureSameFamily
from pathmix.infer import Stratified_ELBO

HERE = Path(__file__).parent
SEEDS, STEPS, STEP_SIZE = 8, 500, 0.03
EVALUATIONS = 32  # of the target, for one step
BATCHES = 256  # gradients, to tell their mean and standard error
CENTRE, SPREAD = 70.0, 15.0  # of the prior of a wait, in minutes
Parameters = dict[str, jax.Array]


def two_normals() -> None:
    """The first target, of known answer: 0.2 N(−2, 1) + 0.8 N(2, 1)."""
    weights = dist.Categorical(probs=jnp.array([0.2, 0.8]))
    numpyro.sample("x", MixtureSameFamily(weights, dist.Normal(jnp.array([-2.0, 2.0]))))


def two_waits(minutes: jax.Array) -> None:
    """The second: the locations of two kinds of wait at Old Faithful, in minutes.

    Either location may be the short wait, so that the posterior is symmetric and has two modes. To
    see all of it in a plane, the weight of the kinds is integrated out, by the midpoint rule under
    a uniform prior, and the scale is given. Twelve eruptions leave it wide enough to be seen. The
    latent is in units of the prior, so that one step size suits all parameters.
    """
    location = numpyro.sample("x", dist.Normal().expand([2]).to_event(1))
    weight = (jnp.arange(8) + 0.5) / 8
    weights = dist.Categorical(probs=jnp.stack([weight, 1 - weight], -1)[:, None])
    kinds = dist.Normal(CENTRE + SPREAD * location, 6.0).expand([8, 1, 2])
    log_likelihood = MixtureSameFamily(weights, kinds).log_prob(minutes).sum(-1)
    numpyro.factor("minutes", logsumexp(log_likelihood) - jnp.log(8.0))


def mixture(family: Callable[..., Any], parameters: Parameters) -> Any:
    """A mixture of normals, in as many dimensions as the locations, `k` or `k event`."""
    components = dist.Normal(parameters["location"], jnp.exp(parameters["log_scale"]))
    components = components.to_event(parameters["location"].ndim - 1)
    return family(dist.Categorical(logits=parameters["logits"]), components)


OURS = partial(mixture, MixtureSameFamily)
REPARAMETERIZED = partial(mixture, partial(MixtureSameFamily, reparameterize=True))
THEIRS = partial(mixture, dist.MixtureSameFamily)


class Method(NamedTuple):
    """A way to learn: the guide's class and the objective."""

    guide: Callable[[Parameters], Any]
    loss: ELBO


# At the same number of evaluations of the target: `Stratified_ELBO` needs one for each component.
METHODS = {
    "Stratified_ELBO": Method(OURS, Stratified_ELBO(EVALUATIONS // 2)),
    "Trace_ELBO, pathmix guide": Method(REPARAMETERIZED, Trace_ELBO(EVALUATIONS)),
    "Trace_ELBO, NumPyro guide": Method(THEIRS, Trace_ELBO(EVALUATIONS)),
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

    @cached_property
    def log_target(self) -> jax.Array:
        """The log joint density of the model at the points of the grid."""
        with jax.ensure_compile_time_eval():
            return jax.vmap(lambda x: log_density(self.model, (), {}, {"x": x})[0])(self.grid)

    def log_evidence(self) -> jax.Array:
        """The largest ELBO that a guide can have."""
        return logsumexp(self.log_target) + jnp.log(self.cell)

    def elbo(self, parameters: Parameters) -> jax.Array:
        """The ELBO itself, by a sum over the grid, to judge the estimates by."""
        log_q = OURS(parameters).log_prob(self.grid)
        return jnp.sum(jnp.exp(log_q) * (self.log_target - log_q)) * self.cell

    def guide(self, method: Method, start: Parameters) -> Callable[[], None]:
        """NumPyro's program of the guide; all its parameters are learnt."""

        def program() -> None:
            now = {name: numpyro.param(name, value) for name, value in start.items()}
            numpyro.sample("x", method.guide(now))

        return program

    def learn(self, method: Method, start: Parameters) -> Parameters:
        """The guide's parameters, `seed step …`, on the way of several independent runs."""
        optimizer = numpyro.optim.Adam(STEP_SIZE)
        svi = SVI(self.model, self.guide(method, start), optimizer, method.loss)

        def step(state: Any, _: None) -> tuple[Any, Parameters]:
            return svi.update(state)[0], svi.get_params(state)

        run = lambda key: lax.scan(step, svi.init(key), length=STEPS)[1]  # noqa: E731
        return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), SEEDS))

    def gradients(self, method: Method, parameters: Parameters) -> Parameters:
        """Estimates of the ELBO's gradient, `batch …`, each as good as one step of learning has."""
        guide = self.guide(method, parameters)
        elbo = lambda now, key: -method.loss.loss(key, now, self.model, guide)  # noqa: E731
        keys = jax.random.split(jax.random.key(2), BATCHES)
        return jax.jit(jax.vmap(jax.grad(elbo), (None, 0)))(parameters, keys)


def overlapping() -> Problem:
    """The known target, its modes four standard deviations apart, from a guide of equal weights."""
    start = {"location": jnp.array([-1.0, 1.0]), "logits": jnp.zeros(2), "log_scale": jnp.zeros(2)}
    return Problem(two_normals, start, jnp.linspace(-12, 12, 2001), 24 / 2000)


def separate() -> Problem:
    """The posterior of two kinds of wait, from a guide that favours the wrong side of the plane."""
    minutes = np.loadtxt(HERE / "data" / "faithful.csv", delimiter=",", skiprows=1)[:12, 1]
    start = {
        "location": jnp.array([[-0.3, 0.3], [0.3, -0.3]]),
        "logits": jnp.log(jnp.array([0.9, 0.1])),
        "log_scale": jnp.full((2, 2), -1.0),
    }
    axis = jnp.linspace(-2.5, 2.5, 161)
    grid = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    return Problem(partial(two_waits, jnp.asarray(minutes)), start, grid, (5 / 160) ** 2)


def last(path: Parameters) -> Parameters:
    """Where the runs end, `seed …`."""
    return {name: value[:, -1] for name, value in path.items()}


def weight(parameters: Parameters) -> np.ndarray:
    """The weight of the guide's second component."""
    return np.asarray(jax.nn.softmax(parameters["logits"])[..., 1])


def single(problem: Problem) -> Parameters:
    """The guide of one normal, which starts as the second component does."""
    start = {name: value[1:] for name, value in problem.start.items()}
    return last(problem.learn(METHODS["Stratified_ELBO"], start))


def wrong_weights(fitted: Parameters, share: float) -> Parameters:
    """The first run's guide but for its weights: the gradient that is left is the weights'."""
    parameters = {name: value[0] for name, value in fitted.items()}
    return parameters | {"logits": jnp.log(jnp.array([1 - share, share]))}


@dataclass(frozen=True)
class Study:
    """All that is found out about one problem, by the names of the methods."""

    problem: Problem
    paths: dict[str, Parameters]
    single: Parameters
    exact: Parameters
    """The gradient at the guide of wrong weights."""
    gradients: dict[str, Parameters]

    @classmethod
    def of(cls, problem: Problem, share: float) -> "Study":
        """Learn by each method, then measure each one's gradients at the same guide."""
        paths = {name: problem.learn(method, problem.start) for name, method in METHODS.items()}
        at = wrong_weights(last(paths["Stratified_ELBO"]), share)
        gradients = {name: problem.gradients(method, at) for name, method in METHODS.items()}
        return cls(problem, paths, single(problem), jax.grad(problem.elbo)(at), gradients)

    def spread(self, name: str, parameter: str) -> float:
        """The standard error of one step's gradient in a parameter, over its entries."""
        return float(jnp.sqrt(self.gradients[name][parameter].var(0).mean()))

    def missed(self, name: str) -> bool:
        """Whether the mean gradient in the logit is off by over four standard errors and 1 %."""
        slope, exact = self.gradients[name]["logits"][:, 1], self.exact["logits"][1]
        return bool(abs(slope.mean() - exact) > 4 * slope.std() / BATCHES**0.5 + 0.01 * abs(exact))

    def rows(self, title: str) -> list[list[str]]:
        """The study's part of the table."""
        elbo = jax.jit(jax.vmap(self.problem.elbo))
        exact = f"{self.exact['logits'][1]:+.3f}"
        rows = [[title, "(exact)", f"{self.problem.log_evidence():.3f}", "", "", exact, "", ""]]
        rows += [["", "(one normal)", f"{elbo(self.single).mean():.3f}", *[""] * 5]]
        for name, path in self.paths.items():
            w, slope = weight(last(path)), self.gradients[name]["logits"][:, 1]
            learnt = [f"{elbo(last(path)).mean():z.3f}", f"{w.mean():.3f}", f"{np.ptp(w):.3f}"]
            mean = f"{slope.mean():+.3f} ± {slope.std() / BATCHES**0.5:.3f}"
            errors = [f"{self.spread(name, p):.3f}" for p in ("logits", "location")]
            rows.append(["", name, *learnt, mean, *errors])
        return rows


def table(rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up as plain text."""
    header = ["target", "learnt by", "ELBO", "weight", "its range", "d ELBO / d logit"]
    header += ["s.e., logit", "s.e., location"]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * w if i < 2 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    pad = lambda i, cell: cell.ljust(widths[i]) if i < 2 else cell.rjust(widths[i])  # noqa: E731
    lines = ([pad(i, cell) for i, cell in enumerate(row)] for row in (header, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(studies: dict[str, Study]) -> str:
    """The table and how to read it."""
    rows = [row for title, study in studies.items() for row in study.rows(title)]
    return f"""{table(rows)}

ELBO: at the end, exact (by a grid), mean of {SEEDS} runs; that of the target itself is its log
evidence. Weight: of the second mode, mean and range over the runs; it should be 0.8 and 0.5.
Then the gradients at one guide, right but for its weights: the mean of {BATCHES} gradients in the
weight's logit, and the standard errors of one step's, of {EVALUATIONS} evaluations of the target.

NumPyro's mixture gives the weights a gradient of mean zero: they wander. Pathwise gradients of the
weights come from the gap between the modes; where no draw falls into it, their mean and standard
error are both missed. `Stratified_ELBO` needs no draw there.
"""


def picture(first: Study, second: Study) -> Picture:
    """What the figure shows."""
    shown = ("Trace_ELBO, pathmix guide", "Trace_ELBO, NumPyro guide")
    density = lambda p: jnp.exp(jax.vmap(lambda q: OURS(q).log_prob(first.problem.grid))(p))  # noqa: E731
    fitted = {name: value[0] for name, value in last(second.paths["Stratified_ELBO"]).items()}
    normal = {name: value[0] for name, value in second.single.items()}
    target = jnp.exp(second.problem.log_target - second.problem.log_evidence())
    minutes = lambda p: CENTRE + SPREAD * np.asarray(p["location"])  # noqa: E731
    return Picture(
        x=np.asarray(first.problem.grid),
        target=np.exp(first.problem.log_target),
        guides={name: np.asarray(density(last(first.paths[name]))) for name in shown},
        single=np.asarray(density(first.single))[0],
        weights={name: weight(first.paths[name]) for name in shown},
        minutes=CENTRE + SPREAD * np.unique(second.problem.grid[:, 0]),
        posterior=np.asarray(target).reshape(161, 161),
        locations=np.concatenate([minutes(fitted), minutes(normal)]),
        scales=SPREAD * np.exp(np.concatenate([fitted["log_scale"], normal["log_scale"]])),
        shares=np.append(jax.nn.softmax(fitted["logits"]), 1.0),
        errors={name: [s.spread(name, "logits") for s in (first, second)] for name in METHODS},
        missed={name: [s.missed(name) for s in (first, second)] for name in METHODS},
    )


def main() -> None:
    """Study both problems; print and save the table and the figure."""
    print("Learning 0.2 N(−2, 1) + 0.8 N(2, 1)", flush=True)
    first = Study.of(overlapping(), share=0.5)
    print("Learning the posterior of Old Faithful's two kinds of wait", flush=True)
    second = Study.of(separate(), share=0.1)
    text = page({"overlapping modes": first, "separate modes": second})
    print(f"\n{text}")
    output = HERE / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "multimodal_vi.md").write_text(text)
    picture(first, second).save(output / "multimodal_vi.png")
    print(f"Table and figure: {output}/multimodal_vi.md, multimodal_vi.png")


if __name__ == "__main__":
    main()
