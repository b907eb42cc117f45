"""Programs of random variables, with their log joint densities by hand."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import random
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from scipy import special, stats

from pathmix import MixtureSameFamily
from pathmix import random_variables as rv


def two():
    x = rv.Normal(0.0, 1.0, name="x")
    return rv.Normal(x, 0.5, sample_shape=3, name="y")


def seeded(program, *args, seed=0):
    return handlers.seed(program, random.key(seed))(*args)


def mixture(logits, loc, scale=1.0, **options):
    return MixtureSameFamily(dist.Categorical(logits=logits), dist.Normal(loc, scale), **options)


def draw(key):
    return rv.Normal(jnp.float32(1.0), jnp.float32(2.0), sample_shape=3, key=key, name="x")


FEATURES = np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.3]])
DATA = np.array([-1.0, 0.2, 1.5, 2.5])


def logistic(features):
    coefficients = rv.Normal(0.0, 1.0, sample_shape=features.shape[1], name="coefficients")
    intercept = rv.Normal(0.0, 2.0, name="intercept")
    return rv.Bernoulli(logits=features @ coefficients + intercept, name="outcomes")


def logistic_by_hand(v):
    logits = FEATURES @ v["coefficients"] + v["intercept"]
    outcomes = v["outcomes"] * logits - np.logaddexp(0, logits)
    prior = stats.norm.logpdf(v["coefficients"]).sum() + stats.norm.logpdf(v["intercept"], 0, 2)
    return prior + outcomes.sum()


def of_mixture(data):
    weights = rv.Dirichlet(jnp.array([2.0, 3.0]), name="weights")
    loc = rv.Normal(0.0, 5.0, sample_shape=2, name="loc")
    scale = rv.LogNormal(0.0, 1.0, name="scale")
    with numpyro.plate("data", len(data)):
        return rv.MixtureSameFamily(
            dist.Categorical(probs=weights), dist.Normal(loc, scale), value=data, name="x"
        )


def mixture_by_hand(v):
    # the mixture normalises its weights, so finite differences must, too
    terms = np.log(v["weights"] / v["weights"].sum()) + stats.norm.logpdf(
        DATA[:, None], v["loc"], v["scale"]
    )
    # Dirichlet(2, 3) without SciPy's check of the sum, which finite differences would not pass
    prior = np.log(12 * v["weights"][0] * v["weights"][1] ** 2) + stats.lognorm.logpdf(
        v["scale"], 1
    )
    prior += stats.norm.logpdf(v["loc"], 0, 5).sum()
    return prior + special.logsumexp(terms, axis=-1).sum()


def scaled_and_masked():
    """A subsampled plate (scale 10/4), a mask, a nested program and a scale."""
    with numpyro.plate("n", 10, subsample_size=4):
        x = rv.Normal(0.0, 2.0, name="x")
        with handlers.mask(mask=jnp.array([True, False, True, True])):
            rv.Laplace(x, 1.0, value=DATA, name="y")
    handlers.scope(handlers.scale(lambda: rv.Gamma(2.0, 3.0, name="z"), 0.5), prefix="inner")()


def scaled_by_hand(v):
    observed = stats.laplace.logpdf(DATA, v["x"])[[0, 2, 3]].sum()
    return 2.5 * (stats.norm.logpdf(v["x"], 0, 2).sum() + observed) + 0.5 * stats.gamma.logpdf(
        v["inner/z"], 2, scale=1 / 3
    )


def walk(steps):
    def step(carry, _):
        x = rv.Normal(0.9 * carry, 0.5, name="x")
        return x.value, x.value

    scale = rv.HalfNormal(1.0, name="scale")
    _, path = scan(step, 1.0, jnp.arange(steps))
    return rv.Normal(path, scale, name="y")


def walk_by_hand(v):
    before = np.concatenate([[1.0], v["x"][:-1]])
    path = stats.norm.logpdf(v["x"], 0.9 * before, 0.5).sum()
    observed = stats.norm.logpdf(v["y"], v["x"], v["scale"]).sum()
    return path + observed + stats.halfnorm.logpdf(v["scale"])


def matrices(rank):
    """Edward2's probabilistic matrix factorisation, with plain NumPyro in it."""
    users = rv.Normal(0.0, 1.0, sample_shape=[4, rank], name="users")
    items = numpyro.sample("items", dist.Normal(0.0, 1.0), sample_shape=(3, rank))
    return rv.Normal(loc=users @ items.T, scale=0.1, name="ratings")


def matrices_by_hand(v):
    prior = stats.norm.logpdf(v["users"]).sum() + stats.norm.logpdf(v["items"]).sum()
    return prior + stats.norm.logpdf(v["ratings"], v["users"] @ v["items"].T, 0.1).sum()


RNG = np.random.default_rng(1)
PROGRAMS = {
    "logistic regression": (
        logistic,
        (FEATURES,),
        {
            "coefficients": np.array([0.3, -0.7]),
            "intercept": np.array(0.2),
            "outcomes": np.array([1, 0, 1]),
        },
        logistic_by_hand,
    ),
    "mixture": (
        of_mixture,
        (DATA,),
        {"weights": np.array([0.4, 0.6]), "loc": np.array([-1.0, 2.0]), "scale": np.array(0.8)},
        mixture_by_hand,
    ),
    "scale, mask, scope": (
        handlers.seed(scaled_and_masked, random.key(0)),
        (),
        {"x": np.array([0.1, 0.2, -0.3, 0.4]), "inner/z": np.array(0.7)},
        scaled_by_hand,
    ),
    "random walk": (
        walk,
        (4,),
        {"scale": np.array(0.6), "x": DATA / 2, "y": DATA},
        walk_by_hand,
    ),
    "matrix factorisation": (
        matrices,
        (2,),
        {
            "users": RNG.normal(size=(4, 2)),
            "items": RNG.normal(size=(3, 2)),
            "ratings": RNG.normal(size=(4, 3)),
        },
        matrices_by_hand,
    ),
}


def twice():
    rv.Normal(0.0, 1.0, name="x")
    rv.Normal(0.0, 1.0, name="x")
