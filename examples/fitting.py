"""Four classical jobs for mixtures: how many, what is missing, what is inexact, and counts.

- `faithful`: how many kinds of eruption has Old Faithful, and do they share a covariance? By BIC.
- `iris`: three species, when a fifth of the measurements was never made.
- `tully-fisher`: the line through galaxies that are measured with errors along both axes.
- `counts`: deaths a day are no Poisson variable; are they a mixture of two?

Each maximises a likelihood, prints a table and draws a picture; all go to `examples/output/`.
Run: `python examples/fitting.py`, or one of them: `python examples/fitting.py --only iris`
"""

import argparse
import time
from pathlib import Path

import numpyro

import _fitting_counts as counts
import _fitting_faithful as faithful
import _fitting_iris as iris
import _fitting_tully_fisher as tully_fisher
from _look import save

HERE = Path(__file__).parent
JOBS = {
    "faithful": faithful.run,
    "iris": iris.run,
    "tully-fisher": tully_fisher.run,
    "counts": counts.run,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=JOBS, help="one of them; all by default")
    parser.add_argument("--output", type=Path, default=HERE / "output", metavar="DIRECTORY")
    return parser.parse_args()


def main() -> None:
    """Do the jobs; print and save the table and the picture of each."""
    options = arguments()
    numpyro.enable_x64()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else JOBS:
        begun = time.perf_counter()
        page, figure = JOBS[name](HERE / "data")
        print(f"{page}\n{time.perf_counter() - begun:.1f} seconds\n", flush=True)
        stem = f"fitting_{name.replace('-', '_')}"
        (options.output / f"{stem}.md").write_text(page)
        save(figure, options.output / f"{stem}.png")
        print(f"Table and picture: {options.output}/{stem}.md, {stem}.png\n", flush=True)


if __name__ == "__main__":
    main()
