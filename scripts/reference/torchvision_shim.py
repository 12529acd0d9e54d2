"""Loads the Python transforms of a torchvision that has no matching compiled part. Only the optional comparisons need it."""
import torch

_library = torch.library.Library('torchvision', 'DEF')
for _name in ('nms', 'qnms'):
    _library.define(_name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')

import torchvision.transforms.functional as TF  # noqa: E402
from torchvision.transforms import InterpolationMode  # noqa: E402


def view(image, draw, height, width, fill):
    mode, ground = InterpolationMode.BILINEAR, [float(fill)] * 3
    if draw['crop']:
        image = TF.crop(image, draw['crop']['top'], draw['crop']['left'], draw['crop']['height'], draw['crop']['width'])
    image = TF.resize(image, [height, width], mode, antialias=False)
    if draw['flip']: image = TF.hflip(image)
    if draw['affine']: image = TF.affine(image, draw['affine']['angle'], draw['affine']['translate'], 1.0, [0.0, 0.0], mode, ground)
    if draw['perspective']: image = TF.perspective(image, draw['perspective']['startpoints'], draw['perspective']['endpoints'], mode, ground)
    if draw['jitter']:
        for stage in draw['jitter']['order']:
            name = ('brightness', 'contrast', 'saturation', 'hue')[stage]
            image = getattr(TF, 'adjust_' + name)(image, draw['jitter'][name])
    return TF.rgb_to_grayscale(image, 3) if draw['grayscale'] else image
