# YOLOX-X on MOT17 with its pseudo labels, from the weights of yolox_x_mixed (arXiv 2205.15609).
#     python tools/train.py --config configs/yolox/yolox_x_ft.py --gpus 8
_base_ = "yolox_x_mix_det.py"
_images = dict(
    type="ImageClips",
    source=dict(type="Coco", annotations="datasets/mot/annotations/train.json", images="datasets/mot"),
)
model = dict(train_cfg=dict(l1_from=None))
data = dict(train=dict(sampler=_images), stages=[dict(until=1.0, samples_per_gpu=6)])
lr_config = dict(warmup_epochs=0, flat_epochs=0)
ema = None
load_from = "yolox_x_mixed.safetensors"
load_from_except = []
total_epochs = 5
samples_per_epoch = 5316
