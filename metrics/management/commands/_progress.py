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
            self._write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")

    def close(self) -> None:
        if self._is_terminal and self._said:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._out.write(text, style_func=str, ending="")  # not in the colour of errors
        self._out.flush()
