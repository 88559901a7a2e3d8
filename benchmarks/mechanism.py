r"""Does the mechanism of the paper carry on data of which the truth is known?

Runs one config over all its folds in several forms, each a few scalars apart, beside
a classical baseline under the same folds, and prints one table. Every run is resumed
where it stopped; nothing is selected on a test subject.

    python benchmarks/mechanism.py configs/mpt_vit-tiny_synthme.py \
        --out work_dirs/mechanism
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine import LOSORunner
from mmaction_mer.utils.cli.command_line import read_config, report_errors
from mmaction_mer.utils.files import atomic_write
from mmaction_mer.utils.json_files import write_json

ROOT = Path(__file__).parents[1]

# What is asked of the mechanism, and the scalars that ask it.
FORMS = {
    'MPT': {},
    'prompts off': {'model.backbone.prompt': None},
    'magnification off (alpha = 0, no motion)': {'model.data_preprocessor.alpha': 0.0},
    'motion not magnified (alpha = 1)': {'model.data_preprocessor.alpha': 1.0},
    'prompts alone (no adapter)': {'model.backbone.adapter': None},
    'head alone': {'model.backbone.prompt': None, 'model.backbone.adapter': None},
    # A clip of 16 frames standardised to 16 again is itself: StabilizeHead is gone.
    'frames dropped, not averaged': {
        'train_dataloader.dataset.pipeline.1.average': False,
        'test_dataloader.dataset.pipeline.1.average': False,
    },
    "the head's motion left in": {
        'model.data_preprocessor.remove_head_motion': False,
        'train_dataloader.dataset.pipeline.2.type': 'StandardizeLength',
        'test_dataloader.dataset.pipeline.2.type': 'StandardizeLength',
    },
    'random backbone': {'model.backbone.vit.init_cfg': None},
}
BASELINE = 'optical flow + linear SVM'


def run_form(args: argparse.Namespace, name: str, changes: dict, seed: int) -> dict:
    """Run one form over all folds and return its pooled results."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict({**args.options, **changes, 'randomness.seed': seed})
    slug = ''.join(c if c.isalnum() else '-' for c in name.lower())
    cfg.work_dir = str(args.out / f'{slug}_seed{seed}')
    cfg.resume = True
    return LOSORunner.from_cfg(cfg).train()


def run_baseline(dataset: Config, out: Path) -> dict:
    """Run the classical baseline under the same folds."""
    tool = ROOT / 'tools' / 'analysis' / 'flow_baseline.py'
    annotation = Path(dataset.data_root, dataset.ann_file)
    command = [annotation, '--data-root', dataset.data_root, '--out', out]
    subprocess.run([sys.executable, tool, *command], check=True)
    return json.loads((out / 'results.json').read_text())


def row(name: str, runs: list[dict]) -> dict:
    """One row of the table: means over the seeds, the interval of the first."""
    scores = {
        key: sum(run['scores'][key] for run in runs) / len(runs)
        for key in ('acc', 'uf1', 'uar')
    }
    accuracies = [run['scores']['acc'] for run in runs]
    return dict(
        name=name,
        **scores,
        acc_by_seed=accuracies,
        interval=runs[0]['intervals']['acc'],
        trainable=runs[0]['extra'].get('parameters', {}).get('trainable'),
    )


def table(rows: list[dict], chance: float, majority: float) -> str:
    """The rows as Markdown, in percent."""
    lines = [
        f'chance {chance:.1%}, largest class {majority:.1%}\n',
        '| form | learns | Acc | 95 % interval (subjects, first seed) | UF1 | UAR | '
        'Acc by seed |',
        '|---|---:|---:|---|---:|---:|---|',
    ]
    for r in rows:
        low, high = r['interval']
        learns = f'{r["trainable"]:,}' if r['trainable'] else '-'
        seeds = ', '.join(f'{100 * a:.1f}' for a in r['acc_by_seed'])
        lines.append(
            f'| {r["name"]} | {learns} | {100 * r["acc"]:.1f} | '
            f'{100 * low:.1f} to {100 * high:.1f} | {100 * r["uf1"]:.1f} | '
            f'{100 * r["uar"]:.1f} | {seeds} |'
        )
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--forms', nargs='+', choices=list(FORMS), default=list(FORMS))
    parser.add_argument('--data-root', help="in place of the config's")
    args = parser.parse_args()
    args.options = {}
    if args.data_root:
        for loader in ('train_dataloader', 'test_dataloader'):
            args.options[f'{loader}.dataset.data_root'] = args.data_root
    return args


@report_errors
def main() -> None:
    """Run what is missing and print the table."""
    args = parse_args()
    cfg = read_config(args.config)
    cfg.merge_from_dict(args.options)
    baseline = run_baseline(cfg.test_dataloader.dataset, args.out / 'baseline')
    rows = [row(BASELINE, [baseline])]
    for name in args.forms:
        runs = [run_form(args, name, FORMS[name], seed) for seed in args.seeds]
        rows.append(row(name, runs))
        # After every form: what is measured is not lost with a cut.
        text = table(rows, baseline['chance'], baseline['majority'])
        atomic_write(args.out / 'mechanism.md', text + '\n')
        write_json(args.out / 'mechanism.json', rows)
    print(text)


if __name__ == '__main__':
    sys.exit(main())
