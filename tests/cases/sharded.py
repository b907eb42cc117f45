"""Run by test_sharding.py in processes of its own: work on sharded data, against one device.

Prints one line of JSON: for each piece of work its relative error, which kinds of communication its
compiled program has, and how many numbers the largest of them moves.
Arguments: a pattern of the names of the work to do and, to be one of several processes that share
the devices, `address processes rank`.
"""

import json
import math
import re
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from pathmix import MixtureSameFamily, Pathwise, Score, Stratified, expectation, fit
from pathmix._estimation import _expanded

N = 1600
KINDS = "all-gather|all-to-all|all-reduce|collective-permute|collective-broadcast|reduce-scatter"
COLLECTIVE = re.compile(rf"= (.*) ({KINDS})(?:-start)?\(")
SHAPE = re.compile(r"\w+\[([\d,]*)\]")


def components(p):
    if "rate" in p:
        return dist.Gamma(p["concentration"], p["rate"])
    if "diagonal" in p:
        return dist.LowRankMultivariateNormal(p["loc"], p["columns"], p["diagonal"])
    if "factor" in p:
        return dist.MultivariateNormal(p["loc"], scale_tril=p["factor"])
    return dist.Normal(p["loc"], p["scale"]).to_event(1)


def mixture(p):
    weights = dist.Categorical(logits=p["logits"])
    return MixtureSameFamily(weights, components(p), reparameterize=True)


def families():
    logits, loc = jnp.array([0.3, 0.1, -0.5]), jnp.array([[0.0, 1.0], [2.0, -1.0], [-2.0, 0.5]])
    factor = jnp.array([[1.0, 0.0], [0.4, 0.8]])
    rate = {"concentration": jnp.array([1.0, 2.0, 5.0]), "rate": jnp.array([1.0, 0.5, 2.0])}
    yield "factorised", {"logits": logits, "loc": loc, "scale": jnp.exp(loc / 4)}, (N, 2)
    yield "full", {"logits": logits, "loc": loc, "factor": jnp.stack([factor] * 3)}, (N, 2)
    low_rank = {"columns": loc[..., None], "diagonal": jnp.exp(loc)}
    yield "low rank", {"logits": logits, "loc": loc, **low_rank}, (N, 2)
    yield "gamma", {"logits": logits, **rate}, (N,)


def square(x):
    return jnp.sum(x * x)


def works(family, mesh):
    """Functions of parameters and data: points, one random key, or one for each estimate."""

    def draw(p, key):
        draws = mixture(p).sample(key, (N,))
        return lax.with_sharding_constraint(draws, NamedSharding(mesh, P("data")))

    yield "gradient", jax.value_and_grad(lambda p, x: jnp.mean(mixture(p).log_prob(x)))
    yield "gradient in x", jax.grad(lambda p, x: jnp.sum(mixture(p).log_prob(x)), argnums=1)
    yield "sample", draw
    if family == "gamma":  # its gradients of draws take long to compile
        return
    yield "log_prob", lambda p, x: mixture(p).log_prob(x)
    if family != "low rank":  # whose steps take long to compile
        yield "fit", lambda p, x: fitted(mixture(p), x)
        yield "fit, cut up", lambda p, x: cut_up(mixture(p), x)
    yield "pathwise", jax.value_and_grad(lambda p, key: square(draw(p, key)) / N)
    if family == "factorised":
        yield "posterior", lambda p, x: mixture(p).posterior_marginal(x).probs
        yield "expectation over data", jax.value_and_grad(over_data)
        for estimator in (Stratified(), Pathwise(), Score()):
            yield f"expectation by {estimator}", by_keys(estimator)


def by_keys(estimator):
    """Each device has keys, hence draws, of its own: on eight, N numbers in all.

    Sums over keys are taken first, and move as many numbers as the draws of one key have.
    """

    def estimate(p, keys):
        one = lambda key: expectation(  # noqa: E731
            square, mixture(p), key=key, num_samples=20, estimator=estimator
        )
        return jnp.mean(jax.vmap(one)(keys))

    return jax.value_and_grad(estimate)


def cut_up(begun, x):
    """The same as many rows are fitted: by products of large matrices, in stretches."""
    large = {"EXPANDED": 2**10, "EXPANDED_ROWS": 1, "EXPANDED_COMPONENTS": 1}
    jax.clear_caches()  # what is compiled does not know of these
    with mock.patch.multiple(_expanded, **large):
        found = fitted(begun, x)
    jax.clear_caches()
    return found


def fitted(begun, x):
    """Ten steps, accelerated ones among them."""
    found = fit(begun, x, max_steps=10, tolerance=0.0)
    return found.log_likelihood, found.counts, found.mixture.mean, found.mixture.variance


def over_data(p, x):
    """The integrand holds the sharded data."""
    fn = lambda z: jnp.mean(jnp.sin(x @ z))  # noqa: E731
    return expectation(fn, mixture(p), key=jax.random.key(3), num_samples=20)


def through_sort(_, x):
    """Not ours: a program that cannot but gather, to show that it would be seen."""
    return jnp.sort(x, axis=0)


def compare(fn, fn_on_one, p, data, mesh):
    """Error and communication of ``fn`` with ``data`` sharded, against ``fn_on_one`` device."""
    split, everywhere = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
    expected = jax.tree.map(np.asarray, jax.jit(fn_on_one)(p, data))
    placed = place(p, everywhere), place(data, split if data.ndim else everywhere)
    compiled = jax.jit(fn).lower(*placed).compile()
    result = jax.jit(lambda t: t, out_shardings=everywhere)(compiled(*placed))
    errors = jax.tree.map(relative_error, jax.tree.map(local, result), expected)
    kinds, moved = communication(compiled.as_text())
    return {"error": max(jax.tree.leaves(errors)), "kinds": kinds, "moved": moved}


def communication(program):
    """The kinds of communication in a compiled program, and the largest result of any."""
    found = COLLECTIVE.findall(program)
    shapes = [shape for result, _ in found for shape in SHAPE.findall(result)]
    sizes = [math.prod(map(int, filter(None, shape.split(",")))) for shape in shapes]
    return sorted({kind for _, kind in found}), max(sizes, default=0)


def place(tree, sharding):
    """Put arrays that every process has whole onto the devices of all."""

    def put(array):
        if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(array)))
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return jax.tree.map(put, tree)


def local(array):
    """The value of an array that is whole on every device."""
    return np.asarray(array.addressable_data(0))


def relative_error(got, expected):
    """Relative to the largest entry, or to 1: a gradient near zero is a sum of larger terms."""
    return float(np.max(np.abs(got - expected)) / max(1.0, np.max(np.abs(expected))))


def main(pattern, address=None, processes="1", rank="0"):
    if address:
        jax.distributed.initialize(address, int(processes), int(rank))
    mesh = Mesh(np.array(jax.devices()), ("data",))
    here = Mesh(np.array(jax.local_devices()[:1]), ("data",))
    results = {"devices": mesh.size, "processes": jax.process_count(), "work": {}}
    one_key, keys = jax.random.key(2), jax.random.split(jax.random.key(2), 5 * mesh.size)
    for family, p, shape in families():
        x = jax.random.normal(jax.random.key(1), shape)
        x = jnp.exp(x) if family == "gamma" else x
        on_one = dict(works(family, here))
        for name, fn in works(family, mesh):
            data = one_key if name in ("sample", "pathwise") else keys if " by " in name else x
            if re.search(pattern, f"{family}: {name}"):
                results["work"][f"{family}: {name}"] = compare(fn, on_one[name], p, data, mesh)
    results["control"] = compare(through_sort, through_sort, p, x, mesh)
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
