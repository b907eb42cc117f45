"""Edward2's way of working, on JAX: programs of random variables, taped, conditioned, inferred.

Two programs. The galaxies of `galaxies.py`, a mixture as likelihood. And a probabilistic matrix
factorisation with a mixture as prior: who of 18 women came to which of 14 events, from each woman's
taste and each event's appeal; the two components of the tastes are two circles of society.

Prints tables and saves `examples/output/edward_program.png`. About a minute on one core.
Run: `python examples/edward_program.py` (or `--help`).
"""

import argparse
from pathlib import Path

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import numpy as jnp
from numpyro import handlers
from numpyro.infer import MCMC, NUTS, init_to_sample

from _edward_figure import save_picture
from pathmix import MixtureSameFamily, RandomVariable, condition, log_joint, tape
from pathmix import random_variables as rv

HERE = Path(__file__).parent
Draws = dict[str, np.ndarray]


def galaxies(velocity: jax.Array, num_components: int) -> RandomVariable:
    """The model of `galaxies.py`; velocities are in 1000 km/s."""
    low, high = velocity.min(), velocity.max()
    typical_scale = rv.LogNormal(0.0, 1.0, name="typical_scale")
    weight = rv.Dirichlet(jnp.ones(num_components), name="weight")
    with numpyro.plate("component", num_components):
        location = rv.Normal((low + high) / 2, (high - low) / 2, name="location")
        scale = rv.LogNormal(jnp.log(typical_scale), 0.5, name="scale")
    with numpyro.plate("galaxy", len(velocity)):
        return rv.MixtureSameFamily(
            mixture_distribution=dist.Categorical(probs=weight),
            components_distribution=dist.Normal(location, scale),
            value=velocity,
            name="velocity",
            with_component=True,
        )


def attendance_program(num_women: int, num_events: int) -> RandomVariable:
    """A matrix factorisation of rank one, after Edward2's documented example.

    The taste of a woman is from one of two circles, about −1 or 1, which also fixes the unit.
    An event is popular with all or appeals to some.
    """
    share = rv.Dirichlet(jnp.array([2.0, 2.0]), name="share")
    taste = rv.MixtureSameFamily(
        dist.Categorical(probs=share),
        dist.Normal(jnp.array([-1.0, 1.0]), 0.4),
        sample_shape=num_women,
        name="taste",
        with_component=True,
    )
    appeal = rv.Normal(0.0, 2.0, sample_shape=num_events, name="appeal")
    popularity = rv.Normal(-1.0, 1.5, sample_shape=num_events, name="popularity")
    return rv.Bernoulli(logits=jnp.outer(taste, appeal) + popularity, name="attendance")


def show_programs(attendance: np.ndarray) -> None:
    """Edward2's ideas on the second program: run, tape, condition, log joint density."""
    with tape() as variables:
        simulated = handlers.seed(attendance_program, jax.random.key(0))(*attendance.shape)
    print("A run of the program, on tape:")
    for name, variable in variables.items():
        log_prob = variable.log_prob().sum()
        print(f"  {name:<10} {variable.shape!s:<9} log density {log_prob:8.1f}")
    print(f"  simulated attendance {simulated.mean():.2f}, observed {attendance.mean():.2f}")

    circles = {"taste": jnp.where(jnp.arange(len(attendance)) < 9, 1.0, -1.0)}
    others = {name: variables[name] for name in ("share", "appeal", "popularity")}
    with condition(**circles, **others):
        likelihood = handlers.seed(attendance_program, jax.random.key(0))(*attendance.shape)
    log_prob = likelihood.distribution.log_prob(attendance).sum()
    print(f"Conditioned on two circles of nine: log likelihood {log_prob:.1f}")

    joint = log_joint(attendance_program)

    def density(taste: jax.Array) -> jax.Array:
        return joint(*attendance.shape, taste=taste, attendance=attendance, **others)

    value, slope = jax.value_and_grad(density)(circles["taste"])
    print(f"Log joint density {value:.1f}; its slope in the first woman's taste {slope[0]:.2f}\n")


