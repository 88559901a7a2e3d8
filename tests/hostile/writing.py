"""The whole corpus: the sound material, and every family."""

import json
from pathlib import Path

from .case import Corpus


def write_all(corpus: Corpus, sound: Path) -> None:
    """Write it.

    Args:
        corpus: Where to.
        sound: A new folder for the sound material.
    """
    from . import (
        annotations,
        arrays,
        checkpoints,
        packed,
        pictures,
        probes,
        runs,
        special,
        stores,
        tables,
        videos,
    )
    from .sound import write_sound

    sound.mkdir(parents=True)
    before = write_sound(sound)
    for family in (
        checkpoints,
        arrays,
        pictures,
        videos,
        annotations,
        tables,
        special,
        probes,
    ):
        family.write(corpus)
    stores.write(corpus, sound / 'stored' / 'store')
    runs.write(corpus, sound / 'run')
    packed.write(corpus, sound / 'packed.pth', before)
    corpus.finish()
    (corpus.root / 'README').write_text(
        'Every file in here is hostile, and harmless: it would create a file in '
        'markers/, read one of secrets/ or call a port of this machine.\n'
        + json.dumps(sorted({case.family for case in corpus.cases}))
    )
