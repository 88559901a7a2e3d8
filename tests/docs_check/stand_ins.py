"""Make a file or folder that nobody may ship: ``stand_ins.py NAME PATH``.

Releases are those of ``tests/helpers/fake_releases/``, at full size, with one face of SynthME
in every frame. Weights are random, in the layout of the real file and as small as the
models are under the check.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

import fake_releases
import torch
from fake_releases import pictures
from small_configs import ARCH, SIZE

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release

WIDTH, DEPTH, HEADS = ARCH['embed_dims'], ARCH['num_layers'], ARCH['num_heads']
MLP = ARCH['feedforward_channels'] // WIDTH


@cache
def faces() -> list[np.ndarray]:
    """Frames of one face that moves."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Release(subjects=1, clips=1, size=112, seed=1)
        make_release(Path(folder, 'r'), plan, 1, progress=False)
        paths = sorted(Path(folder).rglob('*.jpg'), key=lambda path: int(path.stem[3:]))
        return [cv2.imread(str(path)) for path in paths]


@cache
def _encoded(suffix: str, level: int, grey: bool) -> bytes:
    picture = faces()[level // 4 % len(faces())]
    if grey:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cv2.imencode(suffix, picture)[1].tobytes()


def release(writer: str, inner: str, path: Path, **options: object) -> None:
    """Write a fake release.

    Args:
        writer: Function of ``fake_releases``.
        inner: What of it is the folder asked for; '.' for all.
        path: Where to.
        options: Of the writer.
    """
    pictures._encoded = _encoded
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        getattr(fake_releases, writer)(Path(folder, 'all'), **options)
        shutil.move(Path(folder, 'all', inner), path)


def clip_weights(path: Path, patch: int, farl: bool = False) -> None:
    """CLIP's image tower; an archive of TorchScript, or a checkpoint of FaRL's form."""
    from open_clip.transformer import QuickGELU, VisionTransformer

    tower = VisionTransformer(
        SIZE, patch, WIDTH, DEPTH, HEADS, MLP, output_dim=16, act_layer=QuickGELU
    ).eval()
    model = torch.nn.Module()
    model.visual = tower
    if farl:
        torch.save(dict(state_dict=model.state_dict(), epoch=16), path)
        return
    model.forward = lambda image: tower(image)
    traced = torch.jit.trace(model, torch.zeros(1, 3, SIZE, SIZE), check_trace=False)
    torch.jit.save(traced, path)


def timm_weights(path: Path, patch: int, bare: bool = False, **options: object) -> None:
    """A ViT of timm's names, as it is or inside an entry ``model``."""
    from timm.models.vision_transformer import VisionTransformer

    shape = dict(embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, mlp_ratio=MLP)
    model = VisionTransformer(
        img_size=SIZE, patch_size=patch, num_classes=5, **shape, **options
    )
    state = model.state_dict()
    torch.save(state if bare else dict(model=state), path)


def google_weights(path: Path, patch: int) -> None:
    """A ``.npz`` of vision_transformer's names."""
    rng = np.random.default_rng(0)
    head = WIDTH // HEADS
    shapes = {
        'cls': (1, 1, WIDTH),
        'Transformer/posembed_input/pos_embedding': (
            1, (SIZE // patch) ** 2 + 1, WIDTH,
        ),
        'embedding/kernel': (patch, patch, 3, WIDTH),
        'embedding/bias': (WIDTH,),
        'Transformer/encoder_norm/scale': (WIDTH,),
        'Transformer/encoder_norm/bias': (WIDTH,),
        'head/kernel': (WIDTH, 5),
        'head/bias': (5,),
    }  # fmt: skip
    for index in range(DEPTH):
        block = f'Transformer/encoderblock_{index}'
        heads = f'{block}/MultiHeadDotProductAttention_1'
        for name in ('query', 'key', 'value'):
            shapes[f'{heads}/{name}/kernel'] = (WIDTH, HEADS, head)
            shapes[f'{heads}/{name}/bias'] = (HEADS, head)
        shapes[f'{heads}/out/kernel'] = (HEADS, head, WIDTH)
        shapes[f'{heads}/out/bias'] = (WIDTH,)
        for number in (0, 2):
            for name in ('scale', 'bias'):
                shapes[f'{block}/LayerNorm_{number}/{name}'] = (WIDTH,)
        dense = f'{block}/MlpBlock_3/Dense'
        shapes[f'{dense}_0/kernel'] = (WIDTH, MLP * WIDTH)
        shapes[f'{dense}_0/bias'] = (MLP * WIDTH,)
        shapes[f'{dense}_1/kernel'] = (MLP * WIDTH, WIDTH)
        shapes[f'{dense}_1/bias'] = (WIDTH,)
    arrays = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    np.savez(path, **arrays)


def video(path: Path, times: int = 1) -> None:
    """A face that moves, so many times, with room around it; 30 frames a second."""
    import av

    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=30)
        stream.width = stream.height = 256
        stream.pix_fmt = 'yuv420p'
        for face in faces() * times:
            picture = cv2.copyMakeBorder(face, 72, 72, 72, 72, cv2.BORDER_REPLICATE)
            frame = av.VideoFrame.from_ndarray(picture, format='bgr24')
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


MAKERS: dict[str, Callable[[Path], None]] = {
    'CASME2': partial(release, 'write_casme2', '.', variant='mpt'),
    'SAMM': partial(release, 'write_samm', '.'),
    'SMIC_all_cropped': partial(release, 'write_smic', 'SMIC_all_cropped'),
    'CASME': partial(release, 'write_casme', '.'),
    'MMEW': partial(release, 'write_mmew', '.'),
    'DFEW': partial(release, 'write_dfew', '.'),
    'CK+': partial(release, 'write_ckplus', '.'),
    'FaRL.pth': partial(clip_weights, patch=16, farl=True),
    'FaRL-Base-Patch16-LAIONFace20M-ep16.pth': partial(
        clip_weights, patch=16, farl=True
    ),
    'ViT-B-16.pt': partial(clip_weights, patch=16),
    'ViT-B-32.pt': partial(clip_weights, patch=32),
    'dinov2_vitb14_pretrain.pth': partial(
        timm_weights, patch=14, bare=True, init_values=1.0
    ),
    'mae_pretrain_vit_base.pth': partial(timm_weights, patch=16),
    'deit_base_patch16_224-b5f2ef4d.pth': partial(timm_weights, patch=16),
    'ViT-B_32.npz': partial(google_weights, patch=32),
    'clip.mp4': video,
    'long.mp4': partial(video, times=4),
}

if __name__ == '__main__':
    MAKERS[sys.argv[1]](Path(sys.argv[2]).resolve())
