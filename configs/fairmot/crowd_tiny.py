# A small FairMOT for one CPU core, which has learnt from generated crowds only: the default of `dmtrack mot track`.
#     dmtrack data synthesize --layout mot --domain street --count 60 --frames 30 --seed 100 --output data/crowds
#     dmtrack data convert mot data/crowds data/fairmot
#     dmtrack train --config configs/fairmot/crowd_tiny.py --cpus 1 --work-dir work_dirs/crowd_tiny
# docs/crowd_weights.md has the numbers and what the weights are for.
model = dict(
    type="FairMOT",
    backbone=dict(type="ResidualPyramid", widths=(16, 32, 64, 96, 128), blocks=(1, 1, 2, 1), channels=48),
    embedding_channels=64,
    head_channels=48,
    train_cfg=dict(identities=1600, weighting="uncertainty", size_weight=0.1),
    test_cfg=dict(most=100, least_score=0.1),
    preprocessing=dict(size_wh=(576, 320)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="JDE"))

data = dict(
    train=dict(type="ImageClips", source=dict(type="JDELabels", data="data/fairmot/mot.json")),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.5),
        dict(type="LetterboxTo", size_wh=(576, 320)),
        dict(type="RandomAffine", degrees=3.0, translate=0.1, scale=(0.7, 1.3), shear=2.0),
        dict(type="RandomFlip"),
    ],
    stages=[dict(until=1.0, samples_per_gpu=8)],
    workers_per_gpu=1,
)

optimizer = dict(type="AdamW", lr=2e-3, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2))
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=100, warmup_ratio=0.05)
total_iterations = 2000
ema = dict(decay=0.998)
precision = "auto"
channels_last = True
seed = 5
checkpoint_config = dict(interval_iterations=250)
log_config = dict(interval=25)
