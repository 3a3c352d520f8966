# SiamRPN++ with MobileNetV2 as PySOT publishes it: the levels are not weighted.
# Its training is not published; this one is that of the ResNet-50 with all stages trained from epoch 10 on.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="SiameseMobileNetV2",
        width_mult=1.4,
        out_stages=[3, 5, 7],
        pretrained="mobilenet_v2_1.4.pth",
    ),
    neck=dict(in_channels=[44, 134, 448]),
    head=dict(weighted=False),
    train_cfg=dict(backbone_layers=["layer1", "layer2", "layer3", "layer4", "layer5", "layer6", "layer7"]),
)
tracker = dict(penalty_k=0.04, window_influence=0.4, lr=0.5)
