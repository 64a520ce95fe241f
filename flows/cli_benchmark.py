"""`lacuna benchmark`: methods × masks on photos whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from flows.outcome import FAILED_ITEMS, OK, Json, emit, leave


def benchmark(
    photos: Annotated[str, typer.Argument(help="Photos without damage: folder, glob, file or manifest; path or URL.")],
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated: telea, navier_stokes, biharmonic, patchmatch, a generator, pass:NAME, recipe:NAME, "
            "folder:PATH (another program's results, PATH/MASK/PHOTO.*), or of the zoo (docs/zoo.md): dip, partial-conv … "
            "@GENERATOR after a pass or recipe, ?option=value after a method of the zoo."
        ),
    ],
    out: Annotated[str, typer.Option("--out", help="Where rows, masks, tables and pictures go: folder or URL.")],
    masks: Annotated[str, typer.Option(help="Comma-separated: thin, medium, thick (LaMa's).")] = "medium,thick",
    seed: Annotated[int, typer.Option(min=0, help="Of the masks.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos, spread over their names.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key.sub=value, of passes and recipes.")] = None,
    features: Annotated[
        Path | None, typer.Option(help="Weights of a network for feature_distance.", exists=True, dir_okay=False)
    ] = None,
    feature_network: Annotated[
        str, typer.Option(help="Which: vgg19, vgg19-torchvision, resnet50-dilated or package.module:function.")
    ] = "vgg19",
    lpips: Annotated[
        Path | None, typer.Option(help="Weights of LPIPS's AlexNet or VGG16.", exists=True, dir_okay=False)
    ] = None,
    lpips_heads: Annotated[
        Path | None, typer.Option(help="Its learned heads, if they are in another file.", exists=True, dir_okay=False)
    ] = None,
    fid: Annotated[Path | None, typer.Option(help="Weights of FID's InceptionV3.", exists=True, dir_okay=False)] = None,
    as_json: Json = False,
) -> None:
    """Compare ways to fill, on photos damaged by seeded masks. Stop it anywhere; the same command does the rest.

    Weights that are not given are looked for in LACUNA_HOME/networks: features, lpips, lpips_heads, fid.
    """
    from flows.benchmarking import Comparison, launch_benchmark, print_benchmark
    from tasks.judge.networks import NetworkFiles

    def run() -> int:
        files = NetworkFiles(features, feature_network, lpips, lpips_heads, fid)
        asked = Comparison(photos, _names(methods), _names(masks), out, seed, limit, tuple(set_ or ()), files)
        record = launch_benchmark(asked)
        emit({key: value for key, value in record.items() if key != "environment"}, as_json, print_benchmark)
        return FAILED_ITEMS if record["totals"]["failed"] else OK

    leave(run, as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
