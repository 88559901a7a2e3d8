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

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.apis import ClipPrediction, MERInferencer, mer_inferencer
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.faces.alignment import align
from mmaction_mer.datasets.synthme.release import clip_field
from mmaction_mer.evaluation import movement_regions
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.utils.json_files import write_json


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


def measure(data: Path, limit: int | None) -> dict[str, float]:
    """Predict the clips of a release.

    Args:
        data: Folder of the release.
        limit: Number of clips, spread over the release; all if None.

    Returns:
        Fractions by name, and seconds per clip.

    Raises:
        MERRunError: It is not a SynthME release.
    """
    truth_file = data / 'truth.json'
    if not truth_file.is_file():
        raise MERRunError('not found', path=truth_file, hint='give a SynthME release')
    truth = json.loads(truth_file.read_text(encoding='utf-8'))
    entries = {entry['clip']: entry for entry in truth['clips']}
    rows = read_annotation(data / 'annotations.json')['data_list']
    if limit is not None:
        rows = [rows[i] for i in np.linspace(0, len(rows) - 1, limit).astype(int)]
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
def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', type=Path, help='folder of a SynthME release')
    parser.add_argument('--clips', type=int, metavar='N', help='number of clips (all)')
    parser.add_argument('--json', type=Path, help='JSON file for the numbers')
    args = parser.parse_args(arguments)
    values = measure(args.data, args.clips)
    for name, value in values.items():
        print(f'{name:36}' + (f'{value:8.2f}' if 'sec' in name else f'{value:8.1%}'))
    if args.json:
        write_json(args.json, values)


if __name__ == '__main__':
    sys.exit(main())
