"""Draw a data set: its clips, classes, subjects, lengths and frame rates.

python tools/data/browse.py data/casme2/annotations.json
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('annotation', type=Path, help='annotation file')
    parser.add_argument(
        '--frames',
        type=Path,
        help='folder that its paths start from; default: frames/ beside it, or its own',
    )
    parser.add_argument(
        '--out', type=Path, help='folder; default: browse/ANNOTATION/ beside it'
    )
    return parser.parse_args(argv)


def browse(args: argparse.Namespace) -> None:
    """Draw every figure."""
    from mmaction_mer.datasets.annotation import read_annotation
    from mmaction_mer.datasets.checking import frames_root
    from mmaction_mer.visualization import (
        plot_classes,
        plot_subjects,
        plot_times,
        save_figure,
        write_clip_sheets,
    )

    figures = {
        'classes': plot_classes, 'subjects': plot_subjects, 'times': plot_times,
    }  # fmt: skip
    content = read_annotation(args.annotation)
    metainfo, rows = content['metainfo'], content['data_list']
    classes = metainfo['classes']
    root = args.frames or frames_root(args.annotation, rows)
    out = args.out or args.annotation.parent / 'browse' / args.annotation.stem
    names = ' + '.join(sorted({row['dataset'] for row in rows}))
    title = ' · '.join(filter(None, [names, metainfo.get('labels')]))
    people = {(row['dataset'], row['subject']) for row in rows}
    counted = f'{title} · {len(rows)} clips · {len(people)} subjects'
    for name, draw in figures.items():
        save_figure(draw(rows, classes, counted), out / f'{name}.png')
    pages = write_clip_sheets(rows, root, out, classes, title)
    charts = ', '.join(f'{name}.png' for name in figures)
    print(f'{out}: {charts} and {len(pages)} page(s) of clips, clips_*.png')


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(argv)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(browse)(args)


if __name__ == '__main__':
    sys.exit(main())
