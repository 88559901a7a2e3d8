"""Entry points that take work directories."""

from pathlib import Path

from .case import place
from .entries import entry
from .staging import Argv, cut, sealed


def _over_run(file: Path | None, scratch: Path, sound: Path) -> Path:
    run = scratch / 'run'
    place(sound / 'run', run)
    if file is not None:
        place(file, run)
        sealed(run)
    return run


@entry('resume', 'run', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = _over_run(file, scratch, sound)
    if file is None:
        cut(run, 's1')  # what training does as well is no fault of a file
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
        sealed(folder)
    return [*argv, '--table-only']
