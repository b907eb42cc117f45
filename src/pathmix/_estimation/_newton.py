"""Maxima of the expected log likelihood by Newton's method, for every family with a density.

One step for each pass, on unconstrained numbers (``biject_to``), which never lowers the expected
log likelihood: a generalised EM (Dempster, Laird & Rubin 1977), whose fixed points are those of EM.
The parameters of a cell (a component, or of factorised events each coordinate of it) are the
variables of one small problem, and all cells are worked at together. Where cells share a parameter
there is one problem.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from pathmix._components import Canonical
from pathmix._estimation._parameters import leaves, of_leaf
from pathmix._estimation._prior import Prior
from pathmix._estimation._sweep import Model, Part, Sums, Task, sweep, terms, weighted_terms
from pathmix._special import cholesky, solve_rows
from pathmix._typing import Reals, Shape
from pathmix._where import where

_STEPS = np.array([1, 0.5, 0.25, 1 / 16, 1 / 128, 1 / 2048, 0])
_RIDGES = np.array([0, 1e-3, 1e-2, 0.1, 1, 10])
Free = Float[Array, "*cells p"]


class Cells(NamedTuple):
    """How parameters are laid out as unconstrained numbers ``*cells p``."""

    components: Canonical
    """As scalars, if the event is factorised."""
    shape: Shape
    free: tuple[int, ...]
    """Which parameters are estimated."""

    def pack(self, parameters: tuple[Array, ...]) -> Free:
        """Return unconstrained numbers of the parameters."""
        named = leaves(self.components)
        flat = [named[i].transform.inv(parameters[i]).reshape(*self.shape, -1) for i in self.free]
        return jnp.concatenate(flat, axis=-1)

    def unpack(self, u: Free) -> Canonical:
        """Return components with these parameters."""
        named, new, start = leaves(self.components), list(self.components.parameters), 0
        for i in self.free:
            shape = jax.eval_shape(named[i].transform.inv, new[i]).shape
            count = int(np.prod(shape[len(self.shape) :]))
            new[i] = named[i].transform(u[..., start : start + count].reshape(shape))
            start += count
        return self.components.of(new)

    def spread(self, masks: tuple[Array, ...]) -> Array:
        """Return masks of the parameters as masks of the numbers."""
        named, flat = leaves(self.components), []
        for i in self.free:
            p = self.components.parameters[i]
            shape = jax.eval_shape(named[i].transform.inv, p).shape
            mask = jnp.broadcast_to(
                of_leaf(masks[i], p).reshape(-1, *(1,) * (len(shape) - 1)), shape
            )
            flat.append(mask.reshape(*self.shape, -1))
        return jnp.concatenate(flat, axis=-1)


def cells_of(components: Canonical, only: tuple[int, ...] | None = None) -> Cells:
    """Return the cells of components, of all their parameters or ``only`` some."""
    scalars = components.factors()
    inner = components if scalars is None else scalars
    free = only or tuple(i for i, leaf in enumerate(leaves(inner)) if leaf.constraint is not None)
    shapes = (
        inner.parameters[i].shape[: inner.parameters[i].ndim - inner.event_dims[i]] for i in free
    )
    alone = all(shape == inner.own_shape for shape in shapes)
    return Cells(inner, inner.own_shape if alone else (), free)


def newton_step(
    model: Model, task: Task, only: tuple[int, ...] | None = None
) -> tuple[tuple[Array, ...], Array, Reals]:
    """Return better parameters, the counts of the components, and the likelihood before."""
    prior = task.prior
    cells = cells_of(model.components, only)
    if not cells.free:
        counts, gained = sweep(lambda part: jnp.sum(part.shares, axis=1), model, task)
        return model.components.parameters, counts, gained
    u = cells.pack(model.components.parameters)
    still = cells.spread(task.held.parameters) | ~jnp.isfinite(u)
    u = where(jnp.isfinite(u), u, 0.0)
    size = u.shape[-1]

    def value(u: Free, part: Part) -> Reals:
        return _expected(cells, u, part)

    def slopes(part: Part) -> Sums:
        slope = jax.grad(lambda u: jnp.sum(value(u, part)))
        along = lambda e: jax.jvp(slope, (u,), (jnp.broadcast_to(e, u.shape),))  # noqa: E731
        gradient, curvature = jax.vmap(along, out_axes=(None, -1))(jnp.eye(size, dtype=u.dtype))
        return jnp.sum(part.shares, axis=1), gradient, curvature

    (counts, gradient, curvature), gained = sweep(slopes, model, task)
    believed = lambda u: _believed(cells, u, prior)  # noqa: E731
    if prior.is_general:
        gradient += jax.grad(lambda u: jnp.sum(believed(u)))(u)
        hessian = jax.jacfwd(jax.grad(lambda u: jnp.sum(believed(u))))
        axes = "".join("abcdefg"[: u.ndim - 1])
        curvature += jnp.einsum(f"{axes}x{axes}y->{axes}xy", hessian(u))
    step = _ascent(where(still, 0.0, gradient), curvature, still)
    tried = jnp.asarray(_STEPS, u.dtype).reshape(-1, *(1,) * u.ndim) * step
    gains, _ = sweep(lambda part: jax.vmap(lambda d: value(u + d, part))(tried), model, task)
    if prior.is_general:
        gains += jax.vmap(lambda d: believed(u + d))(tried)
    gains = where(jnp.isnan(gains), -jnp.inf, gains)
    best = jnp.argmax(gains - gains[-1:], axis=0)
    # At an estimate all steps gain nothing, rounding takes one of them: perhaps the one that stays
    # where it is, whatever the data. What moves with the data is the whole step.
    taken = jnp.take_along_axis(tried, best[None, ..., None], axis=0)[0]
    step += jax.lax.stop_gradient(taken - step)
    return cells.unpack(u + step).parameters, counts, gained


def _expected(cells: Cells, u: Free, part: Part) -> Float[Array, "*cells"]:
    """``Σ_n r log p`` of each cell."""
    components, rows = cells.unpack(u), part.data
    if rows.x.ndim > 1 and not components.event_shape:  # coordinates
        aligned = components.map(lambda p, _: jnp.expand_dims(p, 1))
        log_p = components.family.log_density(aligned.theta, rows.x)
        share = part.shares.reshape(part.shares.shape + (1,) * (log_p.ndim - 2))
        share = share if rows.observed is None else where(rows.observed, share, 0.0)
    else:
        log_p, factor = terms(components, rows)
        share = part.shares
        if factor is not None:
            log_p += where(factor > 0, jnp.log(where(factor > 0, factor, 1.0)), -jnp.inf)
    total = jnp.sum(weighted_terms(share, log_p), axis=1)
    return total if cells.shape else jnp.sum(total)


def _believed(cells: Cells, u: Free, prior: Prior) -> Float[Array, "*cells"]:
    """The log density of the parameters in each cell."""
    total = jnp.zeros(cells.shape, u.dtype)
    for log_p in prior.of_parameters(cells.unpack(u)):
        total += jnp.sum(log_p, axis=tuple(range(len(cells.shape), log_p.ndim)))
    return total


def _ascent(gradient: Free, curvature: Float[Array, "*cells p p"], still: Array) -> Free:
    """A step upwards: Newton's, shortened where the curvature is not negative definite."""
    size = gradient.shape[-1]
    apart = still[..., None] | still[..., None, :]
    bend = where(apart, jnp.eye(size, dtype=gradient.dtype), -curvature)
    bend = where(jnp.isfinite(bend), bend, 0.0)
    square = jnp.abs(jnp.diagonal(bend, axis1=-2, axis2=-1))
    # without rows there is no curvature: a one stands for it, of which roots have slopes
    scale = jnp.sqrt(where(square > 0, square, 1.0))
    bend = bend / (scale[..., None] * scale[..., None, :])
    bend += where(square > 0, 0.0, 1.0)[..., None] * jnp.eye(size, dtype=bend.dtype)
    ridges = jnp.asarray(_RIDGES * size, bend.dtype).reshape(-1, *(1,) * bend.ndim)
    roots = cholesky(bend + ridges * jnp.eye(size, dtype=bend.dtype))
    good = jnp.all(jnp.isfinite(roots), axis=(-2, -1))
    first = jnp.argmax(good, axis=0)
    root = jnp.take_along_axis(roots, first[None, ..., None, None], axis=0)[0]
    root = where(jnp.any(good, axis=0)[..., None, None], root, jnp.eye(size, dtype=bend.dtype))
    down = jnp.moveaxis(jnp.nan_to_num(gradient) / scale, -1, 0)
    step = solve_rows(root, solve_rows(root, down), transposed=True)
    return jnp.moveaxis(step, 0, -1) / scale
