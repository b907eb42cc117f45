"""pathmix, its peers and the floor, side by side: see benchmarks/README.md."""
