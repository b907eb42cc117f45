"""Programs: functions that make named random variables, and what can be done with them.

Each of the three is a NumPyro handler. A program needs nothing but named random variables (or
plain ``numpyro.sample`` sites); where it needs randomness, run it in ``numpyro.handlers.seed``.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from numpyro import handlers
from numpyro.infer.util import log_density
from numpyro.primitives import Messenger

from pathmix._random_variable import RandomVariable, as_site, plain


@contextmanager
def tape() -> Iterator[dict[str, RandomVariable]]:
    """Collect the named random variables of a block, in order.

    Plain ``numpyro.sample`` sites are collected too; random variables without a name, and what a
    ``block`` handler hides, are not. In nested blocks each tape collects.

    Yields:
        A dict, filled as the block runs, of name to random variable. They equal the program's own
        in distribution, value, sample shape and name.

    Raises:
        ValueError: Two random variables of the block have the same name.

    Example:
        >>> from jax import random
        >>> from numpyro import handlers
        >>> from pathmix import random_variables as rv, tape
        >>> def program():
        ...     loc = rv.Normal(0.0, 1.0, name="loc")
        ...     return rv.Normal(loc, 1.0, sample_shape=5, name="x")
        >>> with tape() as variables, handlers.seed(rng_seed=0):
        ...     x = program()
        >>> list(variables)
        ['loc', 'x']
        >>> bool((variables["x"] == x).all())
        True
    """
    with _Tape() as recorder:
        yield recorder.variables


class _Tape(Messenger):
    """Makes a random variable of each site that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: dict[str, RandomVariable] = {}

    def __enter__(self) -> "_Tape":
        super().__enter__()
        return self

    def postprocess_message(self, msg: dict[str, Any]) -> None:
        if msg["type"] == "sample":
            if msg["name"] in self.variables:
                raise ValueError(_duplicate(msg["name"], "a tape"))
            self.variables[msg["name"]] = RandomVariable.of_site(as_site(msg, msg["fn"]))


@contextmanager
def condition(**values: Any) -> Iterator[None]:
    """Observe the random variables of a block: give them these values, by name.

    May be nested, within itself and within other handlers, and under jit, where values may be
    traced. The outermost value of a name wins. What is observed, also by ``value=`` in the program,
    is overridden. Each run of a program within the block is conditioned, inference included.

    Args:
        **values: A value for each name, of the shape of the random variable.

    Raises:
        ValueError: At the end of the block, if no random variable of a name was made in it; in the
            block, if a value has the wrong shape for a random variable.

    Example:
        >>> import jax.numpy as jnp
        >>> from pathmix import condition, random_variables as rv
        >>> def program():
        ...     loc = rv.Normal(0.0, 1.0, name="loc")
        ...     return rv.Normal(loc, 1.0, value=2.0, name="x")
        >>> with condition(loc=0.5):
        ...     x = program()
        >>> print(f"{x.distribution.loc:.1f} {x:.1f}")
        0.5 2.0
    """
    with _Condition(values) as conditioned:
        yield
    conditioned.require_all_met()


