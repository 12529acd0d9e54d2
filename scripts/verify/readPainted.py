"""Compares what we take of painted Photoshop documents with the composite of psd-tools.

    python3 scripts/verify/readPainted.py <folder of scripts/ci/writePainted.mjs>

Adds documents of its own (16 bits in each compression, greyscale) to the folder and lets scripts/ci/readPainted.mjs read all of them with the built library.
Needs pillow, numpy and psd-tools with its composite. Ends with status 1 and says what is wrong, or prints one line per document.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from psd_tools import PSDImage
from psd_tools.composite import composite
from psd_tools.constants import Compression

WIDTH, HEIGHT = 37, 29
BASE = ('photo', 'atlas', 'mask')


def write_sixteen_bits(path, compression, mode='RGB'):
    """A base and an edit layer with samples that 8 bits do not hold, and with alpha."""
    psd = PSDImage.new(mode, (WIDTH, HEIGHT), depth=16)
    draw = np.random.default_rng(7)
    for name in ('photo', 'edit layer'):
        layer = psd.create_pixel_layer(Image.new(mode + 'A', (WIDTH, HEIGHT)), name=name, compression=compression)
        for channel in layer._channels:
            channel.compression = compression
            channel.set_data(draw.integers(0, 65536, WIDTH * HEIGHT).astype('>u2').tobytes(), WIDTH, HEIGHT, 16, psd.version)
    psd.save(path)


def main(folder):
    for compression in (Compression.RAW, Compression.RLE, Compression.ZIP, Compression.ZIP_WITH_PREDICTION):
        write_sixteen_bits(folder / f'16 bits, {compression.name}.psd', compression)
    write_sixteen_bits(folder / '16 bits, grey.psd', Compression.RLE, 'L')
    paths = sorted(path for path in folder.iterdir() if path.suffix in ('.psd', '.psb'))
    subprocess.run(['node', Path(__file__).parent.parent / 'ci' / 'readPainted.mjs', *paths], check=True)
    worst_of_all = 0
    for path in paths:
        psd = PSDImage.open(path)
        # Their layer filter is handed down to groups; without the base, what is left is the edit.
        colour, _, alpha = composite(psd, layer_filter=lambda layer: layer.is_visible() and layer.name not in BASE)
        ours = np.fromfile(f'{path}.rgba', np.float32).reshape(4, psd.height, psd.width).transpose(1, 2, 0)
        # Where nothing is seen a colour means nothing, and where little is, rounding is large in it: colours are compared as they are seen.
        theirs = np.broadcast_to(colour, (*colour.shape[:2], 3)) * alpha
        worst = max(np.abs(ours[..., 3:] - alpha).max(), np.abs(ours[..., :3] * ours[..., 3:] - theirs).max())
        worst_of_all = max(worst, worst_of_all)
        print('ok  ' if worst < 1e-5 else 'FAIL', f'{path.name}: seen in {(alpha > 0).mean():.0%}, largest difference {worst:.2g}')
    if worst_of_all >= 1e-5:
        sys.exit(1)
    print(f'all {len(paths)} painted documents are read as psd-tools composes them')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
