"""How a server is read. Pure: text in, frozen readings out; no Django, no SSH."""
