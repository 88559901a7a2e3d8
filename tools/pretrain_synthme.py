"""Pre-train the small ViT that ships with the package, on macroscopic faces.

It learns from synthetic macro-expressions (3 to 12 pixels at 224, none of a demo's
subjects): which action units are at work in a still, and in a rank-pooled clip. This
gives the demo MPT's premise, a frozen backbone that knows faces and expressions yet
has never seen a micro-expression. The same seed gives the same weights on a CPU.
"""

import argparse
import io
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from mmaction_mer.datasets.synthme.macro import NAMES, MacroFaces, macro_faces
from mmaction_mer.models.pretrained import WEIGHTS_DIR
from mmaction_mer.utils import atomic_write

ARCH = dict(embed_dims=128, num_layers=6, num_heads=4, feedforward_channels=512)
SIZE = 112
PATCH = 16
SAVE_EVERY = 250
# Mirroring a face swaps the sides of every action.
MIRROR = [NAMES.index({'L': 'R', 'R': 'L'}[name[0]] + name[1:]) for name in NAMES]


class Pretrainer(nn.Module):
    """The ViT with one head for stills and one for rank-pooled clips."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = VisionTransformer(arch=ARCH, img_size=SIZE, patch_size=PATCH)
        self.vit.init_weights()
        self.heads = nn.ModuleList(
            nn.Linear(ARCH['embed_dims'], len(NAMES) + 4) for _ in range(2)
        )

    def forward(self, stills: Tensor, pooled: Tensor) -> list[Tensor]:
        """Action units and class logits ``(B, 16 + 4)`` of both kinds of image."""
        features = self.vit(torch.cat([stills, pooled]))[-1]
        parts = features.split([len(stills), len(pooled)])
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]


def draw(faces: MacroFaces, size: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """A batch with random mirroring, light and noise: images, units, classes."""
    index = rng.integers(0, len(faces.images), size)
    images = torch.from_numpy(faces.images[index]).permute(0, 3, 1, 2).float()
    units, labels = torch.from_numpy(faces.units[index]), faces.labels[index]
    flip = torch.from_numpy(rng.random(size) < 0.5)
    images = torch.where(flip[:, None, None, None], images.flip(-1), images)
    units = torch.where(flip[:, None], units[:, MIRROR], units)
    gain, shift = rng.uniform(0.8, 1.2), rng.uniform(-0.1, 0.1)
    grain = rng.uniform(0, 0.15) * rng.standard_normal(images.shape, dtype=np.float32)
    images = (images - 127.5) / 127.5 * gain + shift + torch.from_numpy(grain)
    return images.float(), units, torch.from_numpy(labels)


def loss_of(outputs: Tensor, units: Tensor, labels: Tensor) -> Tensor:
    """Squared error of the action units plus cross-entropy of the class."""
    known, logits = outputs[:, : len(NAMES)], outputs[:, len(NAMES) :]
    return 4 * functional.mse_loss(known, units) + 0.5 * functional.cross_entropy(
        logits, labels
    )


@torch.no_grad()
def report(model: Pretrainer, stills: MacroFaces, pooled: MacroFaces) -> str:
    """Share of explained action units and accuracy on identities kept apart."""
    model.eval()
    lines = []
    for name, head, faces in zip(
        ('stills', 'rank-pooled clips'), model.heads, (stills, pooled), strict=True
    ):
        images = torch.from_numpy(faces.images).permute(0, 3, 1, 2)
        outputs = torch.cat(
            [head(model.vit((x.float() - 127.5) / 127.5)[-1]) for x in images.split(64)]
        ).numpy()
        known, logits = outputs[:, : len(NAMES)], outputs[:, len(NAMES) :]
        explained = 1 - np.mean((known - faces.units) ** 2) / faces.units.var()
        right = np.mean(logits.argmax(1) == faces.labels)
        lines.append(f'{name}: R2 of units {explained:.3f}, accuracy {right:.3f}')
    model.train()
    return '; '.join(lines)


def make_faces(args: argparse.Namespace) -> tuple[MacroFaces, ...]:
    """Stills and pooled clips, to learn from and kept apart by identity."""
    make = partial(macro_faces, seed=args.seed, size=SIZE)
    with get_context('spawn').Pool(args.workers, torch.set_num_threads, (1,)) as pool:
        parts = list(
            tqdm(
                pool.imap(make, range(args.identities), chunksize=4),
                total=args.identities,
                desc='faces',
            )
        )
    kept = max(1, args.identities // 12)
    stills, pooled = zip(*parts, strict=True)
    return tuple(
        MacroFaces(*(np.concatenate(column) for column in zip(*some, strict=True)))
        for some in (stills[kept:], pooled[kept:], stills[:kept], pooled[:kept])
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = WEIGHTS_DIR / 'vit-tiny_synthme.pth'
    parser.add_argument('--out', type=Path, default=default)
    parser.add_argument('--identities', type=int, default=400)
    parser.add_argument('--iters', type=int, default=3000)
    parser.add_argument('--stills', type=int, default=16, help='stills in a batch')
    parser.add_argument('--pooled', type=int, default=48, help='clips in a batch')
    parser.add_argument('--lr', type=float, default=1e-3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Make the faces, train, and write float16 weights; resumes after a kill."""
    args = parse_args()
    torch.manual_seed(args.seed)
    stills, pooled, *kept = make_faces(args)
    model = Pretrainer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    warm_up, length = min(200, args.iters // 10), args.iters

    def rate(step: int) -> float:
        rise = min(1.0, (step + 1) / max(1, warm_up))
        return rise * 0.5 * (1 + np.cos(np.pi * step / length))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    state_file = args.out.with_suffix('.state')
    start = 0
    parts = dict(model=model, optimizer=optimizer, schedule=schedule)
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        start = state.pop('step')
        for name, part in parts.items():
            part.load_state_dict(state[name])
        print(f'{state_file}: going on from iteration {start}')
    progress = tqdm(range(start, args.iters), initial=start, total=args.iters)
    for step in progress:
        # Every step has its own generator, so that a resumed run draws the same.
        rng = np.random.default_rng([args.seed, step])
        batches = [draw(stills, args.stills, rng), draw(pooled, args.pooled, rng)]
        outputs = model(*(images for images, _, _ in batches))
        losses = [
            loss_of(out, units, labels)
            for out, (_, units, labels) in zip(outputs, batches, strict=True)
        ]
        optimizer.zero_grad()
        sum(losses).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.set_postfix(still=losses[0].item(), pooled=losses[1].item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == args.iters:
            state = {name: part.state_dict() for name, part in parts.items()}
            _save(dict(state, step=step + 1), state_file)
            progress.write(f'{step + 1}: {report(model, *kept)}')
    weights = {key: value.half() for key, value in model.vit.state_dict().items()}
    _save(dict(state_dict=weights), args.out)
    state_file.unlink(missing_ok=True)
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.2f} MB')


def _save(state: dict, path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_write(path, buffer.getvalue())


if __name__ == '__main__':
    main()
