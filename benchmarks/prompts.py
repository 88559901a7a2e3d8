r"""What do a trained model's motion prompts say, and does the model listen?

For every fold of a run, on its held-out clips: how often the model is right as it is,
with the motion of another clip, and with the image of another clip. Then what the
prompts carry by themselves: prompts and a linear layer trained without the ViT, in the
paper's form and with a place on the face, folds of subjects, a fixed schedule. And what
prompts do to a frozen ViT before anything is learnt: how far the class token is moved,
and what a logistic regression still reads from it, leave one subject out.

    python benchmarks/prompts.py work_dirs/ablations/runs/mpt_vit-tiny_synthme/base-...
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from common import make_parser
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine.strategies.stacking.clip_table import Tables
from mmaction_mer.models import MotionPrompt, VPTPrompt
from mmaction_mer.models.utils.slim_checkpoint import load_slim, read_checkpoint
from mmaction_mer.utils.cli.command_line import report_errors
from mmaction_mer.utils.errors import MERRunError

ITERATIONS, BATCH, RATE = 80, 16, 3e-4


class Clips:
    """All clips of a run's data, as its model is given them in testing."""

    def __init__(self, cfg: Config, model: nn.Module) -> None:
        table = Tables().of(cfg.test_dataloader, torch.device('cpu'))
        preprocessor = model.data_preprocessor
        table.prepare(preprocessor)
        numbers = torch.arange(len(table.labels))
        middle = preprocessor.augmentation.middle(len(numbers))
        self.inputs = table.inputs(preprocessor, numbers, middle)
        self.labels = table.labels
        # A clip's name is dataset/subject/clip.
        self.subjects = np.array([name.split('/')[1] for name in table.place])


def swapped(model: nn.Module, clips: Clips, held_out: Tensor, seed: int) -> list[int]:
    """Count right answers: as it is, with another's motion, with another's image."""
    stream = torch.Generator().manual_seed(seed)
    # Another clip of any subject: one place further in a random order of all.
    order = torch.randperm(len(clips.labels), generator=stream)
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    right = []
    for change in ((), ('motion',), ('image',)):
        inputs = {
            key: one[other[held_out] if key in change else held_out]
            for key, one in clips.inputs.items()
        }
        logits = model(inputs, mode='tensor', stage='head')
        logits = logits[0] if isinstance(logits, tuple) else logits
        right.append(int((logits.argmax(1) == clips.labels[held_out]).sum()))
    return right


@torch.no_grad()
def listen(run: Path, cfg: Config, model: nn.Module, clips: Clips) -> None:
    """Print what a run's folds make of prompts that are not theirs."""
    prompt = model.backbone.prompt
    motion = clips.inputs['motion']
    right, moved, alike = np.zeros(3), [], []
    mu, _, _ = prompt.gaussians(prompt.frame_features(motion))
    print(f'Gaussians start at {_short(mu.mean(0))}')
    for folder in tqdm(sorted(run.glob('folds/*')), 'folds', leave=False):
        state = json.loads((folder / 'fold.json').read_text())
        held_out = torch.tensor(np.isin(clips.subjects, state['held_out']))
        load_slim(model, read_checkpoint(folder / 'model.pth')['state_dict'])
        right += swapped(model, clips, held_out.nonzero()[:, 0], state['seed'])
        mu, _, _ = prompt.gaussians(prompt.frame_features(motion))
        tokens = prompt(motion)
        moved.append(torch.stack([mu.mean(0), mu.std(0)]))
        apart = tokens.std(1).norm(dim=-1).mean() / tokens.norm(dim=-1).mean()
        clipwise = tokens.std(0).norm(dim=-1).mean() / tokens.norm(dim=-1).mean()
        alike.append([float(apart), float(clipwise)])
    mean, spread = torch.stack(moved).mean(0)
    print(f'... and end at {_short(mean)}, deviation over clips {_short(spread)}')
    apart, clipwise = np.mean(alike, axis=0)
    print(
        f'of the length of a prompt, {apart:.0%} differs from prompt to prompt of a '
        f'clip, {clipwise:.0%} from clip to clip'
    )
    print('\n| held-out clips, with | right, % |\n|---|---:|')
    for name, count in zip(
        ('as it is', "another clip's motion", "another clip's image"),
        right,
        strict=True,
    ):
        print(f'| {name} | {100 * count / len(clips.labels):.1f} |')


