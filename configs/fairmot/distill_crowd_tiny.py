# A student of 0.12 M parameters that learns from generated crowds and, besides, to see what crowd_tiny sees: an example
# of distillation for one CPU core, ten to twenty minutes.
#     dmtrack data synthesize --layout mot --domain street --count 60 --frames 30 --seed 100 --output data/crowds
#     dmtrack data convert mot data/crowds data/fairmot
#     dmtrack train --config configs/fairmot/distill_crowd_tiny.py --cpus 1 --work-dir work_dirs/distilled
# The same student alone: --set distillation=None. docs/fairmot.md compares them.
model = dict(
    type="FairMOT",
    backbone=dict(type="ResidualPyramid", widths=(8, 16, 24, 32, 48), blocks=(1, 1, 1, 1), channels=24),
    embedding_channels=32,
    head_channels=24,
    train_cfg=dict(identities=700, weighting="uncertainty", size_weight=0.1),
    test_cfg=dict(most=100, least_score=0.1),
    preprocessing=dict(size_wh=(320, 192)),
)
tracker = dict(type="TrackByDetection", policy=dict(type="JDE"))
distillation = dict(
    teacher=dict(type="ConfigTeacher", config="crowd_tiny", weights="crowd_tiny"),
    alpha=0.5,
    loss="cosine",
    adapt_to="teacher",
    adapter="linear",
    layer="backbone",
)

data = dict(
    train=dict(type="ImageClips", source=dict(type="JDELabels", data="data/fairmot/mot.json")),
    recipe=[
        dict(type="SaturationValueJitter", spread=0.5),
        dict(type="LetterboxTo", size_wh=(320, 192)),
        dict(type="RandomAffine", degrees=3.0, translate=0.1, scale=(0.9, 1.5), shear=2.0),
        dict(type="RandomFlip"),
    ],
    stages=[dict(until=1.0, samples_per_gpu=4)],
    workers_per_gpu=0,
)
optimizer = dict(type="AdamW", lr=3e-3, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2))
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=100, warmup_ratio=0.05)
total_iterations = 1000
ema = dict(decay=0.998)
precision = "fp32"
seed = 5
checkpoint_config = dict(interval_iterations=100)
log_config = dict(interval=25)
