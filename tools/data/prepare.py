"""Prepare a release: checked annotation files, aligned faces and a report."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

#: Titles of the releases; a test keeps them equal to those of ``READERS``, which cannot
#: be imported for --help without everything else.
RELEASES = {
    'casme2': 'CASME II',
    'samm': 'SAMM',
    'smic': 'SMIC, camera HS',
    'smic-long': 'SMIC, camera HS, long form',
    'smic-vis': 'SMIC, camera VIS',
    'smic-vis-long': 'SMIC, camera VIS, long form',
    'smic-nir': 'SMIC, camera NIR',
    'smic-nir-long': 'SMIC, camera NIR, long form',
    'casme': 'CASME',
    'mmew': 'MMEW, micro-expressions',
    'mmew-macro': 'MMEW, macro-expressions',
    'cas3': 'CAS(ME)^3, part A',
    'cas3-c': 'CAS(ME)^3, part C',
    '4dme': '4DME, grayscale micro-expressions',
    'generic': 'any clips with a table',
    'folders': 'any folders named by emotion',
    'ferv39k': 'FERV39k',
    'dfew': 'DFEW, clips with one label',
    'ckplus': 'CK+',
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    releases = '\n'.join(f'  {name:13}  {title}' for name, title in RELEASES.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f'releases:\n{releases}',
    )
    add = parser.add_argument
    add('release', choices=RELEASES, metavar='RELEASE', help='which one, see below')
    add('--root', type=Path, required=True, help='folder of the release')
    add('--out', type=Path, required=True, help='folder to prepare, as data/casme2')
    add('--sheet', type=Path, help='spreadsheet, if it is not in the release')
    add('--no-crop', action='store_true', help='take frames as they are')
    add('--size', type=int, default=224, help='side of cropped faces, pixels (224)')
    add('--face-model', type=Path, help='YuNet model file (that of a package)')
    add('--fps', type=float, help='frame rate in Hz, if the release has none')
    add('--config', help='config whose limits of length hold for clips (those of MPT)')
    add('--store', action='store_true', help='also write a clip store')
    add('--strict', action='store_true', help='fail if counts differ')
    add('--max-skipped', type=int, help='rows that may be left out (half of them)')
    add('--workers', type=int, help='number of processes (one per core)')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Prepare the release and print the result.

    Raises:
        MERDataError: The release cannot be prepared, or differs under ``--strict``.
    """
    from mmaction_mer.datasets.clip_cache import write_store
    from mmaction_mer.datasets.preparation.prepare import Options, prepare
    from mmaction_mer.datasets.preparation.readers import READERS
    from mmaction_mer.datasets.preparation.readers.reader import Source
    from mmaction_mer.engine.runners.clip_limits import config_limits
    from mmaction_mer.motion.limits import ClipLimits
    from mmaction_mer.utils.errors import MERDataError
    from mmaction_mer.utils.parallel import cores
    from mmaction_mer.visualization import write_clip_sheets

    workers = cores() if args.workers is None else args.workers
    options = Options(
        crop=not args.no_crop,
        size=args.size,
        face_model=args.face_model,
        fps=args.fps,
        max_skipped=args.max_skipped,
        workers=workers,
        limits=ClipLimits() if args.config is None else config_limits(args.config),
    )
    source = Source(args.root, args.sheet)
    done = prepare(READERS[args.release], source, args.out, options)
    frames = args.out / 'frames'
    if args.store:
        write_store(args.out / 'store', done.rows, frames, workers=workers)
    pages = write_clip_sheets(done.rows, frames, args.out / 'sheets')
    print(summarize(done.report))
    print(f'annotations: {", ".join(map(str, done.files))}')
    print(f'report: {args.out / "report.md"}')
    print(f'look at the clips: {args.out / "sheets"}, {len(pages)} page(s)')
    if not args.store and (note := check_store(args.out, done.rows)):
        print(note)
    if args.strict and not any(one['expected'] for one in done.report['labels']):
        raise MERDataError(
            f'nothing is known to compare {done.report["release"]} with',
            field='--strict',
            hint='leave it out',
        )
    if args.strict and done.differences:
        raise MERDataError(
            'differs from a complete release:\n  ' + '\n  '.join(done.differences),
            path=args.out,
        )


def check_store(out: Path, rows: list[dict[str, Any]]) -> str:
    """Return a note if the store of an earlier run is outdated."""
    from mmaction_mer.datasets.clip_cache import find_store
    from mmaction_mer.datasets.clips import locate
    from mmaction_mer.utils.errors import MERDataError

    store = find_store(out)
    if store is None:
        return ''
    frames = os.path.join(out, 'frames')
    try:
        store.check([locate(row, frames) for row in rows], frames)
    except MERDataError:
        return f'the store in {out} is outdated: write it again with --store'
    return ''


def summarize(report: dict[str, Any]) -> str:
    """Return a summary of a report in a few lines."""
    edition = f', edition {report["edition"]}' if report['edition'] else ''
    rows = f'{report["release"]}: {report["rows"]} rows{edition}'
    lines = [f'{rows}; {report["numbering"]}']
    for one in report['labels']:
        classes = ', '.join(f'{name} {n}' for name, n in one['clips'].items())
        counted = f'{sum(one["clips"].values())} clips of {one["subjects"]} subjects'
        lines.append(f'  {one["labels"]}: {counted} ({classes})')
        lines += [f'    differs: {line}' for line in one['differences']]
    actions = ', '.join(f'{n} {name}' for name, n in report['actions'].items())
    return '\n'.join([*lines, f'issues: {actions or "none"}'])


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(argv)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(run)(args)


if __name__ == '__main__':
    sys.exit(main())
