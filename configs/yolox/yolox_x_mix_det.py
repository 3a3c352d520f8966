# YOLOX-X on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ: ByteTrack's detector for the MOT17 test set.
#     dmtrack weights import bytetrack_x_mot17.pth.tar --from bytetrack
#     python tools/train.py --config configs/yolox/yolox_x_mix_det.py --gpus 8
# `annotations` is the published datasets/mix_det/annotations/train.json, whose paths begin in `images`.
model = dict(
    type="YOLOX",
    depth=1.33,
    width=1.25,
    classes=1,
    train_cfg=dict(l1_from=70, heights=(18, 32)),
    test_cfg=dict(least_score=0.01, most_overlap=0.7),
    preprocessing=dict(flavour="bytetrack", size_wh=(1440, 800)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="ByteTrack"))

_images = dict(
    type="ImageClips",
    source=dict(type="Coco", annotations="datasets/mix_det/annotations/train.json", images="datasets/mix_det"),
)
data = dict(
    train=dict(type="MosaicClips", size_wh=(1440, 800), sampler=_images),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.7, value=0.4, hue=0.015),
        dict(type="RandomFlip"),
        dict(type="LetterboxTo", size_wh=(1440, 800), fill=114, centred=False),
    ],
    # The last 10 epochs see single images.
    stages=[dict(until=0.875, samples_per_gpu=6), dict(until=1.0, samples_per_gpu=6, train=_images)],
    workers_per_gpu=4,
)

# The published batch is 48 on eight GPUs, with a learning rate of 0.001 / 64 for each of its images.
optimizer = dict(
    type="SGD",
    lr=0.00075,
    momentum=0.9,
    nesterov=True,
    weight_decay=0.0005,
    bias_decay_mult=0.0,
    norm_decay_mult=0.0,
)
optimizer_config = dict(autoscale_lr=8)
lr_config = dict(policy="yoloxwarmcos", warmup_epochs=1, warmup_ratio=0.0, flat_epochs=10, min_lr_ratio=0.05)
ema = dict(decay=0.9998, horizon=2000.0)
# COCO's weights of YOLOX 0.1.0, whose pixels are those of ByteTrack.
load_from = "yolox_x.safetensors"
load_from_except = ["head.cls_preds."]
total_epochs = 80
samples_per_epoch = 29242
precision = "fp16"
seed = 1
checkpoint_config = dict(interval=1, max_keep=2)
log_config = dict(interval=20)
