"""Two kinds of eruption of Old Faithful: a mixture of bivariate normals with full covariances.

Eruptions that last two minutes are followed by the next after 54, those of four minutes after
80. NUTS draws weights, means and covariances of both kinds; each eruption is coloured by how
likely it is a long one. Data: A. Azzalini and A. W. Bowman, Applied Statistics 39 (1990).

Prints the posterior means and saves `examples/output/faithful.png`.
Run: `python examples/faithful.py`
"""

from pathlib import Path

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import numpy as jnp
from numpyro.infer import MCMC, NUTS, init_to_sample

from _look import GREY, plt, save
from pathmix import MixtureSameFamily

HERE = Path(__file__).parent


def model(data: jax.Array) -> None:
    """A prior as wide as the data for each of the two components, and the likelihood."""
    center, spread = data.mean(axis=0), data.std(axis=0)
    weight = numpyro.sample("weight", dist.Dirichlet(jnp.ones(2)))
    with numpyro.plate("component", 2):
        location = numpyro.sample("location", dist.Normal(center, spread).to_event(1))
        scale = numpyro.sample("scale", dist.HalfNormal(spread).to_event(1))
        correlation = numpyro.sample("correlation", dist.LKJCholesky(2))
    factor = numpyro.deterministic("factor", scale[..., None] * correlation)
    components = dist.MultivariateNormal(location, scale_tril=factor)
    with numpyro.plate("eruption", len(data)):
        mixture = MixtureSameFamily(dist.Categorical(probs=weight), components)
        numpyro.sample("minutes", mixture, obs=data)


def fit(data: np.ndarray) -> MixtureSameFamily:
    """Return the posterior as a batch of mixtures, one per draw.

    The two clouds are so far apart that sorting the components by duration undoes label switching;
    `pathmix.infer.relabel` is for harder cases.
    """
    numpyro.set_host_device_count(2)
    sampler = NUTS(model, init_strategy=init_to_sample)
    mcmc = MCMC(sampler, num_warmup=500, num_samples=500, num_chains=2, progress_bar=False)
    mcmc.run(jax.random.key(0), jnp.asarray(data))
    draws = {name: np.asarray(value) for name, value in mcmc.get_samples().items()}
    order = np.argsort(draws["location"][..., 0], axis=-1)
    weight = np.take_along_axis(draws["weight"], order, 1)
    location = np.take_along_axis(draws["location"], order[..., None], 1)
    factor = np.take_along_axis(draws["factor"], order[..., None, None], 1)
    components = dist.MultivariateNormal(location, scale_tril=factor)
    return MixtureSameFamily(dist.Categorical(probs=weight), components)


def describe(posterior: MixtureSameFamily) -> None:
    """Print the posterior means."""
    components = posterior.components_distribution
    weight = posterior.mixture_distribution.probs.mean(axis=0)
    location, covariance = components.mean.mean(axis=0), components.covariance_matrix.mean(axis=0)
    for k, kind in enumerate(("short", "long")):
        print(f"{kind} eruptions: weight {weight[k]:.2f}")
        print(f"  mean        {location[k, 0]:7.2f} {location[k, 1]:7.2f}   (eruption, wait; min)")
        print(f"  covariance  {covariance[k, 0, 0]:7.3f} {covariance[k, 0, 1]:7.3f}")
        print(f"              {covariance[k, 1, 0]:7.3f} {covariance[k, 1, 1]:7.3f}")


def draw(posterior: MixtureSameFamily, data: np.ndarray, path: Path) -> None:
    """Points by their probability of being long; contours at each halving of the mean density."""
    long = posterior.posterior_marginal(data[:, None]).probs.mean(axis=1)[:, 1]
    x, y = np.meshgrid(np.linspace(1, 6, 80), np.linspace(34, 106, 80))
    density = np.exp(posterior.log_prob(np.stack([x, y], -1)[:, :, None])).mean(axis=-1)
    figure, axes = plt.subplots(figsize=(7, 5))
    levels = density.max() * 0.5 ** np.arange(7, 0, -1)
    axes.contour(x, y, density, levels, colors=GREY, linewidths=0.8)
    points = axes.scatter(*data.T, c=long, cmap="cividis", vmin=0, vmax=1, s=24, lw=0.3, ec="k")
    figure.colorbar(points, label="Probability of a long eruption")
    axes.set(xlabel="Duration of the eruption, min", ylabel="Wait until the next, min")
    save(figure, path)


def main() -> None:
    """Fit, print and draw."""
    data = np.loadtxt(HERE / "data" / "faithful.csv", skiprows=1, delimiter=",")
    posterior = fit(data)
    describe(posterior)
    draw(posterior, data, HERE / "output" / "faithful.png")


if __name__ == "__main__":
    main()
