# SiamRPN with AlexNet as PySOT publishes it: one level, no neck; search images of 255 pixels in training, 287 in use.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(
    _delete_=True,
    type="SiamRPN",
    flavour="pysot",
    backbone=dict(type="SiameseAlexNet", pretrained="alexnet-bn.pth"),
    head=dict(type="SiamRPNHead", in_channels=[256], anchors=5, weighted=False),
    center_size=None,
    preprocessing=dict(exemplar_size=127, search_size=287, base_size=0, context_amount=0.5, stride=8),
    train_cfg=dict(
        search_size=255,
        backbone_layers=["features.11", "features.12", "features.14", "features.15"],  # the last two convolutions
        backbone_from_epoch=10,
    ),
)
tracker = dict(type="SiamRPNTracker", penalty_k=0.16, window_influence=0.4, lr=0.3)
data = dict(
    recipe=[
        dict(type="CropAround", size=511, rule="pysot"),
        dict(type="ShiftScaleCrop", sizes=(127, 255), shifts=(4, 64), scales=(0.05, 0.18)),
        dict(type="ShiftColour", probabilities=(1.0, 1.0)),
    ],
)
optimizer = dict(lr=0.01, backbone_lr_mult=1.0)
optimizer_config = dict(autoscale_lr=16)
lr_config = dict(warmup_ratio=0.5, min_lr_ratio=0.05)
total_epochs = 50
