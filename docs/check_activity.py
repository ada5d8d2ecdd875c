#!/usr/bin/env python3
"""Checks exported lines of Tomo Monitor's activity log, with nothing but Python and the key.

    check_activity.py KEY_FILE LINES_FILE [--whole]

KEY_FILE is keys/activity_key of the data folder. Each line is checked by itself; with --whole, also that the first is
the first of all and that each follows the one before, as when nothing was filtered out or pruned. Ends with 0 if all is
well, with 1 if not.
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path


def main(key_file: str, lines_file: str, whole: str = "") -> int:
    key = bytes.fromhex(Path(key_file).read_text().strip())
    wrong = lines = 0
    before = "0" * 64  # what the first row of all follows
    with Path(lines_file).open("rb") as file:
        for number, line in enumerate(file, start=1):
            content, _, rest = line.rstrip(b"\n").rpartition(b',"mac":"')
            expected = hmac.new(key, content + b"}", hashlib.sha256).hexdigest()
            if not line.startswith(b'{"id":') or not hmac.compare_digest(rest, (expected + '"}').encode()):
                print(f"line {number} was changed, or belongs to another key: {content[:80]!r}")
                wrong += 1
            elif whole and json.loads(line)["previous"] != before:
                print(f"line {number} does not follow the line before: rows are missing, or out of order")
                wrong += 1
            before = expected
            lines = number
    print(f"{lines} lines, {wrong} wrong")
    return 1 if wrong or not lines else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--whole"]):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
