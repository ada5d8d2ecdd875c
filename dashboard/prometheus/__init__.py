"""The Prometheus face: everything that is known at present, as text that a Prometheus server scrapes."""
