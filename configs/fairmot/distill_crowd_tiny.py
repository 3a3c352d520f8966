# A student of 0.12 M parameters that learns from generated crowds and, besides, to see what crowd_tiny sees: an example
# of distillation for one CPU core, ten to twenty minutes.
#     dmtrack data synthesize --layout mot --domain street --count 60 --frames 30 --seed 100 --output data/crowds
#     dmtrack data convert mot data/crowds data/fairmot
#     dmtrack train --config configs/fairmot/distill_crowd_tiny.py --cpus 1 --work-dir work_dirs/distilled
# The same student alone: --set distillation=None. docs/fairmot.md compares them.
_base_ = "./crowd_tiny.py"
model = dict(
    backbone=dict(widths=(8, 16, 24, 32, 48), blocks=(1, 1, 1, 1), channels=24),
    embedding_channels=32,
    head_channels=24,
    train_cfg=dict(identities=700),
    preprocessing=dict(size_wh=(320, 192)),
)
distillation = dict(
    teacher=dict(type="ConfigTeacher", config="crowd_tiny", weights="crowd_tiny"),
    alpha=0.5,
    loss="cosine",
    adapt_to="teacher",
    adapter="linear",
    layer="backbone",
)
data = dict(
    recipe=[
        dict(type="SaturationValueJitter", spread=0.5),
        dict(type="LetterboxTo", size_wh=(320, 192)),
        dict(type="RandomAffine", degrees=3.0, translate=0.1, scale=(0.9, 1.5), shear=2.0),
        dict(type="RandomFlip"),
    ],
    stages=[dict(until=1.0, samples_per_gpu=4)],
    workers_per_gpu=0,
)
optimizer = dict(lr=3e-3)
total_iterations = 1000
precision = "fp32"
# So narrow convolutions end in a crash of PyTorch in the other layout.
channels_last = False
checkpoint_config = dict(interval_iterations=100)
