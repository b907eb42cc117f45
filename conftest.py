"""What is collected of the documented examples: those whose extras are installed."""

from importlib.util import find_spec

collect_ignore_glob = []
if find_spec("torch") is None:  # make .venv/.has-torch
    collect_ignore_glob += ["src/pathmix/torch.py", "src/pathmix/_torch/*", "docs/torch.md"]
