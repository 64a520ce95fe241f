from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from models.training.photos import Photos
from models.zoo.cifar import Cifar10, photos_of, read_batch


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def planes(pixels):
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1))


def batch(pixels):
    return pickle.dumps({"data": planes(pixels), "labels": [0] * len(pixels)}, protocol=2)


def of_python_2(pixels):
    """A pickle as Python 2 wrote the official ones: bytes are texts of protocol 1."""

    def text(data):
        return b"T" + struct.pack("<i", len(data)) + data

    rows, columns = planes(pixels).shape
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR("
    array += b"K\x01(" + b"J" + struct.pack("<i", rows) + b"M" + struct.pack("<H", columns) + b"t"
    array += b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR(K\x03" + text(b"|")
    array += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(planes(pixels).tobytes()) + b"tb"
    return b"\x80\x02}(" + text(b"data") + array + b"u."


@pytest.mark.parametrize("written", [batch, of_python_2])
def test_a_batch_is_read_as_it_was_written(written):
    assert np.array_equal(read_batch(written(pictures(7))), pictures(7))


def test_the_archive_and_its_folder_are_the_same(tmp_path):
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for number, name in reversed(list(enumerate(names))):
            (folder / name).write_bytes(batch(pictures(3, number)))
            archive.add(folder / name, f"cifar-10-batches-py/{name}")
    for place in (tmp_path / "cifar-10-python.tar.gz", folder, tmp_path):
        train, test = Cifar10(place), Cifar10(place, train=False)
        assert (len(train), len(test)) == (15, 3)
        assert np.array_equal(np.stack([train[i] for i in range(6)]), np.concatenate([pictures(3, 0), pictures(3, 1)]))
        assert np.array_equal(test[2], pictures(3, 5)[2])
        assert isinstance(photos_of(str(place), "webp", train=True), Cifar10)


def test_other_folders_are_photos(photos):
    (photos / "data_batch_notes.txt").write_text("no batch")
    assert isinstance(photos_of(str(photos), "webp", train=True), Photos)


def test_nothing_in_a_batch_is_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    with pytest.raises(ValueError, match="not a batch"):
        read_batch(pickle.dumps({"data": Hostile()}, protocol=2))
    assert not (tmp_path / "ran").exists()


def test_what_is_no_batch_is_refused(tmp_path):
    good = batch(pictures(4))
    for bad in (b"", b"nothing", good[: len(good) // 2], pickle.dumps({"data": [1]}), pickle.dumps([1, 2])):
        with pytest.raises(ValueError):
            read_batch(bad)
    for array in (np.zeros((4, 3072), np.float32), np.zeros((4, 100), np.uint8), np.zeros((4, 3072), np.uint8, "F")):
        with pytest.raises(ValueError, match="3072"):
            read_batch(pickle.dumps({"data": array}, protocol=2))
    with pytest.raises(FileNotFoundError):
        Cifar10(tmp_path)
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="archive"):
        Cifar10(tmp_path / "x.tar.gz")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("test_batch")
        info.size = len(good)
        archive.addfile(info, io.BytesIO(good))
    (tmp_path / "x.tar.gz").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(ValueError):
        Cifar10(tmp_path / "x.tar.gz", train=False)
