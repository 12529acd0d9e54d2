"""Small clips as cameras, OpenCV and editors write them, for the tests of reading: `test/fixtures/otherClips`.

    .venv/bin/pip install av numpy
    .venv/bin/python scripts/reference/otherClips.py

Each shows, in 6 frames of 64x48 at 25 a second, a gradient (red 60 + 2x, green 60 + 2y, blue 120) and a white square of 10 px whose left edge is at 8 + 3t, its upper at 10.
`interlaced.mp4` has that square 6 px further left in its second, lower, field: fields of different moments, upper first.
"""
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

OUT = Path(__file__).parents[2] / 'test/fixtures/otherClips'


def picture(t, shift=0):
    y, x = np.mgrid[0:48, 0:64]
    rgb = np.stack([60 + 2 * x, 60 + 2 * y, 120 + 0 * x], -1).astype(np.uint8)
    left = 8 + 3 * t + shift
    rgb[10:20, left:left + 10] = 255
    return rgb


def write(name, codec, layout='yuv420p', options=None, pixel=None, pictures=None):
    # Not .ts, which is what sources are called here.
    with av.open(str(OUT / name), 'w', format='mpegts' if name.endswith('m2t') else None, options={'fflags': '+bitexact'}) as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        stream.codec_context.time_base = Fraction(1, 25)
        stream.options = options or {}
        if pixel:
            stream.codec_context.sample_aspect_ratio = pixel
        for t, rgb in enumerate(pictures or [picture(t) for t in range(6)]):
            frame = av.VideoFrame.from_ndarray(rgb, format='rgb24').reformat(format=layout)
            frame.pts, frame.time_base = t, Fraction(1, 25)
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    fine = {'qscale': '2', 'flags': '+qscale', 'global_quality': str(2 * 118)}
    write('mpeg4.avi', 'mpeg4', options={**fine, 'bf': '2'})
    write('mpeg4.mp4', 'mpeg4', options=fine)
    write('mpeg4.mkv', 'mpeg4', options=fine)
    write('mjpeg.mov', 'mjpeg', 'yuvj420p', options=fine)
    write('mjpeg.avi', 'mjpeg', 'yuvj420p', options=fine)
    write('mpeg2.m2t', 'mpeg2video', options=fine)
    fields = []
    for t in range(6):
        rgb = picture(t)
        rgb[1::2] = picture(t, -6)[1::2]
        fields.append(rgb)
    write('interlaced.mp4', 'libx264', 'yuv422p', {'crf': '5', 'x264-params': 'tff=1:interlaced=1'}, pictures=fields)
    write('nearlySquare.mp4', 'libx264', options={'crf': '12'}, pixel=Fraction(129, 128))
    write('wide.mp4', 'libx264', options={'crf': '12'}, pixel=Fraction(4, 3))
    for path in sorted(OUT.iterdir()):
        print(path.name, path.stat().st_size)


main()
