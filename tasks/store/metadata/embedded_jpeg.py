"""Any other bytes that may hold a picture: IPTC, text chunks, application segments, unknown tags."""

from tasks.store.metadata import base64_run, jpeg_stream
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, Tally


def renewed(blob: bytes, preview: Preview, what: str) -> Renewed:
    """`blob` with every JPEG stream in it, binary or base64, drawn anew or blanked; its length stays.

    `what` names the picture in the notes: "preview in the IPTC data".
    """
    changed, tally = bytearray(blob), Tally(what)
    jpeg_stream.redraw(changed, preview, tally)
    for run in base64_run.runs(bytes(changed)):
        run.redraw(changed, preview, tally)
    return Renewed(bytes(changed), tally.notes) if tally.notes else Renewed(blob)
