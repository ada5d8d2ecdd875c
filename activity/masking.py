"""What sounds like a secret, and what is shown in its place. Pure."""

import re

SECRET_NAME = re.compile(r"pass(word|phrase)?|secret|token|private|api_?key|authorization|cookie", re.IGNORECASE)
MASK = "••••••"
