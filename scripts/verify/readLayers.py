"""Reads the pictures of a run folder with programs that are not ours, puts the layers together again and checks them.

    python3 scripts/verify/readLayers.py <run folder>

Needs pillow, numpy and psd-tools. Ends with status 1 and says what is wrong, or prints one line per check.
"""
import io
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image
from psd_tools import PSDImage

GREEN = np.array([0, 177, 64]) / 255


def check(ok, what):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        sys.exit(1)


def pixels(source, mode):
    """Values in [0, 1], HWC, and half a step of their precision (Pillow reads 16-bit colour with its upper 8 bits only)."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    check(data[:8] == b'\x89PNG\r\n\x1a\n', f'a PNG file, {data[24]} bits per sample')
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return np.asarray(image.convert(mode), dtype=np.float64) / 255, 1 / 255 if data[24] == 16 else 0


def over(edit, under):
    return edit[..., 3:] * edit[..., :3] + (1 - edit[..., 3:]) * under


def main(folder):
    composite, slack = pixels(folder / 'composite.png', 'RGB')
    edit, _ = pixels(folder / 'edit.png', 'RGBA')
    alpha, _ = pixels(folder / 'alpha.png', 'L')
    green, _ = pixels(folder / 'edit-on-greenscreen.png', 'RGB')
    size = (composite.shape[1], composite.shape[0])
    check(edit.shape[:2] == alpha.shape == green.shape[:2] == composite.shape[:2], f'all pictures are {size[0]}x{size[1]}')

    with zipfile.ZipFile(folder / 'layers.ora') as ora:
        first = ora.infolist()[0]
        check(first.filename == 'mimetype' and first.compress_type == zipfile.ZIP_STORED and ora.read('mimetype') == b'image/openraster',
              'layers.ora starts with its stored mimetype')
        check(ora.testzip() is None, 'layers.ora has sound checksums')
        root = ElementTree.fromstring(ora.read('stack.xml'))
        check((int(root.get('w')), int(root.get('h'))) == size, 'layers.ora has the size of the pictures')
        layers = {layer.get('name'): pixels(ora.read(layer.get('src')), 'RGBA')[0] for layer in root.iter('layer')}
        check(list(layers) == ['edit layer', 'photo'], 'layers.ora: "edit layer" above "photo"')
        merged, _ = pixels(ora.read('mergedimage.png'), 'RGB')
        with Image.open(io.BytesIO(ora.read('Thumbnails/thumbnail.png'))) as thumbnail:
            check(max(thumbnail.size) <= 256, 'layers.ora has a thumbnail of at most 256 px')
    photo = layers['photo'][..., :3]

    def compare(name, got, expected, tolerance):
        worst = np.abs(got - expected).max()
        check(worst <= tolerance + 1e-9, f'{name}: largest difference {worst * 255:.3f} / 255')

    compare('alpha.png is the alpha of edit.png', alpha, edit[..., 3], 0)
    compare('edit.png over the photo is composite.png', over(edit, photo), composite, 1 / 255 + slack)
    compare('edit.png over green is edit-on-greenscreen.png', over(edit, GREEN), green, 0.5 / 255)
    clear = alpha == 0
    check(np.array_equal(composite[clear], photo[clear]), f'where alpha is 0 ({clear.mean():.0%}) composite.png is the photo')
    compare('layers.ora: edit layer is edit.png', layers['edit layer'], edit, 0)
    compare('layers.ora: merged image is composite.png', merged, composite, 0)

    psd = PSDImage.open(folder / 'layers.psd')
    check((psd.width, psd.height, psd.depth, psd.color_mode.name) == (*size, 8, 'RGB'), 'layers.psd is 8-bit RGB of the same size')
    check([layer.name for layer in psd] == ['photo', 'edit layer'], 'layers.psd: "photo", above it "edit layer"')
    bottom, top = (np.asarray(layer.topil().convert('RGBA'), dtype=np.float64) / 255 for layer in psd)
    check(all(layer.offset == (0, 0) and layer.size == size and layer.visible and layer.opacity == 255 for layer in psd),
          'layers.psd: both layers cover the picture, visible and opaque')
    compare('layers.psd: edit layer is edit.png', top, edit, 0)
    compare('layers.psd: photo is the photo', bottom[..., :3], photo, slack)
    compare('layers.psd: its layers put together are composite.png', over(top, bottom[..., :3]), composite, 1 / 255 + slack)
    # The format blends a flat image that has alpha with white; writer and reader each round down once on the way there and back.
    # Colours under a low alpha are lost in that, so what is seen over white is compared.
    flat = np.asarray(psd.topil().convert('RGBA'), dtype=np.float64) / 255
    whole, _ = pixels(folder / 'composite.png', 'RGBA')
    compare('layers.psd: alpha of its flat image', flat[..., 3], whole[..., 3], slack)
    white = np.ones(3)
    rounding = 0 if whole[..., 3].min() == 1 else 2 / 255
    compare('layers.psd: its flat image is composite.png', over(flat, white), over(whole, white), rounding + slack)
    print(f'all is well in {folder}')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
