"""Entry points that take work directories."""

from pathlib import Path

from .case import place
from .entries import entry
from .staging import Argv, cut, run_with, sealed


@entry('resume', 'run', 'train')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run')
    if file is None:
        cut(run, 's1')  # what training does as well is no fault of a file
    return [str(sound / 'toy.py'), '--work-dir', str(run), '--resume']


@entry('test', 'run', 'test')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run')
    return [str(sound / 'toy.py'), str(run), '--work-dir', 'w']


@entry('score', 'run', 'analysis/score')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [
        str(run_with(file, scratch, sound / 'run')),
        '--out',
        'o.json',
        '--megc-log',
        'o.txt',
    ]


@entry('report', 'run', 'analysis/report')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(run_with(file, scratch, sound / 'run'))]


@entry('compare', 'run', 'analysis/compare')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run')
    return [str(sound / 'run'), str(run), '--resamples', '50', '--json', 'o.json']


@entry('visualize', 'run', 'analysis/visualize')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run')
    return [str(run), '--what', 'confusion', 'mistakes', 'classes']


@entry('publish-run', 'run', 'publish_model', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    return [str(run_with(file, scratch, sound / 'run')), '--out', 'o.pth']


@entry('predict-run', 'run', 'predict', works=False)
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    run = run_with(file, scratch, sound / 'run')
    return ['--model', str(run), str(sound / 'clip.mp4'), '--face', 'as-is']


@entry('ablate', 'run', 'ablate')
def _(file: Path | None, scratch: Path, sound: Path) -> Argv:
    argv = [str(sound / 'table.py'), '--out', str(scratch / 'o'), '--only', 'first']
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
