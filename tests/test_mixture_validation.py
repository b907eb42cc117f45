"""Validation of parameters and values: eager, under jit, and free of cost when not asked for."""

import warnings

import equinox
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits, equations
from pathmix import MixtureSameFamily
from pathmix._mixture._arguments import Checks, checked_value, resolved_validation

TWO = dist.Categorical(logits=jnp.zeros(2))
NORMALS = dist.Normal(jnp.zeros(2))


def normals(weights, loc, scale, **kwargs):
    return MixtureSameFamily(
        dist.Categorical(probs=weights, validate_args=False),
        dist.Normal(loc, scale, validate_args=False),
        **kwargs,
    )


GOOD = (jnp.array([0.5, 0.5]), jnp.zeros(2), jnp.ones(2))
INVALID = {
    "negative scale": ((*GOOD[:2], jnp.array([1.0, -1.0])), ["Normal parameter `scale`", "-1."]),
    "zero scale": ((*GOOD[:2], jnp.array([1.0, 0.0])), ["Normal parameter `scale`", "0."]),
    "NaN location": ((GOOD[0], jnp.array([0, jnp.nan]), GOOD[2]), ["parameter `loc`", "nan"]),
    "negative weight": ((jnp.array([1.5, -0.5]), *GOOD[1:]), ["parameter `probs`", "-0.5"]),
    "NaN weight": ((jnp.array([jnp.nan, 0.5]), *GOOD[1:]), ["parameter `probs`", "nan"]),
    "weights off the simplex": ((jnp.array([0.5, 0.9]), *GOOD[1:]), ["parameter `probs`", "0.9"]),
}


@pytest.mark.parametrize(("theta", "phrases"), INVALID.values(), ids=INVALID)
def test_invalid_parameters(theta, phrases):
    with pytest.raises(ValueError, match="expected") as caught:
        normals(*theta, validate_args=True)
    for phrase in [*phrases, "got", "Mend the parameter"]:
        assert phrase in str(caught.value)
    normals(*theta)  # not checked unless asked for


@pytest.mark.parametrize(("theta", "phrases"), INVALID.values(), ids=INVALID)
def test_invalid_parameters_under_jit(theta, phrases):
    def log_prob(theta):
        return normals(*theta, validate_args=True).log_prob(0.5)

    with pytest.raises(equinox.EquinoxRuntimeError, match=phrases[0]):
        equinox.filter_jit(log_prob)(theta)
    with pytest.raises(Exception, match=phrases[0]):
        jax.jit(log_prob)(theta).block_until_ready()  # on accelerators it may run later
    assert jnp.isfinite(equinox.filter_jit(log_prob)(GOOD))


@pytest.mark.parametrize("method", ["sample", "mean", "variance"])
def test_invalid_parameters_under_jit_reach_every_method(method):
    """A check must not vanish because its result is not used by the density."""

    def run(theta):
        mixture = normals(*theta, validate_args=True)
        return mixture.sample(jax.random.key(0)) if method == "sample" else getattr(mixture, method)

    with pytest.raises(equinox.EquinoxRuntimeError, match="parameter `scale`"):
        equinox.filter_jit(run)((*GOOD[:2], jnp.array([1.0, -1.0])))


def test_bounds_in_the_wrong_order():
    low, high = jnp.array([0.0, 3.0]), jnp.array([1.0, 2.0])
    components = dist.Uniform(low, high, validate_args=False)
    with pytest.raises(ValueError, match="Uniform support to have its lower bound below"):
        MixtureSameFamily(TWO, components, validate_args=True)


def test_parameters_inside_wrappers_are_checked():
    base = dist.Normal(jnp.zeros((2, 3)), -1.0, validate_args=False)
    with pytest.raises(ValueError, match="Normal parameter `scale`"):
        MixtureSameFamily(TWO, base.to_event(1), validate_args=True)


def test_exact_zeros_are_valid_weights():
    """As probabilities and as −inf logits, which NumPyro's own constraint refuses."""
    by_logits(jnp.array([0.0, -jnp.inf]), NORMALS, validate_args=True)
    normals(jnp.array([1.0, 0.0]), *GOOD[1:], validate_args=True)


