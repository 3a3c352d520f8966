# DMTrack-GS with DLA-34 and FPN: the published global-search detector (CVPR 2021, arXiv 2104.12041).
#     dmtrack train --config configs/dmtrackGS_dla34_fpn.py --gpus 2
# Differences from the published training, which `recipe='reference'` and `batch_norm='live'` undo: images have the
# scale and jitter that the published config asked for, and batch norm keeps its running statistics.
model = dict(
    type="DMTrackGS",
    backbone=dict(type="DLA34", pretrained="dla34-ba72cf86.pth"),
    neck=dict(type="FPN", in_channels=[128, 256, 512], out_channels=256, num_outs=3),
    template=dict(type="RoITemplate", channels=256, strides=[8, 16, 32], roi_size=7, sampling_ratio=2, finest_scale=56),
    controller=dict(type="KernelController", channels=256, mid_channels=32),
    bbox_head=dict(
        type="FCOSHead",
        num_classes=2,
        in_channels=256,
        feat_channels=256,
        stacked_convs=4,
        mid_channels=32,
        strides=[8, 16, 32],
    ),
    template_parts=None,
    preprocessing=dict(
        scale=(736, 512),
        divisor=32,
        mean_rgb=(123.675, 116.28, 103.53),
        std_rgb=(58.395, 57.12, 57.375),
        inclusive_boxes=True,
    ),
    train_cfg=dict(
        batch_norm="frozen",
        regress_ranges=((-1, 64), (64, 128), (128, 1e8)),
        center_sampling_radius=1.5,
        focal_alpha=0.25,
        focal_gamma=2.0,
    ),
    test_cfg=dict(nms_pre=1000, score_thr=0.0, nms_iou=0.5, max_per_img=100),
)

# dataset settings
data = dict(
    train=dict(
        type="RandomConcat",
        datasets=[
            dict(type="CocoPairs", root="data/coco", split="train2017"),
            dict(
                type="SequencePairs", source=dict(type="LaSOT", root="data/LaSOTBenchmark", split="train"), max_gap=300
            ),
        ],
        probabilities=[0.5, 0.5],
    ),
    recipe="fixed",
    stages=[dict(until=1.0, samples_per_gpu=1, image_size_wh=None)],
    workers_per_gpu=4,
    val=dict(type="SyntheticSequences", count=8, frames=20, seed=1001, size_wh=(640, 360), distractors=2),
)

# optimizer: the learning rate is meant for 8 GPUs and scaled by their number
optimizer = dict(type="SGD", lr=0.001, momentum=0.9, weight_decay=0.0001, bias_lr_mult=2.0, bias_decay_mult=0.0)
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2), autoscale_lr=8)
# learning policy
lr_config = dict(policy="step", warmup="constant", warmup_iters=500, warmup_ratio=0.001 / 3, step=[44, 46])
# runtime settings
total_epochs = 48
samples_per_epoch = 30000
precision = "fp32"
ema = None
seed = 1
checkpoint_config = dict(interval_iterations=1000)
log_config = dict(interval=50)
evaluation = dict(interval_iterations=15000)
tracker = dict(type="GlobalSearchTracker", presence_threshold=0.1)
load_from = None
work_dir = None
