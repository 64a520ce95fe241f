from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from flows.settings import RECIPES, Settings, compose, recipe_names, validated
from tasks.errors import UsageError


def refused(*assignments: str, recipe: str = "balanced") -> str:
    with pytest.raises(UsageError) as caught:
        compose(recipe, list(assignments))
    return str(caught.value)


def test_every_recipe_is_valid_and_says_something() -> None:
    assert {"fast", "balanced", "best"} <= set(recipe_names())
    assert len({compose(name).of_items().sha256() for name in recipe_names()}) == len(recipe_names())


def test_set_wins_over_model_and_model_over_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("fill: {context: 3.5}\nmodel: {name: from-recipe, precision: fp32}\n")
    assert compose(str(file)).model.name == "from-recipe"
    assert compose(str(file), model="given").model.name == "given"
    found = compose(str(file), ["model.name=set", "fill.context=4", "fill.merge_px=0"], model="given")
    assert (found.model.name, found.model.precision) == ("set", "fp32")
    assert (found.fill.context, found.fill.merge_px) == (4, 0)
    assert compose(str(file), ["fill.context=4", "fill.context=5"]).fill.context == 5  # the last one


def test_changes_win_over_the_recipe_as_assignments_do() -> None:
    changes = {"fill": {"context": 3, "passes": ["whole"]}, "limits.max_mp": 5}
    assert compose("best", changes=changes) == compose(
        "best", ["fill.context=3", "fill.passes=[whole]", "limits.max_mp=5"]
    )
    with pytest.raises(UsageError, match=r"fill\.contexts"):
        compose("best", changes={"fill": {"contexts": 3}})


def test_a_recipe_file_names_only_what_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mask: {dilate_px: 9}\n")
    assert compose(str(file)) == validated({"mask": {"dilate_px": 9}})
    file.write_text("# nothing\n")
    assert compose(str(file)) == Settings()


def test_values_are_yaml() -> None:
    found = compose(
        "balanced",
        ["fill.passes=[regions]", "limits.max_hours=null", "runtime.actors=auto", "source.pair='{dir}m/{name}'"],
    )
    assert found.fill.passes == ("regions",)
    assert (found.limits.max_hours, found.runtime.actors) == (None, "auto")
    assert found.source.pair == ("{dir}m/{name}",)
    assert compose("balanced", ["mask={dilate_px: 5, feather_px: 5}"]).mask.feather_px == 5
    assert compose("balanced", ["mask.colour='#00ff00'"]).mask.colour == "#00ff00"
    assert compose("balanced", ["fill={context: 4}"]).fill.passes == compose("balanced").fill.passes  # laid over


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("mask.dilate=3", "mask.dilate: there is no such setting; allowed here: .*dilate_px"),
        (
            "masks.dilate_px=3",
            "masks: there is no such setting; allowed here: mask, model, fill, .*output, source",
        ),
        ("mask.dilate_px=-1", r"mask\.dilate_px: .*greater than or equal to 0 \(given: -1\)"),
        ("mask.dilate_px=wide", r"mask\.dilate_px: .*integer.*\(given: 'wide'\)"),
        ("mask.polarity=grey", "mask.polarity: .*'white' or 'black'"),
        ("mask.feather_px=9", "mask: .*feather_px .9. must be at most dilate_px .2."),
        ("fill.passes=[whole, magic]", "fill.passes: .*whole, regions"),
        ("fill.passes=regions", "fill.passes: .*tuple"),
        ("model.precision=fp16", "model.precision: .*'auto', 'fp32' or 'bf16'"),
        ("model.batch_mp=-2", r"model\.batch_mp: .*'auto'.*greater than or equal to 0"),
        ("runtime.actors=many", r"runtime\.actors: .*'auto'; or: .*integer.*\(given: 'many'\)"),
        ("runtime.actors=0", r"runtime\.actors: .*'auto'; or: .*greater than or equal to 1"),
        ("runtime.gpus_per_actor=1.5", "runtime.gpus_per_actor: .*whole number"),
        ("runtime=5", "runtime: .*given: 5"),
        ("limits.max_mp=.nan", "limits.max_mp: .*greater than 0"),
        ("output.on_change=merge", "output.on_change: .*'refuse', 'redo' or 'keep'"),
        ("source.pair={what}", "source.pair"),
        ("fill={1: 2}", "fill.1: there is no such setting"),
        ("mask.dilate_px.more=1", r"mask\.dilate_px\.more"),
    ],
)
def test_mistakes_are_named_by_the_path_of_their_key_and_what_is_allowed(assignment: str, says: str) -> None:
    import re

    (line,) = refused(assignment).splitlines()
    assert re.match(says, line), line


def test_all_mistakes_are_said_at_once() -> None:
    lines = refused("mask.dilate_px=-1", "limits.max_attempts=0", "runtime.actor=3").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["mask.dilate_px", "runtime.actor", "limits.max_attempts"]


@pytest.mark.parametrize("assignment", ["mask.dilate_px", "=5", "", "mask.dilate_px=[1", "mask.dilate_px={a: b: c}"])
def test_what_is_no_assignment_is_refused(assignment: str) -> None:
    assert refused(assignment).startswith("--set")


def test_recipes_that_are_none(tmp_path: Path) -> None:
    assert "neither a recipe (fast, balanced, best" in refused(recipe="fats")
    assert "--recipe" in refused(recipe=str(tmp_path))
    for content in (b"fill: [", b"\xff\xfe\x00", b"- a\n- b\n", b"just words"):
        (tmp_path / "bad.yaml").write_bytes(content)
        assert refused(recipe=str(tmp_path / "bad.yaml")).startswith("--recipe")
    (tmp_path / "bad.yaml").write_text("fill: {contxt: 3}")
    assert refused(recipe=str(tmp_path / "bad.yaml")).startswith("fill.contxt: there is no such setting")


def test_the_part_that_decides_pixels_is_all_but_the_run(tmp_path: Path) -> None:
    base = compose("balanced")
    for assignment in ("runtime.actors=3", "limits.max_mp=3", "output.on_change=keep", "source.pair='{dir}{name}'"):
        changed = compose("balanced", [assignment])
        assert changed != base
        assert changed.of_items().sha256() == base.of_items().sha256()
    for assignment in ("mask.dilate_px=8", "fill.context=4", "model.precision=fp32", "output.jpeg_splice=false"):
        assert compose("balanced", [assignment]).of_items().sha256() != base.of_items().sha256()


def test_settings_survive_the_run_record() -> None:
    found = compose("best", ["runtime.actors=3", "limits.max_hours=2.5"])
    assert validated(found.model_dump(mode="json")) == found


def keys(model: type[BaseModel], path: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += keys(inner, f"{path}{name}.")
        else:
            found.append(path + name)
    return found


@given(
    st.sampled_from(keys(Settings)),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
)
def test_any_value_is_taken_or_refused_by_the_path_of_its_key(key: str, value: object) -> None:
    try:
        compose("balanced", [f"{key}={yaml.safe_dump(value)}"])
    except UsageError as error:
        assert key.split(".", maxsplit=1)[0] in str(error)  # a rule between two keys names their branch
        assert len(str(error).splitlines()) == 1


def test_recipes_lie_in_a_file_that_is_packed() -> None:
    assert RECIPES.is_file()
