# YOLOX-L on COCO, as YOLOX publishes it since 0.2 (300 epochs).
#     dmtrack weights import yolox_l.pth --from yolox --config configs/yolox/yolox_l.py
#     python tools/train.py --config configs/yolox/yolox_l.py --gpus 8
model = dict(
    type="YOLOX",
    depth=1.0,
    width=1.0,
    classes=80,
    train_cfg=dict(l1_from=285, heights=(15, 25)),
    test_cfg=dict(least_score=0.01, most_overlap=0.65),
    preprocessing=dict(flavour="yolox", size_wh=(640, 640)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="ByteTrack"))

_images = dict(type="ImageClips", source=dict(type="Coco", root="data/coco", split="train2017"))
data = dict(
    train=dict(type="MosaicClips", size_wh=(640, 640), sampler=_images),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.7, value=0.4, hue=0.015),
        dict(type="RandomFlip"),
        dict(type="LetterboxTo", size_wh=(640, 640), fill=114, centred=False),
    ],
    # The last 15 epochs see single images.
    stages=[dict(until=0.95, samples_per_gpu=8), dict(until=1.0, samples_per_gpu=8, train=_images)],
    workers_per_gpu=4,
)

# The published batch is 64 on eight GPUs, with a learning rate of 0.01 / 64 for each of its images.
optimizer = dict(
    type="SGD",
    lr=0.01,
    momentum=0.9,
    nesterov=True,
    weight_decay=0.0005,
    bias_decay_mult=0.0,
    norm_decay_mult=0.0,
)
optimizer_config = dict(autoscale_lr=8)
lr_config = dict(policy="yoloxwarmcos", warmup_epochs=5, warmup_ratio=0.0, flat_epochs=15, min_lr_ratio=0.05)
ema = dict(decay=0.9998, horizon=2000.0)
total_epochs = 300
samples_per_epoch = 118287
precision = "fp16"
seed = 1
checkpoint_config = dict(interval=1, max_keep=2)
log_config = dict(interval=50)
