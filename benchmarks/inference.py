"""What the shipped model tells of people that it has not seen: label, time and place.

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

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.apis import MERInferencer, ClipPrediction, mer_inferencer
from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.clips import load_clip, locate
from mmaction_mer.datasets.faces.alignment import align
from mmaction_mer.datasets.synthme.release import clip_field
from mmaction_mer.evaluation import movement_regions
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.utils.json_files import write_json


def region_shown(field: np.ndarray, reading: ClipPrediction) -> np.ndarray:
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


def measure(data: Path, limit: int | None) -> dict[str, float]:
    """Read the clips of a release.

    Args:
        data: Its folder.
        limit: So many clips, spread over the release; all if None.

    Returns:
        Shares of 1 by name, and seconds a clip.

    Raises:
        MERRunError: It is no SynthME release.
    """
    truth_file = data / 'truth.json'
    if not truth_file.is_file():
        raise MERRunError(f'{truth_file}: is not there: this needs a SynthME release')
    truth = json.loads(truth_file.read_text(encoding='utf-8'))
    entries = {entry['clip']: entry for entry in truth['clips']}
    rows = read_annotation(data / 'annotations.json')['data_list']
    if limit is not None:
        rows = [rows[i] for i in np.linspace(0, len(rows) - 1, limit).astype(int)]
    inferencer = MERInferencer(device='cpu')
    found: dict[str, list[float]] = {}
    combine = mer_inferencer.weight_by_motion
    parts: dict[str, np.ndarray] = {}

    def watched(evidence: np.ndarray, clip: np.ndarray, fps: float) -> np.ndarray:
        parts['evidence'] = evidence
        parts['motion_strength'] = combine(np.ones_like(evidence), clip, fps)
        parts['both'] = combine(evidence, clip, fps)
        return parts['both']

    mer_inferencer.weight_by_motion = watched
    started = time.perf_counter()
    for row in tqdm(rows, desc='clips', disable=None):
        clip = np.stack(load_clip(locate(row, str(data)))['imgs'])
        reading = inferencer.predict(clip, fps=row['fps'])
        span = row['offset'] - row['onset']
        apex = (row['apex'] - row['onset']) / span
        entry = entries[row['clip']]
        region = region_shown(clip_field(entry, truth['arguments']['size']), reading)
        view = inferencer.pipeline.view(inferencer.model, reading.side)
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
    mer_inferencer.weight_by_motion = combine
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name in ('estimate', 'middle'):
        errors = found[f'apex, error of the {name}']
        means[f'apex, median error of the {name}'] = float(np.median(errors))
    return {**means, 'seconds a clip': (time.perf_counter() - started) / len(rows)}


@report_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', type=Path, help='folder of a SynthME release')
    parser.add_argument('--clips', type=int, metavar='N', help='only so many')
    parser.add_argument('--json', type=Path, help='write the numbers there')
    args = parser.parse_args(arguments)
    shares = measure(args.data, args.clips)
    for name, value in shares.items():
        print(f'{name:36}' + (f'{value:8.2f}' if 'sec' in name else f'{value:8.1%}'))
    if args.json:
        write_json(args.json, shares)


if __name__ == '__main__':
    sys.exit(main())
