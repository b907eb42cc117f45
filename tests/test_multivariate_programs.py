"""Programs of many small factors call no LAPACK, whose batched solves can stop for ever on CPUs."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily

B, K, E = 6, 2, 3


def normal(size):
    factor = jnp.broadcast_to(jnp.eye(size), (B, K, size, size))
    return dist.MultivariateNormal, (jnp.zeros((B, K, size)),), {"scale_tril": factor}


KINDS = {
    "normal": normal(E),
    "normal-20": normal(20),
    "normal-shared": (
        dist.MultivariateNormal,
        (jnp.zeros((K, E)),),
        {"scale_tril": jnp.broadcast_to(jnp.eye(E), (K, E, E))},
    ),
    "student": (
        dist.MultivariateStudentT,
        (jnp.full((B, K), 4.0), jnp.zeros((B, K, E)), jnp.broadcast_to(jnp.eye(E), (B, K, E, E))),
        {},
    ),
    "low-rank": (
        dist.LowRankMultivariateNormal,
        (jnp.zeros((B, K, E)), jnp.ones((B, K, E, 2)), jnp.ones((B, K, E))),
        {},
    ),
}


def program(make, kind, task):
    """The program of value and gradient in all parameters."""
    family, arguments, options = KINDS[kind]

    def loss(logits, arguments, options, at):
        components = family(*arguments, **options, validate_args=False)
        mixture = make(dist.Categorical(logits=logits), components)
        if task == "draws":
            return jnp.sum(mixture.sample(at, (2,)))
        return jnp.sum(mixture.log_prob(at))

    batch = arguments[0].shape[:1] if kind != "normal-shared" else ()
    size = (arguments[1] if kind == "student" else arguments[0]).shape[-1]
    many = (500,) if kind == "normal-shared" else ()
    at = jax.random.key(0) if task == "draws" else jnp.zeros((*many, *batch, size))
    grad = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))
    lowered = grad.lower(jnp.zeros((*batch, K)), arguments, options, at)
    if kind != "low-rank":
        return lowered.as_text()
    # NumPyro's constructor factors what nobody reads, which compilers leave out
    quick = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return lowered.compile(quick).as_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["log_prob", "draws"])
def test_no_call_of_lapack(kind, task):
    make = lambda *args: MixtureSameFamily(*args, reparameterize=True)  # noqa: E731
    assert "lapack_" not in program(make, kind, task)


def test_a_call_would_be_seen():
    assert jax.default_backend() != "cpu" or "lapack_" in program(
        dist.MixtureSameFamily, "normal", "log_prob"
    )
