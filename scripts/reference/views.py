"""CLIP views of an image from explicit draws, and their gradients: fixture `views`.

One view = crop, resize, flip, affine, perspective, colour jitter, grayscale, in this order; a draw of null leaves a stage out.
Coordinates below are continuous: the centre of pixel (row j, column i) is (x, y) = (i + 1/2, j + 1/2).
`--torchvision` compares every stage with the installed torchvision's tensor functions.
"""
import math
import sys

import torch
import torch.nn.functional as F

from fixture import Fixture, photo, rng, rounded

LUMA = (0.2989, 0.587, 0.114)


def resize(x, height, width):
    """Bilinear, half-pixel centres, no antialiasing: [n,c,h,w] -> [n,c,height,width]."""
    return F.interpolate(x, size=(height, width), mode='bilinear', align_corners=False)


def pixel_centres(height, width):
    y, x = torch.meshgrid(torch.arange(height) + .5, torch.arange(width) + .5, indexing='ij')
    return x, y


def sample(image, x, y, fill):
    """Bilinear samples at continuous (x, y); neighbours outside the image count as 0.

    With m = the summed weight of the neighbours inside, the result is s*m + (1-m)*fill where s already carries the weights once:
    along the border the image is weighted twice. That is the published behaviour.
    """
    height, width = image.shape[-2:]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), -1)[None]
    with_coverage = torch.cat((image, torch.ones_like(image[:, :1])), 1)
    taken = F.grid_sample(with_coverage, grid.expand(image.shape[0], -1, -1, -1), mode='bilinear', padding_mode='zeros', align_corners=False)
    colour, coverage = taken[:, :-1], taken[:, -1:]
    return colour * coverage + (1 - coverage) * fill


def affine(image, angle, translate, fill):
    """Rotation by `angle` degrees (clockwise on screen, y down) about the centre, then a shift by whole pixels: looked up through its inverse."""
    height, width = image.shape[-2:]
    x, y = pixel_centres(height, width)
    u, v = x - width / 2 - translate[0], y - height / 2 - translate[1]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return sample(image, cos * u + sin * v + width / 2, -sin * u + cos * v + height / 2, fill)


def perspective_coefficients(startpoints, endpoints):
    """(a..h) with source = ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)), taking endpoints to startpoints.

    Four points give eight equations for eight unknowns, so least squares is the plain solution."""
    rows, right = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), torch.tensor(right, dtype=torch.float64)).tolist()


def perspective(image, startpoints, endpoints, fill):
    """The points are pixel indices, the map is evaluated at pixel centres: half a pixel of difference, kept as published."""
    a, b, c, d, e, f, g, h = perspective_coefficients(startpoints, endpoints)
    x, y = pixel_centres(*image.shape[-2:])
    depth = g * x + h * y + 1
    return sample(image, (a * x + b * y + c) / depth, (d * x + e * y + f) / depth, fill)


def luma(image):
    r, g, b = image.unbind(1)
    return (LUMA[0] * r + LUMA[1] * g + LUMA[2] * b)[:, None]


def mix(image, other, factor):
    return (factor * image + (1 - factor) * other).clamp(0, 1)


def shift_hue(image, turn):
    """RGB -> HSV, hue + turn (modulo 1), HSV -> RGB. A grey pixel has hue 0 and saturation 0."""
    r, g, b = image.unbind(1)
    high, low = image.max(1).values, image.min(1).values
    chroma = high - low
    grey = chroma == 0
    one = torch.ones_like(high)
    saturation = chroma / torch.where(grey, one, high)
    span = torch.where(grey, one, chroma)
    sextant = torch.where(high == r, (g - b) / span, torch.where(high == g, 2 + (b - r) / span, 4 + (r - g) / span))
    hue = (sextant / 6 + turn) % 1
    fall = lambda n: (lambda k: torch.minimum(torch.minimum(k, 4 - k), one).clamp(min=0))((n + 6 * hue) % 6)
    return torch.stack([high - high * saturation * fall(n) for n in (5, 3, 1)], 1)


