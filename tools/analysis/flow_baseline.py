"""Run the classical baseline on a dataset, under the folds of a protocol.

Optical flow from onset to apex (to the middle frame where the annotation gives
no apex), averaged on a grid, and a linear SVM; nothing is tuned. Writes the
predictions of each fold and the pooled results, as training does.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Pixels of a frame's side: no grid is finer.
SIDE = 224


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('annotation', help='annotation file')
    parser.add_argument(
        '--data-root', required=True, help='folder that its paths are relative to'
    )
    parser.add_argument('--out', required=True, help='folder for the results')
    parser.add_argument(
        '--k', type=int, help='number of folds of group k-fold (default: LOSO)'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of group k-fold')
    parser.add_argument(
        '--grid',
        type=int,
        default=14,
        choices=range(1, SIDE + 1),
        metavar='N',
        help='cells along a side (default: %(default)s)',
    )
    parser.add_argument(
        '--max-missing',
        type=int,
        default=0,
        help='number of clips that may lack frames (default: %(default)s)',
    )
    return parser.parse_args(arguments)


def run_baseline(args: argparse.Namespace) -> None:
    """Train and test every fold, score all predictions and print the result."""
    import numpy as np
    from tqdm import tqdm

    from mmaction_mer.datasets.annotation import clip_name, read_annotation
    from mmaction_mer.datasets.clips import usable_clips
    from mmaction_mer.datasets.protocols import assert_disjoint, make_folds
    from mmaction_mer.evaluation.flow_baseline import clip_features, fit_and_predict
    from mmaction_mer.evaluation.predictions import NAMES, write_predictions
    from mmaction_mer.evaluation.summary import summarize_run
    from mmaction_mer.evaluation.summary_text import format_summary
    from mmaction_mer.utils.json_files import write_json

    annotation = read_annotation(args.annotation)
    classes = annotation['metainfo']['classes']
    usable = usable_clips(
        annotation['data_list'], args.data_root, args.annotation, args.max_missing
    )
    for line in [*usable.skipped.values(), *usable.notes]:
        print(line)
    rows = usable.rows
    features = np.stack(
        [clip_features(row, args.grid) for row in tqdm(rows, unit='clip')]
    )
    labels = np.array([row['label'] for row in rows])
    subjects = [row['subject'] for row in rows]
    protocol: str | dict[str, Any] = 'loso'
    if args.k:
        protocol = {'type': 'group-kfold', 'k': args.k, 'seed': args.seed}

    out, by_fold = Path(args.out), {}
    for fold in make_folds(protocol, subjects):
        assert_disjoint(fold, subjects)
        held_out = np.isin(subjects, fold.held_out)
        probabilities = fit_and_predict(
            features[~held_out], labels[~held_out], features[held_out], len(classes)
        )
        by_fold[fold.name] = [
            {
                **{field: rows[clip][field] for field in NAMES},
                'label': int(labels[clip]),
                'prediction': int(values.argmax()),
                'probabilities': values.tolist(),
            }
            for clip, values in zip(
                np.flatnonzero(held_out), probabilities, strict=True
            )
        ]
        write_predictions(
            out / 'folds' / fold.name / 'predictions.jsonl', by_fold[fold.name]
        )
    results = summarize_run(
        by_fold,
        classes,
        extra={
            'method': 'optical flow onset to apex, linear SVM',
            'protocol': protocol,
            'grid': args.grid,
            'probabilities': 'softmax of the decision values, not calibrated',
            'without_apex': [clip_name(row) for row in rows if row['apex'] is None],
        },
    )
    print(format_summary(results))
    print(f'\nwritten: {write_json(out / "results.json", results)}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(run_baseline)(args)


if __name__ == '__main__':
    sys.exit(main())
