# DMTrack-ReID with DLA-34: the detector of dmtrackGS_dla34_fpn, and an embedding of the backbone's stride-8 map.
#     dmtrack train --config configs/dmtrackReID_dla34_fpn.py --gpus 2 --set load_from=MY_GS.safetensors
# Known: the embedding is taken from the backbone's features (the paper's figure), and FairMOT is credited. The authors
# have not published size, losses, training sets or numbers of it: all that stands here is FairMOT's or our own design.
# Both tasks at once, with FairMOT's weighting, as many pairs per GPU as fit:
#     --set model.train_mode=joint --set model.hard_candidates=0 --set optimizer.lr=1e-4
_base_ = "./dmtrackGS_dla34_fpn.py"
model = dict(
    _delete_=True,
    type="DMTrackReID",
    detector=_base_.model,
    maps=("backbone.0",),
    embedding=dict(type="EmbeddingHead", in_channels=(128,), strides=(8,), kind="location", hidden=256, channels=128),
    train_mode="frozen",
    embedding_losses=dict(contrastive=1.0, triplet=0.0, identity=1.0, temperature=0.1, elsewhere=0.25, margin=0.3),
    # Tracks of LaSOT, GOT-10k and TrackingNet, in the order of the data sets below.
    n_identities=1120 + 9335 + 30132,
    hard_candidates=8,
    box_jitter=0.05,
)

# dataset settings
data = dict(
    train=dict(
        _delete_=True,
        type="RandomConcat",
        datasets=[
            dict(
                type="SequencePairs", source=dict(type="LaSOT", root="data/LaSOTBenchmark", split="train"), max_gap=300
            ),
            dict(type="SequencePairs", source=dict(type="GOT10k", root="data/GOT-10k", split="train"), max_gap=300),
            dict(
                type="SequencePairs",
                source=dict(type="TrackingNet", root="data/TrackingNet", split="train"),
                max_gap=300,
            ),
            # No identities, but every object of an image: negatives of the same frame.
            dict(type="CocoPairs", root="data/coco", split="train2017"),
        ],
        probabilities=[0.25, 0.25, 0.25, 0.25],
    ),
    stages=[dict(until=1.0, samples_per_gpu=8, image_size_wh=None)],
)

# optimizer
optimizer = dict(_delete_=True, type="Adam", lr=5e-4, weight_decay=0.0)
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=35, norm_type=2), autoscale_lr=2)
# learning policy
lr_config = dict(policy="step", warmup="linear", warmup_iters=500, warmup_ratio=0.001, step=[9, 11])
# runtime settings
total_epochs = 12
evaluation = dict(interval_iterations=5000)
load_from = "work_dirs/dmtrackGS_dla34_fpn/final.safetensors"
load_from_into = "detector"
tracker = dict(_delete_=True, type="ReIDTracker", presence_threshold=0.3, association=dict())
