"""An S3 server in memory, below s3fs: its client answers as aiobotocore's does, and fails as that one fails.

Everything above the client is what runs in production: s3fs, the store's conditions and marks, the retries.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import aiohttp
from aiobotocore.response import AioReadTimeoutError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
)
from s3fs import S3FileSystem

from tests.chaos.faults import Faults

NAME = "chaos"  # of the bucket
STATUS = {
    "slow_down": (503, "SlowDown"),
    "internal": (500, "InternalError"),
    "unavailable": (503, "ServiceUnavailable"),
    "request_timeout": (400, "RequestTimeout"),
    "conflict": (409, "ConditionalRequestConflict"),
    "forbidden": (403, "AccessDenied"),
    "expired": (400, "ExpiredToken"),
    "full": (507, "XMinioStorageFull"),
}
PAGE = 7  # keys in an answer to a listing
LAG = 3  # writes that a stale listing does not know of


@dataclass
class Object:
    data: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


class Bucket:
    """Keys and objects; `written`: keys in the order of their writes. `faults` may be set at any time."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.written: list[str] = []
        self.faults = Faults()

    def put(self, key: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        self.objects[key] = Object(data, metadata or {})
        self.written.append(key)


class Body:
    """The body of an answer, whole, cut off or short."""

    def __init__(self, data: bytes, fault: str | None) -> None:
        self._data, self._fault = data, fault

    async def read(self) -> bytes:
        if self._fault == "cut":
            raise aiohttp.ClientPayloadError("Response payload is not completed")
        if self._fault == "short":
            raise IncompleteReadError(actual_bytes=len(self._data) // 2, expected_bytes=len(self._data))
        return self._data

    def close(self) -> None:
        pass


class Client:
    """The part of aiobotocore's S3 client that s3fs uses for whole objects and listings."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    async def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        fault = self._before("get", Key)
        found = self._found(Key, "GetObject", "NoSuchKey")
        return {"Body": Body(found.data, fault), "ETag": found.etag, "ContentLength": len(found.data)}

    async def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self._before("head", Key)
        found = self._found(Key, "HeadObject", "404")
        facts = {"ETag": found.etag, "ContentLength": len(found.data), "LastModified": found.modified}
        return {**facts, "Metadata": found.metadata}

    async def put_object(
        self,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: dict[str, str] | None = None,
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
    ) -> dict[str, Any]:
        fault = self._before("create" if IfNoneMatch else "replace" if IfMatch else "put", Key)
        there = self.bucket.objects.get(Key)
        if IfMatch and there is None:
            raise _error(404, "NoSuchKey", "PutObject")
        if (IfNoneMatch and there) or (IfMatch and there and there.etag.strip('"') != IfMatch.strip('"')):
            raise _error(
                412, "PreconditionFailed", "PutObject", Condition="If-None-Match" if IfNoneMatch else "If-Match"
            )
        self.bucket.put(Key, Body, Metadata)
        if fault == "unreported":
            raise aiohttp.ServerDisconnectedError
        return {"ETag": self.bucket.objects[Key].etag}

    async def head_bucket(self, Bucket: str) -> dict[str, Any]:
        self._before("head", "")
        return {}

    async def list_objects_v2(
        self,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxKeys: int = PAGE,
        ContinuationToken: str = "",
    ) -> dict[str, Any]:
        fault = self._before("list", Prefix)
        keys = {key for key in self.bucket.objects if key.startswith(Prefix)}
        if fault == "stale":
            keys -= set([key for key in self.bucket.written if key.startswith(Prefix)][-LAG:])
        names: dict[str, bool] = {}
        for key in sorted(keys):
            inner, cut, _ = key[len(Prefix) :].partition(Delimiter) if Delimiter else (key, "", "")
            names[Prefix + inner + cut if cut else key] = bool(cut)
        left = [name for name in names if name > ContinuationToken]
        page = left[:MaxKeys]
        answer: dict[str, Any] = {"KeyCount": len(page), "IsTruncated": len(left) > MaxKeys}
        answer["Contents"] = [self._entry(name) for name in page if not names[name]]
        answer["CommonPrefixes"] = [{"Prefix": name} for name in page if names[name]]
        return answer | ({"NextContinuationToken": page[-1]} if len(left) > MaxKeys else {})

    def _entry(self, key: str) -> dict[str, Any]:
        found = self.bucket.objects[key]
        return {"Key": key, "Size": len(found.data), "ETag": found.etag, "LastModified": found.modified}

    def _found(self, key: str, operation: str, code: str) -> Object:
        if key not in self.bucket.objects:
            raise _error(404, code, operation)
        return self.bucket.objects[key]

    def _before(self, operation: str, key: str) -> str | None:
        """What goes wrong before the operation is carried out rises; what goes wrong later is returned."""
        kind = self.bucket.faults.strike(operation, key)
        if kind in STATUS:
            raise _error(*STATUS[kind], operation)
        if kind == "read_timeout":
            raise AioReadTimeoutError(endpoint_url="https://s3")
        if kind == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://s3")
        if kind == "reset":
            raise aiohttp.ClientOSError(104, "Connection reset by peer")
        if kind == "no_credentials":
            raise NoCredentialsError
        return kind


def _error(status: int, code: str, operation: str, **more: str) -> ClientError:
    said: Any = {"Code": code, "Message": f"{code}, said the server", **more}
    return ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]


class _Everything:
    def filter_dict(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in given.items() if value is not None}


class BucketFileSystem(S3FileSystem):  # type: ignore[misc] # s3fs has no types
    """s3fs with the bucket of the scenario at its end."""

    protocol: ClassVar[tuple[str, ...]] = ("s3", "s3a")
    cachable = False
    bucket = Bucket()

    async def set_session(self, refresh: bool = False, kwargs: Any = None) -> Client:
        self._s3, self._kwargs_helper = Client(type(self).bucket), _Everything()
        await asyncio.sleep(0)
        return self._s3
