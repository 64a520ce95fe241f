"""What a person can do about each type of failure."""

WHAT_TO_DO = {
    "DuplicateItem": "give each row of the manifest its own name",
    "ImageUnreadable": "check the file; it is no image that can be read",
    "ImageTruncated": "fetch the file again from where it came from",
    "ImageTooLarge": "raise limits.max_mp if the image is meant to be this large",
    "ImageEmpty": "the file has no bytes: fetch it again",
    "ImageUnsupported": "the message says what would be lost; convert the file, or leave it out",
    "MaskMissing": "add the mask, or say --set mask.on_missing=skip or copy",
    "MaskUnreadable": "check the mask file",
    "MaskSizeMismatch": "make the mask for this image, in its size",
    "MaskAmbiguous": "say how masks are to be read (mask.orientation)",
    "MaskCoversAll": "mask less: something known must be left",
    "PairAmbiguous": "remove one of the masks named, or set source.pair",
    "StorageDenied": "check the permissions, or the path",
    "StorageUnavailable": "run the same command again: it is tried again by itself",
    "OutOfMemory": "set model.batch_mp lower, or runtime.actors lower, then --retry OutOfMemory",
    "WorkerDied": "look at this file: the process died whenever it worked on it; then --retry WorkerDied",
    "Timeout": "run the same command again, or raise limits.item_timeout_s",
    "UnexpectedError": "a fault of the program: report it with the message",
}
