r"""Measure whether an action code carries the action and nothing but the action.

On SynthME's micro-expressions, of people that the pre-training on its macro-expressions
has not seen and of which the true movement is known, onset to apex:

* how well the apex frame is made, beside copying the onset frame;
* how the movement that is decoded from the code correlates with the true one;
* how it does so when the code is another person's: with the movement of whom the code
  is, and with that of whose face it is put on;
* how often the clip with the most similar code is of the same person, which a code of
  nothing but movement would not be more often than by chance.

    python benchmarks/actions.py configs/ma2mi_miacnet_synthme.py \
        work_dirs/ma2mi_miacnet_synthme/last.pth
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from common import make_parser
from mmaction.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.nn import functional
from tqdm import tqdm

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.datasets.synthme.release import clip_field
from mmaction_mer.models.utils.slim_checkpoint import load_slim, read_checkpoint
from mmaction_mer.utils.cli.command_line import read_config, report_errors

ROOT = Path(__file__).parents[1]
MICRO = ROOT / 'configs' / '_base_' / 'datasets' / 'synthme.py'


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson correlation of two fields (H, W, 2), x and y together."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def true_fields(data_root: Path, clips: list[str], size: int) -> np.ndarray:
    """Movement of the clips on the middle of the frame, (N, size, size, 2)."""
    truth = json.loads((data_root / 'truth.json').read_text(encoding='utf-8'))
    entries = {entry['clip']: entry for entry in truth['clips']}
    side = truth['arguments']['size']
    fields = np.stack([clip_field(entries[clip], side) for clip in clips])
    # As the pipeline cuts frames: 98 pixels in the middle, 119 of them, 112 of those.
    cut = slice((side - 98) // 2, (side + 98) // 2)
    fine = functional.interpolate(
        torch.from_numpy(fields[:, cut, cut]).permute(0, 3, 1, 2),
        (119, 119),
        mode='bilinear',
    )
    edge = (119 - size) // 2
    return fine[..., edge : edge + size, edge : edge + size].permute(0, 2, 3, 1).numpy()


def same_person(codes: torch.Tensor, people: list[str]) -> tuple[float, float]:
    """How often the nearest other code, by its angle, is of the same person; chance."""
    flat = functional.normalize(codes.flatten(1), dim=1)
    likeness = (flat @ flat.T).fill_diagonal_(-2)
    same = torch.tensor([[one == other for other in people] for one in people])
    nearest = likeness.argmax(1)
    hits = same[torch.arange(len(people)), nearest].float().mean()
    chance = (same.sum(1) - 1).float().mean() / (len(people) - 1)
    return float(hits), float(chance)


def measure(model, inputs: torch.Tensor, fields: np.ndarray, people: list[str]) -> dict:
    """Errors in squared grey levels, and correlations with true movements."""
    first, last = inputs.unbind(1)
    positions, code = model.backbone.encode(first, last)
    made = model.reconstruct(first, positions, code)
    grey = model.data_preprocessor.std
    error, copied = (
        float(((one - last) * grey).square().mean()) for one in (made['frame'], first)
    )
    # The next clip of somebody else gives the code.
    count = len(people)
    giver = [
        next(j % count for j in range(i + 1, i + count) if people[j % count] != who)
        for i, who in enumerate(people)
    ]
    swapped = model.reconstruct(first, positions, code[giver])
    own, other = (one['flow'].permute(0, 2, 3, 1).numpy() for one in (made, swapped))
    pairs = range(count)
    # A giver that moves alike would speak for both sides.
    unlike = [i for i in pairs if correlation(fields[i], fields[giver[i]]) < 0.2]
    person, chance = same_person(code, people)

    def mean(decoded: np.ndarray, pairs: list[tuple[int, int]]) -> float:
        found = [correlation(decoded[i], fields[j]) for i, j in pairs]
        return float(np.mean(found))

    return {
        'squared error, the frame made': error,
        'squared error, the onset copied': copied,
        'correlation of the movement decoded with the true one': mean(
            own, [(i, i) for i in pairs]
        ),
        "another person's code: with the movement of the code": mean(
            other, [(i, giver[i]) for i in unlike]
        ),
        "another person's code: with the movement of the face": mean(
            other, [(i, i) for i in unlike]
        ),
        'the most similar code is of the same person': person,
        'the same by chance': chance,
    }


@report_errors
@torch.no_grad()
def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='a pre-training of MIACNet on SynthME')
    parser.add_argument('checkpoint', type=Path)
    args = parser.parse_args()
    cfg = read_config(args.config)
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model).eval()
    load_slim(model, read_checkpoint(args.checkpoint)['state_dict'])
    data = read_config(str(MICRO)).test_dataloader.dataset
    dataset = DATASETS.build(dict(data, cache=False, test_mode=True))
    picker = MODELS.build(
        dict(
            type='KeyFramePreprocessor',
            frames=('onset', 'apex'),
            augmentation=dict(crop=112),
        )
    )
    rows = [dataset.get_data_info(index) for index in range(len(dataset))]
    inputs = torch.cat(
        [
            picker(pseudo_collate([dataset[index]]))['inputs']['frames']
            for index in tqdm(range(len(dataset)), desc='clips', disable=None)
        ]
    )
    clips, people = [row['clip'] for row in rows], [row['subject'] for row in rows]
    found = measure(
        model, inputs, true_fields(Path(data.data_root), clips, 112), people
    )
    print(f'{len(clips)} clips, onset to apex')
    for name, value in found.items():
        print(f'{name:60}{value:8.3f}')


if __name__ == '__main__':
    sys.exit(main())