def infer(program, *args, draws: int, progress: bool) -> Draws:
    """Run NUTS on a program; components of mixtures are among the draws."""
    kernel = NUTS(program, init_strategy=init_to_sample, target_accept_prob=0.9)
    mcmc = MCMC(kernel, num_warmup=draws, num_samples=draws, progress_bar=progress)
    mcmc.run(jax.random.key(1), *args)
    divergences = int(mcmc.get_extra_fields()["diverging"].sum())
    print(f"{draws} draws, {divergences} divergent transitions")
    return {name: np.asarray(value) for name, value in mcmc.get_samples().items()}


def infer_attendance(attendance: np.ndarray, options: argparse.Namespace) -> Draws:
    """Condition the second program on the data, around the whole inference."""
    with condition(attendance=attendance):
        draws = infer(
            attendance_program, *attendance.shape, draws=options.draws, progress=options.progress
        )
    # Exchanging the circles changes nothing; let the first woman's be that about 1.
    sign = np.sign(draws["taste"][:, :1])
    draws["taste"], draws["appeal"] = sign * draws["taste"], sign * draws["appeal"]
    flipped = 1 - draws["taste_component"]
    draws["taste_component"] = np.where(sign > 0, draws["taste_component"], flipped)
    return draws


def infer_galaxies(velocity: np.ndarray, options: argparse.Namespace) -> Draws:
    """The posterior, components in order of their locations."""
    draws = infer(
        galaxies, jnp.asarray(velocity), 3, draws=options.draws, progress=options.progress
    )
    order = np.argsort(draws["location"], axis=-1)
    for name in ("weight", "location", "scale"):
        draws[name] = np.take_along_axis(draws[name], order, -1)
    return draws


def mixture(draws: Draws) -> MixtureSameFamily:
    """The mixture of galaxies of each posterior draw, as one batch."""
    components = dist.Normal(draws["location"], draws["scale"])
    return MixtureSameFamily(dist.Categorical(probs=draws["weight"]), components)


def describe(galaxy_draws: Draws, velocity: np.ndarray, women: list[str], draws: Draws) -> None:
    """Print both posteriors."""
    assigned = mixture(galaxy_draws).posterior_mode(velocity[:, None])  # galaxy draw
    print("\ncomponent  weight  location  scale  galaxies (posterior means; 1000 km/s)")
    for k in range(3):
        means = [galaxy_draws[name][:, k].mean() for name in ("weight", "location", "scale")]
        count = (assigned == k).sum(axis=0).mean()
        print(f"{'ABC'[k]:>9}  {means[0]:6.2f}  {means[1]:8.2f}  {means[2]:5.2f}  {count:8.1f}")
    print("\nwoman       taste [90 % interval]   probability of the first circle")
    for i, woman in enumerate(women):
        low, middle, high = np.quantile(draws["taste"][:, i], [0.05, 0.5, 0.95])
        probability = draws["taste_component"][:, i].mean()
        print(f"{woman:<10} {middle:6.2f} [{low:5.2f}, {high:5.2f}]   {probability:6.2f}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=500, help="after as many for warm-up")
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    parser.add_argument("--no-progress", dest="progress", action="store_false")
    return parser.parse_args()


def main() -> None:
    """Show the ideas, infer both posteriors, print and draw them."""
    options = arguments()
    velocity = np.loadtxt(HERE / "data" / "galaxies.csv", skiprows=1) / 1000
    table = np.loadtxt(HERE / "data" / "southern_women.csv", dtype=str, delimiter=",")
    women, attendance = list(table[1:, 0]), table[1:, 1:].astype(int)
    show_programs(attendance)
    print("NUTS on the galaxies: ", end="", flush=True)
    galaxy_draws = infer_galaxies(velocity, options)
    print("NUTS on the attendance: ", end="", flush=True)
    draws = infer_attendance(attendance, options)
    describe(galaxy_draws, velocity, women, draws)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "edward_program.png"
    save_picture(path, velocity, mixture(galaxy_draws), women, attendance, draws)
    print(f"\nFigure: {path}")


if __name__ == "__main__":
    main()
