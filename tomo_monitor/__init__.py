"""Tomo Monitor: watches servers over SSH with nothing installed on them."""

__version__ = "0.1.0"
