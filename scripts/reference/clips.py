"""Small clips that another program made (PyAV, with its own libav), for the tests of reading: `test/fixtures/clips`.

    .venv/bin/pip install av numpy pillow
    .venv/bin/python scripts/reference/clips.py

Each shows the same few frames: a gradient with coloured corners (red, green, blue, white from the upper left, clockwise) and a white square that goes right. `clips.json`
says of each clip what is to come out of it, in whole units so that it is exact: sizes, timestamps and durations in ticks, and the RGB of the four corners.
"""
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

OUT = Path(__file__).parents[2] / 'test/fixtures/clips'
CORNERS = [(220, 40, 40), (40, 200, 60), (50, 60, 210), (235, 235, 235)]


def picture(width, height, t):
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    rgb = np.stack([60 + 120 * x, 60 + 120 * y, 120 + 0 * x], -1)
    ch, cw = height // 3, width // 3
    for (r, c), colour in zip(((0, 0), (0, 1), (1, 1), (1, 0)), CORNERS):
        rgb[height - ch if r else 0:height if r else ch, width - cw if c else 0:width if c else cw] = colour
    side = height // 4
    left = width // 3 + 2 * t
    rgb[height // 2 - side // 2:height // 2 + side // 2, left:left + side] = 255
    return np.rint(rgb).astype(np.uint8)


def yuv(rgb, matrix, full):
    """Planes of 4:4:4 in floats; BT.601 or BT.709."""
    kr, kb = {'bt601': (0.299, 0.114), 'bt709': (0.2126, 0.0722)}[matrix]
    r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if full:
        return y, u + 128, v + 128
    return 16 + y * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255


def frame_of(rgb, matrix='bt709', full=False, layout='yuv420p'):
    y, u, v = yuv(rgb, matrix, full)
    if layout.startswith('yuv420p'):
        def half(p):
            p = np.pad(p, ((0, p.shape[0] % 2), (0, p.shape[1] % 2)), mode='edge')
            return (p[0::2, 0::2] + p[0::2, 1::2] + p[1::2, 0::2] + p[1::2, 1::2]) / 4
        u, v = half(u), half(v)
    deep = layout.endswith('10le')
    kind = np.dtype('<u2') if deep else np.uint8
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], layout)
    for plane, values in zip(frame.planes, (y, u, v)):
        values = np.clip(np.rint(values * (4 if deep else 1)), 0, 1023 if deep else 255).astype(kind)
        rows = np.zeros((plane.height, plane.line_size // kind.itemsize if deep else plane.line_size), kind)
        rows[:, :values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def video(name, size, ticks, base, codec='libx264', matrix='bt709', full=False, layout='yuv420p', options=None, audio=None, tag=True, pixel=None):
    width, height = size
    with av.open(str(OUT / name), 'w', options={'fflags': '+bitexact'}) as file:
        stream = file.add_stream(codec, rate=Fraction(base.denominator, base.numerator))
        stream.width, stream.height, stream.pix_fmt = width, height, layout
        stream.codec_context.time_base = stream.time_base = base
        stream.options = options or {}
        if pixel:
            stream.codec_context.sample_aspect_ratio = pixel
        if tag:
            stream.codec_context.colorspace = {'bt601': 6, 'bt709': 1}[matrix]
            stream.codec_context.color_primaries = stream.codec_context.color_trc = {'bt601': 6, 'bt709': 1}[matrix]
            stream.codec_context.color_range = 2 if full else 1
        sound = None
        if audio:
            sound = file.add_stream(audio, rate=48000)
            sound.layout = 'mono'
            sound.bit_rate = 32000
        for t, (at, last) in enumerate(ticks):
            frame = frame_of(picture(width, height, t), matrix, full, layout)
            frame.pts, frame.duration, frame.time_base = at, last, base
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
        if sound:
            samples = int(48000 * (ticks[-1][0] + ticks[-1][1]) * base)
            wave = (0.2 * np.sin(np.arange(samples) * 2 * np.pi * 440 / 48000)).astype(np.float32)
            step = sound.codec_context.frame_size or 960
            for start in range(0, samples, step):
                chunk = av.AudioFrame.from_ndarray(wave[None, start:start + step], format='fltp', layout='mono')
                chunk.sample_rate, chunk.pts, chunk.time_base = 48000, start, Fraction(1, 48000)
                for packet in sound.encode(chunk):
                    file.mux(packet)
            for packet in sound.encode():
                file.mux(packet)
    return dict(shown=[width, height], turned=0, base=[base.numerator, base.denominator], ticks=ticks)


def steady(count, step=1):
    return [[t * step, step] for t in range(count)]


def turn(clips, name, degrees):
    """Writes the display matrix of a track into its header (`tkhd`), as phones do: clockwise."""
    path = OUT / name
    clips[name]['turned'] = degrees
    if degrees != 180:
        clips[name]['shown'].reverse()
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 4 + (36 if data[data.index(b'tkhd') + 4] == 0 else 48) + 4
    quarter = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (v * 0x10000 for v in quarter)
    matrix = [a, b, 0, c, d, 0, 0, 0, 0x40000000]
    data[at:at + 36] = b''.join(v.to_bytes(4, 'big', signed=True) for v in matrix)
    path.write_bytes(data)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    small = {'crf': '12', 'preset': 'slow'}
    clips = {}
    clips['variable.mp4'] = video('variable.mp4', (64, 48), [[0, 3], [3, 1], [4, 7], [11, 2], [13, 4], [17, 3], [20, 1]], Fraction(1, 60), options=small, audio='aac')
    clips['ntsc.mov'] = video('ntsc.mov', (64, 48), steady(6, 1001), Fraction(1, 24000), options=small)
    clips['turned90.mp4'] = video('turned90.mp4', (64, 48), steady(5), Fraction(1, 25), options=small)
    turn(clips, 'turned90.mp4', 90)
    clips['turned180.mp4'] = video('turned180.mp4', (64, 48), steady(5), Fraction(1, 25), options=small)
    turn(clips, 'turned180.mp4', 180)
    clips['turned270.mov'] = video('turned270.mov', (64, 48), steady(5), Fraction(1, 25), options=small)
    turn(clips, 'turned270.mov', 270)
    clips['wide.mp4'] = video('wide.mp4', (48, 48), steady(5), Fraction(1, 25), options=small, pixel=Fraction(4, 3))
    clips['wide.mp4']['shown'] = [64, 48]
    clips['fullRange.mp4'] = video('fullRange.mp4', (64, 48), steady(5), Fraction(1, 25), full=True, options=small)
    clips['sd601.mp4'] = video('sd601.mp4', (64, 48), steady(5), Fraction(1, 25), matrix='bt601', options=small)
    clips['untagged.mkv'] = video('untagged.mkv', (64, 48), [[40 * t, 40] for t in range(5)], Fraction(1, 1000), matrix='bt601', options=small, tag=False)
    clips['deep.mp4'] = video('deep.mp4', (64, 48), steady(5), Fraction(1, 25), layout='yuv420p10le', options=small)
    clips['odd.webm'] = video('odd.webm', (67, 45), [[33 * t, 33] for t in range(6)], Fraction(1, 1000), codec='libvpx-vp9', options={'crf': '8', 'b': '0'}, audio='libopus')
    frames = [Image.fromarray(picture(64, 48, t)) for t in range(6)]
    delays = [40, 100, 70, 40, 200, 0]
    frames[0].save(OUT / 'short.gif', save_all=True, append_images=frames[1:], duration=delays, loop=0)
    starts = np.cumsum([0, 40, 100, 70, 40, 200]).tolist()
    clips['short.gif'] = dict(shown=[64, 48], turned=0, base=[1, 1000], ticks=[[s, d or 100] for s, d in zip(starts, delays)])
    with av.open(str(OUT / 'soundOnly.mp4'), 'w') as file:
        sound = file.add_stream('aac', rate=48000)
        sound.layout = 'mono'
        for start in range(0, 4096, 1024):
            chunk = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp', layout='mono')
            chunk.sample_rate, chunk.pts, chunk.time_base = 48000, start, Fraction(1, 48000)
            for packet in sound.encode(chunk):
                file.mux(packet)
        for packet in sound.encode():
            file.mux(packet)
    (OUT / 'clips.json').write_text(json.dumps(dict(corners=CORNERS, clips=clips)) + '\n')
    for path in sorted(OUT.iterdir()):
        print(path.name, path.stat().st_size)


main()
