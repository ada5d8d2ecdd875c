"""Benchmarks: `make bench` prints what the product costs, beside the alternatives, measured in one run."""
