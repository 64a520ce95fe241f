"""Templates that say which file is the mask of an image."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tasks.errors import PairAmbiguous

PLACEHOLDERS = {
    "dir": r"(?P<dir>(?:.+/)?)",
    "stem": r"(?P<stem>[^/]+)",
    "name": r"(?P<name>[^/]+)",
    "suffix": r"(?P<suffix>\.[^./]+)",
    "n": r"(?P<n>[0-9]*)",
}
ALLOWED = (
    "{dir} (folders, with the last slash), {stem}, {name} ({stem}{suffix}), {suffix}, {n} (a number or nothing), *"
)
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|([{}])")
_NAMED_AT_MOST = 5


class Template:
    """One template of `source.pair`, such as `{dir}{stem}_mask{n}.*`, as a regular expression over masks' paths.

    `{stem}` and `{name}` take as much as they can, `*` as little as it can, and neither crosses a slash. Suffixes are
    compared in lower case.

    Raises:
        ValueError: with what is allowed.
    """

    def __init__(self, text: str) -> None:
        tokens = _tokens(text)
        _check(text, tokens)
        self.text = text
        self.fields = tuple(f for f in ("dir", "stem", "name", "suffix") if ("field", f) in tokens)
        self.numbered = ("field", "n") in tokens
        # A literal that tells a mask from its image. Without one (`{dir}{stem}.*`) every image beside another of the
        # same stem would be its mask, so such a template is of use only where masks have their own root.
        self.telling = any(kind == "literal" and value.strip("./") for kind, value in tokens)
        pattern = "".join(
            PLACEHOLDERS[value] if kind == "field" else "[^/]*?" if kind == "star" else re.escape(value)
            for kind, value in _lower_suffix(tokens)
        )
        self._match = re.compile(pattern, re.DOTALL).fullmatch

    def image_key(self, path: str) -> str:
        """The key that an image's relative path has under this template."""
        folder, name = _split(path)
        stem, suffix = posixpath.splitext(name)
        parts = {"dir": folder, "stem": stem, "name": stem + suffix.lower(), "suffix": suffix.lower()}
        return "\0".join([parts[field] for field in self.fields])

    def mask_key(self, path: str) -> str | None:
        """The key of the images that a file at this relative path is a mask of, or None."""
        match = self._match(_lower(path))
        if match is None:
            return None
        if "name" in self.fields:
            return "\0".join([_lower(match[f]) if f == "name" else match[f] for f in self.fields])
        return "\0".join(match.group(*self.fields)) if len(self.fields) > 1 else str(match[self.fields[0]])

    def without_number(self, path: str) -> str | None:
        """The mask's path with its number taken out: equal for masks that differ in nothing else."""
        lowered = _lower(path)
        match = self._match(lowered) if self.numbered else None
        return None if match is None else lowered[: match.start("n")] + "\0" + lowered[match.end("n") :]


class Pairing:
    """Finds, for masks that stream by, the images they belong to: one dictionary per kind of key, so O(n)."""

    def __init__(self, templates: Sequence[str], paths: Sequence[str], among_images: bool = False) -> None:
        """Index the images.

        Args:
            templates: `source.pair`.
            paths: images relative to their root; rows of the answers of `images_of`.
            among_images: masks lie among the images, so only templates with a telling literal are used.
        """
        every = [Template(text) for text in templates]
        self.templates = [t for t in every if t.telling] if among_images else every
        self._rows: dict[tuple[str, ...], dict[str, int]] = {}
        self._more: dict[tuple[str, ...], dict[str, list[int]]] = {}
        for template in self.templates:
            if template.fields in self._rows:
                continue
            rows: dict[str, int] = {}
            more: dict[str, list[int]] = {}
            for row, path in enumerate(paths):
                key = template.image_key(path)
                if rows.setdefault(key, row) != row:
                    more.setdefault(key, []).append(row)
            self._rows[template.fields] = rows
            self._more[template.fields] = more

    def images_of(self, mask: str) -> Iterator[int]:
        """Rows of the images that the file at this relative path is a mask of; each row once."""
        seen: list[int] = []
        for template in self.templates:
            key = template.mask_key(mask)
            if key is None:
                continue
            row = self._rows[template.fields].get(key)
            if row is None:
                continue
            for found in (row, *self._more[template.fields].get(key, ())):
                if found not in seen:
                    seen.append(found)
                    yield found

    def united(self, image: str, masks: Sequence[str]) -> bool:
        """Whether several masks of one image are meant together: one template, and only the number differs."""
        return any(
            template.numbered
            and all(template.mask_key(m) == template.image_key(image) for m in masks)
            and len({template.without_number(m) for m in masks}) == 1
            and len({_lower(m) for m in masks}) == len(masks)
            for template in self.templates
        )


def ambiguous(masks: Sequence[str]) -> PairAmbiguous:
    """The refusal that names the candidates."""
    named = ", ".join(masks[:_NAMED_AT_MOST]) + (", …" if len(masks) > _NAMED_AT_MOST else "")
    return PairAmbiguous(f"{len(masks)} files could each be the mask: {named}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            tokens.append(("literal", text[end : match.start()]))
        end = match.end()
        if match[3]:
            raise ValueError(f"{text!r}: a brace without its partner; allowed are {ALLOWED}")
        if match[2]:
            tokens.append(("star", "*"))
        elif match[1] in PLACEHOLDERS:
            tokens.append(("field", match[1]))
        else:
            raise ValueError(f"{text!r}: unknown placeholder {{{match[1]}}}; allowed are {ALLOWED}")
    if end < len(text):
        tokens.append(("literal", text[end:]))
    return tokens


def _check(text: str, tokens: list[tuple[str, str]]) -> None:
    fields = [value for kind, value in tokens if kind == "field"]
    if len(set(fields)) != len(fields):
        raise ValueError(f"{text!r}: a placeholder is given twice")
    if not {"stem", "name"} & set(fields):
        raise ValueError(f"{text!r}: without {{stem}} or {{name}} it fits any image; allowed are {ALLOWED}")
    greedy = {("field", "stem"), ("field", "name")}
    endless = greedy | {("star", "*"), ("field", "n")}
    for left, right in pairwise(tokens):
        if (left in greedy and right in endless) or (right in greedy and left in endless):
            raise ValueError(
                f"{text!r}: {{stem}} or {{name}} touches {{n}}, * or another name, so nobody can tell where it ends; "
                "put a character between them"
            )


def _lower_suffix(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The tokens with a literal suffix at the end in lower case, as masks' paths are when they are compared."""
    kind, value = tokens[-1]
    return [*tokens[:-1], (kind, _lower(value) if kind == "literal" else value)]


def _split(path: str) -> tuple[str, str]:
    """The folder with its slash, and the name."""
    cut = path.rfind("/") + 1
    return path[:cut], path[cut:]


def _lower(path: str) -> str:
    """The path with its last suffix in lower case."""
    dot = path.rfind(".")
    return path if dot < 0 or "/" in path[dot:] else path[:dot] + path[dot:].lower()
