"""What the command line prints: characters that the terminal cannot show are replaced, and those
that would steer it are shown, so that no name in the data clears a screen or hides a line.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import Any

# control characters but tab and line feed, and those that turn the direction of writing
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


def shown(text: str) -> str:
    r"""Return a text with the characters that would steer a terminal written out.

    >>> print(shown("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


class Shown(io.TextIOWrapper):
    """A stream of text to a terminal, a file or a pipe."""

    def write(self, text: str) -> int:
        """Write a text; a carriage return that begins it draws a progress bar anew."""
        begun = text[:1] if text.startswith("\r") else ""
        super().write(begun + shown(text[len(begun) :]))
        return len(text)


def guard_streams() -> None:
    """Let standard output and error take any text."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, Shown):
            continue
        if stream is not getattr(sys, f"__{name}__"):
            continue  # another's stream, that goes on using it
        stream.flush()
        encoding, line = stream.encoding, stream.line_buffering
        if codecs.lookup(encoding).name == "ascii":
            encoding = "utf-8"  # nobody set it; click would do the same, by a stream of its own
        setattr(sys, name, Shown(stream.detach(), encoding, errors="replace", line_buffering=line))
