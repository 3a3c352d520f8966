# A small YOLOX for one CPU core, for the recipe of adaptation between two kinds of generated crowds.
#     dmtrack adapt --recipe experiments/adaptation/street_to_station.yaml
# The recipe names the data and the length of each training; alone, with street crowds converted to CocoVID:
#     dmtrack train --config configs/yolox/yolox_crowds.py --cpus 1
model = dict(
    type="YOLOX",
    depth=0.33,
    width=0.25,
    classes=1,
    test_cfg=dict(least_score=0.01, most_overlap=0.6),
    preprocessing=dict(flavour="bytetrack", size_wh=(320, 192)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="ByteTrack"))

_images = dict(
    type="ImageClips", source=dict(type="Coco", annotations="data/crowds/mot_cocovid.json", images="data/crowds")
)
data = dict(
    train=dict(type="MosaicClips", size_wh=(320, 192), sampler=_images, scale=(0.6, 1.6), degrees=3.0, mixup=0.2),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.7, value=0.4, hue=0.015),
        dict(type="RandomFlip"),
        dict(type="LetterboxTo", size_wh=(320, 192), fill=114, centred=False),
    ],
    # The second half of the run sees single images.
    stages=[dict(until=0.5, samples_per_gpu=8), dict(until=1.0, samples_per_gpu=8, train=_images)],
    workers_per_gpu=0,
)

optimizer = dict(type="AdamW", lr=2e-3, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2))
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=50, warmup_ratio=0.05)
ema = dict(decay=0.998)
total_iterations = 1200
precision = "auto"
channels_last = True
seed = 7
checkpoint_config = dict(interval_iterations=200, max_keep=1)
log_config = dict(interval=20)
