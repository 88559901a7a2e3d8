"""Entry points that read images and videos."""

from pathlib import Path

from .entries import entry
from .staging import Argv, data_with, named, release, run_with, toy_config


def store(data: str) -> int:
    """Write a store of a prepared data set."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.clip_cache import write_store
    from mmaction_mer.utils.cli.command_line import report_errors

    from .sound import BEGINNING

    @report_errors
    def make() -> None:
        rows = read_annotation(Path(data, 'annotations.json'))['data_list']
        write_store(
            Path(data, 'store'), rows, Path(data, 'frames'), BEGINNING, 1, False
        )

    return make()


def page(path: str, model: str) -> int:
    """Predict an upload as the page does."""
    from mmaction_mer.apis import MERInferencer, open_frame_source
    from mmaction_mer.app.limits import LIMITS, BoundedSource
    from mmaction_mer.motion.magnified_clip import MagnifiedClip
    from mmaction_mer.utils.cli.command_line import report_errors

    @report_errors
    def predict() -> None:
        inferencer = MERInferencer(model, face='as-is')
        prediction = inferencer.predict(
            BoundedSource(open_frame_source(path, None, LIMITS))
        )
        MagnifiedClip.of(prediction.clip, prediction.fps)

    return predict()


@entry('predict-folder', 'picture', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = data_with(file, scratch, sound)
    return [str(data / 'frames' / 'c0'), '--fps', '100', '--face', 'as-is',
            '--model', str(sound / 'packed.pth')]  # fmt: skip


@entry('predict-align', 'picture', 'predict', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = data_with(file, scratch, sound)
    return [str(data / 'frames' / 'c0'), '--fps', '100', '--model',
            str(sound / 'packed.pth')]  # fmt: skip


def _media(kind: str) -> None:
    """Register the entry points that read both images and videos."""
    video = kind == 'video'

    @entry(f'check-{kind}', kind, 'data/check')
    def check(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json'), '--json', 'o.json']

    @entry(f'browse-{kind}', kind, 'data/browse')
    def browse(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json')]

    @entry(f'store-{kind}', kind, store)
    def stored(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [str(data)]

    @entry(f'flow-{kind}', kind, 'analysis/flow_baseline')
    def flow(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json'), '--data-root', str(data / 'frames'),
                '--out', 'o', '--grid', '4']  # fmt: skip

    @entry(f'train-{kind}', kind, 'train')
    def train(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']

    @entry(f'compose-{kind}', kind, 'data/compose')
    def compose(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = data_with(file, scratch, sound, video=video)
        return [str(data), str(sound / 'other'), '--out', 'o', '--store',
                '--workers', '1']  # fmt: skip

    @entry(f'prepare-{kind}', kind, 'data/prepare')
    def prepare(file: Path | None, scratch: Path, sound: Path) -> Argv:
        return [*release(file, scratch, sound, video), '--no-crop', '--store']

    @entry(f'prepare-crop-{kind}', kind, 'data/prepare', works=False)
    def crop(file: Path | None, scratch: Path, sound: Path) -> Argv:
        return release(file, scratch, sound, video)


_media('picture')
_media('video')


@entry('report-picture', 'picture', 'analysis/report')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = data_with(file, scratch, sound)
    run = run_with(None, scratch, sound / 'wrong', '')
    return [str(run), '--config', toy_config(scratch, sound, data)]


@entry('predict-video', 'video', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    video = named(file, scratch, sound / 'clip.mp4')
    return [video, '--face', 'as-is', '--model', str(sound / 'packed.pth'), '--render',
            'o.mp4']  # fmt: skip


@entry('page', 'video', page)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [named(file, scratch, sound / 'clip.mp4'), str(sound / 'packed.pth')]
