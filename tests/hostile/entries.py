"""The entry points: what each reads of a hostile file, and how it is started."""

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .case import place

Argv = list[str]
#: Puts a file among sound ones, in a scratch folder, and says the command line. None
#: for the file stands for a sound one.
Stage = Callable[[Path | None, Path, Path], Argv]


@dataclass(frozen=True)
class Entry:
    """An entry point.

    Attributes:
        name: Its name.
        kinds: Kinds of files that it takes, see ``case.KINDS``.
        tool: What is run: a module, or a function of this file.
        stage: See :data:`Stage`.
        works: Whether the sound file is read with exit status 0.
    """

    name: str
    kinds: tuple[str, ...]
    tool: str
    stage: Stage
    works: bool = True


ENTRIES: dict[str, Entry] = {}


def entry(
    name: str, kinds: str, tool: str, works: bool = True
) -> Callable[[Stage], Stage]:
    """Register an entry point with the function that stages files for it."""

    def register(stage: Stage) -> Stage:
        ENTRIES[name] = Entry(name, tuple(kinds.split()), tool, stage, works)
        return stage

    return register


def tools() -> Path:
    """The folder of the tools that belong to the package that is imported."""
    import mmaction_mer

    return Path(mmaction_mer.__file__).parents[1] / 'tools'


def load_tool(name: str) -> ModuleType:
    """Load a tool as a module; importing it twice would register twice."""
    known = f'hostile_tool_{name.replace("/", "_")}'
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, tools() / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        spec.loader.exec_module(module)
    return sys.modules[known]


def preload() -> None:
    """Import all that entry points need, before anything is forked."""
    import matplotlib.pyplot  # noqa: F401
    import scipy.signal  # noqa: F401

    import mmaction_mer.visualization  # noqa: F401

    sys.path.append(str(Path(__file__).parents[1] / 'test_engine'))
    for one in ENTRIES.values():
        if not one.tool.startswith(':'):
            load_tool(one.tool) if one.tool != 'predict' else None
    import mmaction_mer.__main__
    import mmaction_mer.app.safety  # noqa: F401


def start(entry: Entry, argv: Argv) -> int:
    """Run an entry point in this process."""
    if entry.tool == 'export_onnx':
        # What follows is torch's exporter, a quarter of a minute long, over a model
        # that is built and filled by then: of the file it reads nothing more.
        load_tool(entry.tool).export_onnx = _exported
    sys.argv = [entry.tool, *argv]
    if entry.kinds == ('probe',):
        from .probes import misbehave

        return misbehave(entry.tool[1:], *argv)
    if entry.tool.startswith(':'):
        return globals()[entry.tool[1:]](*argv)
    if entry.tool == 'predict':
        import mmaction_mer.__main__

        return mmaction_mer.__main__.main(['predict', *argv])
    return load_tool(entry.tool).main()


def _exported(model: object, path: str, *_: object) -> Path:
    Path(path).write_bytes(b'')
    return Path(path)


def _or(file: Path | None, sound: Path) -> Path:
    return sound if file is None else file


def _named(file: Path | None, scratch: Path, sound: Path) -> str:
    """Put a file into the scratch folder under its own name."""
    source = _or(file, sound)
    # Named ``file`` are those that have no ending of their own.
    target = scratch / 'given' / (sound.name if source.name == 'file' else source.name)
    place(source, target)
    return str(target)


# Weights: checkpoints, arrays, packed models.


