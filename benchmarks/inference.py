"""Measure label, time and place that the shipped model gives for unseen subjects.

On a SynthME release of other people than its own (seed 11), read clip by clip as
``python -m mmaction_mer predict`` reads them, faces found and cut out:

* how often the label is right;
* how far the estimated apex is from the true one, beside taking the middle;
* how often the hottest place lies where the face moves by half of its most or more:
  of the model's evidence alone, of the movement alone, and of the two together, which
  is the heat map that is shown.

    python tools/data/make_synthme.py --seed 77 --out data/synthme77
    python benchmarks/inference.py data/synthme77
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from common import make_parser
from tqdm import tqdm

from mmaction_mer.apis import MERInferencer, Reading, mer_inferencer
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.faces.alignment import align
from mmaction_mer.datasets.synthme.release import clip_field
from mmaction_mer.evaluation import movement_regions
from mmaction_mer.utils.cli.command_line import report_errors


def region_shown(field: np.ndarray, reading: Reading) -> np.ndarray:
    """Where a face truly moves, on the square that people are shown.

    Args:
        field: ``(H, W, 2)`` movement in pixels of the clip's own frames.
        reading: Of the clip.

    Returns:
        ``(S, S)`` bool.
    """
    size = reading.clip.shape[1]
    matrix = reading.window.matrix * (size / reading.side)
    region = movement_regions(field[None])[0].astype(np.uint8) * 255
    return align(region, matrix, size)[..., 0] > 127


def measure(data: Path) -> dict[str, float]:
    """Read the clips of a release.

    Args:
        data: Its folder.

    Returns:
        Shares of 1 by name, and seconds a clip.
    """
    truth = json.loads((data / 'truth.json').read_text(encoding='utf-8'))
    entries = {entry['clip']: entry for entry in truth['clips']}
    rows = read_annotation(data / 'annotations.json')['data_list']
    inferencer = MERInferencer(device='cpu')
    found: dict[str, list[float]] = {}
    combine = mer_inferencer.moving_evidence
    parts: dict[str, np.ndarray] = {}

    def watched(evidence: np.ndarray, clip: np.ndarray, fps: float) -> np.ndarray:
        parts['evidence'] = evidence
        parts['movement'] = combine(np.ones_like(evidence), clip, fps)
        parts['both'] = combine(evidence, clip, fps)
        return parts['both']

    mer_inferencer.moving_evidence = watched
    started = time.perf_counter()
    for row in tqdm(rows, desc='clips', disable=None):
        clip = np.stack(load_clip(locate(row, str(data)))['imgs'])
        reading = inferencer.read(clip, fps=row['fps'])
        span = row['offset'] - row['onset']
        apex = (row['apex'] - row['onset']) / span
        entry = entries[row['clip']]
        region = region_shown(clip_field(entry, truth['arguments']['size']), reading)
        view = inferencer.packer.view(inferencer.model, reading.side)
        view *= len(region) / reading.side
        told = {
            'label is right': reading.window.mean.argmax() == row['label'],
            'apex, error of the estimate': abs(reading.apex / span - apex),
            'apex, error of the middle': abs(0.5 - apex),
            'pointing anywhere': region.mean(),
        }
        for name, part in parts.items():
            y, x = np.unravel_index(part.argmax(), part.shape)
            place = np.clip(np.rint(view @ [x, y, 1]).astype(int), 0, len(region) - 1)
            told[f'hottest place of {name}'] = region[place[1], place[0]]
        for name, value in told.items():
            found.setdefault(name, []).append(float(value))
    mer_inferencer.moving_evidence = combine
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name in ('estimate', 'middle'):
        errors = found[f'apex, error of the {name}']
        means[f'apex, median error of the {name}'] = float(np.median(errors))
    return {**means, 'seconds a clip': (time.perf_counter() - started) / len(rows)}


@report_errors
def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument('data', type=Path, help='folder of a SynthME release')
    for name, value in measure(parser.parse_args().data).items():
        print(f'{name:36}' + (f'{value:8.2f}' if 'sec' in name else f'{value:8.1%}'))


if __name__ == '__main__':
    sys.exit(main())
