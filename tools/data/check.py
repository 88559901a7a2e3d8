"""Check an annotation file against the disk, and count its clips.

    python tools/data/check.py data/casme2/annotations.json

16 frames of every clip are decoded, as in training; those of a video are compared with
decoding it in order, and its header with the timestamps. The length and frame rate of
clips are compared with the requirements of the configs of MPT, or of ``--config FILE``.
The exit status is 0 if every clip can be used, else 1.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('annotation', type=Path, help='annotation file')
    parser.add_argument(
        '--frames',
        type=Path,
        help='folder that its paths are in; default: frames/ beside it, or its own',
    )
    parser.add_argument(
        '--config',
        help='config whose pipeline and model use the clips; default: those of MPT',
    )
    parser.add_argument('--json', type=Path, help='file to write the result to')
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> dict[str, Any]:
    """Read the file and check its clips.

    Raises:
        MERDataError: The file itself, or the folder of the frames, cannot be used.
        MERRunError: The config cannot be read.
    """
    from tqdm import tqdm

    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.checking import (
        LimitCheck,
        check_clips,
        check_limits,
        frames_root,
        is_macro,
        summarize,
    )
    from mmaction_mer.engine.runners.clip_limits import config_limits
    from mmaction_mer.motion.limits import ClipLimits

    content = read_annotation(args.annotation)
    metainfo, rows = content['metainfo'], content['data_list']
    root = args.frames or frames_root(args.annotation, rows)
    bar = tqdm(rows, desc='checking', unit='clip')
    found = check_clips(bar, root, str(args.annotation))
    task = metainfo.get('task_name')
    # Pre-training draws short pieces of macro-expressions, whatever their length.
    limits = None if is_macro(task) else ClipLimits()
    if args.config is not None:
        limits = config_limits(args.config)
    asked = LimitCheck()
    if limits is not None:
        asked = check_limits(rows, limits, task, root)
    found.problems = {**asked.problems, **found.problems}
    return {
        'annotation': str(args.annotation),
        'frames': str(root),
        'labels': metainfo.get('labels'),
        'usable': not found.problems,
        **summarize(rows, metainfo['classes']),
        'sizes': found.sizes,
        'verified': found.verified,
        'notes': found.notes,
        'limits': asked.notes,
        'depths': found.depths,
        'problems': found.problems,
    }


def describe(found: Mapping[str, Any]) -> str:
    """Return the result as text."""
    labels = f' · {found["labels"]}' if found['labels'] else ''
    lines = [
        f'{found["annotation"]}, frames in {found["frames"]}',
        f'{found["clips"]} clips · {found["subjects"]} subjects · '
        f'{len(found["classes"])} classes{labels}',
        '',
    ]
    tables = [('class', found['classes'])]
    if len(found['datasets']) > 1:
        tables.append(('dataset', found['datasets']))
    width = max(12, *(len(row[key]) for key, rows in tables for row in rows))
    for key, rows in tables:
        lines += [f'{key:<{width}}  {"clips":>6}  {"subjects":>8}']
        for row in rows:
            lines += [f'{row[key]:<{width}}  {row["clips"]:>6}  {row["subjects"]:>8}']
        lines += ['']
    for what, unit in (('frames', 'frames'), ('ms', 'ms from onset to offset')):
        low, middle, high = found['length'][what].values()
        lines += [f'length      {low:.0f} to {high:.0f}, median {middle:.0f} {unit}']
    rates = {f'{rate} Hz': number for rate, number in found['frame_rates'].items()}
    for what, counts in (('frame rate', rates), ('frame size', found['sizes'])):
        parts = [f'{value} ({number} clips)' for value, number in counts.items()]
        lines += [f'{what}  {", ".join(parts) or "not known"}']
    lines += [f'apex        missing in {found["without_apex"]} clips']
    if found['verified']:
        lines += [f'videos      {found["verified"]} clips, frames as decoded in order']
    for what, texts in (
        ('Notes', found['notes']),
        ('Length and frame rate', found['limits']),
        ('Pictures of more than 8 bits', found['depths']),
        ('Clips that cannot be used', list(found['problems'].values())),
    ):
        if texts:
            lines += ['', f'{what}: {len(texts)}', *(f'  {text}' for text in texts)]
    return '\n'.join(lines)


def run(args: argparse.Namespace) -> None:
    """Check the file and print the result.

    Raises:
        MERDataError: A clip cannot be used.
    """
    from mmaction_mer.utils.errors import MERDataError
    from mmaction_mer.utils.json_files import write_json

    try:
        found = check(args)
    except MERDataError as error:
        if args.json:
            result = {'annotation': str(args.annotation), 'usable': False}
            write_json(args.json, {**result, 'error': str(error)})
        raise
    if args.json:
        write_json(args.json, found)
    print(describe(found))
    if not found['usable']:
        raise MERDataError(
            f'{len(found["problems"])} of {found["clips"]} clips cannot be used, see '
            f'above',
            path=args.annotation,
        )
    print('\nevery clip can be used')


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(argv)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
