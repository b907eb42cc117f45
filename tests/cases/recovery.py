"""How far an estimate is from the truth, in the standard errors that the data themselves tell."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import MixtureSameFamily
from pathmix._estimation._parameters import leaves


def parts(mixture):
    """Log weights and unconstrained parameters, as one vector, and the mixture of such a vector."""
    components, named = mixture._components, leaves(mixture._components)
    free = [i for i, leaf in enumerate(named) if leaf.constraint is not None]
    u = [named[i].transform.inv(components.parameters[i]) for i in free]
    log_w = jnp.log(mixture.mixture_distribution.probs)
    flat, unravel = jax.flatten_util.ravel_pytree((log_w[1:] - log_w[0], u))

    def of(vector):
        logits, u = unravel(vector)
        new = list(components.parameters)
        for i, v in zip(free, u, strict=True):
            new[i] = named[i].transform(v)
        weights = dist.Categorical(logits=jnp.concatenate([jnp.zeros(1), logits]))
        return MixtureSameFamily(weights, components.of(new).distribution)

    return flat, of


def observed_information(vector, log_densities):
    """The sum of the squares of the scores of rows, from log densities at a vector."""
    scores = jax.jit(jax.jacfwd(log_densities))(vector)
    return np.asarray(scores.T @ scores)


def in_errors(off, information, free=0):
    """How many standard errors off numbers are, after `free` directions that change nothing."""
    values, vectors = np.linalg.eigh(information)
    assert np.all(values[:free] < 1e-9 * values[-1])
    assert np.all(values[free:] > 1e-9 * values[-1])
    there = vectors[:, free:]
    errors = np.sqrt(np.sum(there**2 / values[free:], axis=1))
    return np.abs(there @ (there.T @ off)) / errors