def carried(clips: Clips, width: int, spatial: bool, parts: int = 5) -> float:
    """Accuracy of prompts and a linear layer, trained without the ViT."""
    names = np.unique(clips.subjects)
    right = 0
    for part in range(parts):
        test = torch.tensor(np.isin(clips.subjects, names[part::parts]))
        train = (~test).nonzero()[:, 0]
        torch.manual_seed(0)
        prompt = MotionPrompt(width, spatial=spatial)
        head = nn.Sequential(nn.LayerNorm(width), nn.Flatten())
        last = nn.Linear(width * prompt.num_prompts, int(clips.labels.max()) + 1)
        learn = [*prompt.parameters(), *head.parameters(), *last.parameters()]
        optimizer = torch.optim.Adam(learn, lr=RATE)
        for _ in range(ITERATIONS):
            batch = train[torch.randint(len(train), (BATCH,))]
            logits = last(head(prompt(clips.inputs['motion'][batch])))
            loss = functional.cross_entropy(logits, clips.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            found = last(head(prompt(clips.inputs['motion'][test]))).argmax(1)
        right += int((found == clips.labels[test]).sum())
    return right / len(clips.labels)


@torch.no_grad()
def disturbed(model: nn.Module, clips: Clips) -> list[tuple[str, float, float]]:
    """Class tokens of the frozen ViT beside prompts that have not learnt anything.

    Returns:
        Name of the prompts, how far they move the class token over its length, and the
        accuracy of a linear readout.
    """
    vit = model.backbone.vit
    torch.manual_seed(0)
    forms = {
        'none': None,
        '5 motion prompts': MotionPrompt(vit.embed_dims),
        '50 VPT prompts': VPTPrompt(vit.embed_dims, len(vit.layers)),
    }
    rows, first = [], None
    for name, prompt in forms.items():
        parts = []
        for some in torch.arange(len(clips.labels)).split(BATCH):
            image = clips.inputs['image'][some]
            tokens = model.backbone.embed(image)
            if prompt is not None:
                motion = clips.inputs['motion'][some]
                source = motion if prompt.needs_motion else image
                tokens = torch.cat([tokens, prompt(source)], dim=1)
            for layer in vit.layers:
                tokens = layer(tokens)
            parts.append(vit.ln1(tokens[:, 0]))
        found = torch.cat(parts)
        first = found if first is None else first
        moved = ((found - first).norm(dim=1) / first.norm(dim=1)).mean()
        readout = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
        guessed = cross_val_predict(
            readout,
            found.numpy(),
            clips.labels.numpy(),
            groups=clips.subjects,
            cv=LeaveOneGroupOut(),
        )
        right = (guessed == clips.labels.numpy()).mean()
        rows.append((name, float(moved), float(right)))
    return rows


def _short(values: Tensor) -> str:
    return ', '.join(f'{value:.1f}' for value in values)


@report_errors
def main() -> None:
    """Print both."""
    parser = make_parser(__doc__)
    parser.add_argument('run', type=Path, help='work directory of one seed of a run')
    args = parser.parse_args()
    if not (args.run / 'config.py').is_file():
        raise MERRunError(f'{args.run}: no config.py here; name a work directory')
    cfg = Config.fromfile(args.run / 'config.py')
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    prompt = model.backbone.prompt
    if prompt is None or not prompt.needs_motion:
        raise MERRunError(f'{args.run}: this model has no motion prompts')
    clips = Clips(cfg, model)
    listen(args.run, cfg, model, clips)
    print('\n| untrained prompts | class token moved by | linear readout |')
    print('|---|---:|---:|')
    for name, moved, right in disturbed(model, clips):
        print(f'| {name} | {moved:.0%} | {100 * right:.1f} |', flush=True)
    print('\n| prompts by themselves, without the ViT | Acc |\n|---|---:|')
    for name, spatial in (("the paper's", False), ('with a place on the face', True)):
        accuracy = carried(clips, model.backbone.vit.embed_dims, spatial)
        print(f'| {name} | {100 * accuracy:.1f} |', flush=True)


if __name__ == '__main__':
    sys.exit(main())
