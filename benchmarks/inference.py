"""Accuracy of the demo model on unseen subjects: label, time and location.

On a SynthME release of other people than its own (seed 11), predicted clip by clip as
by ``python -m mmaction_mer predict``, with detected faces:

* how often the label is right;
* how far the estimated apex is from the true one, compared with the middle of the clip;
* how often the peak of a map is where the face moves by half of its maximum or more: of
  the attribution alone, of the motion alone, and of their product, the saliency map.

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

from mmaction_mer.apis import ClipPrediction, MERInferencer, mer_inferencer
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.faces.alignment import align
from mmaction_mer.datasets.synthme.release import clip_field
from mmaction_mer.evaluation import movement_regions
from mmaction_mer.utils.cli.command_line import report_errors


def region_shown(field: np.ndarray, prediction: ClipPrediction) -> np.ndarray:
    """Compute where a face truly moves, in the aligned face for display.

    Args:
        field: ``(H, W, 2)`` motion in pixels of the clip's frames.
        prediction: Prediction for the clip.

    Returns:
        ``(S, S)`` bool.
    """
    size = prediction.clip.shape[1]
    matrix = prediction.window.matrix * (size / prediction.side)
    region = movement_regions(field[None])[0].astype(np.uint8) * 255
    return align(region, matrix, size)[..., 0] > 127


def measure(data: Path) -> dict[str, float]:
    """Predict the clips of a release.

    Args:
        data: Folder of the release.

    Returns:
        Fractions by name, and seconds per clip.
    """
    truth = json.loads((data / 'truth.json').read_text(encoding='utf-8'))
    entries = {entry['clip']: entry for entry in truth['clips']}
    rows = read_annotation(data / 'annotations.json')['data_list']
    inferencer = MERInferencer(device='cpu')
    found: dict[str, list[float]] = {}
    combine = mer_inferencer.weight_by_motion
    parts: dict[str, np.ndarray] = {}

    def recorded(attribution: np.ndarray, clip: np.ndarray, fps: float) -> np.ndarray:
        parts['attribution'] = attribution
        parts['motion'] = combine(np.ones_like(attribution), clip, fps)
        parts['saliency map'] = combine(attribution, clip, fps)
        return parts['saliency map']

    mer_inferencer.weight_by_motion = recorded
    started = time.perf_counter()
    for row in tqdm(rows, desc='clips', disable=None):
        clip = np.stack(load_clip(locate(row, str(data)))['imgs'])
        prediction = inferencer.predict(clip, fps=row['fps'])
        span = row['offset'] - row['onset']
        apex = (row['apex'] - row['onset']) / span
        entry = entries[row['clip']]
        region = region_shown(clip_field(entry, truth['arguments']['size']), prediction)
        matrix = inferencer.pipeline.model_to_frame(inferencer.model, prediction.side)
        matrix *= len(region) / prediction.side
        result = {
            'label is right': prediction.window.mean.argmax() == row['label'],
            'apex, error of the estimate': abs(prediction.apex / span - apex),
            'apex, error of the middle': abs(0.5 - apex),
            'random location': region.mean(),
        }
        for name, part in parts.items():
            y, x = np.unravel_index(part.argmax(), part.shape)
            place = np.clip(np.rint(matrix @ [x, y, 1]).astype(int), 0, len(region) - 1)
            result[f'peak of {name}'] = region[place[1], place[0]]
        for name, value in result.items():
            found.setdefault(name, []).append(float(value))
    mer_inferencer.weight_by_motion = combine
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name in ('estimate', 'middle'):
        errors = found[f'apex, error of the {name}']
        means[f'apex, median error of the {name}'] = float(np.median(errors))
    return {**means, 'seconds a clip': (time.perf_counter() - started) / len(rows)}


@report_errors
def main() -> None:
    """Measure and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument('data', type=Path, help='folder of a SynthME release')
    for name, value in measure(parser.parse_args().data).items():
        print(f'{name:36}' + (f'{value:8.2f}' if 'sec' in name else f'{value:8.1%}'))


if __name__ == '__main__':
    sys.exit(main())
