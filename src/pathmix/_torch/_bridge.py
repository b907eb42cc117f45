"""JAX functions of arrays as functions of torch tensors, differentiable to every order.

A function takes arrays and returns a tuple of arrays. Its derivatives are functions of the same
kind, made by JAX, so that one ``torch.autograd.Function`` serves a function, its derivatives and
theirs: reverse mode is :func:`_pullback`, forward mode :func:`_pushforward`, ``torch.func.vmap``
:func:`_batched`. Each is made, and compiled, once for each function, and for each shape and type.

Memory is shared through DLPack. JAX reads a tensor only while the call lasts, because the tensor
may be written to afterwards; what torch is given has no other owner.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, reduce
from typing import Any

import jax
import torch
from jax import Array

Arrays = tuple[Array, ...]
Function = Callable[..., Arrays]
Moving = tuple[bool, ...]


def call(fn: Function, *tensors: torch.Tensor) -> torch.Tensor:
    """Return the first result of ``fn``, in the type to which the tensors promote.

    float64 is computed in float64 whatever JAX's setting, and everything else in float32.
    """
    for tensor in tensors:
        check_device(tensor.device)
    own = reduce(torch.promote_types, (t.dtype for t in tensors))
    working = torch.float64 if own == torch.float64 else torch.float32
    return _Call.apply(fn, *(t.to(working) for t in tensors))[0].to(own)


def check_device(device: torch.device) -> None:
    """Raise ``NotImplementedError`` unless JAX can read tensors of a device."""
    if device.type == "cpu":
        return
    try:
        if device.type == "cuda" and jax.devices("gpu"):
            return
    except RuntimeError:  # JAX's way to say that it has none
        pass
    raise NotImplementedError(
        "expected tensors on the CPU, or on a GPU that JAX has as well, got a tensor on "
        f"'{device}' and JAX on '{jax.default_backend()}'. Install JAX for this GPU, such as by "
        "pip install 'jax[cuda13]', or move the parameters by .cpu()."
    )


class _Call(torch.autograd.Function):
    """``fn(*args)``, with derivatives by JAX."""

    @staticmethod
    def forward(fn: Function, *args: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return _run(fn, args)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        del output
        ctx.fn = inputs[0]
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        needed = tuple(ctx.needs_input_grad[1:])
        pull = _pullback(ctx.fn, needed)
        found = iter(_Call.apply(pull, *ctx.saved_tensors, *cotangents))
        return None, *(next(found) if n else None for n in needed)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        push = _pushforward(ctx.fn, tuple(t is not None for t in tangents))
        moving = (t for t in tangents if t is not None)
        return _Call.apply(push, *ctx.saved_tensors, *moving)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], fn: Function, *args: torch.Tensor) -> Any:
        del info
        out = _Call.apply(_batched(fn, in_dims[1:]), *args)
        return out, (0,) * len(out)


def _run(fn: Function, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Call the compiled ``fn``, in this thread in the precision of the arguments."""
    with jax.enable_x64(args[0].dtype == torch.float64):
        arrays = [jax.dlpack.from_dlpack(t.detach().contiguous()) for t in args]
        results = jax.block_until_ready(_compiled(fn)(*arrays))
        return tuple(_owned(map(torch.from_dlpack, results), {t.data_ptr() for t in args}))


def _owned(results: Iterable[torch.Tensor], taken: set[int]) -> Iterator[torch.Tensor]:
    """The results, with memory of their own: torch may write to them."""
    for t in results:
        own = t.clone() if t.data_ptr() in taken else t
        taken.add(own.data_ptr())
        yield own


@cache
def _compiled(fn: Function) -> Function:
    return jax.jit(fn)


@cache
def _pullback(fn: Function, moving: Moving) -> Function:
    """From arguments and cotangents of results to the cotangents of the arguments that move."""

    def pull(*args: Array) -> Arrays:
        primals, cotangents = args[: len(moving)], args[len(moving) :]
        of_moving, moved = _split(fn, primals, moving)
        return jax.vjp(of_moving, *moved)[1](cotangents)

    return pull


@cache
def _pushforward(fn: Function, moving: Moving) -> Function:
    """From arguments, and tangents of those that move, to the tangents of results."""

    def push(*args: Array) -> Arrays:
        primals, tangents = args[: len(moving)], args[len(moving) :]
        of_moving, moved = _split(fn, primals, moving)
        return jax.jvp(of_moving, moved, tangents)[1]

    return push


def _split(fn: Function, args: Arrays, moving: Moving) -> tuple[Function, Arrays]:
    """The function of the arguments that move, and these."""

    def of_moving(*moved: Array) -> Arrays:
        rest = iter(moved)
        return fn(*(next(rest) if m else a for m, a in zip(moving, args, strict=True)))

    return of_moving, tuple(a for m, a in zip(moving, args, strict=True) if m)


@cache
def _batched(fn: Function, in_dims: tuple[int | None, ...]) -> Function:
    return jax.vmap(fn, in_axes=in_dims)
