"""Pre-train the small ViT that ships with the package, on macroscopic faces.

It learns from synthetic macro-expressions (2 to 12 pixels at 224, none of a demo's
subjects) which action units are at work in a rank-pooled clip. This gives the demo
MPT's premise, a frozen backbone that knows expressions yet has never seen a
micro-expression. The camera's noise is drawn anew each time a clip is seen, up to four
times as strong as a release's, so that a large movement in much noise looks like a
small one in little. The same seed gives the same weights on a CPU.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = 'vit-tiny_synthme.pth'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out',
        type=Path,
        default=Path(__file__).parents[1] / 'mmaction_mer/models/weights' / NAME,
        help='file to write. Defaults to the one that the package ships.',
    )
    parser.add_argument('--identities', type=int, default=600)
    parser.add_argument('--iters', type=int, default=4000)
    parser.add_argument('--batch', type=int, default=64, help='clips in a batch')
    parser.add_argument('--lr', type=float, default=1e-3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args(arguments)
    for name, least in (('identities', 2), ('iters', 1), ('batch', 1), ('workers', 1)):
        if getattr(args, name) < least:
            parser.error(f'--{name} must be at least {least}')
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.models.pretraining.synthme_vit import pretrain
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(pretrain)(args)


if __name__ == '__main__':
    sys.exit(main())
