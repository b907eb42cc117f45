"""Where the value of a random variable comes from: the caller, a key, or NumPyro's handlers."""

import operator
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
from numpyro.distributions import Distribution
from numpyro.primitives import Messenger, default_process_message
from numpyro.util import is_prng_key

from pathmix._numpyro import enumerates, open_handlers
from pathmix._random_variable._array import plain, plain_tree


class Site(NamedTuple):
    """What a random variable has become: ``value.shape == distribution.shape(sample_shape)``."""

    distribution: Distribution
    sample_shape: tuple[int, ...]
    value: jax.Array
    name: str | None
    intermediates: list[Any]
    """What the distribution tells of a draw besides its value; empty if it was not drawn here."""


def realize(distribution: Any, sample_shape: Any, value: Any, key: Any, name: str | None) -> Site:
    """Give a random variable its value: the given one, or one drawn by the key or by handlers."""
    distribution, sample_shape = _as_distribution(distribution), _as_shape(sample_shape)
    value = None if value is None else jnp.asarray(plain(value))
    if key is not None and not is_prng_key(key):
        raise TypeError(
            f"expected key to be a JAX random key, got {type(key).__name__}. "
            "Pass jax.random.key(seed)."
        )
    if name is not None and open_handlers():
        return _in_handlers(distribution, sample_shape, value, key, name)
    return _on_its_own(distribution, sample_shape, value, key, name)


def _on_its_own(
    distribution: Distribution,
    sample_shape: tuple[int, ...],
    value: jax.Array | None,
    key: jax.Array | None,
    name: str | None,
) -> Site:
    if value is not None:
        _check_shape(value, distribution.shape(sample_shape), name)
        return Site(distribution, sample_shape, value, name, [])
    if key is None:
        raise ValueError(_no_value(distribution, name))
    value, intermediates = distribution.sample_with_intermediates(key, sample_shape)
    return Site(distribution, sample_shape, jnp.asarray(value), name, intermediates)


def _in_handlers(
    distribution: Distribution,
    sample_shape: tuple[int, ...],
    value: jax.Array | None,
    key: jax.Array | None,
    name: str,
) -> Site:
    """The random variable as a sample site, after all handlers have had their say."""
    with _Watch() as watch:
        try:
            numpyro.sample(name, distribution, obs=value, rng_key=key, sample_shape=sample_shape)
        except Exception as error:
            if watch.nobody_gave_a_value() and _from_drawing(error):
                raise ValueError(_no_value(distribution, name)) from error
            raise
    site = as_site(watch.message, distribution)
    if watch.message.get("is_observed") and not _enumerating():
        _check_shape(site.value, site.distribution.shape(site.sample_shape), site.name)
    return site


class _Watch(Messenger):
    """Keeps the message of the first site in its block.

    Handlers leave in the message what they have made of the site, such as the batch shape that
    plates give it. `numpyro.sample` returns its value only. Later messages are those of sites that
    a handler, such as `reparam`, puts in place of the first.
    """

    message: dict[str, Any]

    def __enter__(self) -> "_Watch":
        super().__enter__()
        self.message = {}
        return self

    def process_message(self, msg: dict[str, Any]) -> None:
        self.message = self.message or msg

    def nobody_gave_a_value(self) -> bool:
        """Whether all handlers have passed without a value or a key to draw one."""
        arguments = self.message.get("kwargs")
        keyless = arguments is not None and arguments["rng_key"] is None
        return keyless and self.message["value"] is None


def _from_drawing(error: Exception) -> bool:
    """Whether the error is the distribution's, rather than that of a handler before its turn."""
    drawing = default_process_message.__code__
    return any(frame.f_code is drawing for frame, _ in traceback.walk_tb(error.__traceback__))


def as_site(message: dict[str, Any], distribution: Distribution) -> Site:
    """The site that a message has become; ``distribution`` is the one that it began with."""
    value, name = jnp.asarray(message["value"]), message["name"]
    if message["type"] != "sample":
        # `reparam` has made the site a function of others, and dropped the distribution.
        batch_shape = value.shape[: value.ndim - distribution.event_dim]
        return Site(distribution.expand(batch_shape), (), value, name, [])
    sample_shape = message["kwargs"]["sample_shape"]
    return Site(message["fn"], sample_shape, value, name, message["intermediates"])


def _enumerating() -> bool:
    """Whether a handler enumerates discrete variables, which adds axes that no value has."""
    return any(map(enumerates, open_handlers()))


def _as_distribution(distribution: Any) -> Distribution:
    if not isinstance(distribution, Distribution):
        raise TypeError(
            "expected a numpyro.distributions.Distribution, got "
            f"{type(distribution).__name__}. Wrap its parameters, as in dist.Normal(loc, scale)."
        )
    return plain_tree(distribution)


def _as_shape(sample_shape: Any) -> tuple[int, ...]:
    lengths = sample_shape if isinstance(sample_shape, Sequence) else (sample_shape,)
    try:
        shape = tuple(map(operator.index, lengths))
    except TypeError:
        shape = (-1,)
    if any(length < 0 for length in shape):
        raise TypeError(
            "expected sample_shape to be an int or a sequence of ints, none of them negative or "
            f"traced, got {sample_shape!r}. Pass a shape such as 50 or (5, 10)."
        )
    return shape


def _check_shape(value: jax.Array, expected: tuple[int, ...], name: str | None) -> None:
    if value.shape != expected:
        raise ValueError(
            f"expected a value of shape {expected}, which is (*sample, *batch, *event), for "
            f"{_described('the random variable', name)}, got shape {value.shape}. Reshape the "
            "value, or give the distribution or `sample_shape` the missing axes."
        )


def _described(variable: str, name: str | None) -> str:
    return variable if name is None else f"{variable} {name!r}"


def _no_value(distribution: Distribution, name: str | None) -> str:
    variable = _described(f"the random variable {type(distribution).__name__}", name)
    message = (
        f"expected a value for {variable}, got none. Pass value=..., pass "
        "key=jax.random.key(seed), or give it a name and run the program within NumPyro handlers, "
        "as in numpyro.handlers.seed(program, jax.random.key(seed))()."
    )
    if open_handlers() and name is None:
        message += (
            " There are handlers here, but they act on named variables only: pass name=... to make "
            "it part of the program."
        )
    return message
