"""Draw figures of a finished run.

    python tools/analysis/visualize.py RUN --what all
    python tools/analysis/visualize.py RUN --what classes --baseline OTHER_RUN
    python tools/analysis/visualize.py RUN --what magnified --clips 2 --alpha 15

RUN is a work directory of one seed or of several; of several, figures of models are of
the first. Every clip is processed by the fold that holds out its subject. The figures
are written to RUN/figures, and included in RUN/report.html.

On SynthME, where the true movement is known, hit rates are printed: how often the
maximum of a map is where the movement is at least half of its largest, and how well the
Gaussians agree with the true apex.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# The keys of mmaction_mer.analysis.figures.FIGURES, which a test compares.
FIGURES = (
    'confusion', 'classes', 'tsne', 'gradcam', 'rollout', 'evidence', 'gaussians',
    'magnified', 'rank', 'mistakes',
)  # fmt: skip


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run', type=Path, help='work directory of a finished run')
    parser.add_argument(
        '--what', nargs='+', required=True, metavar='FIGURE',
        help=f'{" ".join(FIGURES)} or all',
    )  # fmt: skip
    parser.add_argument(
        '--baseline', type=Path, metavar='RUN', help='run to compare the classes with'
    )
    parser.add_argument('--out', type=Path, help='output folder (default: RUN/figures)')
    parser.add_argument(
        '--format', choices=('png', 'pdf'), default='png', help='(default: png)'
    )
    parser.add_argument(
        '--clips',
        nargs='+',
        default=[],
        metavar='N',
        help='number of clips, or their names',
    )
    parser.add_argument('--alpha', type=float, help="gain (default: the config's)")
    parser.add_argument('--low', type=float, help='lower edge of the band in Hz')
    parser.add_argument('--high', type=float, help='upper edge of the band in Hz')
    parser.add_argument('--device', default='cpu', help='(default: cpu)')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.analysis.visualize import draw_figures
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(draw_figures)(args)


if __name__ == '__main__':
    sys.exit(main())
