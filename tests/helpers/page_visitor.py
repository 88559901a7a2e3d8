"""A client of the page without a browser, which also sends what no browser does."""

import json
import secrets
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

#: Seconds; enough for a busy machine.
PATIENCE = 300
BOUNDARY = b'----a-boundary-of-the-tests'


class Visitor:
    """One session with a page.

    Args:
        url: Address of the page.
    """

    def __init__(self, url):
        self.url = url.rstrip('/')
        self.session = secrets.token_hex(8)
        self._config = None

    def get(self, path, **options):
        """Return status and text of an answer."""
        request = urllib.request.Request(self.url + path, **options)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def post(self, path, body, kind='application/json'):
        """Send bytes; return status and text of the answer."""
        headers = {'Content-Type': kind}
        return self.get(path, data=body, headers=headers, method='POST')

    @property
    def config(self):
        """The configuration that a browser receives."""
        if self._config is None:
            self._config = json.loads(self.get('/config')[1])
        return self._config

    def handlers(self):
        """Return the inputs of each handler on the server, by its index."""
        parts = {part['id']: part for part in self.config['components']}
        return {
            one['id']: [parts[number] for number in one['inputs']]
            for one in self.config['dependencies']
            if one['backend_fn']
        }

    def number(self, name):
        """Return the index of the handler of a button, by its ``elem_id``."""
        part = next(
            part['id'] for part in self.config['components']
            if part['props'].get('elem_id') == name
        )  # fmt: skip
        return next(
            one['id'] for one in self.config['dependencies']
            if [part, 'click'] in one['targets'] and one['backend_fn']
        )  # fmt: skip

    def call(self, number, data):
        """Call a handler; return the last event."""
        body = {'data': data, 'fn_index': number, 'session_hash': self.session}
        status, text = self.post('/gradio_api/queue/join', json.dumps(body).encode())
        assert status == 200, text
        path = f'/gradio_api/queue/data?session_hash={self.session}'
        events = [
            json.loads(line[5:]) for line in self.get(path)[1].splitlines()
            if line[:5] == 'data:'
        ]  # fmt: skip
        return next(one for one in events if one['msg'] == 'process_completed')

    def press(self, button, data):
        """Press a button with any data."""
        return self.call(self.number(button), data)

    def send(self, content, name='clip.mp4'):
        """Upload a file; return status and text of the answer."""
        kind = f'multipart/form-data; boundary={BOUNDARY.decode()}'
        return self.post('/gradio_api/upload', form([(name, content)]), kind)

    def predict(self, path, fps='', sliders=(20, 0.4, 4)):
        """Press the button that predicts an upload."""
        named = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
        return self.press('predict', [named, fps, *sliders])


def form(files):
    """Return a form with files, each a name and its content."""
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="files"; filename="%b"\r\n'
        b'Content-Type: video/mp4\r\n\r\n%b\r\n' % (BOUNDARY, name.encode(), content)
        for name, content in files
    ]
    return b''.join(parts) + b'--%b--\r\n' % BOUNDARY


def open_request(url, path, *headers):
    """Open a socket and send the headers of a request."""
    place = urlsplit(url)
    line = socket.create_connection((place.hostname, place.port), timeout=PATIENCE)
    kind = f'Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}'
    head = [f'POST {path} HTTP/1.1', f'Host: {place.netloc}', kind, *headers, '', '']
    line.sendall('\r\n'.join(head).encode())
    return line


def chunk(data):
    """Return bytes as one chunk of a body without a declared length."""
    return b'%x\r\n%b\r\n' % (len(data), data)
