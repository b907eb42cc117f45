"""A posterior of two modes, by variational inference with a mixture as the guide.

Waits for Old Faithful to erupt are short or long. Which kind comes first is open, so that the
posterior of both locations has two modes, of equal mass. One normal settles for one of them.
`AutoMixture` holds both, if it learns their weights: by `Stratified_ELBO` it does; by `Trace_ELBO`
hardly, since few draws fall between the modes, where its gradient of the weights comes from.
`fit_guide` takes natural-gradient steps instead, and `diagnose` judges the guide without a grid.
Data: A. Azzalini and A. W. Bowman, Applied Statistics 39 (1990).

Run: `python examples/multimodal_vi.py`. The table and the figure go to `examples/output/`.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from jax import numpy as jnp
from jax.scipy.special import logsumexp
from numpyro.infer import ELBO, SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoContinuous, AutoDiagonalNormal
from numpyro.infer.util import log_density

from _table import table
from _vi_figure import save_picture
from pathmix import MixtureSameFamily
from pathmix.infer import AutoMixture, GuideDiagnosis, Stratified_ELBO, diagnose, fit_guide

HERE = Path(__file__).parent
MINUTES = jnp.asarray(np.loadtxt(HERE / "data" / "faithful.csv", delimiter=",", skiprows=1)[:12, 1])
"""Twelve waits leave a posterior wide enough to be seen."""
CENTRE, SPREAD = 70.0, 15.0  # of the prior of a location
AXIS = jnp.linspace(-2.5, 2.5, 161)
"""Either axis of a grid fine enough to integrate exactly, in units of the prior."""
SEEDS, STEPS, STEP_SIZE = 8, 500, 0.03
EVALUATIONS = 32  # of the model's density, for one step
Parameters = dict[str, Any]

# By itself `AutoMixture` starts at the modes, with their masses, and there is little left to learn.
# To see the weights learnt, runs start from a guess instead: components too near, one too heavy.
GUESS = {
    "auto_logits": jnp.log(jnp.array([0.9, 0.1])),
    "auto_locs": jnp.array([[-0.3, 0.3], [0.3, -0.3]]),
    "auto_scales": jnp.full((2, 2), 0.4),
}
ONE = {"auto_loc": GUESS["auto_locs"][1], "auto_scale": GUESS["auto_scales"][1]}


def model() -> None:
    """Two kinds of wait, equally frequent, with a spread of 6 minutes; `x` is in prior units."""
    x = numpyro.sample("x", dist.Normal().expand([2]).to_event(1))
    location = numpyro.deterministic("location", CENTRE + SPREAD * x)
    kinds = MixtureSameFamily(dist.Categorical(probs=jnp.full(2, 0.5)), dist.Normal(location, 6.0))
    with numpyro.plate("wait", len(MINUTES)):
        numpyro.sample("minutes", kinds, obs=MINUTES)


def learn(guide: AutoContinuous, loss: ELBO, start: Parameters) -> Parameters:
    """The guide's parameters, `seed step …`, on the way of several independent runs."""
    svi = SVI(model, guide, numpyro.optim.Adam(STEP_SIZE), loss)
    first = svi.init(jax.random.key(0), init_params=start)

    def step(state: Any, _: None) -> tuple[Any, Parameters]:
        return svi.update(state)[0], svi.get_params(state)

    run = lambda key: lax.scan(step, first._replace(rng_key=key), length=STEPS)[1]  # noqa: E731
    return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), SEEDS))


def end(path: Parameters, runs: Any = slice(None)) -> Parameters:
    """Where all runs end, or one of them."""
    return {name: value[runs, -1] for name, value in path.items()}


def second_weight(params: Parameters) -> np.ndarray:
    """The weight of the component that starts, and ends, where the first wait is long."""
    return np.asarray(jax.nn.softmax(params["auto_logits"])[..., 1])


def row(name: str, guide: AutoContinuous, params: Parameters) -> list[str]:
    """The mean ELBO of guides `seed …`, by 5000 draws each, and their second weights."""
    loss = lambda p: Trace_ELBO(5000).loss(jax.random.key(2), p, model, guide)  # noqa: E731
    cells = [name, f"{EVALUATIONS * STEPS:,}", f"{-jax.vmap(loss)(params).mean():.3f}"]
    if "auto_logits" not in params:
        return [*cells, "", ""]
    w = second_weight(params)
    return [*cells, f"{w.mean():.3f}", f"{w.min():.3f} to {w.max():.3f}"]


def log_joint() -> jax.Array:
    """The log density of data and locations on the grid, `x x`."""
    plane = jnp.stack(jnp.meshgrid(AXIS, AXIS, indexing="ij"), -1)
    return jax.vmap(jax.vmap(lambda x: log_density(model, (), {}, {"x": x})[0]))(plane)


def page(rows: list[list[str]], joint: jax.Array, found: GuideDiagnosis) -> str:
    """The table, and by what to judge it."""
    log_evidence = logsumexp(joint) + 2 * jnp.log(AXIS[1] - AXIS[0])
    value, error = found.log_evidence.value, found.log_evidence.standard_error
    masses = " and ".join(f"{mass:.2f}" for mass in found.posterior_masses.values())
    return f"""{table(["guide, fitted by", "evaluations", "ELBO", "weight", "its range"], rows)}

Mean ELBO, and the second component's weight (0.5 is right), of {SEEDS} runs; one of `fit_guide`.
Log evidence, which no ELBO exceeds: {log_evidence:.3f} by a grid, {value:.3f} ± {error:.3f} by
`diagnose` of the last guide (Pareto k̂ = {found.pareto_k:.2f}), with {masses} at the two modes.
"""


def main() -> None:
    """Fit each guide; print and save the table and the figure."""
    normal, mixture = AutoDiagonalNormal(model), AutoMixture(model, 2)
    one = learn(normal, Trace_ELBO(EVALUATIONS), ONE)
    two = {  # by as many evaluations: `Stratified_ELBO` makes one for each component
        "Trace_ELBO": learn(mixture, Trace_ELBO(EVALUATIONS), GUESS),
        "Stratified_ELBO": learn(mixture, Stratified_ELBO(EVALUATIONS // 2), GUESS),
    }
    fit = fit_guide(model, mixture, key=jax.random.key(3), max_evaluations=4000, params=GUESS)
    found = diagnose(model, mixture, fit.params, key=jax.random.key(4), num_samples=10_000)

    rows = [row("one normal, Trace_ELBO", normal, end(one))]
    rows += [row(f"mixture, {name}", mixture, end(path)) for name, path in two.items()]
    judged = [f"{found.elbo.value:.3f}", f"{second_weight(fit.params):.3f}", ""]
    rows.append(["mixture, fit_guide", f"{fit.evaluations:,}", *judged])
    text = page(rows, joint := log_joint(), found)
    print(text)
    output = HERE / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "multimodal_vi.md").write_text(text)
    components = mixture.get_components(end(two["Stratified_ELBO"], 0))
    save_picture(
        output / "multimodal_vi.png",
        minutes=CENTRE + SPREAD * np.asarray(AXIS),
        posterior=np.exp(joint - joint.max()),
        locations=[*components.latents["location"], normal.median(end(one, 0))["location"]],
        scales=SPREAD * np.vstack([components.scales, end(one, 0)["auto_scale"]]),
        weights={name: second_weight(path) for name, path in two.items()},
    )
    print(f"Table and figure: {output}/multimodal_vi.md, multimodal_vi.png")


if __name__ == "__main__":
    main()
