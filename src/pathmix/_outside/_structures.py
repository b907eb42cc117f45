"""What is made of other distributions: independent, transformed, repeated, masked, inflated."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, discrete

from pathmix._components import canonical
from pathmix._outside._bijectors import bijector_of, transforms_of
from pathmix._outside._libraries import DISTRAX, TFP, as_given
from pathmix._outside._reading import numpyro_of
from pathmix._outside._scalars import is_zero
from pathmix._outside._table import reads, writes
from pathmix._outside._writing import tfp_of

# ---- both libraries ----


def _independent(d: Any) -> Distribution:
    base: Distribution = numpyro_of(d.distribution)
    return base.to_event(int(d.reinterpreted_batch_ndims))


def _transformed(d: Any) -> Distribution | None:
    """By bijectors of single numbers; any other makes the whole a distribution of its own."""
    transforms, base = transforms_of(d.bijector), numpyro_of(d.distribution)
    if transforms is None:
        return None
    moved = dist.TransformedDistribution(base, transforms, validate_args=False)
    shape = *map(int, d.batch_shape), *map(int, d.event_shape)
    return moved if moved.shape() == shape and moved.event_dim == len(d.event_shape) else None


reads(TFP, "Independent", "Independent")(_independent)
reads(DISTRAX, "Independent", "Independent")(_independent)
reads(TFP, "TransformedDistribution", "TransformedDistribution")(_transformed)
reads(DISTRAX, "Transformed", "TransformedDistribution")(_transformed)


@writes(dist.Independent)
def _write_independent(d: Any, tfp: Any) -> Any:
    base = tfp_of(d.base_dist, tfp)
    return tfp.distributions.Independent(base, d.reinterpreted_batch_ndims)


@writes(dist.TransformedDistribution)
def _write_transformed(d: Any, tfp: Any) -> Any:
    bijectors = [bijector_of(t, tfp) for t in reversed(d.transforms)]
    base = tfp_of(d.base_dist, tfp)
    return tfp.distributions.TransformedDistribution(base, tfp.bijectors.Chain(bijectors))


@writes(dist.ExpandedDistribution)
def _write_expanded(d: Any, tfp: Any) -> Any:
    return tfp.distributions.BatchBroadcast(tfp_of(d.base_dist, tfp), d.batch_shape)


# ---- other batch shapes ----


@reads(TFP, "BatchBroadcast", "expand")
def _broadcast(d: Any) -> Distribution:
    base: Distribution = numpyro_of(d.distribution)
    return base.expand(tuple(map(int, d.batch_shape)))


@reads(TFP, "BatchReshape", "its parameters, reshaped")
def _reshaped(d: Any) -> Distribution | None:
    c, new = canonical(numpyro_of(d.distribution)), tuple(map(int, d.batch_shape))
    if not c.selectable:
        return None
    old = c.batch_shape

    def reshaped(p: Any, n: int) -> Any:
        event = p.shape[p.ndim - n :]
        return jnp.broadcast_to(p, old + event).reshape(new + event)

    return c.map(reshaped).distribution


@reads(TFP, "Sample", "expand and to_event")
def _repeated(d: Any) -> Distribution | None:
    """Axes of independent draws stand between those of the batch and those of the event."""
    size = tuple(int(n) for n in np.ravel(as_given(d, "sample_shape")))
    c = canonical(numpyro_of(d.distribution))
    if not c.selectable:
        return None
    batch = c.batch_shape

    def spread(p: Any, n: int) -> Any:
        return jnp.expand_dims(p, range(p.ndim - n, p.ndim - n + len(size)))

    wide = c.map(spread).distribution
    return wide.expand(batch + size).to_event(len(size)) if math.prod(size) else None


# ---- masked and inflated ----


@reads(TFP, "Masked", "mask")
def _masked(d: Any) -> Distribution:
    base: Distribution = numpyro_of(d.distribution)
    return base.mask(jnp.asarray(d.validity_mask))


@writes(dist.MaskedDistribution)
def _write_masked(d: Any, tfp: Any) -> Any:
    return tfp.distributions.Masked(tfp_of(d.base_dist, tfp), d._mask)


def _inflated(d: Any) -> Distribution | None:
    """A share of zeros among counts. By logits TFP's share is ``sigmoid(2 · logits)``."""
    base: Distribution = numpyro_of(d.distribution)
    where = [as_given(d, f"inflated_loc{which}") for which in ("", "_atol", "_rtol")]
    if not base.is_discrete or base.event_shape or not is_zero(*where):
        return None
    if d.inflated_loc_probs is not None:
        return discrete.ZeroInflatedProbs(base, d.inflated_loc_probs, validate_args=False)
    return discrete.ZeroInflatedLogits(base, 2 * d.inflated_loc_logits, validate_args=False)


for _name in ("Inflated", "ZeroInflatedNegativeBinomial"):
    reads(TFP, _name, "ZeroInflatedDistribution")(_inflated)


@writes(discrete.ZeroInflatedProbs)
def _write_inflated(d: Any, tfp: Any) -> Any:
    gate = jnp.broadcast_to(d.gate, d.batch_shape)
    where = jnp.zeros_like(gate)
    return tfp.distributions.Inflated(
        tfp_of(d.base_dist, tfp), inflated_loc_probs=gate, inflated_loc=where
    )


@writes(discrete.ZeroInflatedLogits)
def _write_inflated_by_logits(d: Any, tfp: Any) -> Any:
    half = 0.5 * jnp.broadcast_to(d.gate_logits, d.batch_shape)
    return tfp.distributions.Inflated(
        tfp_of(d.base_dist, tfp), inflated_loc_logits=half, inflated_loc=jnp.zeros_like(half)
    )


# ---- truncated ----


@writes(dist.TwoSidedTruncatedDistribution)
def _write_truncated(d: Any, tfp: Any) -> Any:
    return _between(d.base_dist, d.low, d.high, tfp)


@writes(dist.LeftTruncatedDistribution)
def _write_left_truncated(d: Any, tfp: Any) -> Any:
    base = d.base_dist
    if type(base) is dist.StudentT and is_zero(d.low - base.loc):
        return tfp.distributions.HalfStudentT(base.df, base.loc, base.scale)
    return _between(d.base_dist, d.low, jnp.inf, tfp)


@writes(dist.RightTruncatedDistribution)
def _write_right_truncated(d: Any, tfp: Any) -> Any:
    return _between(d.base_dist, -jnp.inf, d.high, tfp)


def _between(base: Any, low: Any, high: Any, tfp: Any) -> Any:
    one_sided = any(isinstance(end, float) for end in (low, high))
    if type(base) not in ((dist.Normal,) if one_sided else (dist.Normal, dist.Cauchy)):
        raise NotImplementedError(
            f"TFP has no such truncated {type(base).__name__}: expected a truncated Normal, a "
            "Cauchy truncated on both sides, or a StudentT truncated at its location. Give as_tfp "
            "a mixture without it."
        )
    kind = getattr(tfp.distributions, f"Truncated{type(base).__name__}")
    return kind(base.loc, base.scale, low, high)
