"""Stand-ins for what the commands of README and docs need: ``stand_ins.py WHAT ...``.

They are written into the current folder, a scratch copy of the repository:

- ``configs``: all configs become small: few subjects, two iterations, narrow networks;
- ``cluster``: ``srun`` and ``sbatch`` that run one task on this machine;
- ``releases``: those of ``tests/fake_releases``, with a SynthME face in every frame;
- ``weights``: random, in the layout of the released files, as small as the configs;
- ``videos``: a face that moves.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from mmengine.config import Config

sys.path.append(str(Path(__file__).parents[1] / 'helpers'))

import fake_releases
from fake_releases import pictures
from small_configs import (
    ARCH,
    SIZE,
    small_branch,
    small_loader,
    small_pictures,
    small_vit,
)

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release

ITERATIONS, ROWS = 2, 2
# Three subjects of each data set.
SUBJECTS = {
    'data/casme2': ['sub01', 'sub03', 'sub05'],
    'data/samm': ['006', '009', '011'],
    'data/smic': ['s01', 's03', 's05'],
}
WIDTH, DEPTH, HEADS = ARCH['embed_dims'], ARCH['num_layers'], ARCH['num_heads']
MLP = ARCH['feedforward_channels']


def configs() -> None:
    """Replace every config by a small one without a base, and cut the ablations."""
    found = {path: Config.fromfile(path) for path in Path('configs').glob('*.py')}
    for path, cfg in found.items():
        shrink(cfg)
        items = cfg.to_dict().items()
        path.write_text(''.join(f'{key} = {value!r}\n' for key, value in items))
    for path in Path('configs/ablations').glob('*.py'):
        text = path.read_text(encoding='utf-8')
        path.write_text(f'{text}\nrows = rows[:{ROWS}]\nreference = None\n')


def shrink(cfg: Config) -> None:
    """Make a config small, in place."""
    vit = cfg.model.backbone.get('vit', {})
    is_large = vit.get('arch') == 'b' or vit.get('img_size') == 224
    if 'max_iters' in cfg.train_cfg:
        cfg.train_cfg.max_iters = ITERATIONS
    if 'val_interval' in cfg.train_cfg:
        cfg.train_cfg.val_interval = ITERATIONS
    if isinstance(cfg.get('param_scheduler'), list):
        cfg.param_scheduler = cfg.param_scheduler[:1]  # the warm-up is not over
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if not cfg.get(name):
            continue
        small_loader(cfg[name])
        dataset = cfg[name].dataset
        if is_large:
            small_pictures(dataset)
        if subjects := SUBJECTS.get(dataset.get('data_root')):
            dataset.filter_cfg = {
                **(dataset.get('filter_cfg') or {}),
                'subject': subjects,
            }
        elif dataset.get('held_out'):
            dataset.held_out = ['sub01']
    if is_large:
        small_vit(cfg.model)
    if 'branch' in cfg.model.backbone:
        small_branch(cfg.model.backbone.branch)
    forget_addresses(cfg.model)


def forget_addresses(node: Any) -> None:
    """Take out every ``init_cfg`` that would download its weights."""
    if isinstance(node, Mapping):
        start = node.get('init_cfg')
        if isinstance(start, dict) and str(start.get('checkpoint')).startswith('http'):
            del node['init_cfg']
        node = list(node.values())
    if isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            forget_addresses(value)


def cluster() -> None:
    """Write ``srun`` and ``sbatch``, which run one task on this machine."""
    options = '#!/usr/bin/env bash\nwhile [[ $1 == --* ]]; do shift; done\n'
    srun = 'SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NTASKS=1 SLURM_NODELIST=localhost'
    sbatch = 'SLURM_ARRAY_TASK_ID=0 bash "$@" >&2 && echo 1'
    for name, text in (('srun', f'{srun} "$@"'), ('sbatch', sbatch)):
        path = Path('.venv/bin', name)
        path.write_text(f'{options}{text}\n')
        path.chmod(0o755)


@cache
def faces() -> list[np.ndarray]:
    """Draw the frames of one face that moves."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Release(subjects=1, clips=1, size=112, seed=1)
        make_release(Path(folder, 'r'), plan, 1, progress=False)
        paths = sorted(Path(folder).rglob('*.jpg'), key=lambda path: int(path.stem[3:]))
        return [cv2.imread(str(path)) for path in paths]


