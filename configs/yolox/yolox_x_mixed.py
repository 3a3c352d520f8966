# YOLOX-X on MOTSynth with MOT17 and its pseudo labels, from the weights of yolox_x_source_only (arXiv 2205.15609).
#     python tools/train.py --config configs/yolox/yolox_x_mixed.py --gpus 8
_base_ = "yolox_x_mix_det.py"
_images = dict(
    type="ImageClips",
    source=dict(
        type="Coco", annotations="datasets/mixed_sample/annotations/train.json", images="datasets/mixed_sample"
    ),
)
model = dict(train_cfg=dict(l1_from=290))
data = dict(
    train=dict(sampler=_images),
    # The last 10 of 300 epochs see single images.
    stages=[dict(until=29 / 30, samples_per_gpu=6), dict(until=1.0, samples_per_gpu=6, train=_images)],
)
lr_config = dict(warmup_epochs=0)
total_epochs = 300
# Published is 0.00025 / 64 for each image of a batch.
optimizer = dict(lr=0.0001875)
load_from = "yolox_x_source_only.safetensors"
load_from_except = []
samples_per_epoch = 68760
