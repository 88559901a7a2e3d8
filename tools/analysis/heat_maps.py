"""Draw where the action branch of a MIACNet sees movement, onset to apex.

    python tools/analysis/heat_maps.py configs/miacnet_synthme.py
    python tools/analysis/heat_maps.py configs/miacnet_synthme.py --run RUN

Without a run, the branch is as the config starts it: the magnitude of its action code
as the pre-training left it. With one, every fold looks at the clips of its own held-out
subjects, and what is drawn is what speaks for the class that it predicts.

On SynthME, of which the true movement is known, hit rates are printed: how often the
hottest place lies where the face moves by half of its most or more, beside what the
plain difference of the frames, and pointing anywhere, would score.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a config of a MIACRecognizer')
    parser.add_argument('--run', type=Path, help='work directory of its folds')
    parser.add_argument(
        '--out', type=Path, default=Path('heat_maps.png'), help='default: %(default)s'
    )
    parser.add_argument(
        '--draw', type=int, default=24, metavar='N', help='so many clips (24)'
    )
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action='extend', metavar='KEY=VALUE'
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.analysis.heat_maps import draw_heat_maps
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(draw_heat_maps)(args)


if __name__ == '__main__':
    sys.exit(main())
