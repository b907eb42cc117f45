"""The evidence lower bound of a guide with a mixture, one evaluation per component and draw."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import jax
from jax import Array
from numpyro.handlers import trace
from numpyro.infer import ELBO, Trace_ELBO

from pathmix._infer._averages import Average, Bound, ImportanceWeighted
from pathmix._infer._log_joint import GuideRun, Programs, enumerated, log_joint, run_guide
from pathmix._infer._mixture_sites import Strata
from pathmix._numpyro import find_stack_level
from pathmix._typing import Reals, Value

Outcome: TypeAlias = tuple[Reals, dict[str, Any]]
"""The bound by one particle, and the mutable state that the programs leave."""


class Stratified_ELBO(ELBO):  # noqa: N801  (as NumPyro names its objectives)
    """TODO"""

    can_infer_discrete = True

    def __init__(
        self,
        num_particles: int = 1,
        vectorize_particles: Any = True,  # noqa: FBT002  (NumPyro's signature)
        *,
        importance_weighted: bool = False,
        sticking_the_landing: bool = True,
        max_evaluations: int = 64,
        multi_sample_guide: bool = False,
    ) -> None:
        if multi_sample_guide:
            raise ValueError("TODO")
        self.importance_weighted = importance_weighted
        self.sticking_the_landing = sticking_the_landing
        self.max_evaluations = max_evaluations
        super().__init__(num_particles=num_particles, vectorize_particles=vectorize_particles)

    def loss_with_mutable_state(
        self,
        rng_key: Array,
        param_map: dict[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the negative bound and, of a single particle, the mutable state."""
        programs = Programs(model, guide, args, kwargs, param_map)
        if self.num_particles == 1:
            bound, mutable = self._particle(programs, rng_key)
            return {"loss": -bound, "mutable_state": mutable or None}
        keys = jax.random.split(rng_key, self.num_particles)
        bounds = self.vectorize_particles_fn(partial(self._stateless, programs), keys)
        return {"loss": -self._bound.of_particles(bounds), "mutable_state": None}

    @property
    def _bound(self) -> Bound:
        if self.importance_weighted:
            return ImportanceWeighted()
        return Average(without_score=self.sticking_the_landing)

    def _stateless(self, programs: Programs, key: Array) -> Reals:
        bound, mutable = self._particle(programs, key)
        if mutable:  # in NumPyro's words
            warnings.warn(
                "mutable state is currently ignored when num_particles > 1.",
                stacklevel=find_stack_level(),
            )
        return bound

    def _particle(self, programs: Programs, key: Array) -> Outcome:
        of_model, of_guide = jax.random.split(key)  # as Trace_ELBO splits it
        run = run_guide(programs, of_guide, {})
        if run.next is None and not run.by_score and not self.importance_weighted:
            plain = _plain(programs, key, run)
            if plain is not None:
                return plain
        evaluation = _Evaluation(programs, of_model, of_guide, self._bound, self.max_evaluations)
        return evaluation.bound(run, {}, 1)


@dataclass(frozen=True)
class _Evaluation:
    """One particle: the programs, the keys of each, and what becomes of the log ratios."""

    programs: Programs
    of_model: Array
    of_guide: Array
    average: Bound
    max_evaluations: int

    def bound(self, run: GuideRun, given: Mapping[str, Value], count: int) -> Outcome:
        """Return the bound from a run of the guide in which some mixtures have their values."""
        if run.next is not None:
            return self._over_components(run.next, given, count * len(run.next.draws))
        whole = isinstance(self.average, ImportanceWeighted)
        log_p, mutable = log_joint(self.programs, self.of_model, run, whole=whole)
        log_ratio = log_p - run.log_prob(given)
        return self.average.of_draw(log_ratio, run.score(), run.by_score), mutable

    def _over_components(self, strata: Strata, given: Mapping[str, Value], count: int) -> Outcome:
        """The same, where the next mixture takes a value of each component."""

        def of(draw: Value) -> Outcome:
            known = {**given, strata.name: draw}
            room = self.max_evaluations / count
            return self.bound(run_guide(self.programs, self.of_guide, known, room), known, count)

        values, mutable = jax.vmap(of)(strata.draws)
        return self.average.of_strata(strata, values), _of_one(mutable, strata)


def _of_one(mutable: dict[str, Any], strata: Strata) -> dict[str, Any]:
    """The state of one component, chosen by the weights, as if it alone had been drawn."""
    if not mutable:
        return {}
    k = jax.random.categorical(jax.random.fold_in(strata.key, 1), strata.weights.log())
    return {name: jax.tree.map(lambda each: each[k], state) for name, state in mutable.items()}


def _plain(programs: Programs, key: Array, run: GuideRun) -> Outcome | None:
    """What ``Trace_ELBO`` gives, unless sites of the model are to be summed out."""
    model_trace: dict[str, Any] = {}

    def model(*args: Any, **kwargs: Any) -> None:
        model_trace.update(trace(programs.model).get_trace(*args, **kwargs))

    rest = programs.params, model, programs.guide, *programs.args
    plain = Trace_ELBO().loss_with_mutable_state(key, *rest, **programs.kwargs)
    if enumerated(model_trace, run.trace):
        return None
    return -plain["loss"], plain["mutable_state"] or {}
