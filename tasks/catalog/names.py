"""Names of files: what a suffix says, which names are refused, and the item's identity."""

import hashlib
import posixpath

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"})
OTHER_RASTER_SUFFIXES = frozenset(
    {".gif", ".bmp", ".jp2", ".j2k", ".heic", ".heif", ".avif", ".psd", ".dng", ".exr", ".jxl"}
)
RASTER_SUFFIXES = IMAGE_SUFFIXES | OTHER_RASTER_SUFFIXES
MANIFEST_SUFFIXES = frozenset({".parquet", ".csv", ".jsonl"})


def suffix_of(path: str) -> str:
    """The last suffix in lower case, dot included; empty for a name without one."""
    return posixpath.splitext(path)[1].lower()


def is_hidden(path: str) -> bool:
    """Whether any segment starts with a dot (`.` and `..` are not names, so they are not hidden)."""
    if "/." not in path and not path.startswith("."):
        return False
    return any(segment.startswith(".") and segment not in (".", "..") for segment in path.split("/"))


def refusal(path: str) -> str | None:
    """Why a relative path may not be used under a root, or None when it may."""
    if "\0" in path:
        return "the name holds a zero byte"
    segments = path.split("/")
    if ".." in segments:
        return "the path leaves its root"
    if "" in segments or "." in segments:
        return "the path is absolute, or has an empty or '.' segment"
    return None


def shown(path: str) -> str:
    """The path as valid Unicode: bytes of a local name that are no UTF-8 become `\\xNN`."""
    if path.isascii():
        return path
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can spell it
        return path.encode("utf-8", "backslashreplace").decode()


def output_name(name: str, path: str) -> str:
    """The output for a manifest's `name`: with the suffix of the image at `path` unless it has that one already."""
    suffix = posixpath.splitext(path)[1]
    return name if suffix_of(name) == suffix.lower() else name + suffix


def item_id(path: str, output: str) -> str:
    """Identity of an item: 20 hex digits (80 bits) of a SHA-256 over names, never over an order.

    Args:
        path: the image, relative to its root.
        output: the output, relative to SINK/images. It counts only where a manifest gave it another name than the
            image's, so that the same archive has the same ids with and without a manifest.
    """
    text = path if output == path else f"{path}\0{output}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