def jitter(image, draw):
    """Brightness (0), contrast (1), saturation (2), hue (3) in the drawn order; the first three clamp to [0,1]."""
    for stage in draw['order']:
        if stage == 0: image = mix(image, torch.zeros_like(image), draw['brightness'])
        if stage == 1: image = mix(image, luma(image).mean((1, 2, 3), keepdim=True), draw['contrast'])
        if stage == 2: image = mix(image, luma(image), draw['saturation'])
        if stage == 3: image = shift_hue(image, draw['hue'])
    return image


def view(image, draw, height, width, fill):
    """One view [1,3,height,width] of an image [1,3,h,w]."""
    if draw['crop']:
        top, left = draw['crop']['top'], draw['crop']['left']
        image = image[..., top:top + draw['crop']['height'], left:left + draw['crop']['width']]
    image = resize(image, height, width)
    if draw['flip']: image = image.flip(-1)
    if draw['affine']: image = affine(image, draw['affine']['angle'], draw['affine']['translate'], fill)
    if draw['perspective']: image = perspective(image, draw['perspective']['startpoints'], draw['perspective']['endpoints'], fill)
    if draw['jitter']: image = jitter(image, draw['jitter'])
    if draw['grayscale']: image = luma(image).expand_as(image)
    return image


def views(image, draws, height, width, fill):
    return torch.cat([view(image, d, height, width, fill) for d in draws])


def view_size(height, width, short=224, longest=320):
    """Short side to `short`, aspect kept, floor; where the long side would pass `longest`, that side leads. Returns (h, w)."""
    s, l = min(height, width), max(height, width)
    new_short, new_long = short, int(short * l / s)
    if new_long > longest:
        new_short, new_long = int(longest * new_short / new_long), longest
    return (new_short, new_long) if height <= width else (new_long, new_short)


