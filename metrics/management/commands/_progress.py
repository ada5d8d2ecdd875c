"""How far a long command is, on a terminal as one line that changes, elsewhere as a line for each stage."""

from django.core.management.base import OutputWrapper


class Progress:
    """Called with a stage and its share from 0 to 1."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out, self._said, self._is_terminal = out, "", out.isatty()

    def __call__(self, stage: str, share: float) -> None:
        line = f"{stage} … {min(share, 1):.0%}" if self._is_terminal else f"{stage} …"
        if line != self._said:
            self._said = line
            self._out.write(f"\r\x1b[K{line}" if self._is_terminal else line, ending="" if self._is_terminal else "\n")
            self._out.flush()

    def close(self) -> None:
        if self._is_terminal and self._said:
            self._out.write("\r\x1b[K", ending="")
