"""Draw heat maps of the action branch of MIACNet, from onset to apex.

    python tools/analysis/heat_maps.py configs/miacnet_synthme.py
    python tools/analysis/heat_maps.py configs/miacnet_synthme.py --run RUN

Without a run, the magnitude of the action code is drawn, with the pre-trained weights
of the config. With a run, the evidence for the predicted class is drawn, with every
clip processed by the fold that holds out its subject.

On SynthME, where the true movement is known, hit rates are printed: how often the
maximum of a map is where the movement is at least half of its largest, compared with
the plain difference of the frames and with random pointing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a config of a MIACRecognizer')
    parser.add_argument('--run', type=Path, help='work directory of a run')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('heat_maps.png'),
        help='output file (default: %(default)s)',
    )
    parser.add_argument(
        '--draw',
        type=int,
        default=24,
        metavar='N',
        help='number of clips to draw (default: %(default)s)',
    )
    parser.add_argument('--device', default='cpu', help='(default: cpu)')
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
