"""Backups of the whole monitor: made while it works, checked before they count, restored into an empty place."""
