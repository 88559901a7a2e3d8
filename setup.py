"""Builds the package; a wheel also carries configs and tools in ``.mim``.

The ranges here are for those who bring their own torch and mmcv. What the project
itself is tried with stands in requirements/constraints.txt.
"""

import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGE = 'mmaction_mer'
VERSION = runpy.run_path(f'{PACKAGE}/version.py')


class BuildWithMim(build_py):
    """Adds to a wheel what OpenMMLab's tools look for in ``<package>/.mim``.

    An editable installation gets none of it: its checkout has the real ``configs/``
    and ``tools/``, and a copy inside the source tree would only grow stale.
    """

    def run(self):
        """Builds afresh, so that a file deleted since the last build stays out."""
        if self.editable_mode:
            super().run()
            return
        package = Path(self.build_lib, PACKAGE)
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        mim = package / '.mim'
        for name in ('configs', 'tools'):
            ignore = shutil.ignore_patterns('__pycache__', '*.py[cod]')
            shutil.copytree(name, mim / name, ignore=ignore)
        for name in ('model-index.yml', 'README.md'):
            shutil.copy(name, mim)


setup(
    name=PACKAGE,
    version=VERSION['__version__'],
    description='Micro-expression recognition for mmaction2: motion prompt tuning '
    'from raw clips to pooled leave-one-subject-out results',
    long_description=Path('README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords='micro-expression recognition, video, vision transformer, openmmlab',
    classifiers=[
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    python_requires='>=3.11',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [
            'app/*.css',
            'app/*.js',
            'models/weights/*.pth',
            'analysis/*.html',
        ]
    },
    cmdclass={'build_py': BuildWithMim},
    # mmcv is missing on purpose: mmcv and mmcv-lite write the same folder, so the
    # one who installs chooses (extra `lite`, or an mmcv that is there already).
    install_requires=[
        *(name + wanted for name, wanted in VERSION['SUPPORTED'].items()),
        # Writes videos that browsers play, which OpenCV's wheels cannot.
        'av>=14',
        'decord>=0.6.0',
        'jinja2>=3.1',
        'matplotlib>=3.8',
        'numpy>=1.26',
        'packaging>=23',
        'pillow>=10',
        'python-calamine>=0.3',
        'scipy>=1.11',
        'tqdm>=4.60',
    ],
    extras_require={
        'lite': ['mmcv-lite' + VERSION['SUPPORTED_MMCV']],
        'analysis': ['scikit-learn>=1.3'],
        'app': ['gradio>=6'],
        'docs': ['mkdocs-material>=9.6', 'mkdocstrings[python]>=1'],
        'export': ['onnx>=1.18', 'onnxruntime>=1.20', 'onnxscript>=0.5'],
        'test': [
            'hypothesis>=6',
            'ipykernel>=6',
            'mlflow-skinny>=3',
            'mypy>=1.10',
            'nbclient>=0.10',
            'nbformat>=5',
            # The models whose weights are converted: open_clip, timm.
            'open_clip_torch>=3',
            # Spreadsheets of fake releases, and photographs to find faces in.
            'openpyxl>=3.1',
            'playwright>=1.50',
            'pytest>=8',
            'pytest-cov>=6',
            'pytest-xdist>=3.6',
            'ruff>=0.9',
            'safetensors>=0.5',
            'scikit-image>=0.24',
            'scikit-learn>=1.3',
            # A wheel is built in the tests.
            'setuptools>=77,<82',
            # What mim needs; mim itself is installed without its download client.
            'tabulate>=0.9',
            'tensorboard>=2.16',
            'timm>=1.0.10',
            'xlwt>=1.3',
        ],
        'dev': ['pre-commit>=3'],
    },
    zip_safe=False,
)
