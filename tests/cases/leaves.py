"""What depends on the order of a mixture's leaves, printed as JSON by a process of its own.

``python leaves.py mine.npz [theirs.npz]`` saves the leaves of every mixture; and evaluates
mixtures whose leaves another process has saved, by the tree definition of this one.
"""

import hashlib
import json
import re
import sys

import jax
import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp
from numpyro.distributions import transforms

from pathmix import MixtureSameFamily

LOC, SCALE = jnp.array([-1.0, 2.0]), jnp.array([0.5, 3.0])
VECTORS = jnp.array([[-1.0, 0.5], [2.0, 0.1]])
FACTORS = jnp.array([[[1.0, 0.0], [0.3, 2.0]], [[0.7, 0.0], [-0.2, 0.4]]])
COMPONENTS = {
    "Normal": (dist.Normal(LOC, SCALE), 0.3),
    "Uniform": (dist.Uniform(LOC, LOC + SCALE), -0.6),
    "StudentT": (dist.StudentT(SCALE + 2, LOC, SCALE), 0.3),
    "truncated": (dist.TruncatedNormal(LOC, SCALE, low=-2.0, high=SCALE), 0.3),
    "transformed": (
        dist.TransformedDistribution(
            dist.Normal(LOC, SCALE),
            [transforms.ExpTransform(), transforms.AffineTransform(LOC, SCALE)],
        ),
        7.0,
    ),
    "MultivariateNormal": (dist.MultivariateNormal(VECTORS, scale_tril=FACTORS), [0.3, 0.2]),
    "MultivariateStudentT": (dist.MultivariateStudentT(SCALE, VECTORS, FACTORS), [0.3, 0.2]),
    "Independent": (dist.Gamma(jnp.exp(VECTORS), 1 + jnp.exp(-VECTORS)).to_event(1), [0.3, 0.2]),
    "counts": (dist.NegativeBinomial2(SCALE, SCALE + 1), 3.0),
}


def mixtures():
    """All by probabilities, and one by logits: the parts do not depend on each other."""
    probs, logits = {"probs": jnp.array([0.3, 0.7])}, {"logits": jnp.array([0.4, -1.0])}
    pairs = [*((name, probs) for name in COMPONENTS), ("Normal", logits)]
    for name, weights in pairs:
        components, x = COMPONENTS[name]
        by = next(iter(weights))
        yield f"{name} by {by}", MixtureSameFamily(dist.Categorical(**weights), components), x


def density(m, x):
    return m.log_prob(jnp.asarray(x))


def description(m, x):
    """The tree and the lowered program of the density and its gradient."""
    tree = re.sub("0x[0-9a-f]+", "", str(jax.tree.structure(m)))
    program = jax.jit(jax.value_and_grad(density)).lower(m, x).as_text()
    return {"tree": tree, "program": hashlib.sha256(program.encode()).hexdigest()}


def restored(m, name, theirs):
    """The mixture with leaves from a file."""
    leaves, tree = jax.tree.flatten(m)
    return jax.tree.unflatten(
        tree, [jnp.asarray(theirs[f"{name}/{i}"]) for i in range(len(leaves))]
    )


def main(mine, theirs=None):
    arrays, found = {}, {}
    loaded = np.load(theirs) if theirs else None
    for name, m, x in mixtures():
        arrays |= {f"{name}/{i}": leaf for i, leaf in enumerate(jax.tree.leaves(m))}
        found[name] = description(m, x) | {"value": float(density(m, x))}
        if loaded is not None:
            found[name]["loaded"] = float(density(restored(m, name, loaded), x))
    np.savez(mine, **arrays)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
