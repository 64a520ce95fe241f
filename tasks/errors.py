"""The typed refusals: each class name here is a value of the column `results.error`.

An `ItemError` costs one item one row. A `UsageError` ends the command with exit code 2 before anything is written,
a `PoolFailure` with 1.
"""


class UsageError(Exception):
    """Wrong usage or settings: nothing was read or written because of it."""


class PoolFailure(RuntimeError):
    """The run cannot go on: workers do not start, or results cannot be committed. What is committed stays."""


class ItemError(Exception):
    """One item cannot be done; `type(error).__name__` goes to `results.error`, `str(error)` to `results.message`."""


class DuplicateItem(ItemError):
    """Two items ask for the same output."""


class ImageUnreadable(ItemError):
    """Not an image, or one whose pixels cannot be decoded."""


class ImageTruncated(ItemError):
    """The header is fine, but pixels are missing: the file ends early."""


class ImageTooLarge(ItemError):
    """The header announces more than `limits.max_mp` megapixels."""


class ImageEmpty(ItemError):
    """Zero bytes."""


class ImageUnsupported(ItemError):
    """A kind of image that would not come back as it was."""


class MaskMissing(ItemError):
    """No mask was found and `mask.on_missing` is `fail`."""


class MaskUnreadable(ItemError):
    """The mask is no image, is empty, is truncated, or is too large."""


class MaskSizeMismatch(ItemError):
    """The mask's width and height are not the image's."""


class MaskAmbiguous(ItemError):
    """The mask can be read in two ways that differ."""


class MaskCoversAll(ItemError):
    """The mask leaves no known pixel to fill from."""


class PairAmbiguous(ItemError):
    """Two files could each be the mask of the image."""


class StorageDenied(ItemError):
    """Storage refused the credentials, or a path would leave its root."""


class StorageUnavailable(ItemError):
    """Storage failed in a way that may pass: throttled, 5xx, reset; still so after the retries."""


class OutOfMemory(ItemError):
    """Not enough device or host memory for this item, even one crop at a time."""


class WorkerDied(ItemError):
    """The process died whenever it worked on this item."""


class Timeout(ItemError):
    """The item took longer than `limits.item_timeout_s`."""


class UnexpectedError(ItemError):
    """A fault of the program itself, kept from taking the run down; the message names the exception."""


ERROR_TYPES = tuple(sorted(c.__name__ for c in ItemError.__subclasses__()))
