"""Ten million rows of eight numbers in a file, fitted block by block; prints what it took.

Run as `python tests/cases/streamed.py FILE [ROWS]`, in a process of its own: the most memory that a
process ever held is known of it as a whole.
"""

import json
import resource
import sys

import jax
import numpy as np
import numpyro.distributions as dist

from pathmix import OnlineEM, fit, start

COLUMNS, COMPONENTS, BLOCK = 8, 4, 2**16
CENTRES = 4.0 * np.eye(COLUMNS)[:COMPONENTS]


def written(path: str, n: int) -> None:
    """Fill the file, a block at a time: clouds of unit spread in turn."""
    rows = np.memmap(path, np.float32, "w+", shape=(n, COLUMNS))
    rng = np.random.default_rng(0)
    for i in range(0, n, BLOCK):
        size = min(BLOCK, n - i)
        which = np.arange(size) % COMPONENTS
        rows[i : i + size] = CENTRES[which] + rng.standard_normal((size, COLUMNS), np.float32)
    rows.flush()


def main(path: str, n: int) -> None:
    """Write the rows, fit them, and say how far off the centres are."""
    written(path, n)
    rows = np.memmap(path, np.float32, "r", shape=(n, COLUMNS))
    few, key = np.asarray(rows[:2000]), jax.random.key(0)
    begun = fit(start(dist.MultivariateNormal, few, COMPONENTS, key=key, num_starts=6), few)
    found = fit(begun.mixture, rows, method=OnlineEM(block_size=BLOCK), progress=True)
    loc = np.asarray(found.mixture.components_distribution.loc)
    off = np.abs(loc[:, None] - CENTRES).max(axis=-1).min(axis=0)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"off": float(off.max()), "steps": int(found.steps), "gib": gib}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000)
