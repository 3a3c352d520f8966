# A small SiamRPN that one CPU core trains in about five minutes on rendered videos, to see training work. On ten videos
# of seeds that it has not seen (1001, 2002): success 0.32, 0.40; a box that never moves: 0.15, 0.15 (docs/siamrpn.md).
#     python tools/train.py --config configs/siamrpn/siamrpn_alex_synthetic.py --cpus 1
model = dict(
    type="SiamRPN",
    flavour="pysot",
    backbone=dict(type="SiameseAlexNet", width_mult=0.25),
    head=dict(type="SiamRPNHead", in_channels=[64], anchors=5, weighted=False),
    center_size=None,
    preprocessing=dict(exemplar_size=127, search_size=223, base_size=0, context_amount=0.5, stride=8),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.16, window_influence=0.4, lr=0.3, fast=False)

data = dict(
    train=dict(
        type="SiamesePairs",
        rule="pysot",
        sources=[
            dict(
                type="SyntheticSequences",
                count=200,
                frames=12,
                seed=5,
                size_wh=(320, 192),
                distractors=1,
                absence=0.0,
                occlusion=0.2,
            ),
        ],
        frame_range=12,
        positive_probability=0.85,
    ),
    recipe=[
        dict(type="CropAround", size=511, rule="pysot"),
        dict(type="ShiftScaleCrop", sizes=(127, 223), shifts=(4, 48), scales=(0.05, 0.18)),
        dict(type="ShiftColour", probabilities=(1.0, 1.0)),
    ],
    stages=[dict(until=1.0, samples_per_gpu=8)],
    workers_per_gpu=0,
    val=dict(type="SyntheticSequences", count=8, frames=30, seed=1001, size_wh=(320, 192), distractors=1),
)
optimizer = dict(type="AdamW", lr=0.001, weight_decay=0.01)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2))
lr_config = dict(policy="log", warmup_epochs=1, warmup_ratio=0.2, min_lr_ratio=0.05)
total_epochs = 20
total_iterations = 500
precision = "auto"
channels_last = True
seed = 1
checkpoint_config = dict(interval_iterations=100)
log_config = dict(interval=25, tensorboard=False)
evaluation = dict(interval=20)
