"""Pictures written as text: base64 (RFC 4648) in XMP, in text chunks, in comments.

No parser of the text around is needed, and one that expands entities would be a risk: what decodes to the first bytes
of an image is one, whatever its property is called.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.store.metadata.jpeg_stream import drawn_for, redraw, stream_at
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Tally

_LETTERS = rb"[A-Za-z0-9+/]++"
# Line breaks: plain, as XML has them in attributes, as JSON has them in strings (where "/" may be "\/").
_BREAK = rb"(?:[ \t\r\n]|&#(?:[xX]0{0,4}[9aAdD]|0{0,4}(?:9|10|13));|\\[nrt]|\\(?=/))++"
_RUN = re.compile(_LETTERS + rb"(?:" + _BREAK + _LETTERS + rb")*+(?:=(?:" + _BREAK + rb")?+){0,2}+")
_PART = re.compile(rb"(" + _BREAK + rb")|" + _LETTERS)
_SHORTEST = 64  # letters; no picture is smaller

# How the first bytes of images look in base64, and what they have to be.
_HEADS = (
    b"/9j/",
    b"iVBORw0KGgo",
    b"R0lGODdh",
    b"R0lGODlh",
    b"UklGR",
    b"SUkq",
    b"SUkr",
    b"TU0A",
    b"Qk",
    b"OEJQUw",
    b"AAAA",
)
_PICTURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM....\0\0\0\0|8BPS\0"
    rb"|\0\0\0\x0c(?:jP  |JXL )|....ftyp(?:hei|hev|mif|msf|avif|avis)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Run:
    """Bytes `start` to `end` of a text: base64 letters, line breaks within, padding.

    `parts` are (start, end) of the unbroken parts; `letters` are theirs together.
    """

    start: int
    end: int
    parts: tuple[tuple[int, int], ...]
    letters: bytes

    @property
    def is_picture(self) -> bool:
        """Is it an image from its first byte on?"""
        return _is_picture(self.letters, 0)

    def redraw(self, text: bytearray, preview: Preview, tally: Tally) -> None:
        """Draw `preview` into all JPEG streams that this run of `text` holds; blank it if it is any other image."""
        usable = len(self.letters) - (len(self.letters) % 4 == 1)
        binary = bytearray(base64.b64decode(self.letters[:usable] + b"=" * (-usable % 4)))
        before = bytes(binary)
        if self.is_picture:
            stream = stream_at(before, 0)
            if not stream or not drawn_for(stream, preview):
                self.blank(text, tally)
                return
        redraw(binary, preview, tally)
        if binary != before:
            self._write(text, before, binary)

    def blank(self, text: bytearray, tally: Tally) -> None:
        """Spaces instead: a property without a value."""
        tally.count(False)
        text[self.start : self.end] = b" " * (self.end - self.start)

    def _write(self, text: bytearray, before: bytes, binary: bytearray) -> None:
        letters = base64.b64encode(binary).rstrip(b"=")
        last = len(binary) // 3 * 3
        # The last letter may hold bits that stand for nothing.
        whole = len(letters) if binary[last:] != before[last:] else last // 3 * 4
        letters = letters[:whole] + self.letters[whole:]
        at = 0
        for start, end in self.parts:
            text[start:end] = letters[at : at + end - start]
            at += end - start


def runs(text: bytes) -> Iterator[Run]:
    """All that may be base64 of a picture, in its order; time is linear in the length."""
    for found in _RUN.finditer(text):
        if found.end() - found.start() >= _SHORTEST:
            parts = [part.span() for part in _PART.finditer(text, *found.span()) if part[1] is None]
            yield from _split(text, parts, found.end())


def _split(text: bytes, parts: list[tuple[int, int]], end: int) -> Iterator[Run]:
    """The run from its first picture on, and what comes before that: between words, spaces are line breaks too."""
    whole = _run(text, parts, end)
    at = 0
    for number, (start, stop) in enumerate(parts):
        if _is_picture(whole.letters, at):
            if number:
                yield from _long_enough(_run(text, parts[:number], parts[number - 1][1]))
            yield from _long_enough(_run(text, parts[number:], end))
            return
        at += stop - start
    yield from _long_enough(whole)


def _is_picture(letters: bytes, at: int) -> bool:
    head = letters[at : at + 24]
    return letters.startswith(_HEADS, at) and len(head) == 24 and bool(_PICTURE.match(base64.b64decode(head)))


def _long_enough(run: Run) -> Iterator[Run]:
    if len(run.letters) >= _SHORTEST:
        yield run


def _run(text: bytes, parts: list[tuple[int, int]], end: int) -> Run:
    return Run(parts[0][0], end, tuple(parts), b"".join(text[a:b] for a, b in parts))
