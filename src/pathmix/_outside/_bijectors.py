"""Bijectors of TFP and Distrax that act on single numbers, as NumPyro's transforms, and back."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from numpyro.distributions import transforms as tf
from numpyro.distributions.transforms import Transform

from pathmix._numpyro import is_inverse

Transforms = list[Transform]


def transforms_of(bijector: Any) -> Transforms | None:
    """Return the transforms that make up a bijector, the first one first; ``None`` if not known."""
    bijector = getattr(bijector, "_tfp_bijector", bijector)  # within Distrax's wrapper
    name = type(bijector).__name__.lstrip("_")
    if name == "Chain":
        parts = [transforms_of(part) for part in reversed(bijector.bijectors)]
        return None if any(part is None for part in parts) else [t for p in parts for t in p or ()]
    if name in ("Invert", "Inverse"):
        inner = transforms_of(bijector.bijector)
        return None if inner is None else [t.inv for t in reversed(inner)]
    if name == "Block":
        return transforms_of(bijector.bijector)  # whose coordinates are events: shapes tell
    read = _READ.get(name)
    return None if read is None else read(bijector)


def _scale(b: Any) -> Transforms:
    scale = jnp.exp(b.log_scale) if b.scale is None else jnp.asarray(b.scale)
    return [tf.AffineTransform(jnp.zeros_like(scale), scale)]


def _shift(b: Any) -> Transforms:
    shift = jnp.asarray(b.shift)
    return [tf.AffineTransform(shift, jnp.ones_like(shift))]


def _scalar_affine(b: Any) -> Transforms:
    return [tf.AffineTransform(jnp.asarray(b.shift), jnp.asarray(b.scale))]


def _sigmoid(b: Any) -> Transforms:
    low = getattr(b, "low", None)
    if low is None:
        return [tf.SigmoidTransform()]
    return [tf.SigmoidTransform(), tf.AffineTransform(low, b.high - low)]


def _softplus(b: Any) -> Transforms | None:
    low, softness = getattr(b, "low", None), getattr(b, "hinge_softness", None)
    if softness is not None:
        return None
    shift = [] if low is None else [tf.AffineTransform(low, jnp.ones_like(low))]
    return [tf.SoftplusTransform(), *shift]


def _tanh(b: Any) -> Transforms:
    del b
    return [tf.AffineTransform(0.0, 2.0), tf.SigmoidTransform(), tf.AffineTransform(-1.0, 2.0)]


_READ: dict[str, Callable[[Any], Transforms | None]] = {
    "Identity": lambda b: [],
    "Exp": lambda b: [tf.ExpTransform()],
    "Log": lambda b: [tf.ExpTransform().inv],
    "Scale": _scale,
    "Shift": _shift,
    "ScalarAffine": _scalar_affine,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Tanh": _tanh,
}


def bijector_of(t: Transform, tfp: Any) -> Any:
    """Return TFP's bijector of a transform.

    Raises:
        NotImplementedError: There is none.
    """
    tfb = tfp.bijectors
    if is_inverse(t):
        return tfb.Invert(bijector_of(t.inv, tfp))
    if isinstance(t, tf.ComposeTransform):
        return tfb.Chain([bijector_of(part, tfp) for part in reversed(t.parts)])
    if isinstance(t, tf.AffineTransform):
        return tfb.Chain([tfb.Shift(t.loc), tfb.Scale(t.scale)])
    if isinstance(t, tf.PowerTransform):
        return tfb.Power(t.exponent)
    write = _WRITE.get(type(t))
    if write is None:
        raise NotImplementedError(
            f"pathmix knows no bijector of TFP for {type(t).__name__}: expected AffineTransform, "
            f"PowerTransform, {', '.join(kind.__name__ for kind in _WRITE)}, or their compositions "
            "and inverses. Give as_tfp a mixture without it."
        )
    return getattr(tfb, write)()


_WRITE: dict[type[Transform], str] = {
    tf.ExpTransform: "Exp",
    tf.IdentityTransform: "Identity",
    tf.SigmoidTransform: "Sigmoid",
    tf.SoftplusTransform: "Softplus",
}
