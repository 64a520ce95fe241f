"""The scores as a table, for Markdown and, with fewer columns, for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.publish.benchmark.summary import Mean, Score


@dataclass(frozen=True)
class Column:
    """What a column shows, and how; better: `high` or `low`; brief: in the terminal too."""

    name: str
    title: str
    form: str
    better: str
    brief: bool = True


COLUMNS = (
    Column("psnr", "PSNR dB", "{:.2f}", "high"),
    Column("ssim", "SSIM", "{:.3f}", "high"),
    Column("l1", "L1", "{:.4f}", "low", brief=False),
    Column("mse", "MSE", "{:.5f}", "low", brief=False),
    Column("dice", "Dice", "{:.3f}", "high"),
    Column("feature_distance", "features", "{:.3f}", "low"),
    Column("lpips", "LPIPS", "{:.3f}", "low"),
    Column("fid", "FID", "{:.1f}", "low"),
    Column("psnr_image", "PSNR, image", "{:.2f}", "high", brief=False),
    Column("seconds", "s", "{:.2f}", "low", brief=False),
    Column("seconds_per_mp", "s/MP of hole", "{:.1f}", "low"),
)


def cells(scores: Sequence[Score], brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of one kind of mask; columns that no method has are left out, the best mean is in bold (`**`).

    `a ± b`: b is half of the 95 % interval. brief: the main columns only, intervals of PSNR only.
    """
    columns = [column for column in COLUMNS if any(_value(score, column.name) is not None for score in scores)]
    columns = [column for column in columns if column.brief or not brief]
    best = {column.name: _best(scores, column) for column in columns}
    rows = [
        [
            score.method,
            _photos(score),
            *(_cell(score, each, best[each.name], not brief or each.name == "psnr") for each in columns),
        ]
        for score in scores
    ]
    return ["method", "photos", *(column.title for column in columns)], rows


def markdown(scores: Sequence[Score]) -> str:
    """A table for each kind of mask, under a heading."""
    parts = []
    for kind in dict.fromkeys(score.mask for score in scores):
        mine = [score for score in scores if score.mask == kind]
        titles, rows = cells(mine)
        lines = [_line(titles), "|---|" + "---:|" * (len(titles) - 1), *(_line(row) for row in rows)]
        parts.append(f"### {kind} masks\n\n" + "\n".join(lines))
        said = [f"- {score.method}: {score.message}" for score in mine if score.message]
        parts += ["\n".join(said)] if said else []
    return "\n\n".join(parts) + "\n"


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", r"\|") for value in values) + " |"


def _photos(score: Score) -> str:
    lost = [f"{count} {what}" for what, count in (("skipped", score.skipped), ("failed", score.failed)) if count]
    return ", ".join([str(score.photos), *lost])


def _value(score: Score, name: str) -> Mean | None:
    return (
        (None if score.fid is None else Mean(score.fid, score.fid, score.fid))
        if name == "fid"
        else score.means.get(name)
    )


def _best(scores: Sequence[Score], column: Column) -> float | None:
    """The best mean; only among methods that filled as many photos as any, since others had other photos."""
    most = max(score.photos for score in scores)
    found = [value.mean for score in scores if score.photos == most and (value := _value(score, column.name))]
    if len(found) < 2:
        return None
    return max(found) if column.better == "high" else min(found)


def _cell(score: Score, column: Column, best: float | None, interval: bool) -> str:
    value = _value(score, column.name)
    if value is None:
        return "–"
    text = column.form.format(value.mean)
    shown = f"**{text}**" if best is not None and text == column.form.format(best) else text
    half = (value.high - value.low) / 2
    return shown if not half or not interval else f"{shown} ± {column.form.format(half)}"
