"""Make SynthME, a synthetic micro-expression release of which the truth is known.

    python tools/data/make_synthme.py --out data/synthme
    python tools/data/make_synthme.py --out data/macro --kind macro --subjects 40

The folder appears when it is complete. The same arguments give the same bytes,
with any number of workers.
"""

import argparse
import os
import sys
from pathlib import Path

# Defaults are those of mmaction_mer.datasets.synthme.Nuisance, which a test compares.
NUISANCES = {
    'drift': (1.0, 'slow translation of the head, px at 224'),
    'rotation': (0.4, 'slow roll of the head, degrees'),
    'scale': (0.004, "slow relative change of the head's size"),
    'turn': (0.5, 'slow turn and nod of the head, degrees'),
    'flicker': (0.01, 'relative change of brightness'),
    'noise': (4.5, 'sensor noise, grey levels'),
    'blink': (0.12, 'probability that a clip holds a blink'),
    'twitch': (0.6, 'slow push of a random spot of the face, px at 224'),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or '').split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add('--out', type=Path, required=True, help="the release's folder")
    add('--subjects', type=int, default=10, help='number of subjects')
    add('--clips', type=int, default=12, help='mean number of clips per subject')
    add('--size', type=int, default=112, help='side of the frames in pixels')
    add('--seed', type=int, default=0, help='seed of everything')
    add('--kind', choices=('micro', 'macro'), default='micro', help='size of motion')
    add(
        '--amplitude',
        type=float,
        nargs=2,
        metavar=('LOW', 'HIGH'),
        help='displacement at the apex, px at 224; default 0.3 2 (micro), 4 12 (macro)',
    )
    add(
        '--workers',
        type=int,
        default=min(os.cpu_count() or 1, 8),
        help='processes that draw',
    )
    group = parser.add_argument_group('nuisances (standard deviations; 0 is off)')
    for name, (default, meaning) in NUISANCES.items():
        group.add_argument(f'--{name}', type=float, default=default, help=meaning)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Make the release; return 0 if it is there afterwards."""
    args = parse_args(argv)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.datasets.synthme.nuisance import Nuisance
    from mmaction_mer.datasets.synthme.plan import Release
    from mmaction_mer.datasets.synthme.release import make_release
    from mmaction_mer.utils.errors import MERDataError

    try:
        release = Release(
            subjects=args.subjects,
            clips=args.clips,
            size=args.size,
            seed=args.seed,
            kind=args.kind,
            amplitude=tuple(args.amplitude) if args.amplitude else None,
            nuisance=Nuisance(**{name: getattr(args, name) for name in NUISANCES}),
        )
        written = make_release(args.out, release, args.workers)
    except (MERDataError, ValueError) as error:
        print(f'make_synthme: {error}', file=sys.stderr)
        return 2
    what = f'{release.subjects} subjects, {release.subjects * release.clips} clips'
    if written:
        print(f'{args.out}: {release.kind} release, {what}, written')
    else:
        print(f'{args.out}: this release is complete ({what}); nothing to do')
    return 0


if __name__ == '__main__':
    sys.exit(main())
