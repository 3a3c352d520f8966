# DMTrack-ReID with the detector of dmtrackGS_small: slower than dmtrackReID_tiny and better at what bends. The
# embedding is trained on the frozen detector, on the same data as the detector; docs/small_weights.md has the steps by
# which the weights that ship were made.
#     dmtrack track my.mp4 --select --config dmtrackReID_small
#     dmtrack train --config configs/dmtrackReID_small.py --cpus 1
_base_ = "./dmtrackGS_small.py"
model = dict(
    _delete_=True,
    type="DMTrackReID",
    detector=_base_.model,
    maps=("backbone.0", "neck.0"),
    embedding=dict(
        type="EmbeddingHead",
        in_channels=(24, _base_.channels),
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
data = dict(train=dict(distractor_share=0.85, max_targets=12))
optimizer = dict(lr=1e-3, backbone_lr_mult=1.0)
lr_config = dict(policy="cosine", warmup="linear", warmup_iters=50, warmup_ratio=0.01)
total_iterations = 1500
ema = dict(decay=0.995)
evaluation = dict(interval_iterations=1500)
load_from = "dmtrackGS_small"
load_from_into = "detector"
load_from_except = None
# The recent view was chosen, and the numbers about presence fitted, on clips and generated sequences
# (docs/small_weights.md).
tracker = dict(
    _delete_=True,
    type="ReIDTracker",
    presence_threshold=0.54,
    recent_view=_base_.tracker.recent_view,
    correct_borders=0.4,
    association=dict(presence=(-0.2, 5.42, 2.53, -4.62, -0.6, 1.12)),
)