@entry('predict-model', 'packed weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    model = _named(file, scratch, sound / 'packed.pth')
    return [
        '--model',
        model,
        str(sound / 'clip.mp4'),
        '--face',
        'as-is',
        '--out',
        'o.json',
    ]


@entry('predict-weights', 'weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'mpt/folds/sub01/model.pth')
    return ['--model', str(sound / 'mpt.py'), '--weights', weights,
            str(sound / 'clip.mp4'), '--face', 'as-is']  # fmt: skip


@entry('export-packed', 'packed weights', 'export_onnx')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [
        _named(file, scratch, sound / 'packed.pth'),
        '--out',
        'o.onnx',
        '--fps',
        '50',
    ]


@entry('export-weights', 'weights', 'export_onnx')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'mpt/folds/sub01/model.pth')
    return [
        str(sound / 'mpt.py'),
        '--checkpoint',
        weights,
        '--out',
        'o.onnx',
        '--fps',
        '50',
    ]


@entry('convert', 'weights', 'convert_weights', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'packed.pth')
    return [weights, str(sound / 'mpt.py'), '--out', 'o.pth']


@entry('test-plain', 'weights', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'plain.py'), weights, '--work-dir', 'w']


@entry('train-load-from', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'toy.py'), '--work-dir', 'w', '--folds', 's1', '--cfg-options',
            f'load_from={weights}']  # fmt: skip


@entry('train-plain-load-from', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'run/folds/s1/model.pth')
    return [str(sound / 'plain.py'), '--work-dir', 'w', '--cfg-options',
            f'load_from={weights}']  # fmt: skip


@entry('train-plain-resume', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'alone/iter_2.pth')
    return [str(sound / 'plain.py'), '--work-dir', 'w', '--resume', weights]


