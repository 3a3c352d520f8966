# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for LaSOT.
#     dmtrack weights import siamese_rpn_r50_20e_lasot.pth --from mmtracking
# Training (docs/siamrpn.md says what it needs):
#     python tools/train.py --config configs/siamrpn/siamese_rpn_r50_20e_lasot.py --gpus 8
model = dict(
    type="SiamRPN",
    flavour="mmtracking",
    backbone=dict(type="SiameseResNet50", out_stages=[2, 3, 4], pretrained="sot_resnet50.model"),
    neck=dict(type="ChannelMapper", in_channels=[512, 1024, 2048], out_channels=256),
    head=dict(type="SiamRPNHead", in_channels=[256, 256, 256], anchors=5, weighted=True),
    center_size=7,
    preprocessing=dict(exemplar_size=127, search_size=255, base_size=8, context_amount=0.5, stride=8),
    train_cfg=dict(
        positive_iou=0.6,
        negative_iou=0.3,
        positives=16,
        total=64,
        negatives_of_negative_pair=16,
        truncate_by_index=True,
        backbone_layers=["layer2", "layer3", "layer4"],
        backbone_from_epoch=10,
    ),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.05, window_influence=0.42, lr=0.38)

data = dict(
    train=dict(
        type="SiamesePairs",
        rule="mmtracking",
        sources=[
            dict(type="ImageNetVID", root="data/ILSVRC", split="train"),
            dict(type="Coco", root="data/coco", split="train2017"),
            dict(type="ImageNetDET", root="data/ILSVRC", split="train"),
        ],
        shares=[0.25, 0.2, 0.55],
        frame_range=100,
        positive_probability=0.8,
    ),
    recipe=[
        dict(type="CropAround", size=511, rule="mmtracking"),
        dict(type="ShiftScaleCrop", sizes=(127, 255), shifts=(4, 64), scales=(0.05, 0.18)),
        dict(type="ShiftColour", probabilities=(1.0, 1.0)),
        dict(type="BlurSearch", probabilities=(0.0, 0.2)),
    ],
    stages=[dict(until=1.0, samples_per_gpu=28)],
    workers_per_gpu=4,
    # The published runs chose their epoch on the test split; this one leaves it alone.
    val=dict(type="GOT10k", root="data/GOT-10k", split="val"),
)
# optimizer: the learning rate is meant for 8 GPUs and scaled by their number
optimizer = dict(type="SGD", lr=0.005, momentum=0.9, weight_decay=0.0001, backbone_lr_mult=0.1)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2), autoscale_lr=8)
lr_config = dict(policy="log", warmup_epochs=5, warmup_ratio=0.2, min_lr_ratio=0.1)
total_epochs = 20
samples_per_epoch = 600000
precision = "fp32"
seed = 1
checkpoint_config = dict(interval=1, max_keep=10)
log_config = dict(interval=50)
evaluation = dict(interval=1, start=10)
