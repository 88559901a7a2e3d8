"""Files named like a video: playlists of other files, and bombs."""

import struct
from pathlib import Path

import av
import numpy as np

from .case import Corpus
from .pictures import gif, png


def write(corpus: Corpus) -> None:
    """Write the family."""

    def new(what: str, plants: str, file: str = 'clip.mp4') -> Path:
        return corpus.new(f'videos/{what}', file, 'video', plants)

    for what, text in {
        'm3u8': '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXTINF:10,\n'
        'file://{1}\n#EXT-X-ENDLIST\n',
        'm3u8-file-alone': '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{1}\n'
        '#EXT-X-ENDLIST\n',
        'm3u8-key': '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF:10,\n'
        'file://{1}\n#EXT-X-ENDLIST\n',
        'm3u8-concat': '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n'
        'concat:{0}?|file://{1}\n#EXT-X-ENDLIST\n',
        'm3u8-subfile': '#EXTM3U\n#EXTINF:10,\n'
        'subfile,,start,0,end,64,,:{1}\n#EXT-X-ENDLIST\n',
        'ffconcat': "ffconcat version 1.0\nfile '{1}'\nfile '{0}'\n",
        'dash': '<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet '
        'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{0}'
        '</BaseURL></Representation></AdaptationSet></Period></MPD>',
        'sdp': 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n'
        'm=video {2} RTP/AVP 96\na=rtpmap:96 H264/90000\n',
        'rtsp-reference': '[Reference]\nRef1={0}\nRef2=file://{1}\n',
        'imf': '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{1}">]>'
        '<CompositionPlaylist>&x;</CompositionPlaylist>',
        'tedcaptions': '{{"captions": [{{"content": "{1}"}}]}}',
    }.items():
        name = f'videos/{what}'
        text = text.format(corpus.url(name), corpus.secret(name), corpus.port)
        new(what, 'another file, a call to an address').write_text(text)
    secret = corpus.secret('videos/mov-reference')
    new('mov-reference', 'another file', 'clip.mov').write_bytes(_reference(secret))
    new('gif-giant', 'memory').write_bytes(gif(60_000, 60_000, 3))
    new('gif-large', 'memory').write_bytes(gif(8000, 8000, 40))
    # Half a minute of video. The windows of a longer one are more work, which is in
    # proportion to its length, shows its progress and is no hang.
    new('gif-many-frames', 'time').write_bytes(gif(64, 64, 300))
    new('avi-raw-giant', 'memory', 'clip.avi').write_bytes(_avi(b'\0\0\0\0', 30_000))
    new('avi-jpeg-giant', 'memory', 'clip.avi').write_bytes(_avi(b'MJPG', 30_000))
    new('avi-jpeg-lies', 'memory', 'clip.avi').write_bytes(_avi(b'MJPG', 64))
    new('avi-png-bomb', 'memory', 'clip.avi').write_bytes(
        _avi(b'MPNG', 64, png(16_000, 16_000, 8, 2))
    )
    whole = _whole(new('rate-giant', 'time'), rate=10**6)
    new('cut', 'damage').write_bytes(whole[: len(whole) // 2])
    new('header-alone', 'damage').write_bytes(whole[:40])
    giant = bytearray(whole)
    place = giant.index(b'stsz')
    giant[place + 12 : place + 16] = b'\x7f\xff\xff\xff'
    new('samples-giant', 'memory').write_bytes(bytes(giant))
    new('box-giant', 'memory').write_bytes(
        struct.pack('>I', 1) + b'moov' + struct.pack('>Q', 2**62) + bytes(100)
    )
    box = b''
    for _ in range(20_000):
        box = struct.pack('>I4s', len(box) + 8, b'moov') + box
    new('box-tower', 'recursion').write_bytes(b'\0\0\0\x10ftypisom\0\0\0\0' + box)
    new('matroska-giant', 'memory', 'clip.mkv').write_bytes(
        bytes.fromhex('1a45dfa3') + b'\x01\xff\xff\xff\xff\xff\xff\xfe' + bytes(100)
    )
    new('text', 'damage').write_text('not a video\n')
    new('empty', 'damage').write_bytes(b'')
    new('script', 'a call').write_text(
        f'#!/bin/sh\ntouch {corpus.marker("videos/script")}\n'
    )


def _whole(path: Path, rate: int) -> bytes:
    """Write a short clip."""
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=rate)
        stream.height = stream.width = 64
        stream.pix_fmt = 'yuv420p'
        for number in range(6):
            frame = np.full((64, 64, 3), 20 * number, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())
    return path.read_bytes()


def _reference(path: str) -> bytes:
    """Return a QuickTime movie that refers to another file."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I4s', len(data) + 8, kind) + data

    name = path.encode()
    rdrf = box(b'rdrf', bytes(4) + b'url ' + struct.pack('>I', len(name)) + name)
    alias = box(b'rmra', box(b'rmda', rdrf))
    url = box(b'url ', bytes(4) + b'file://' + name + b'\0')
    dref = box(b'dref', struct.pack('>II', 0, 1) + url)
    media = box(b'minf', box(b'dinf', dref))
    track = box(b'trak', box(b'mdia', media))
    return box(b'ftyp', b'qt  \0\0\0\0qt  ') + box(b'moov', alias + track)


def _avi(codec: bytes, side: int, frame: bytes | None = None) -> bytes:
    """Return an AVI of one frame with a wrong header."""
    if frame is None:
        from .pictures import jpeg

        frame = jpeg(30_000, 30_000) if codec == b'MJPG' else bytes(1000)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack('<I', len(data)) + data + b'\0' * (len(data) % 2)

    main = struct.pack('<14I', 20_000, 0, 0, 0x10, 3, 0, 1, 0, side, side, 0, 0, 0, 0)
    stream = b'vids' + codec + struct.pack('<IHHIIIIIIII4H', 0, 0, 0, 0, 1, 50, 0, 3,
                                            0, 0, 0, 0, 0, 0, 0)  # fmt: skip
    shape = struct.pack('<IiiHH4sIiiII', 40, side, side, 1, 24, codec, 0, 0, 0, 0, 0)
    strl = b'strl' + chunk(b'strh', stream) + chunk(b'strf', shape)
    hdrl = b'hdrl' + chunk(b'avih', main) + chunk(b'LIST', strl)
    movi = b'movi' + chunk(b'00dc', frame) * 3
    return chunk(b'RIFF', b'AVI ' + chunk(b'LIST', hdrl) + chunk(b'LIST', movi))