def draw_view(r, whole, source, target, probability=(.5, .8, .5, .7, .15)):
    """Draws of one view with numpy generator `r`: source (h, w) of the image, target (h, w) of the view."""
    (sh, sw), (h, w) = source, target
    flip_p, affine_p, perspective_p, jitter_p, grey_p = probability
    crop = None
    if not whole:
        s = r.uniform(.6, 1)
        ch, cw = int(sh * s), int(sw * s)
        crop = {'top': int(r.integers(0, sh - ch + 1)), 'left': int(r.integers(0, sw - cw + 1)), 'height': ch, 'width': cw}
    draw = {'crop': crop, 'flip': bool(r.random() < flip_p), 'affine': None, 'perspective': None, 'jitter': None, 'grayscale': False}
    if r.random() < affine_p:
        draw['affine'] = {'angle': round(r.uniform(-15, 15), 6),
                          'translate': [int(round(r.uniform(-.1 * w, .1 * w))), int(round(r.uniform(-.1 * h, .1 * h)))]}
    if r.random() < perspective_p:
        dx, dy = int(.4 * (w // 2)), int(.4 * (h // 2))
        low = lambda n: int(r.integers(0, n + 1))
        high = lambda size, n: int(r.integers(size - n - 1, size))
        draw['perspective'] = {'startpoints': [[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]],
                               'endpoints': [[low(dx), low(dy)], [high(w, dx), low(dy)], [high(w, dx), high(h, dy)], [low(dx), high(h, dy)]]}
    if r.random() < jitter_p:
        draw['jitter'] = {'order': [int(i) for i in r.permutation(4)], 'brightness': round(r.uniform(.9, 1.1), 6), 'contrast': round(r.uniform(.9, 1.1), 6),
                          'saturation': round(r.uniform(.9, 1.1), 6), 'hue': round(r.uniform(-.1, .1), 6)}
    draw['grayscale'] = bool(r.random() < grey_p)
    return draw


NOTHING = {'crop': None, 'flip': False, 'affine': None, 'perspective': None, 'jitter': None, 'grayscale': False}


def main():
    import numpy as np
    image, height, width = photo(3, 36, 45), 30, 38
    corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
    warp = {'startpoints': corners, 'endpoints': [[5, 3], [34, 1], [36, 26], [2, 28]]}
    colour = {'order': [2, 0, 3, 1], 'brightness': 1.08, 'contrast': .92, 'saturation': 1.1, 'hue': -.07}
    alone = lambda **stage: [NOTHING | stage]
    neutral = {'brightness': 1.0, 'contrast': 1.0, 'saturation': 1.0, 'hue': 0.0}
    r = np.random.default_rng(11)
    cases = {
        'resize': (alone(), 1), 'crop': (alone(crop={'top': 5, 'left': 9, 'height': 24, 'width': 31}), 1),
        'flip': (alone(flip=True), 1), 'affineWhite': (alone(affine={'angle': 12.5, 'translate': [4, -3]}), 1),
        'affineBlack': (alone(affine={'angle': -9.25, 'translate': [-5, 2]}), 0), 'perspectiveWhite': (alone(perspective=warp), 1),
        'perspectiveBlack': (alone(perspective=warp), 0),
        'brightness': (alone(jitter=neutral | {'order': [0, 1, 2, 3], 'brightness': 1.1}), 1),
        'contrast': (alone(jitter=neutral | {'order': [0, 1, 2, 3], 'contrast': 1.1}), 1),
        'saturation': (alone(jitter=neutral | {'order': [0, 1, 2, 3], 'saturation': .9}), 1),
        'hue': (alone(jitter=neutral | {'order': [0, 1, 2, 3], 'hue': .1}), 1),
        'jitter': (alone(jitter=colour), 1), 'grayscale': (alone(grayscale=True), 1),
        'affineThenPerspective': (alone(affine={'angle': 14, 'translate': [5, 4]}, perspective=warp), 1),
        'warpThenJitter': (alone(affine={'angle': 10, 'translate': [5, 4]}, jitter=colour | {'order': [1, 3, 0, 2]}), 1),
        'everything': ([NOTHING | {'flip': True, 'affine': {'angle': -13.7, 'translate': [-4, 4]}, 'perspective': warp, 'jitter': colour, 'grayscale': True,
                                   'crop': {'top': 0, 'left': 3, 'height': 36, 'width': 40}}], 1),
        'drawnWhite': ([draw_view(r, k == 0, (36, 45), (height, width), (.5, .8, .5, .7, .25)) for k in range(6)], 1),
        'drawnBlack': ([draw_view(r, k == 0, (36, 45), (height, width), (.5, .8, .5, .7, .25)) for k in range(4)], 0),
    }
    fixture, listed = Fixture('views'), []
    fixture.put_pixels('image', image)
    for index, (name, (draws, fill)) in enumerate(cases.items()):
        leaf = image.clone().requires_grad_()
        out = views(leaf, draws, height, width, fill)
        cotangent = rounded(torch.randn(out.shape, generator=rng(500 + index)))
        out.backward(cotangent)
        if '--torchvision' in sys.argv:
            compare(name, image, draws, height, width, fill, out, cotangent, leaf.grad)
        listed.append({'name': name, 'height': height, 'width': width, 'fill': fill, 'image': 'image', 'draws': draws,
                       'views': fixture.put(f'{name}.views', out), 'cotangent': fixture.put(f'{name}.cotangent', cotangent),
                       'gradient': fixture.put(f'{name}.gradient', leaf.grad)})
    sizes = [[h, w, *view_size(h, w), *view_size(h, w, 224, 380)] for h, w in
             [(432, 768), (512, 768), (512, 512), (768, 432), (129, 300), (300, 129), (435, 437), (140, 175), (341, 512), (512, 683)]]
    fixture.save({'about': 'CLIP views from explicit draws. image: uint8, divide by 255. gradient: d sum(views*cotangent) / d image.',
                  'cases': listed, 'viewSizes': {'columns': ['height', 'width', 'h for 224/320', 'w for 224/320', 'h for 224/380', 'w for 224/380'], 'rows': sizes}})


def compare(name, image, draws, height, width, fill, ours, cotangent, gradient):
    """The same stages by the installed torchvision (tensor functions); hue and perspective are float32 there."""
    import torchvision_shim
    theirs_leaf = image.clone().requires_grad_()
    theirs = torch.cat([torchvision_shim.view(theirs_leaf, d, height, width, fill) for d in draws])
    theirs.backward(cotangent)
    print(f'  {name}: views {(theirs - ours).abs().max():.1e}, gradient {(theirs_leaf.grad - gradient).abs().max():.1e}')


if __name__ == '__main__':
    main()
