import pickle

import pytest

from tasks.errors import UsageError
from tasks.fill.settings import FillSettings
from tasks.run.benchmark.folder import Folder
from tasks.run.benchmark.generated import Bare, Composed
from tasks.run.benchmark.methods import METHODS, method_of, methods_of
from tasks.run.benchmark.zoo import Zoo
from tasks.run.settings import ItemSettings

asked: list[tuple[str, str, str | None]] = []


def settings_of(kind: str, which: str, generator: str | None) -> ItemSettings:
    asked.append((kind, which, generator))
    if which == "unheard-of":
        raise UsageError("no such recipe")
    return ItemSettings(fill=FillSettings(passes=("regions",)))


def test_each_way_to_name_a_method() -> None:
    asked.clear()
    names = [*METHODS, "lama-small", "pass:multiscale", "recipe:best@lama-small", "folder:/some/where:else"]
    found = methods_of(names, settings_of)
    assert [m.name for m in found] == names
    assert [type(m) for m in found[-4:]] == [Bare, Composed, Composed, Folder]
    assert asked == [("pass", "multiscale", None), ("recipe", "best", "lama-small")]
    assert found[-1] == Folder("folder:/some/where:else", "/some/where:else", False)
    for method in found:
        assert pickle.loads(pickle.dumps(method)) == method
        assert {method: 1}[method] == 1


def test_the_registry_names_its_methods() -> None:
    assert {name: method.name for name, method in METHODS.items()} == {name: name for name in METHODS}


def test_methods_of_the_zoo_have_options() -> None:
    plain, bounded = methods_of(["dip", "dip?max_iterations=3&jitter=0"], settings_of)
    assert (type(plain), type(bounded), bounded.name) == (Zoo, Zoo, "dip?max_iterations=3&jitter=0")
    assert pickle.loads(pickle.dumps(bounded)) == bounded != plain


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("partial-conv", "lacuna train"),
        ("dip?max_iteration=3", "option max_iteration"),
        ("dip?seed", "no option=value"),
        ("nosuch", "telea, .*folder:PATH, or a generator: no weights 'nosuch'"),
        ("pass:nosuch", "there are whole, regions"),
        ("recipe:unheard-of", "no such recipe"),
        ("folder:", "no weights"),
        ("", "no weights"),
    ],
)
def test_what_is_no_method_is_refused_with_what_is(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        method_of(name, settings_of)


def test_a_name_counts_once_and_none_is_too_few() -> None:
    assert len(methods_of(["telea", "telea"], settings_of)) == 1
    with pytest.raises(UsageError, match="at least one"):
        methods_of([], settings_of)
