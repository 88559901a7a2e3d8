"""Run the classical baseline on a dataset, under the folds of a protocol.

Optical flow from onset to apex (to the middle frame where the annotation gives
no apex), averaged on a grid, and a linear SVM; nothing is selected. Writes the
predictions of each fold and the pooled results, as training does.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from mmaction_mer.datasets.annotation import clip_name, read_annotation
from mmaction_mer.datasets.clips import load_clip, usable_clips
from mmaction_mer.datasets.protocols import assert_disjoint, make_folds
from mmaction_mer.evaluation import format_report, pool, save_results, write_predictions
from mmaction_mer.evaluation.flow_baseline import fit_and_predict, flow_features
from mmaction_mer.utils.cli.command_line import report_errors

SIDE = 224


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('annotation', help='annotation file')
    parser.add_argument('--data-root', required=True, help='where its paths start')
    parser.add_argument('--out', required=True, help='folder for the results')
    parser.add_argument(
        '--k', type=int, help='group k-fold with so many folds; default: LOSO'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of group k-fold')
    parser.add_argument(
        '--grid',
        type=int,
        default=14,
        choices=range(1, SIDE + 1),
        metavar='N',
        help='cells along a side',
    )
    parser.add_argument(
        '--max-missing', type=int, default=0, help='so many clips may lack frames'
    )
    return parser.parse_args()


def features_of(row: dict[str, Any], grid: int) -> np.ndarray:
    """Read two frames of a clip and describe the motion between them."""
    apex = row['apex']
    if apex is None or apex == row['onset']:
        apex = (row['onset'] + row['offset'] + 1) // 2
    frames = load_clip({**row, 'offset': apex}, max_frames=2)['imgs']
    if frames[0].shape[:2] != (SIDE, SIDE):
        frames = [
            cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            for frame in frames
        ]
    return flow_features(*frames, grid=grid)


@report_errors
def main() -> None:
    """Predict every fold, pool, print."""
    args = parse_args()
    annotation = read_annotation(args.annotation)
    classes = annotation['metainfo']['classes']
    usable = usable_clips(
        annotation['data_list'], args.data_root, args.annotation, args.max_missing
    )
    for line in [*usable.skipped.values(), *usable.notes]:
        print(line)
    rows = usable.rows
    features = np.stack(
        [features_of(row, args.grid) for row in tqdm(rows, unit='clip')]
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
        chances = fit_and_predict(
            features[~held_out], labels[~held_out], features[held_out], len(classes)
        )
        by_fold[fold.name] = [
            {
                **{
                    field: rows[place][field]
                    for field in ('dataset', 'subject', 'clip')
                },
                'label': int(labels[place]),
                'prediction': int(chance.argmax()),
                'probabilities': chance.tolist(),
            }
            for place, chance in zip(np.flatnonzero(held_out), chances, strict=True)
        ]
        write_predictions(
            out / 'folds' / fold.name / 'predictions.jsonl', by_fold[fold.name]
        )
    results = pool(
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
    print(format_report(results))
    print(f'\nwritten: {save_results(out / "results.json", results)}')


if __name__ == '__main__':
    sys.exit(main())
