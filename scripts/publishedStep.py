"""Times training steps of the published code (omerbt/Text2LIVE) on a photo of noise, with random CLIP ViT-B/32 weights, on the CPU or a CUDA card.

Nothing of it is changed: its CLIPs get random weights, on a card in half precision as it runs them there. Prints one line of JSON: seconds of each step (the first
warms up), peak resident gigabytes (millions of KiB), on a card also the most that PyTorch held there.

    pip install torch==2.13.0 pyyaml tqdm regex ftfy packaging imageio pillow; pip install --no-deps torchvision
"""
import argparse, json, os, random, resource, sys, tempfile, time, types

p = argparse.ArgumentParser()
p.add_argument('--text2live', required=True); p.add_argument('--madgrad', required=True)
p.add_argument('--size', type=int, default=512); p.add_argument('--views', type=int, default=16); p.add_argument('--steps', type=int, default=4)
p.add_argument('--threads', type=int, default=2); p.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
p.add_argument('--bootstrap', action='store_true'); p.add_argument('--json', action='store_true', help='as it does without, kept for bench/step.mjs')
a = p.parse_args()

if a.device == 'cpu': os.environ['CUDA_VISIBLE_DEVICES'] = ''                   # it takes a card whenever it sees one
import packaging, packaging.version
sys.modules['pkg_resources'] = types.SimpleNamespace(packaging=packaging)       # gone from recent setuptools
try: import ftfy
except ImportError: sys.modules['ftfy'] = types.SimpleNamespace(fix_text=lambda text: text)     # the texts here are plain ASCII
import torch
if a.device == 'cuda' and not torch.cuda.is_available(): sys.exit(f'PyTorch {torch.__version__} finds no CUDA card')
try: import torchvision
except RuntimeError:                                                            # no build for this PyTorch: only its Python transforms are used
    for name in [name for name in sys.modules if name.split('.')[0] == 'torchvision']: del sys.modules[name]
    library = torch.library.Library('torchvision', 'DEF')
    for op in ('nms', 'qnms'): library.define(op + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
torch.nn.functional._pad = torch.nn.functional.pad                              # removed from PyTorch
sys.path[:0] = [os.path.abspath(a.text2live), os.path.abspath(a.madgrad)]
os.chdir(a.text2live)
import numpy as np, yaml
from PIL import Image
torch.set_num_threads(a.threads); torch.manual_seed(0); np.random.seed(0); random.seed(0)
import CLIP.clip as clip, CLIP.clip_explainability as explainability
import CLIP.clip.model as clip_model, CLIP.clip_explainability.model as explainability_model

def random_clip(module):
    def load(*_, **__):
        model = module.CLIP(512, 224, 12, 768, 32, 77, 49408, 512, 8, 12)
        if a.device == 'cuda': module.convert_weights(model)
        return (model.to(a.device) if a.device == 'cuda' else model.float()), None
    return load

clip.load, explainability.load = random_clip(clip_model), random_clip(explainability_model)
from datasets.image_dataset import SingleImageDataset
from models.clip_extractor import ClipExtractor
from models.image_model import Model
from util.losses import LossG
from util.util import get_optimizer

photo = os.path.join(tempfile.mkdtemp(), 'photo.png')
Image.fromarray((np.random.rand(a.size, a.size, 3) * 255).astype('uint8')).save(photo)
config = yaml.safe_load(open('configs/image_config.yaml')) | {
    'device': a.device, 'image_path': photo, 'resize_input': a.size, 'n_aug': a.views, 'comp_text': ['golden teapot'], 'screen_text': ['golden teapot'],
    'src_text': ['teapot'], 'bootstrap_text': 'teapot', 'bootstrap_epoch': 1000 if a.bootstrap else -1}
data, model = SingleImageDataset(config), Model(config)
criterion, optimizer = LossG(config, ClipExtractor(config)), get_optimizer(config, model.parameters())
data.step = 0                                                                   # the step after the one that the whole photo joins
seconds = []
for _ in range(a.steps):
    start = time.time()
    inputs = {key: value if key == 'step' else value.to(a.device) for key, value in data[0].items()}
    optimizer.zero_grad()
    outputs = model(inputs)
    criterion(outputs, {key: value if key == 'step' else [value[0]] for key, value in inputs.items()})['loss'].backward()
    optimizer.step()
    if a.device == 'cuda': torch.cuda.synchronize()
    seconds.append(round(time.time() - start, 4))
held = {'gpu': torch.cuda.get_device_name(), 'gpu_gb': round(torch.cuda.max_memory_allocated() / 1e9, 2)} if a.device == 'cuda' else {}
print(json.dumps({'size': a.size, 'views': a.views, 'bootstrap': a.bootstrap, 'device': a.device, 'threads': a.threads, 'torch': torch.__version__,
                  'seconds': seconds, 'peak_rss_gb': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)} | held))
