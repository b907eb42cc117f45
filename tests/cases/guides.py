"""What the tests of guides share: targets on the line, guides of them, and exact bounds."""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from cases.mixtures import by_logits

GRID = jnp.linspace(-14.0, 14.0, 2801)
"""Of the trapezoidal rule, exact to rounding for what is smooth and vanishes at the ends."""
START = {
    "logits": jnp.array([0.3, -0.4]),
    "loc": jnp.array([-0.8, 1.1]),
    "scale": jnp.array([0.9, 1.2]),
}
OBSERVED = 0.7


def gaussian_model():
    """A normal posterior: its log density is a quadratic."""
    z = numpyro.sample("z", dist.Normal(0.5, 2.0))
    numpyro.sample("y", dist.Normal(z, 1.5), obs=OBSERVED)


def gaussian_log_joint(z):
    """The same on arrays."""
    return dist.Normal(0.5, 2.0).log_prob(z) + dist.Normal(z, 1.5).log_prob(OBSERVED)


def normals(p, **options):
    return by_logits(p["logits"], dist.Normal(p["loc"], p["scale"]), **options)


def parameters(start=START):
    """The guide's parameters at their sites."""
    positive = {"constraint": constraints.positive}
    return {n: numpyro.param(n, v, **positive if n == "scale" else {}) for n, v in start.items()}


def guide():
    numpyro.sample("z", normals(parameters()))


def moving_guide():
    """The same, of draws with pathwise gradients."""
    numpyro.sample("z", normals(parameters(), reparameterize=True))


def elbo(p, log_joint=gaussian_log_joint):
    """The ELBO by quadrature."""
    log_q = normals(p).log_prob(GRID)
    return jnp.trapezoid(jnp.exp(log_q) * (log_joint(GRID) - log_q), GRID)


def gaussian_elbo(p):
    """The same with the cross term in closed form: moments of each component's quadratic."""
    w, m, v = jax.nn.softmax(p["logits"]), p["loc"], p["scale"] ** 2
    square = lambda at: (m - at) ** 2 + v  # noqa: E731
    cross = -square(0.5) / (2 * 2.0**2) - square(OBSERVED) / (2 * 1.5**2)
    cross = w @ cross - jnp.log(2.0 * 1.5 * 2 * jnp.pi)
    return cross + entropy(p)


def entropy(p):
    """The entropy of the guide's mixture, by quadrature."""
    log_q = normals(p).log_prob(GRID)
    return -jnp.trapezoid(jnp.exp(log_q) * log_q, GRID)


def bounds(objective, model, guide, *args):
    """The bound as a function of parameters and key."""

    def bound(p, key):
        return -objective.loss(key, p, model, guide, *args)

    return bound
