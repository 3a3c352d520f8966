# DMTrack-GS for two CPU cores: about 2 M parameters, the default of `dmtrack track` and `dmtrack demo`.
#     dmtrack train --config configs/dmtrackGS_tiny.py --cpus 1 --work-dir work_dirs/dmtrackGS_tiny
# The shipped weights (dmtrack/assets/dmtrackGS_tiny.safetensors) were trained with this file from the weights of an
# earlier form of it; docs/tiny_weights.md has the commands. The real images are those of data/detection (COCO json and
# photos).
channels = 64
widths = (24, 48, 64, 128, 160)
model = dict(
    type="DMTrackGSTiny",
    backbone=dict(type="ResidualTrunk", widths=widths, blocks=(1, 1, 2, 1)),
    neck=dict(type="SingleMapFusion", in_channels=widths[1:], out_channels=channels),
    bbox_head=dict(
        type="TinyHead",
        channels=channels,
        kernels=16,
        hidden=192,
        roi_size=3,
        template_parts=dict(grid=3, channels=channels),
    ),
    candidate_head=dict(type="CandidateHead", in_channels=(widths[1], channels), strides=(4, 8), channels=channels),
    refinement_head=dict(type="RefinementHead", in_channels=(widths[1], channels), strides=(4, 8), channels=channels),
    scale=(448, 256),
    # Chosen on clips and generated sequences (docs/tiny_weights.md).
    small_target=32.0,
    small_scale=((640, 360), (896, 512)),
    template_jitter=0.04,
    absent_share=0.25,
)

data_root = "data/detection/"
data = dict(
    train=dict(
        type="SyntheticPairs",
        real_share=0.72,
        distractor_share=0.7,
        real_images=[
            dict(
                annotations=data_root + "coco_sample/annotations.json",
                images=data_root + "coco_sample/images",
                weight=0.75,
            ),
            dict(annotations=data_root + "raccoon/annotations.json", images=data_root + "raccoon/images", weight=0.25),
        ],
    ),
    recipe=None,  # the generator draws augmented views itself
    stages=[dict(until=1.0, samples_per_gpu=6, image_size_wh=(448, 256))],
    workers_per_gpu=1,
    val=dict(type="SyntheticSequences", count=8, frames=20, seed=1001, size_wh=(448, 256), distractors=3),
)

optimizer = dict(type="AdamW", lr=1e-3, weight_decay=0.02)
optimizer_config = dict(grad_clip=dict(max_norm=5, norm_type=2))
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=200, warmup_ratio=0.01)
total_iterations = 5200
ema = dict(decay=0.999)
precision = "auto"
channels_last = True
seed = 2
checkpoint_config = dict(interval_iterations=250)
log_config = dict(interval=25)
evaluation = dict(interval_iterations=1000)
# The threshold was chosen on generated sequences with absence. `recent_view`: every target is also searched as it last
# looked beyond doubt (None: a tenth to a fifth faster). `correct_borders`: how far boxes are drawn as the first one
# was, close or loose (0: as they are found).
tracker = dict(type="GlobalSearchTracker", presence_threshold=0.6, recent_view=dict(), correct_borders=0.4)
