"""For Docker: whether the web server in this container reaches its database. Silent pollers are not its fault."""

import json
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", 8000, timeout=5)
connection.request("GET", "/healthz")
assert json.load(connection.getresponse())["database"] == "ok"
