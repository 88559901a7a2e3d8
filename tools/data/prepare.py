"""Prepare a release: checked annotation files, aligned faces and a report."""

import argparse
import sys
from pathlib import Path

# First of all: it repairs the host stack and registers this package's parts.
import mmaction_mer  # noqa: F401

# isort: split
from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.datasets.clip_cache import find_store, write_store
from mmaction_mer.datasets.clips import locate
from mmaction_mer.utils.parallel import cores
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.engine.runners.clip_limits import config_limits
from mmaction_mer.motion.limits import ClipLimits
from mmaction_mer.visualization import write_clip_sheets


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    width = max(map(len, READERS))
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='releases:\n'
        + '\n'.join(f'  {name:{width}}  {one.title}' for name, one in READERS.items()),
    )
    add = parser.add_argument
    add('release', choices=READERS, metavar='RELEASE', help='which one, see below')
    add('--root', type=Path, required=True, help="the release's folder")
    add('--out', type=Path, required=True, help='folder to prepare, as data/casme2')
    add('--sheet', type=Path, help='spreadsheet, where it does not lie in the release')
    add('--no-crop', action='store_true', help='take frames as they are')
    add('--size', type=int, default=224, help='side of cropped faces, pixels (224)')
    add('--face-model', type=Path, help='YuNet model file (found where installed)')
    add('--fps', type=float, help='frame rate in Hz, where the release has none')
    add('--config', help='config whose limits of length hold for clips (those of MPT)')
    add('--store', action='store_true', help='also write a clip store')
    add('--strict', action='store_true', help='fail where counts differ')
    add('--max-skipped', type=int, help='so many rows may be left out (half of them)')
    add('--workers', type=int, default=cores(), help='processes (one per core)')
    return parser.parse_args(argv)


@report_errors
def main(argv: list[str] | None = None) -> None:
    """Prepare the release and say what came out."""
    args = parse_args(argv)
    options = Options(
        crop=not args.no_crop,
        size=args.size,
        face_model=args.face_model,
        fps=args.fps,
        max_skipped=args.max_skipped,
        workers=args.workers,
        limits=ClipLimits() if args.config is None else config_limits(args.config),
    )
    source = Source(args.root, args.sheet)
    done = prepare(READERS[args.release], source, args.out, options)
    frames = args.out / 'frames'
    if args.store:
        write_store(args.out / 'store', done.rows, frames, workers=args.workers)
    pages = write_clip_sheets(done.rows, frames, args.out / 'sheets')
    print(summary(done.report))
    print(f'annotations: {", ".join(map(str, done.files))}')
    print(f'report: {args.out / "report.md"}')
    print(f'look at the clips: {args.out / "sheets"}, {len(pages)} page(s)')
    if not args.store and (note := stale_store(args.out, done.rows)):
        print(note)
    if args.strict and not any(one['expected'] for one in done.report['labels']):
        raise MERDataError(
            f'--strict: nothing is known to compare {done.report["release"]} with: '
            f'leave it out'
        )
    if args.strict and done.differences:
        raise MERDataError(
            f'--strict: {args.out} differs from a complete release:\n  '
            + '\n  '.join(done.differences)
        )


def stale_store(out: Path, rows: list[dict]) -> str:
    """Return a note if the clip store of an earlier run is stale."""
    store = find_store(out)
    if store is None:
        return ''
    frames = str(out / 'frames')
    try:
        store.check([locate(row, frames) for row in rows], frames)
    except MERDataError:
        return f'the clip store in {out} is stale now: build it again with --store'
    return ''


def summary(report: dict) -> str:
    """Say in a few lines what came out."""
    lines = [
        f'{report["release"]}: {report["rows"]} rows'
        + (f', edition {report["edition"]}' if report['edition'] else '')
        + f'; {report["numbering"]}'
    ]
    for one in report['labels']:
        classes = ', '.join(f'{name} {n}' for name, n in one['clips'].items())
        counted = f'{sum(one["clips"].values())} clips of {one["subjects"]} subjects'
        lines.append(f'  {one["labels"]}: {counted} ({classes})')
        lines += [f'    differs: {line}' for line in one['differences']]
    actions = ', '.join(f'{n} {name}' for name, n in report['actions'].items())
    return '\n'.join([*lines, f'findings: {actions or "none"}'])


if __name__ == '__main__':
    sys.exit(main())
