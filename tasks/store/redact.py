"""Messages and logs never carry credentials: what a storage library says is passed through `redact` first."""

import os
import re

_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_SIGNED = re.compile(
    r"(?i)\b(X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|token|access_token|key|password)"
    r"=[^&\s'\"]+"
)
_SECRET_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
)


def redact(text: str) -> str:
    """`text` without user names and passwords in URLs, signatures in URLs, and the values of credential variables."""
    for name in _SECRET_NAMES:
        # A secret of a few letters (the dummy keys of tests) would tear holes into ordinary words.
        if len(value := os.environ.get(name, "")) >= 8:
            text = text.replace(value, "***")
    text = _USER_INFO.sub("***@", text)
    return _SIGNED.sub(r"\1=***", text)
