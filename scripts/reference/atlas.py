"""What all layered atlases share: boxes, sampling, reconstruction, rendering of edits. Fixture `atlas`. Run on its own; --text2live CHECKOUT compares the boxes with the published code."""
import argparse
import sys

import torch
import torch.nn.functional as F

from fixture import Fixture, rng, uniform

WIDTH, HEIGHT, FRAMES = 17, 12, 3
SIZES = {'foreground': (19, 23), 'background': (14, 31)}  # height, width


def frame_box(opacity, border=30, threshold=.95, smallest=129):
    """[x, y, width, height] or None: the bounds of opacity >= threshold, widened; the end counts as the last pixel plus the border."""
    rows, columns = torch.where(opacity >= threshold)
    if len(rows) == 0:
        return None
    sides = []
    for last_axis, length in [(columns, opacity.shape[1]), (rows, opacity.shape[0])]:
        start, end = max(int(last_axis.min()) - border, 0), min(int(last_axis.max()) + border, length)
        if end - start < smallest:
            if end + smallest - (end - start) > length:
                start = end - smallest
            else:
                end = start + smallest
        sides.append((start, end - start))
    return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]


def sample(image, position, padding):
    """image [c,h,w] at position [2,H,W] in pixels, pixel k centred at k + 1/2 -> [c,H,W]."""
    size = torch.tensor([image.shape[2], image.shape[1]], dtype=image.dtype)
    grid = position.permute(1, 2, 0) / size * 2 - 1
    return F.grid_sample(image[None], grid[None], mode='bilinear', padding_mode=padding, align_corners=False)[0]


def render(edits, positions, opacity, frame):
    """Eq. 15, 16 of layered neural atlases as the published Text2LIVE renders them: straight channels, zeros outside."""
    over = {}
    for name in SIZES:
        edit = sample(edits[name], positions[name], 'zeros').clamp(0, 1)
        over[name] = edit[3] * edit[:3] + (1 - edit[3]) * frame
    return opacity * over['foreground'] + (1 - opacity) * over['background']


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--text2live')
    published = parser.parse_args().text2live
    fixture, g = Fixture('atlas'), rng(501)

    boxes = []
    for height, width, rectangle in [(220, 300, (100, 90, 40, 25)), (220, 300, (250, 180, 50, 40)), (220, 300, (0, 0, 299, 12)), (432, 300, (140, 200, 90, 190)),
                                     (150, 400, (10, 60, 5, 5)), (300, 160, (80, 100, 60, 170))]:
        opacity = torch.full((height, width), .3)
        x, y, w, h = rectangle
        opacity[y:y + h, x:x + w] = .96
        box = frame_box(opacity)
        boxes.append({'height': height, 'width': width, 'object': rectangle, 'box': box})
        if published:
            import torchvision_shim  # noqa: F401
            sys.path.insert(0, published)
            from util.atlas_utils import get_masks_boundaries
            y, x, h, w = get_masks_boundaries(opacity[None, None].clone(), border=30, threshold=.95, min_crop_size=129)[0].tolist()
            inside = x >= 0 and y >= 0
            print('box', box, 'published', [x, y, w, h], 'equal' if [x, y, w, h] == box else 'DIFFERS', '' if inside else '(out of the frame)')

    images = {name: uniform(g, 3, *size) for name, size in SIZES.items()}
    edits = {name: uniform(g, 4, *size) for name, size in SIZES.items()}
    for name in SIZES:
        fixture.put(f'{name}.image', images[name])
        fixture.put(f'{name}.edit', edits[name])
    for t in range(FRAMES):
        positions = {}
        for name, (h, w) in SIZES.items():
            # A little beyond the image on every side.
            positions[name] = torch.stack([uniform(g, HEIGHT, WIDTH, low=-1.0, high=w + 1.0), uniform(g, HEIGHT, WIDTH, low=-1.0, high=h + 1.0)])
            fixture.put(f'{name}.mapping.{t}', positions[name])
        opacity, frame = uniform(g, HEIGHT, WIDTH), torch.floor(uniform(g, 3, HEIGHT, WIDTH) * 256) / 255
        fixture.put(f'opacity.{t}', opacity)
        fixture.put_pixels(f'frame.{t}', frame)
        parts = {name: sample(images[name], positions[name], 'border') for name in SIZES}
        for name in SIZES:
            fixture.put(f'{name}.zeros.{t}', sample(images[name], positions[name], 'zeros'))
            fixture.put(f'{name}.edge.{t}', parts[name])
        rebuilt = opacity * parts['foreground'] + (1 - opacity) * parts['background']
        fixture.put(f'reconstruction.{t}', rebuilt)
        fixture.put(f'psnr.{t}', -10 * torch.log10(((rebuilt - frame) ** 2).mean()))
        fixture.put(f'edited.{t}', render(edits, positions, opacity, frame))
    fixture.save({'about': 'mappings in px of the atlas image, pixel k centred at k + 1/2', 'frames': FRAMES, 'width': WIDTH, 'height': HEIGHT, 'boxes': boxes})


if __name__ == '__main__':
    main()