@entry('init-cfg', 'weights', 'analysis/complexity', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    weights = _named(file, scratch, sound / 'packed.pth')
    return [str(sound / 'mpt.py'), '--pretrained', '--cfg-options',
            f'model.backbone.vit.init_cfg.checkpoint={weights}']  # fmt: skip


@entry('torch-load', 'weights', ':torch_load')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [_named(file, scratch, sound / 'packed.pth')]


def torch_load(path: str) -> int:
    """Do what any other program in this process does with a checkpoint."""
    import torch

    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch's own, of whatever class
        print('error:', type(error).__name__, str(error)[:200], file=sys.stderr)
        return 1
    # Whoever prints what came out must live on. Large tensors are not printed whole.
    print(type(found), repr(found)[:200] if _is_small(found) else '')
    return 0


def _is_small(value: object, budget: int = 10_000) -> bool:
    """Whether a structure can be walked through at all."""
    todo = [value]
    while todo and budget:
        budget -= 1
        one = todo.pop()
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            todo += one
        elif getattr(one, 'numel', lambda: 0)() > 10**6:
            return False
    return not todo


def _run_with(file: Path | None, scratch: Path, run: Path, inside: str) -> Path:
    """A copy of a run with one file of it replaced."""
    copy = scratch / 'run'
    place(run, copy)
    if file is not None:
        place(file, copy / inside)
        _sealed(copy)
    return copy


@entry('publish', 'weights', 'publish_model')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(file, scratch, sound / 'mpt', 'folds/sub01/model.pth')
    return [str(run), '--out', 'o.pth']


@entry('predict-fold', 'weights', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(file, scratch, sound / 'mpt', 'folds/sub01/model.pth')
    return ['--model', str(run), str(sound / 'clip.mp4'), '--face', 'as-is']


@entry('test-fold', 'weights', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(file, scratch, sound / 'run', 'folds/s1/model.pth')
    return [str(sound / 'toy.py'), str(run), '--work-dir', 'w', '--folds', 's1']


def _cut(run: Path, *folds: str) -> None:
    """Let folds of a run be ones that a kill has cut."""
    for fold in folds:
        path = run / 'folds' / fold / 'fold.json'
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {'status': 'running'}))


@entry('resume-last', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(file, scratch, sound / 'run', 'folds/s1/last.pth')
    _cut(run, 's1')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume']


@entry('resume-stacked', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(file, scratch, sound / 'run', 'folds/s1/last.pth')
    _cut(run, 's1', 's2')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume', '--strategy',
            'stacked']  # fmt: skip


@entry('resume-stack', 'weights', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _run_with(None, scratch, sound / 'run', '')
    _cut(run, 's1', 's2')
    if file is not None:
        # Where the states of folds that train in one stack lie.
        names = json.dumps([[0, 's1'], [0, 's2']])
        digest = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
        place(file, run / 'stacks' / f'{digest}.pth')
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume', '--strategy',
            'stacked']  # fmt: skip


# Pictures: the first frame of a clip.


def _data_with(
    file: Path | None,
    scratch: Path,
    sound: Path,
    name: str = 'toy',
    video: bool = False,
) -> Path:
    """A prepared data set, one frame or video of it replaced."""
    data = scratch / name
    place(sound / name, data)
    if video:
        source = _or(file, sound / 'clip.mp4')
        ending = source.suffix or '.mp4'
        place(source, data / 'frames' / f'v{ending}')
        path = data / 'annotations.json'
        content = json.loads(path.read_text())
        content['data_list'][0].update(video=f'v{ending}', onset=0)
        for field in ('frame_dir', 'filename_tmpl'):
            content['data_list'][0].pop(field)
        path.write_text(json.dumps(content))
    elif file is not None:
        place(file, data / 'frames' / 'c0' / 'img1.png')
    return data


def _toy_config(scratch: Path, sound: Path, data: Path) -> str:
    """The toy's config, over other data."""
    text = (sound / 'toy.py').read_text().replace(str(sound / 'toy'), str(data))
    path = scratch / 'config.py'
    path.write_text(text)
    return str(path)


@entry('predict-folder', 'picture', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _data_with(file, scratch, sound)
    return [str(data / 'frames' / 'c0'), '--fps', '100', '--face', 'as-is',
            '--model', str(sound / 'packed.pth')]  # fmt: skip


@entry('predict-align', 'picture', 'predict', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _data_with(file, scratch, sound)
    return [str(data / 'frames' / 'c0'), '--fps', '100', '--model',
            str(sound / 'packed.pth')]  # fmt: skip


def _media(kind: str) -> None:
    """Register what reads pictures and videos alike."""
    video = kind == 'video'

    @entry(f'check-{kind}', kind, 'data/check')
    def check(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json'), '--json', 'o.json']

    @entry(f'browse-{kind}', kind, 'data/browse')
    def browse(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json')]

    @entry(f'store-{kind}', kind, ':store')
    def store(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [str(data)]

    @entry(f'flow-{kind}', kind, 'analysis/flow_baseline')
    def flow(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [str(data / 'annotations.json'), '--data-root', str(data / 'frames'),
                '--out', 'o', '--grid', '4']  # fmt: skip

    @entry(f'train-{kind}', kind, 'train')
    def train(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [_toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']

    @entry(f'compose-{kind}', kind, 'data/compose')
    def compose(file: Path | None, scratch: Path, sound: Path) -> Argv:
        data = _data_with(file, scratch, sound, video=video)
        return [str(data), str(sound / 'other'), '--out', 'o', '--store',
                '--workers', '1']  # fmt: skip

    @entry(f'prepare-{kind}', kind, 'data/prepare')
    def prepare(file: Path | None, scratch: Path, sound: Path) -> Argv:
        return [*_release(file, scratch, sound, video), '--no-crop', '--store']

    @entry(f'prepare-crop-{kind}', kind, 'data/prepare', works=False)
    def crop(file: Path | None, scratch: Path, sound: Path) -> Argv:
        return _release(file, scratch, sound, video)


def _release(file: Path | None, scratch: Path, sound: Path, video: bool) -> Argv:
    root = scratch / 'release'
    place(sound / 'release', root)
    if video:
        source = _or(file, sound / 'clip.mp4')
        for path in (root / 's1' / 'c0').iterdir():
            path.unlink()
        (root / 's1' / 'c0').rmdir()
        place(source, root / 's1' / f'c0{source.suffix or ".mp4"}')
    elif file is not None:
        place(file, root / 's1' / 'c0' / 'img1.png')
    return ['generic', '--root', str(root), '--out', 'o', '--workers', '1']


_media('picture')
_media('video')


@entry('report-picture', 'picture', 'analysis/report')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _data_with(file, scratch, sound)
    run = _run_with(None, scratch, sound / 'run', '')
    # The page shows the clips of mistakes: now each is one.
    for path in run.glob('folds/*/predictions.jsonl'):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            wrong = (line['label'] + 1) % 3
            chances = [0.0, 0.0, 0.0]
            chances[wrong] = 1.0
            line.update(prediction=wrong, probabilities=chances)
        path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    _sealed(run)
    return [str(run), '--config', _toy_config(scratch, sound, data)]


def store(data: str) -> int:
    """Write a store of a prepared data set."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.clip_store import write_store
    from mmaction_mer.engine.command_line import report_errors

    from .sound import BEGINNING

    @report_errors
    def make() -> None:
        rows = read_annotation(Path(data, 'annotations.json'))['data_list']
        write_store(
            Path(data, 'store'), rows, Path(data, 'frames'), BEGINNING, 1, False
        )

    return make()


# Videos.


@entry('predict-video', 'video', 'predict')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    video = _named(file, scratch, sound / 'clip.mp4')
    return [video, '--face', 'as-is', '--model', str(sound / 'packed.pth'), '--render',
            'o.mp4']  # fmt: skip


@entry('page', 'video', ':page')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [_named(file, scratch, sound / 'clip.mp4'), str(sound / 'packed.pth')]


def page(path: str, model: str) -> int:
    """Read an upload as the page does."""
    from mmaction_mer.app.safety import LIMITS, Bounded
    from mmaction_mer.engine.command_line import report_errors
    from mmaction_mer.inference import MERInferencer, open_source
    from mmaction_mer.visualization.film import Film

    @report_errors
    def read() -> None:
        inferencer = MERInferencer(model, face='as-is')
        reading = inferencer.read(Bounded(open_source(path, None, LIMITS)))
        Film.of(reading.clip, reading.fps)

    return read()


# Annotations.


def _annotated(file: Path | None, scratch: Path, sound: Path) -> Path:
    data = scratch / 'toy'
    place(sound / 'toy', data)
    if file is not None:
        place(file, data / 'annotations.json')
    return data


@entry('check', 'annotation', 'data/check')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _annotated(file, scratch, sound)
    return [str(data / 'annotations.json'), '--json', 'o.json']


@entry('browse', 'annotation', 'data/browse')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_annotated(file, scratch, sound) / 'annotations.json')]


@entry('compose', 'annotation', 'data/compose')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _annotated(file, scratch, sound)
    return [str(data), str(sound / 'other'), '--out', 'o']


@entry('store', 'annotation', ':store')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_annotated(file, scratch, sound))]


@entry('flow', 'annotation', 'analysis/flow_baseline')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _annotated(file, scratch, sound)
    return [str(data / 'annotations.json'), '--data-root', str(data / 'frames'),
            '--out', 'o', '--grid', '4']  # fmt: skip


@entry('train', 'annotation', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _annotated(file, scratch, sound)
    return [_toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']


@entry('score-annotation', 'annotation', 'analysis/score')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _annotated(file, scratch, sound)
    return [str(sound / 'run'), '--annotation', str(data / 'annotations.json')]


# Spreadsheets.


@entry('prepare-sheet', 'sheet', 'data/prepare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = _release(None, scratch, sound, False)
    sheet = _named(file, scratch, sound / 'clips.xlsx')
    return [*argv, '--no-crop', '--sheet', sheet]


@entry('prepare-beside', 'sheet', 'data/prepare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = _release(None, scratch, sound, False)
    root, given = scratch / 'release', _or(file, sound / 'clips.xlsx')
    (root / 'clips.csv').unlink()
    place(given, root / ('clips.csv' if given.name == 'file' else given.name))
    return [*argv, '--no-crop']


@entry('prepare-casme2', 'sheet', 'data/prepare', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = _release(None, scratch, sound, False)
    sheet = _named(file, scratch, sound / 'clips.xlsx')
    return ['casme2', *argv[1:], '--no-crop', '--sheet', sheet]


# Stores.


def _stored(file: Path | None, scratch: Path, sound: Path) -> Path:
    data = scratch / 'stored'
    place(sound / 'stored', data)
    if file is not None:
        place(file, data / 'store')
    return data


@entry('train-store', 'store', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = _stored(file, scratch, sound)
    return [_toy_config(scratch, sound, data), '--work-dir', 'w', '--folds', 's1']


@entry('store-over', 'store', ':store')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_stored(file, scratch, sound))]


@entry('store-resumed', 'journal', ':store')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    data = scratch / 'toy'
    place(sound / 'toy', data)
    if file is not None:
        place(file, data / '.store.partial')
        _believe(data)
    return [str(data)]


def _believe(data: Path) -> None:
    """Let a journal name the plan that the store will be written by."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.clip_store import writing

    journal = data / '.store.partial' / 'journal.jsonl'
    if not journal.is_file() or journal.is_symlink() or journal.stat().st_size > 10**8:
        return
    from mmaction.registry import TRANSFORMS

    from .sound import BEGINNING

    rows = read_annotation(data / 'annotations.json')['data_list']
    root = os.path.abspath(data / 'frames')
    transforms = [TRANSFORMS.build(dict(one)) for one in BEGINNING]
    pipeline = writing.beginning(transforms)
    clips = writing._without_duplicates(rows, root)
    plan = writing.digest([writing.FORMAT, pipeline, clips])
    text = journal.read_text()
    if '"PLAN"' in text:
        journal.write_text(text.replace('PLAN', plan))
        import numpy as np

        shape = (len(clips), 4, 64, 64, 3)
        np.lib.format.open_memmap(journal.with_name('clips.npy'), 'w+', np.uint8, shape)


# Work directories.


def _over_run(file: Path | None, scratch: Path, sound: Path) -> Path:
    run = scratch / 'run'
    place(sound / 'run', run)
    if file is not None:
        place(file, run)
        _sealed(run)
    return run


def _sealed(run: Path) -> None:
    """Let digests in a run be those of its files: who changes one can change two."""
    try:
        from mmaction_mer.engine.fingerprint import file_digest
    except ImportError:
        return
    for path in run.glob('folds/*/fold.json'):
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 10**6:
                continue
            state = json.loads(path.read_text())
            for name in state['digests']:
                file = path.with_name(name)
                whole = file.is_file() and not file.is_symlink()
                if whole and file.stat().st_size < 10**8:
                    state['digests'][name] = file_digest(file)
            path.write_text(json.dumps(state))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue  # the state itself is what is hostile


@entry('resume', 'run', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume']


@entry('test', 'run', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    return [str(sound / 'toy.py'), str(run), '--work-dir', 'w']


@entry('score', 'run', 'analysis/score')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [
        str(_over_run(file, scratch, sound)),
        '--out',
        'o.json',
        '--megc-log',
        'o.txt',
    ]


@entry('report', 'run', 'analysis/report')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_over_run(file, scratch, sound))]


@entry('compare', 'run', 'analysis/compare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    return [str(sound / 'run'), str(run), '--resamples', '50', '--json', 'o.json']


@entry('visualize', 'run', 'analysis/visualize')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    return [str(run), '--what', 'confusion', 'mistakes', 'classes']


@entry('publish-run', 'run', 'publish_model', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(_over_run(file, scratch, sound)), '--out', 'o.pth']


@entry('predict-run', 'run', 'predict', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    return ['--model', str(run), str(sound / 'clip.mp4'), '--face', 'as-is']


@entry('ablate', 'run', 'ablate')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = [str(sound / 'table.py'), '--out', str(scratch / 'o'), '--rows', 'first']
    # Trained before, so that its folder exists; then one seed of it is replaced.
    from mmaction_mer.engine.ablation import read_table
    from mmaction_mer.engine.ablation_trials import plan_trials

    trial = plan_trials(read_table(sound / 'table.py'), scratch / 'o')[0]
    folder = trial.folder / f'seed{trial.seeds[0]}'
    place(sound / 'run', folder)
    if file is not None:
        place(file, folder)
        _sealed(folder)
    return [*argv, '--table-only']