@cache
def encoded_face(suffix: str, level: int, grey: bool) -> bytes:
    """Encode a face, where the fake releases encode a plain picture."""
    picture = faces()[level // 4 % len(faces())]
    if grey:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cv2.imencode(suffix, picture)[1].tobytes()


def releases() -> None:
    """Write fake releases."""
    pictures._encoded = encoded_face
    fake_releases.write_casme2(Path('CASME2'), variant='mpt')
    fake_releases.write_samm(Path('SAMM'))
    fake_releases.write_dfew(Path('DFEW'))
    fake_releases.write_smic(Path('SMIC'))
    shutil.move('SMIC/SMIC_all_cropped', '.')


def weights() -> None:
    """Write weights in the layout of every released file."""
    clip_weights('ViT-B-16.pt')
    clip_weights('FaRL.pth')
    shutil.copy('FaRL.pth', 'FaRL-Base-Patch16-LAIONFace20M-ep16.pth')
    timm_weights('dinov2_vitb14_pretrain.pth', patch_size=14, init_values=1.0)
    timm_weights('mae_pretrain_vit_base.pth')
    timm_weights('deit_base_patch16_224-b5f2ef4d.pth')
    google_weights('ViT-B_32.npz')


def clip_weights(name: str) -> None:
    """CLIP's image tower; an archive of TorchScript, or FaRL's checkpoint."""
    from open_clip.transformer import QuickGELU, VisionTransformer

    shape = SIZE, 16, WIDTH, DEPTH, HEADS, MLP / WIDTH
    tower = VisionTransformer(*shape, output_dim=16, act_layer=QuickGELU).eval()
    model = torch.nn.Module()
    model.visual = tower
    if name.startswith('FaRL'):
        torch.save(dict(state_dict=model.state_dict(), epoch=16), name)
        return
    model.forward = lambda image: tower(image)
    image = torch.zeros(1, 3, SIZE, SIZE)
    torch.jit.save(torch.jit.trace(model, image, check_trace=False), name)


def timm_weights(name: str, **options: Any) -> None:
    """A ViT with timm's keys, DINOv2's as it is and others in an entry ``model``."""
    from timm.models.vision_transformer import VisionTransformer

    state = VisionTransformer(
        img_size=SIZE,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=HEADS,
        mlp_ratio=MLP / WIDTH,
        num_classes=5,
        **options,
    ).state_dict()
    torch.save(state if name.startswith('dino') else dict(model=state), name)


def google_weights(name: str, patch: int = 32) -> None:
    """An archive with the keys of Google's vision_transformer."""
    head = (HEADS, WIDTH // HEADS)
    shapes = {
        'cls': (1, 1, WIDTH),
        'Transformer/posembed_input/pos_embedding': (
            1, (SIZE // patch) ** 2 + 1, WIDTH,
        ),
        'embedding/kernel': (patch, patch, 3, WIDTH),
        'embedding/bias': (WIDTH,),
        'head/kernel': (WIDTH, 5),
        'head/bias': (5,),
    }  # fmt: skip
    norms = ['encoder_norm']
    for index in range(DEPTH):
        block = f'encoderblock_{index}'
        norms += [f'{block}/LayerNorm_0', f'{block}/LayerNorm_2']
        for part, before, after in (
            *(
                (f'MultiHeadDotProductAttention_1/{part}', (WIDTH,), head)
                for part in ('query', 'key', 'value')
            ),
            ('MultiHeadDotProductAttention_1/out', head, (WIDTH,)),
            ('MlpBlock_3/Dense_0', (WIDTH,), (MLP,)),
            ('MlpBlock_3/Dense_1', (MLP,), (WIDTH,)),
        ):
            shapes[f'Transformer/{block}/{part}/kernel'] = (*before, *after)
            shapes[f'Transformer/{block}/{part}/bias'] = after
    for norm in norms:
        for part in ('scale', 'bias'):
            shapes[f'Transformer/{norm}/{part}'] = (WIDTH,)
    rng = np.random.default_rng(0)
    draw = partial(rng.standard_normal, dtype=np.float32)
    np.savez(name, **{key: draw(shape) for key, shape in shapes.items()})


def videos() -> None:
    """Write a face that moves, with room around it, once and four times over."""
    for name, times in (('clip.mp4', 1), ('long.mp4', 4)):
        with av.open(name, 'w') as file:
            stream = file.add_stream('libx264', rate=30)
            stream.width = stream.height = 256
            stream.pix_fmt = 'yuv420p'
            for face in faces() * times:
                picture = cv2.copyMakeBorder(face, 72, 72, 72, 72, cv2.BORDER_REPLICATE)
                frame = av.VideoFrame.from_ndarray(picture, format='bgr24')
                file.mux(stream.encode(frame))
            file.mux(stream.encode())


if __name__ == '__main__':
    for what in sys.argv[1:]:
        globals()[what]()
