from tasks.publish.benchmark.summary import Mean, Score
from tasks.publish.benchmark.table import cells, markdown


def score(method: str, psnr: float, mse: float, photos: int = 4, mask: str = "thin", **changes) -> Score:
    means = {"psnr": Mean(psnr, psnr - 1, psnr + 1), "mse": Mean(mse, mse, mse)}
    return Score(mask, method, photos, means=means, **changes)


def test_the_best_is_bold_whichever_way_is_better() -> None:
    titles, rows = cells([score("a", 20, 0.02), score("b", 22, 0.01)])
    assert titles == ["method", "photos", "PSNR dB", "MSE"]
    assert rows == [["a", "4", "20.00 ± 1.00", "0.02000"], ["b", "4", "**22.00** ± 1.00", "**0.01000**"]]


def test_who_did_fewer_photos_is_not_the_best() -> None:
    _, rows = cells([score("a", 20, 0.02), score("b", 21, 0.01), score("c", 30, 0.001, photos=3, failed=1)])
    assert rows[2][1:] == ["3, 1 failed", "30.00 ± 1.00", "0.00100"]
    assert rows[1][2].startswith("**21.00**")


def test_nothing_measured_is_a_dash_and_one_alone_is_not_the_best() -> None:
    _, rows = cells([score("a", 20, 0.02), Score("thin", "b", 0, skipped=4, message="not installed")])
    assert rows == [["a", "4", "20.00 ± 1.00", "0.02000"], ["b", "0, 4 skipped", "–", "–"]]


def test_the_terminals_table_is_narrower() -> None:
    titles, rows = cells([score("a", 20, 0.02, fid=12.34)], brief=True)
    assert titles == ["method", "photos", "PSNR dB", "FID"]
    assert rows == [["a", "4", "20.00 ± 1.00", "12.3"]]


def test_markdown_has_a_table_for_each_mask_and_says_why_one_is_missing() -> None:
    text = markdown(
        [score("folder:x|y", 20, 0.02), Score("thin", "b", 0, message="not installed"), score("c", 9, 1, mask="thick")]
    )
    assert text.index("### thin masks") < text.index("### thick masks")
    assert r"| folder:x\|y | 4 |" in text
    assert "- b: not installed" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}
