import json

import pytest


@pytest.fixture
def with_annotation(make_config, toy_data, tmp_path):
    """Make a config over a changed copy of the toy's annotation."""
    original = (toy_data / 'annotations.json').read_text()

    def make(change=lambda content: None, indent=1, **changes):
        content = json.loads(original)
        change(content)
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(content, indent=indent))
        cfg = make_config(**changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.ann_file = str(path)
        return cfg

    return make
