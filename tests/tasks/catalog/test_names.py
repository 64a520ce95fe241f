import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog.names import is_hidden, item_id, output_name, refusal, shown, suffix_of


def test_suffix_is_the_last_one_in_lower_case() -> None:
    assert suffix_of("a.b/c.TIF") == ".tif"
    assert suffix_of("a.b/c") == ""
    assert suffix_of(".png") == ""


@pytest.mark.parametrize(
    ("path", "hidden"),
    [("a/b.png", False), (".a/b.png", True), ("a/.b.png", True), ("../b.png", False), ("a./b", False)],
)
def test_hidden(path: str, hidden: bool) -> None:
    assert is_hidden(path) is hidden


@pytest.mark.parametrize("path", ["../a", "a/../b", "/a", "a//b", "a/", "", ".", "./a", "a\0b"])
def test_refused(path: str) -> None:
    assert refusal(path)


@pytest.mark.parametrize("path", ["a", "a/b.png", "..a/b..", "a/.hidden", "a b/c%2f"])
def test_not_refused(path: str) -> None:
    assert refusal(path) is None


def test_shown_is_valid_and_leaves_valid_names_alone() -> None:
    assert shown("ü 写.png") == "ü 写.png"
    assert shown(os.fsdecode(b"caf\xe9.png")) == "caf\\xe9.png"
    assert shown("\ud800").isascii()


def test_item_id_is_of_names() -> None:
    plain = item_id("a/b.png", "a/b.png")
    assert len(plain) == 20
    assert plain == "88f7ec7982e1b5db2318"  # for ever: resuming old sinks depends on it
    assert item_id("a/b.png", "c.png") not in (plain, item_id("c.png", "c.png"))


@given(st.tuples(*[st.text(alphabet="ab/\x00.", max_size=4)] * 4))
def test_item_ids_tell_items_apart(names: tuple[str, str, str, str]) -> None:
    first, second = (names[0].replace("\0", ""), names[1]), (names[2].replace("\0", ""), names[3])
    same = first == second or (first[0] == second[0] and {first[1], second[1]} <= {first[0]})
    assert (item_id(*first) == item_id(*second)) is same


def test_output_name_gets_the_suffix_of_the_image() -> None:
    assert output_name("new/x", "old.TIF") == "new/x.TIF"
    assert output_name("new/x.tif", "old.TIF") == "new/x.tif"
    assert output_name("x.jpg", "old.png") == "x.jpg.png"
