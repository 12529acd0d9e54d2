"""Reads clips that scripts/ci/writeClips.mjs wrote with a program that is not ours (PyAV, with its own libav) and checks them.

    python3 scripts/verify/readClip.py <folder>

Needs av, pillow and numpy. Of each clip: container and codec, number of frames, times, size, colour tags, how near the frames are to the PNGs they were made
of, alpha, and that the packets of sound are those of the file they came from, byte for byte. Ends with status 1 and says what is wrong, or prints one line per check.
"""
import json
import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

KINDS = {
    '.mp4': dict(codec='h264', pixels='yuv420p', psnr=36, alpha=None),
    '.webm': dict(codec='vp9', pixels='yuv420p', psnr=34, alpha=35),
    '.mov': dict(codec='prores', pixels='yuva444p12le', psnr=45, alpha=50),
}


def check(ok, what):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        sys.exit(1)


def packets(path):
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        return stream.codec_context.name, [(float(p.pts * p.time_base), bytes(p)) for p in file.demux(stream) if p.size]


def alpha_of(frame):
    plane = frame.planes[3]
    deep = frame.format.name.endswith('12le')
    data = np.frombuffer(bytes(plane), np.uint16 if deep else np.uint8).reshape(plane.height, -1)[:, :plane.width]
    return data / (4095 if deep else 255)


def rgb(frame):
    """By libswscale, told that it is BT.709."""
    return frame.to_ndarray(format='rgb24', src_colorspace='ITU709', dst_colorspace='ITU709', interpolation='BICUBIC') / 255


def psnr(a, b):
    return 10 * np.log10(1 / max(1e-12, np.mean((a - b) ** 2)))


def decode(path, alpha):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if alpha and path.suffix == '.webm':
            # libav's own VP9 decoder leaves alpha out.
            decoder = av.CodecContext.create('libvpx-vp9', 'r')
            decoder.extradata = stream.codec_context.extradata
            frames = [f for p in file.demux(stream) if p.size for f in decoder.decode(p)] + decoder.decode(None)
            check(frames[0].format.name == 'yuva420p', f'{path.name}: has alpha')
            return frames
        return list(file.decode(stream))


def main(folder):
    for name, told in json.loads((folder / 'clips.json').read_text()).items():
        path = folder / name
        kind = KINDS[path.suffix]
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            context = stream.codec_context
            check((context.name, context.pix_fmt, context.width, context.height) == (kind['codec'], kind['pixels'], told['width'], told['height']),
                  f'{name}: {context.name} {context.pix_fmt}, {context.width}x{context.height}')
            tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
            check(tags == (1, 1, 1, 1), f'{name}: tagged BT.709, limited range')
            times = [float(f.pts * f.time_base) for f in file.decode(stream)]
            check(len(times) == len(told['timestamps']), f'{name}: {len(times)} frames')
            off = max(abs(a - b) for a, b in zip(times, told['timestamps']))
            check(off < (6e-4 if path.suffix == '.webm' else 1e-9), f'{name}: each at its time, within {off:.1e} s')
            if path.suffix != '.webm':
                end = told['timestamps'][-1] + told['durations'][-1] - told['timestamps'][0]
                check(abs(float(stream.duration * stream.time_base) - end) < 1e-9, f'{name}: lasts {end:.4f} s')
            durations = set(round(d, 6) for d in told['durations'])
            if len(durations) == 1:
                check(abs(float(stream.average_rate) * durations.pop() - 1) < 0.02, f'{name}: {stream.average_rate} frames per second')
        frames = decode(path, kind['alpha'])
        truth = [np.asarray(Image.open(p), np.float64) / 255 for p in sorted((folder / f'{name}.frames').iterdir())]
        height, width = truth[0].shape[:2]
        near = min(psnr(rgb(f)[:height, :width], t[..., :3]) for f, t in zip(frames, truth))
        check(near > kind['psnr'] - (8 if width < 100 else 0), f'{name}: colours within {near:.1f} dB')
        if kind['alpha']:
            near = min(psnr(alpha_of(f), t[..., 3]) for f, t in zip(frames, truth))
            check(near > kind['alpha'], f'{name}: alpha within {near:.1f} dB')
        if told['sound']:
            codec, ours = packets(path)
            original, theirs = packets(told['sound'])
            end = told['timestamps'][-1] + told['durations'][-1]
            expected = [p for p in theirs if p[0] < end]
            check(codec == original and [p[1] for p in ours] == [p[1] for p in expected], f'{name}: {len(ours)} packets of {codec}, byte for byte')
            # libav counts the lead-in of Opus (6.5 ms) as time before 0 where Matroska states it; mediabunny does not.
            check(max(abs(a[0] - b[0]) for a, b in zip(ours, expected)) < (8e-3 if codec == 'opus' else 1e-6), f'{name}: sound at its times')


main(Path(sys.argv[1]))