OUTSIDE = {
    "Exponential": (
        lambda v: by_logits(jnp.zeros(2), dist.Exponential(jnp.ones(2)), validate_args=v),
        -1.0,
    ),
    "Poisson": (lambda v: by_logits(jnp.zeros(2), dist.Poisson(jnp.ones(2)), validate_args=v), 1.5),
    "Uniform": (
        lambda v: by_logits(
            jnp.zeros(2), dist.Uniform(jnp.array([0.0, 3]), jnp.array([1.0, 4])), validate_args=v
        ),
        5.0,
    ),
    "Dirichlet": (
        lambda v: by_logits(jnp.zeros(2), dist.Dirichlet(jnp.ones((2, 3))), validate_args=v),
        jnp.ones(3),
    ),
}


@pytest.mark.parametrize(("make", "x"), OUTSIDE.values(), ids=OUTSIDE)
def test_values_outside_the_support(make, x):
    with pytest.raises(ValueError, match=r"values in the support .* of the mixture, got"):
        make(True).log_prob(x)
    with pytest.raises(equinox.EquinoxRuntimeError, match="values in the support"):
        equinox.filter_jit(lambda x: make(True).log_prob(x))(x)
    assert make(False).log_prob(x) == -jnp.inf


def test_a_value_in_a_gap_of_the_hull_is_accepted():
    assert OUTSIDE["Uniform"][0](True).log_prob(2.0) == -jnp.inf


def test_without_validation_nothing_is_checked():
    """The program of a density is the same but for the checks, and holds no callback."""

    def names(validate):
        def log_prob(theta, x):
            return normals(*theta, validate_args=validate).log_prob(x)

        return [e.primitive.name for e in equations(jax.make_jaxpr(log_prob)(GOOD, 0.5))]

    assert not [name for name in names(False) if "callback" in name or name in ("cond", "while")]
    assert len(names(True)) > len(names(False))


@pytest.mark.parametrize("switch", [True, False])
def test_none_follows_numpyros_switch(switch):
    """Whatever the switch says, True and False mean what they say."""
    with numpyro.validation_enabled(switch):
        assert resolved_validation(None) is (Checks.WARN if switch else Checks.NONE)
        assert resolved_validation(True) is Checks.RAISE
        assert resolved_validation(False) is Checks.NONE


def test_checks_of_a_value():
    """Inside the support never; outside as asked, and NumPyro's kind under jit not at all."""
    positive, x = dist.constraints.positive, jnp.array([1.0, -1.0])
    for checks in Checks:
        checked_value(x[0], positive, checks)
    checked_value(x, positive, Checks.NONE)
    with pytest.warns(UserWarning, match="Out-of-support values provided to log prob method"):
        checked_value(x, positive, Checks.WARN)
    jax.jit(lambda x: checked_value(x, positive, Checks.WARN))(x)
    with pytest.raises(ValueError, match="values in the support"):
        checked_value(x, positive, Checks.RAISE)


def test_a_mixture_warns_as_numpyros_does():
    """The same points warn in both classes, and the value is −∞ in ours; under jit none warns."""

    def make(kind):
        return kind(TWO, dist.Exponential(jnp.ones(2)), validate_args=None)

    with numpyro.validation_enabled(True):
        for kind in (dist.MixtureSameFamily, MixtureSameFamily):
            with pytest.warns(UserWarning, match="Out-of-support values provided to log prob"):
                density = make(kind).log_prob(-1.0)
            make(kind).log_prob(1.0)
        assert density == -jnp.inf
        assert jax.jit(lambda x: make(MixtureSameFamily).log_prob(x))(-1.0) == -jnp.inf
        copy = jax.tree.map(lambda leaf: leaf, make(MixtureSameFamily)).expand((3,))
        with pytest.warns(UserWarning, match="Out-of-support"):
            copy.log_prob(-1.0)
    with numpyro.validation_enabled(False), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(MixtureSameFamily).log_prob(-1.0) == -jnp.inf


def test_the_default_does_not_follow_the_switch():
    with numpyro.validation_enabled(True):
        assert MixtureSameFamily(TWO, dist.Exponential(jnp.ones(2))).log_prob(-1.0) == -jnp.inf