class _Condition(handlers.condition):
    """NumPyro's handler, which ignores unknown names, and a note of the names it has met."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(data={name: jnp.asarray(plain(value)) for name, value in values.items()})
        self.met: dict[str, None] = {}

    def __enter__(self) -> "_Condition":
        super().__enter__()
        return self

    def process_message(self, msg: dict[str, Any]) -> None:
        super().process_message(msg)
        if msg["type"] == "sample":
            self.met[msg["name"]] = None

    def require_all_met(self) -> None:
        """Raise if a value was given for a name that no site had."""
        if unknown := sorted(set(self.data) - set(self.met)):
            raise ValueError(_unknown(unknown, self.met, "condition"))


def log_joint(program: Callable[..., Any]) -> Callable[..., jax.Array]:
    """Return the log joint density of a program as a function.

    The function takes the program's arguments and, by keyword, the value of every random variable
    that the program does not observe itself. A keyword that is a parameter of the program is an
    argument. It returns the scalar sum of the log densities of all random variables, scaled by
    subsampling plates and ``scale`` and masked by ``mask``, as ``numpyro.infer.util.log_density``
    does, and can be jitted and differentiated in arguments and values.

    Random variables without a name are constants to it and add nothing. A program that subsamples
    needs a seed for that: ``log_joint(numpyro.handlers.seed(program, key))``.

    Args:
        program: A function that makes named random variables, or ``numpyro.sample`` sites.

    Raises:
        ValueError: When called: values are missing, unknown or of the wrong shape, or two random
            variables have the same name.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from pathmix import log_joint, random_variables as rv
        >>> def regression(features):
        ...     slope = rv.Normal(0.0, 1.0, name="slope")
        ...     return rv.Normal(slope * features, 1.0, name="y")
        >>> joint = log_joint(regression)
        >>> features, y = jnp.array([1.0, 2.0]), jnp.array([1.0, 3.0])
        >>> print(f"{joint(features, slope=1.0, y=y):.4f}")
        -3.7568
        >>> print(jax.grad(lambda slope: joint(features, slope=slope, y=y))(1.0))
        1.0
    """

    def joint(*args: Any, **kwargs: Any) -> jax.Array:
        arguments, values = _split(program, kwargs)
        ledger = _Ledger(program, values)
        # Sites of this program are none of a program that calls this function.
        with handlers.block():
            try:
                density, _ = log_density(ledger, args, arguments, values)
            except Exception as error:
                if ledger.missing:
                    raise ValueError(ledger.missing_text()) from error
                raise
        ledger.require_complete()
        return jnp.asarray(density)

    joint.__name__ = joint.__qualname__ = f"log_joint_of_{getattr(program, '__name__', 'program')}"
    joint.__doc__ = f"Return the log joint density of {joint.__name__[13:]} (see log_joint)."
    return joint


class _Ledger(Messenger):
    """Checks, site by site, the values that a log joint density was given."""

    def __init__(self, program: Callable[..., Any], values: dict[str, Any]) -> None:
        super().__init__()
        self.program, self.values = program, values
        self.met: dict[str, None] = {}
        self.missing: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self:
            return self.program(*args, **kwargs)

    def process_message(self, msg: dict[str, Any]) -> None:
        """Let a site without a value draw any, so that all that are missing are found."""
        if msg["type"] not in ("sample", "param"):
            return
        name = msg["name"]
        if name in self.met and msg["type"] == "sample":
            raise ValueError(_duplicate(name, "a program"))
        self.met[name] = None
        if msg["type"] == "sample" and msg["value"] is None and name not in self.values:
            self.missing.append(name)
            msg["kwargs"]["rng_key"] = jax.random.key(0)

    def postprocess_message(self, msg: dict[str, Any]) -> None:
        """Check the shape of a value against what plates have made of the distribution."""
        if msg["type"] != "sample" or msg["name"] not in self.values:
            return
        if msg.get("_control_flow_done"):  # a stack of sites, one per step
            return
        expected = msg["fn"].shape(msg["kwargs"]["sample_shape"])
        if msg["value"].shape != expected:
            raise ValueError(
                f"expected a value of shape {expected} for the random variable {msg['name']!r}, "
                f"got shape {msg['value'].shape}. Reshape it, or the parameters of its "
                "distribution."
            )

    def require_complete(self) -> None:
        """Raise unless every random variable has a value, and every value a random variable."""
        if self.missing:
            raise ValueError(self.missing_text())
        if unknown := sorted(set(self.values) - set(self.met)):
            raise ValueError(_unknown(unknown, self.met, "log_joint"))

    def missing_text(self) -> str:
        """What to say of missing values."""
        clash = sorted(set(self.missing) & set(_parameters(self.program)))
        hint = f" Rename the parameters {clash}: they take these keywords." if clash else ""
        return (
            f"expected a value for every random variable of the program, got none for "
            f"{self.missing}. Pass them by keyword, as in log_joint(program)(..., "
            f"{self.missing[0]}=...).{hint}"
        )


def _split(program: Callable[..., Any], kwargs: dict[str, Any]) -> tuple[dict, dict]:
    """Divide keywords into arguments of the program and values of its random variables."""
    parameters = _parameters(program)
    arguments = {name: value for name, value in kwargs.items() if name in parameters}
    values = {n: jnp.asarray(plain(v)) for n, v in kwargs.items() if n not in parameters}
    return arguments, values


def _parameters(program: Callable[..., Any]) -> list[str]:
    """The parameters of the program that can be passed by keyword."""
    parameters = inspect.signature(program).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _duplicate(name: str, where: str) -> str:
    return (
        f"expected the names of random variables to be unique in {where}, got two named {name!r}. "
        "Rename one, or run its program within numpyro.handlers.scope(prefix=...)."
    )


def _unknown(unknown: list[str], met: dict[str, None], function: str) -> str:
    return (
        f"expected names of random variables that the program makes, {sorted(met)}, got {unknown}. "
        f"Rename the keyword of {function}, or name the random variable."
    )
