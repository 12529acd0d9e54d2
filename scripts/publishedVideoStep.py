"""Times training steps of the published video code (omerbt/Text2LIVE) on the CPU, with random CLIP weights, on the clip of bench/videoStepProcess.mjs.

Nothing of it is changed: its dataset object gets a made-up atlas instead of a checkpoint, its two CLIPs random weights. Prints one line of JSON: seconds of each step
(the first warms up), peak resident bytes.

    pip install torch==2.13.0 pyyaml tqdm regex ftfy packaging scipy pillow; pip install --no-deps torchvision
"""
import argparse, json, math, os, random, resource, sys, time, types

p = argparse.ArgumentParser()
p.add_argument('--text2live', required=True); p.add_argument('--madgrad', required=True); p.add_argument('--layer', required=True)
p.add_argument('--steps', type=int, default=4); p.add_argument('--threads', type=int, default=2)
a = p.parse_args()

import packaging, packaging.version
sys.modules['pkg_resources'] = types.SimpleNamespace(packaging=packaging)       # gone from recent setuptools
import torch
library = torch.library.Library('torchvision', 'DEF')                           # torchvision has no CPU build: only its Python transforms are used
for op in ('nms', 'qnms'): library.define(op + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
torch.nn.functional._pad = torch.nn.functional.pad                              # removed from PyTorch
sys.path[:0] = [os.path.abspath(a.text2live), os.path.abspath(a.madgrad)]
os.chdir(a.text2live)
import numpy as np, yaml
from torchvision import transforms
torch.set_num_threads(a.threads); torch.manual_seed(0); np.random.seed(0); random.seed(0)
import CLIP.clip as clip
from CLIP.clip.model import CLIP
clip.load = lambda *_, **__: (CLIP(512, 224, 12, 768, 32, 77, 49408, 512, 8, 12).float(), None)
from datasets.video_dataset import AtlasDataset
from models.video_model import VideoModel
from util.atlas_loss import AtlasLoss
from util.atlas_utils import get_atlas_bounding_box, get_masks_boundaries
from util.util import get_optimizer

WIDTH, HEIGHT, FRAMES, SLIDE = 768, 432, 7, 6
DENSITY = 1600 / 768
foreground = a.layer == 'foreground'
config = yaml.safe_load(open('configs/video_config.yaml')) | {
    'device': 'cpu', 'maximum_number_of_frames': FRAMES, 'finetune_foreground': foreground, 'finetune_background': not foreground,
    'comp_text': ['golden swan'], 'screen_text': ['golden swan'], 'src_text': ['swan']}
data = AtlasDataset.__new__(AtlasDataset)
data.config, data.device, data.step, data.dist, data.cnn_min_crop_size = config, 'cpu', -1, config['center_frame_distance'], 129
data.min_size, data.max_size = HEIGHT, WIDTH
y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing='ij')
uvs = torch.stack([torch.stack(((x + SLIDE * t) * DENSITY, y * DENSITY), -1) for t in range(FRAMES)])
data.all_alpha = torch.stack([(((x - 384 - 2 * t) / 130) ** 2 + ((y - 216) / 100) ** 2 < 1).float() * .99 + .001 for t in range(FRAMES)])[:, None]
atlas = torch.rand(1, 3, 900, math.ceil((WIDTH + SLIDE * (FRAMES - 1)) * DENSITY))
video = torch.rand(FRAMES, 3, HEIGHT, WIDTH)
data.foreground_all_uvs = data.background_all_uvs = uvs
data.foreground_grid_atlas = data.background_grid_atlas = atlas
data.foreground_reconstruction, data.background_reconstruction = video * data.all_alpha, video
data.crop_aug = transforms.Compose([transforms.RandomApply([transforms.ColorJitter(brightness=.1, contrast=.1, saturation=.1, hue=.1)], p=.1)])
if foreground:
    data.mask_boundaries = get_masks_boundaries(data.all_alpha.clone(), config['masks_border_expansion'], config['mask_alpha_threshold'], 129)
    data.cropped_foreground_atlas, data.foreground_atlas_bbox = get_atlas_bounding_box(data.mask_boundaries, atlas, uvs)
model, criterion = VideoModel(config), AtlasLoss(config)
optimizer = get_optimizer(config, model.parameters())
seconds = []
for _ in range(a.steps):
    start = time.time()
    inputs = data[0]
    optimizer.zero_grad()
    criterion(model(inputs), inputs)[a.layer]['loss'].backward()
    optimizer.step()
    seconds.append(round(time.time() - start, 3))
print(json.dumps({'layer': a.layer, 'threads': a.threads, 'torch': torch.__version__, 'seconds': seconds,
                  'peakBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
