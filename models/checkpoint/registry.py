"""Generators that others have published: where they lie, and how to know them again.

An entry's hashes are the publisher's, or were found alike in several independent places (`known_by`); one without
`sha256` is verified by what is known. The files keep their publishers' formats: they are imported after the download.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A published checkpoint. `file`: its name, also on a mirror. size: bytes."""

    name: str
    file: str
    url: str
    size: int
    sha256: str | None
    md5: str | None
    licence: str
    about: str
    known_by: str


REGISTRY = (
    Entry(
        name="big-lama",
        file="big-lama.pt",
        url="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
        size=205_669_692,
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        md5="e3aa4aaa15225a33ec84f9f4bc47e500",
        licence="Apache-2.0",
        about="LaMa's big-lama (Suvorov et al. 2022, trained on Places-Challenge) as TorchScript, as IOPaint uses it",
        known_by="size and MD5: IOPaint's code; SHA-256: the pins of at least five programs that download this URL",
    ),
    Entry(
        name="big-lama-official",
        file="big-lama.zip",
        url="https://huggingface.co/smartywu/big-lama/resolve/main/big-lama.zip",
        size=381_428_720,
        sha256="d7161bba4d68b438f9fa7f09dcb750a223804c300c68d214a5e0be16251fba8d",
        md5=None,
        licence="Apache-2.0",
        about="LaMa's big-lama (Suvorov et al. 2022, trained on Places-Challenge), the folder that LaMa's README names",
        known_by="URL: the README of advimman/lama; size and SHA-256: the pins of three independent programs",
    ),
)
