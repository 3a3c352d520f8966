# DMTrack-ReID for two CPU cores: the detector of dmtrackGS_tiny, and an embedding that tells its candidates apart.
# About 12 minutes on one core; the detector stays as it is, the embedding alone is trained. The weights that ship were
# made so (docs/reid.md):
#     dmtrack train --config configs/dmtrackReID_tiny.py --cpus 1 --work-dir work_dirs/dmtrackReID_tiny
# Own design: the authors have published neither code nor numbers of their embedding.
_base_ = "./dmtrackGS_tiny.py"
model = dict(
    _delete_=True,
    type="DMTrackReID",
    detector=_base_.model,
    # The stride-4 map has the details by which look-alikes differ; the fused map knows what surrounds them.
    maps=("backbone.0", "neck.0"),
    embedding=dict(
        type="EmbeddingHead",
        in_channels=(_base_.widths[1], _base_.channels),
        strides=(4, 8),
        kind="roi",
        hidden=64,
        channels=128,
        roi_size=7,
        context=1.4,
    ),
    train_mode="frozen",
    embedding_losses=dict(contrastive=1.0, triplet=0.0, identity=0.0, temperature=0.1, elsewhere=0.25),
    hard_candidates=8,
    box_jitter=0.05,
)

# Every thing of a scene takes part, look-alikes first of all: they are each other's negatives.
data = dict(train=dict(distractor_share=0.85, max_targets=12))

optimizer = dict(type="AdamW", lr=1e-3, weight_decay=0.02)
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=100, warmup_ratio=0.01)
total_iterations = 2400
ema = dict(decay=0.995)
evaluation = dict(interval_iterations=2400)
load_from = "dmtrackGS_tiny"
load_from_into = "detector"
load_from_except = None
# What is not named of the association keeps its default; all were chosen on generated sequences of seeds 7000xx.
# The numbers about presence were fitted to clips and generated sequences (docs/tiny_weights.md).
tracker = dict(
    _delete_=True,
    type="ReIDTracker",
    presence_threshold=0.47,
    recent_view=dict(),
    correct_borders=0.4,
    association=dict(presence=(-0.27, 5.84, 3.58, -6.35, -1.06, 0.88)),
)
