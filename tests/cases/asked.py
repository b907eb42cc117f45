"""What is known of a distribution, asked by name: `family(d).log_cdf(d, x)`."""

import jax

from pathmix._components import canonical, need
from pathmix._evaluation._moments import moment
from pathmix._evaluation._rows import limit_at, velocity_at

NAMES = {
    "log_prob": "log_density",
    "smaller_tail": "smaller_tail_at",
    "cdf": "cdf_at",
    "tail": "tail_at",
}


class Asked:
    """Functions of a distribution and a value, by the distribution's family and parameters."""

    def __getattr__(self, name):
        return lambda d, *x: ask(name, d, *x)

    def velocity(self, d, tangent, x):
        components, change = jax.jvp(canonical, (d,), (tangent,))
        return velocity_at(components, change, x)


def ask(name, d, *x):
    components = canonical(d)
    if name in ("mean", "variance", "covariance"):
        return moment(components, name)
    return need(components, NAMES.get(name, name))(components.theta, *x)


def family(d):
    return Asked()


def limit_of(d, x):
    """The probabilities at limits of the parameters of scalars."""
    return limit_at(canonical(d).factors(), x)
